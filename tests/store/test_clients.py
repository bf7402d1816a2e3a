from __future__ import annotations

import pytest

from authsvc.store import schema
from authsvc.store.clients import Clients
from authsvc.store.executor import Executor
from authsvc.store.writes import Writes

pytestmark = pytest.mark.both_engines


@pytest.fixture
async def clients(executor: Executor) -> Clients:
    """A database with a client that is active and one that is not."""
    writes = Writes(executor)
    for row, client_id, state in ((1, "app", 1), (2, "off", 2)):
        values = {
            "id": row,
            "client_id": client_id,
            "name": client_id,
            "state": state,
            "secret_hash": None,
            "native": row == 1,
            "trusted": False,
            "redirect_uris": "https://a.example/cb",
            "post_logout_uris": f"https://{client_id}.example/bye\nhttps://{client_id}.example/bye?x=1",
            "grant_types": "authorization_code",
            "access_token_type": 0,
            "signing_algorithm": "RS256",
            "project_id": None,
        }
        async with writes.transaction() as tx:
            await writes.put(tx, schema.clients, values)
    return Clients(executor)


async def test_client_is_found_by_name_and_by_number(clients: Clients) -> None:
    """A client is the same by its name and by its row, and its flags are truth values."""
    client = await clients.by_client_id("app")
    assert client is not None
    assert client == await clients.by_id(1)
    assert (client.native is True, client.trusted is False) == (True, True)


@pytest.mark.parametrize("name", ["", "APP", "app ", "nobody", "1"])
async def test_names_are_compared_exactly(clients: Clients, name: str) -> None:
    """Nobody answers to a name that is not exactly theirs."""
    assert await clients.by_client_id(name) is None
    assert await clients.by_id(3) is None


async def test_inactive_client_is_found(clients: Clients) -> None:
    """Whether it may do anything is for others to say."""
    client = await clients.by_client_id("off")
    assert client is not None
    assert client.state == 2


@pytest.mark.parametrize(
    ("uri", "is_allowed"),
    [
        ("https://app.example/bye", True),
        ("https://app.example/bye?x=1", True),
        ("https://app.example/bye?x=2", False),
        ("https://app.example/BYE", False),
        ("https://app.example/bye\nhttps://app.example/bye?x=1", False),
        ("https://off.example/bye", False),
        ("https://a.example/cb", False),
        ("", False),
    ],
)
async def test_post_logout_uri_is_one_of_an_active_client(clients: Clients, uri: str, *, is_allowed: bool) -> None:
    """People are sent to exactly what some active client has registered for after signing out."""
    assert await clients.post_logout_allowed(uri) is is_allowed

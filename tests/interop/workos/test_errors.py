from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from harness import NO_CERTIFICATES, command
from interop.workos.people import ADA, KEYS, ROBOT, Person, Site, open_site
from interop.workos.sdks import NAMES, Client, Driver, SdkError

NOBODY = "user_01E4ZCR3C56J083X43JQXF3JK9"
NOTHING = "session_01E4ZCR3C56J083X43JQXF3JK9"
# By status: what each SDK raises.
KINDS = {
    401: ("AuthenticationError", "AuthenticationException", "UnauthorizedException", "UnauthorizedException"),
    403: ("AuthorizationError", "AuthorizationException", "GenericServerException", "GenericServerException"),
    404: ("NotFoundError", "NotFoundException", "NotFoundException", "NotFoundException"),
    422: (
        "UnprocessableEntityError",
        "BadRequestException",
        "UnprocessableEntityException",
        "UnprocessableEntityException",
    ),
}
READS: list[tuple[str, dict[str, Any]]] = [
    ("list_sessions", {"user": ADA}),
    ("get_user", {"user": ADA}),
    ("get_user_by_external_id", {"external_id": "employee-17"}),
    ("list_users", {}),
    ("list_events", {"events": ["session.created"]}),
    ("revoke_session", {"session": NOTHING}),
]


def must_be(error: SdkError, status: int, client: Client) -> None:
    """The SDK raised its class for this status, and knows the id of the request, but for Node 8, which never does."""
    assert error.kind == KINDS[status][NAMES.index(client.name)]
    assert error.status == status
    if client.name != "node-8":
        assert error.request_id
        assert str(UUID(error.request_id, version=4)) == error.request_id


@pytest.mark.parametrize("key", ["sk_example_123456789", KEYS["revoked"]], ids=["unknown", "revoked"])
@pytest.mark.parametrize(("operation", "arguments"), READS, ids=[name for name, _ in READS])
def test_a_key_that_is_none(client: Client, key: str, operation: str, arguments: dict[str, Any]) -> None:
    """An unknown or revoked key is UNAUTHORIZED everywhere, without a code."""
    error = client.using(key).refusal(operation, **arguments)
    must_be(error, 401, client)
    assert error.code is None
    if not client.is_node:
        assert error.message == "Unauthorized"


def test_a_key_of_the_command_line(site: Site, driver: Callable[[str], Driver]) -> None:
    """A key is good from `authsvc apikey create` to `authsvc apikey revoke`."""
    url = site.server.database_url
    key = command("apikey", "create", "--name", "back end", database_url=url).stdout.strip()
    client = Client("python-10", driver("python-10"), site.url, key)
    assert client("get_user", user=ADA)["id"] == ADA
    command("apikey", "revoke", "back end", database_url=url)
    must_be(client.refusal("get_user", user=ADA), 401, client)


@pytest.fixture(scope="module")
def token(site: Site) -> str:
    """What a user signs in with."""
    return site.server.token("ada@foo.example")


def test_a_token_of_a_user_is_no_key(client: Client, token: str) -> None:
    """A user's token opens nothing here."""
    must_be(client.using(token).refusal("get_user", user=ADA), 401, client)


@pytest.mark.parametrize(
    ("key", "operation", "arguments"),
    [
        ("user.read", "list_sessions", {"user": ADA}),
        ("user.read", "revoke_session", {"session": NOTHING}),
        ("user.read", "list_events", {"events": ["session.created"]}),
        ("session.read", "revoke_session", {"session": NOTHING}),
        ("session.read", "get_user", {"user": ADA}),
    ],
)
def test_a_key_that_may_not(client: Client, key: str, operation: str, arguments: dict[str, Any]) -> None:
    """A key without the permission is refused, before anything is looked up, with a sentence that names it."""
    error = client.using(KEYS[key]).refusal(operation, **arguments)
    must_be(error, 403, client)
    wanted = {"list_sessions": "session.read", "revoke_session": "session.write", "list_events": "event.read"}
    assert wanted.get(operation, "user.read") in error.message


@pytest.mark.parametrize(
    ("operation", "arguments", "message"),
    [
        ("list_sessions", {"user": NOBODY}, f"User not found: '{NOBODY}'."),
        ("list_sessions", {"user": "invalid"}, "User not found: 'invalid'."),
        ("list_sessions", {"user": ADA.lower()}, f"User not found: '{ADA.lower()}'."),
        ("list_sessions", {"user": NOTHING}, f"User not found: '{NOTHING}'."),
        ("get_user", {"user": NOBODY}, f"User not found: '{NOBODY}'."),
        ("get_user", {"user": "invalid"}, "User not found: 'invalid'."),
        ("get_user_by_external_id", {"external_id": "nobody"}, "User not found: 'nobody'."),
        ("revoke_session", {"session": NOTHING}, f"Session not found: '{NOTHING}'."),
        ("revoke_session", {"session": "invalid"}, "Session not found: 'invalid'."),
        ("revoke_session", {"session": ADA}, f"Session not found: '{ADA}'."),
    ],
)
def test_what_is_not_there(client: Client, operation: str, arguments: dict[str, Any], message: str) -> None:
    """An id of nothing, malformed or of something else, is NOT FOUND with WorkOS's sentence and code."""
    error = client.refusal(operation, **arguments)
    must_be(error, 404, client)
    assert (error.message, error.code) == (message, "entity_not_found")
    if client.name == "python-5":
        assert error.entity_id == next(iter(arguments.values()))


def test_a_program_is_no_user(client: Client) -> None:
    """Programs have no sessions of people; their ids are of nobody."""
    error = client.refusal("get_user", user=Person(ROBOT).id)
    must_be(error, 404, client)


@pytest.mark.parametrize(
    ("arguments", "field", "code"),
    [
        ({"limit": 0}, "limit", "limit_out_of_range"),
        ({"limit": 101}, "limit", "limit_out_of_range"),
        ({"limit": -1}, "limit", "limit_out_of_range"),
        ({"limit": "many"}, "limit", "limit_invalid"),
        ({"order": "random"}, "order", "order_invalid"),
        ({"after": "nonsense"}, "after", "after_invalid"),
        ({"before": ADA}, "before", "before_invalid"),
    ],
)
def test_a_parameter_that_is_wrong(client: Client, arguments: dict[str, Any], field: str, code: str) -> None:
    """A wrong parameter is told with its name and a code; Node's SDK shows the codes in place of the message."""
    error = client.refusal("list_sessions", user=ADA, **arguments)
    must_be(error, 422, client)
    assert error.code == "invalid_request_parameters"
    if client.is_node:
        assert code in error.message
        assert "undefined" not in error.message
    else:
        assert error.message.rstrip(".") == "Validation failed"
        (told,) = error.errors
        assert (told["field"], told["code"]) == (field, code)
        assert told["message"]


@pytest.fixture(scope="module")
def narrow_site(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that takes ten calls at once of one key, and one a second."""
    path = Path(shutil.copy(people, tmp_path_factory.mktemp("narrow")))
    with open_site(path, api_key_rate="1") as running:
        yield running


@pytest.mark.parametrize("name", NAMES)
def test_too_many_calls(narrow_site: Site, driver: Callable[[str], Driver], name: str) -> None:
    """Over the limit, SDKs that try again succeed when `Retry-After` says; the others tell that it was too much."""
    client = Client(name, driver(name), narrow_site.url, KEYS["full"])
    drain(narrow_site)
    began = time.monotonic()
    if name in {"python-10", "node-11"}:
        assert client("get_user", user=ADA)["id"] == ADA
        assert 0.5 < time.monotonic() - began < 10
        return
    error = client.refusal("get_user", user=ADA)
    assert error.status == 429
    assert error.kind == {"python-5": "BadRequestException", "node-8": "RateLimitExceededException"}[name]
    assert error.message == "Too many requests."


def drain(site: Site) -> None:
    """Call with the key until it is refused."""
    with httpx2.Client(
        base_url=site.url, headers={"authorization": f"Bearer {KEYS['full']}"}, trust_env=False, verify=NO_CERTIFICATES
    ) as http:
        answers = (http.get(f"/user_management/users/{ADA}") for _ in range(100))
        refused = next(answer for answer in answers if answer.status_code != 200)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json() == {"message": "Too many requests.", "code": "rate_limit_exceeded"}

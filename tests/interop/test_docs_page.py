"""The page /docs in a real browser."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from harness import Server
from interop.support import CALLS, HERE, browser, json_answer, node

FOR_PEOPLE = [
    ("GET", "/auth/v1/healthz"),
    ("POST", "/auth/v1/users/me/sessions/_sign_out_all"),
    ("DELETE", "/auth/v1/users/me/sessions/{sessionId}"),
]
FOR_BACK_ENDS = [
    ("GET", "/events"),
    ("GET", "/user_management/users"),
    ("GET", "/user_management/users/external_id/{external_id}"),
    ("GET", "/user_management/users/{id}"),
    ("GET", "/user_management/users/{id}/sessions"),
    ("POST", "/user_management/authenticate"),
    ("POST", "/user_management/sessions/revoke"),
    ("GET", "/sso/jwks/{client_id}"),
]


@pytest.fixture(scope="module")
def visit(server: Server, gigi: str) -> Any:
    """What somebody saw who opened the page, pasted a token and tried GetMyUser."""
    return orjson.loads(node(HERE / "browser" / "docs.mjs", str(browser()), server.url, gigi))


def test_the_page_shows_every_operation(visit: Any) -> None:
    """It lists the operations of the document."""
    assert visit["title"] == "authsvc"
    expected = {(verb, path) for verb, path, _ in CALLS.values()} | {*FOR_PEOPLE, *FOR_BACK_ENDS}
    assert {tuple(operation) for operation in visit["operations"]} == expected


def test_the_page_offers_first_what_works(visit: Any) -> None:
    """Authorize shows the field for a token above the flow, which is for applications."""
    assert [name.split()[0] for name in visit["schemes"]] == ["bearer", "oauth2", "apiKey"]


def test_the_page_shows_enums_by_name(visit: Any) -> None:
    """Although they may be numbers, examples have what is usually sent."""
    user = orjson.loads(visit["example"])["user"]
    assert user["state"] == "USER_STATE_UNSPECIFIED"
    assert user["machine"]["accessTokenType"] == "ACCESS_TOKEN_TYPE_BEARER"


def test_a_pasted_token_is_enough_to_try_a_call(visit: Any, server: Server, gigi: str) -> None:
    """After Authorize, GetMyUser answers 200 with what any client gets."""
    assert visit["status"].split()[0] == "200"
    assert orjson.loads(visit["answer"]) == json_answer(server, gigi, "GetMyUser")


def test_the_page_asks_only_its_own_server(visit: Any, server: Server) -> None:
    """Nothing is loaded from anywhere else, so that the page works offline and tells nobody that it is read."""
    assert [url for url in visit["requests"] if not url.startswith((f"{server.url}/", "data:"))] == []
    assert f"{server.url}/openapi.json" in visit["requests"]


def test_the_page_keeps_to_its_policy(visit: Any) -> None:
    """The browser has blocked nothing, and complains about nothing."""
    assert (visit["violations"], visit["complaints"]) == ([], [])

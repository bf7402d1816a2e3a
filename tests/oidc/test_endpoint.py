"""What all endpoints have in common: methods, other origins, and failures."""

from __future__ import annotations

from typing import Any

import pytest
import structlog
from oauth.realm import APP, SECRET, Realm, basic
from oidc.stage import Person, engine

from authsvc.errors import Unavailable
from authsvc.oidc.app import PATHS, oidc_app
from authsvc.oidc.pages import ICON, STYLE

READ = "GET, HEAD, OPTIONS"
BOTH = "GET, HEAD, OPTIONS, POST"
SENT = "OPTIONS, POST"
METHODS = {
    "/.well-known/openid-configuration": READ,
    "/.well-known/oauth-authorization-server": READ,
    "/oauth/v2/keys": READ,
    "/oauth/v2/token": SENT,
    "/oauth/v2/revoke": SENT,
    "/oauth/v2/introspect": SENT,
    "/oauth/v2/device_authorization": SENT,
    "/oauth/v2/authorize": "GET, OPTIONS, POST",
    "/oidc/v1/userinfo": BOTH,
    "/oidc/v1/end_session": "GET, OPTIONS, POST",
    "/user_management/authorize": "GET, OPTIONS",
    "/user_management/sessions/logout": "GET, OPTIONS, POST",
    "/": READ,
    "/login": BOTH,
    "/login/code": BOTH,
    "/login/account": BOTH,
    "/login/consent": BOTH,
    "/login/password": BOTH,
    "/login/impersonation": BOTH,
    "/logout": BOTH,
    "/logout/done": READ,
    "/device": BOTH,
    STYLE.path: READ,
    ICON.path: READ,
}
OPEN = {
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/oauth/v2/keys",
    "/oauth/v2/token",
    "/oauth/v2/revoke",
    "/oidc/v1/userinfo",
}
PROGRAMS = {*OPEN, "/oauth/v2/introspect", "/oauth/v2/device_authorization"}
ELSEWHERE = "https://page.example"


def test_the_table_is_whole() -> None:
    """Every path is in the table."""
    assert METHODS.keys() == PATHS


async def test_methods(person: Person) -> None:
    """An endpoint has the methods that it tells of, and no other."""
    for path, allowed in METHODS.items():
        told = await person.http.options(path)
        assert (told.status_code, told.headers["allow"], told.content) == (204, allowed, b"")
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"):
            response = await person.http.request(method, path)
            assert (response.status_code == 405) == (method not in allowed.split(", ")), (method, path)
            if response.status_code == 405:
                assert response.headers["allow"] == allowed
                is_json = response.headers["content-type"] == "application/json"
                assert is_json == (path in PROGRAMS)


async def test_every_response_has_these_headers(person: Person) -> None:
    """Nothing is guessed at, everything can be found in the log, and nothing is kept that is not for everybody."""
    ids = set()
    for path in METHODS:
        for method in ("GET", "POST", "OPTIONS", "PUT"):
            headers = (await person.http.request(method, path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            cached = path in {STYLE.path, ICON.path, "/oauth/v2/keys"} or path.startswith("/.well-known")
            assert (cached and method == "GET") or headers["cache-control"] == "no-store"
            ids.add(headers["x-request-id"])
    assert len(ids) == 4 * len(METHODS)


async def test_the_bare_address_leads_to_the_sign_in(person: Person) -> None:
    """Who types no more than the host gets to the pages, always to the same one."""
    page = await person.get("/?next=https://elsewhere.example")
    assert (page.status, page.location) == (303, "/login")


@pytest.mark.parametrize("path", ["/login", "/oauth/v2/keys", STYLE.path])
async def test_head_is_get_without_the_content(person: Person, path: str) -> None:
    """Status and headers are those of GET."""
    got, head = await person.http.get(path), await person.http.head(path)
    assert head.content == b""
    changing = {"x-request-id", "set-cookie"}
    assert {k: v for k, v in head.headers.items() if k not in changing} == {
        k: v for k, v in got.headers.items() if k not in changing
    }


async def test_pages_elsewhere_may_call_what_is_meant_for_them(person: Person) -> None:
    """Discovery, keys, tokens, revocation and claims answer every page, without cookies; nothing else does."""
    asked = {
        "origin": ELSEWHERE,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    for path, allowed in METHODS.items():
        preflight = await person.http.options(path, headers=asked)
        response = await person.http.get(path, headers={"origin": ELSEWHERE})
        assert preflight.status_code == 204
        granted = "*" if path in OPEN else None
        assert preflight.headers.get("access-control-allow-origin") == granted, path
        assert response.headers.get("access-control-allow-origin") == granted, path
        for headers in (preflight.headers, response.headers):
            assert "access-control-allow-credentials" not in headers
        if granted:
            assert preflight.headers["access-control-allow-methods"] == allowed
            assert preflight.headers["access-control-allow-headers"] == "authorization, content-type"
            assert preflight.headers["access-control-max-age"] == "7200"
            exposed = "retry-after, www-authenticate, x-request-id"
            assert response.headers["access-control-expose-headers"] == exposed


class _Broken:
    """Every method raises the same."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, name: str) -> Any:
        async def fail(*_: object, **__: object) -> None:
            raise self.error

        return fail


def broken(realm: Realm, error: Exception) -> Person:
    """Somebody at a browser where nothing works."""
    parts: dict[str, Any] = dict.fromkeys(("introspection", "sign_ins", "keyring"), _Broken(error))
    return Person(engine(realm, **parts))


async def test_the_database_is_down(realm: Realm) -> None:
    """Programs and people are told to try again."""
    person = broken(realm, Unavailable("Errors.Store.Unavailable"))
    answer = await person.post("/oauth/v2/introspect", {"token": "x"}, authorization=basic(APP, SECRET))
    assert (answer.status, answer.json["error"]) == (503, "temporarily_unavailable")
    assert (await person.get("/oauth/v2/keys")).status == 503
    page = await person.get("/login/account")
    assert page.status == 503
    assert page.problem == "The service is not available for the moment. Try again in a few seconds."
    assert answer.headers["retry-after"] == page.headers["retry-after"] == "1"


async def test_what_nobody_foresaw(realm: Realm) -> None:
    """Programs and people get a number, under which the log has the traceback; and nothing of it is told."""
    person = broken(realm, RuntimeError("canary"))
    with structlog.testing.capture_logs() as logs:
        answer = await person.post("/oauth/v2/introspect", {"token": "x"}, authorization=basic(APP, SECRET))
        page = await person.get("/login/account")
    assert (answer.status, answer.json["error"], page.status) == (500, "server_error", 500)
    for each in (answer, page):
        assert "canary" not in each.text
        assert each.headers["x-request-id"] in each.text
    failed = [entry for entry in logs if entry["event"] == "request failed"]
    assert [entry["request_id"] for entry in failed] == [each.headers["x-request-id"] for each in (answer, page)]
    assert all(entry["exc_info"] for entry in failed)


async def test_one_line_a_request(person: Person) -> None:
    """The log says what was asked for in our words: no query, no form, no unknown method is repeated."""
    with structlog.testing.capture_logs() as logs:
        await person.get("/login?login_hint=canary")
        await person.http.request("CANARY", "/login")
        await person.post("/oauth/v2/token", {"grant_type": "canary", "client_secret": "canary"})
    lines = [entry for entry in logs if entry["event"] == "request"]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("GET", "/login", 200),
        ("other", "/login", 405),
        ("POST", "/oauth/v2/token", 400),
    ]
    assert "canary" not in str(logs).lower()


async def test_a_client_that_goes_away_is_no_failure(realm: Realm) -> None:
    """A body that does not come gets no answer and leaves no traceback."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    sent: list[Any] = []

    async def send(event: Any) -> None:
        sent.append(event)

    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "scheme": "https",
        "path": "/login",
        "raw_path": b"/login",
        "query_string": b"",
        "headers": [],
        "client": None,
    }
    with structlog.testing.capture_logs() as logs:
        await oidc_app(engine(realm))(scope, receive, send)
    assert (sent, logs) == ([], [])

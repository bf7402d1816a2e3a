"""What clients send by themselves: tokens, introspection, revocation, codes for devices."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from oauth.realm import API, APP, CALLBACK, SECRET, SPA, VERIFIER, Realm, basic
from oidc.stage import Page, Person, engine

from authsvc.oidc.app import oidc_app

TOKEN, INTROSPECT, REVOKE = "/oauth/v2/token", "/oauth/v2/introspect", "/oauth/v2/revoke"
PATHS = [TOKEN, INTROSPECT, REVOKE, "/oauth/v2/device_authorization"]
AS_APP = {"authorization": basic(APP, SECRET)}


async def exchanged(realm: Realm, person: Person) -> Page:
    """The answer to a code."""
    fields = {
        "grant_type": "authorization_code",
        "code": await realm.granted(),
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    return await person.post(TOKEN, fields, **AS_APP)


async def test_tokens(realm: Realm, person: Person) -> None:
    """A code gives what RFC 6749 lists, for nobody to keep."""
    answer = await exchanged(realm, person)
    assert answer.status == 200
    assert set(answer.json) == {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("Bearer", 3600)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    assert answer.headers["content-type"] == "application/json"
    assert "set-cookie" not in answer.headers
    fields = {"grant_type": "refresh_token", "refresh_token": answer.json["refresh_token"]}
    assert (await person.post(TOKEN, fields, **AS_APP)).status == 200


async def test_what_is_not_given_is_not_there(realm: Realm, person: Person) -> None:
    """Without a refresh token the answer has no such field, rather than an empty one."""
    code = await realm.granted(scope="openid")
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    answer = await person.post(TOKEN, fields, **AS_APP)
    assert set(answer.json) == {"access_token", "token_type", "expires_in", "scope", "id_token"}


REFUSED: dict[str, tuple[dict[str, str], dict[str, str], int, str]] = {
    "no grant type": ({}, AS_APP, 400, "invalid_request"),
    "unknown grant type": ({"grant_type": "password"}, AS_APP, 400, "unsupported_grant_type"),
    "unknown code": (
        {"grant_type": "authorization_code", "code": "x", "redirect_uri": CALLBACK, "code_verifier": VERIFIER},
        AS_APP,
        400,
        "invalid_grant",
    ),
    "no client": ({"grant_type": "authorization_code", "code": "x"}, {}, 401, "invalid_client"),
    "wrong secret": (
        {"grant_type": "authorization_code", "code": "x"},
        {"authorization": basic(APP, "wrong")},
        401,
        "invalid_client",
    ),
}


@pytest.mark.parametrize(("fields", "headers", "status", "code"), REFUSED.values(), ids=REFUSED)
async def test_refusals(
    person: Person, fields: dict[str, str], headers: dict[str, str], status: int, code: str
) -> None:
    """Errors are JSON with a registered code, of which nothing that was sent is part."""
    answer = await person.post(TOKEN, fields, **headers)
    assert (answer.status, answer.json["error"]) == (status, code)
    assert set(answer.json) == {"error", "error_description"}
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers.get("www-authenticate") == ('Basic realm="authsvc"' if status == 401 else None)


BODIES: dict[str, tuple[bytes, str, int]] = {
    "json": (b'{"grant_type":"refresh_token"}', "application/json", 415),
    "multipart": (b"--x--", "multipart/form-data; boundary=x", 415),
    "no type": (b"grant_type=refresh_token", "", 415),
    "other charset": (b"grant_type=x", "application/x-www-form-urlencoded; charset=utf-16", 415),
    "twice": (b"grant_type=a&grant_type=a", "application/x-www-form-urlencoded", 400),
    "not UTF-8": (b"grant_type=%ff", "application/x-www-form-urlencoded", 400),
    "raw bytes": ("grant_type=ä".encode(), "application/x-www-form-urlencoded", 400),
    "too many": (b"&".join(b"a%d=" % n for n in range(101)), "application/x-www-form-urlencoded", 400),
    "too large": (b"a" * (64 * 1024 + 1), "application/x-www-form-urlencoded", 413),
}


@pytest.mark.parametrize(("body", "media_type", "status"), BODIES.values(), ids=BODIES)
async def test_what_is_no_form(person: Person, body: bytes, media_type: str, status: int) -> None:
    """Only a form of at most 64 KiB, each field once, is read, by whichever endpoint."""
    headers = {**AS_APP, **({"content-type": media_type} if media_type else {})}
    for path in PATHS:
        response = await person.http.post(path, content=body, headers=headers)
        assert response.status_code == status
        assert response.json()["error"] == "invalid_request"


@pytest.mark.parametrize("path", [TOKEN, INTROSPECT, REVOKE])
async def test_an_empty_form(person: Person, path: str) -> None:
    """Nothing at all is a form without the field that must be there."""
    response = await person.http.post(path, headers=AS_APP)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_a_form_may_say_that_it_is_utf_8(realm: Realm, person: Person) -> None:
    """The charset that everybody uses can be named."""
    fields = {"grant_type": "refresh_token", "refresh_token": (await realm.tokens()).refresh_token or ""}
    content_type = "Application/X-WWW-Form-Urlencoded; charset=UTF-8"
    assert (await person.post(TOKEN, fields, **AS_APP, **{"content-type": content_type})).status == 200


async def test_a_body_without_a_length_is_cut(realm: Realm) -> None:
    """What never ends is given up when it is too large, rather than read for ever."""
    asked, sent = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": b"a" * 16 * 1024, "more_body": True}

    async def send(event: Any) -> None:
        sent.append(event)

    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "https",
        "path": TOKEN,
        "raw_path": TOKEN.encode(),
        "query_string": b"",
        "headers": [(b"content-type", b"application/x-www-form-urlencoded")],
        "client": ("192.0.2.7", 1),
    }
    await oidc_app(engine(realm))(scope, receive, send)
    assert (sent[0]["status"], asked) == (413, 5)


@pytest.mark.parametrize("path", PATHS)
async def test_nothing_stands_in_the_address(realm: Realm, person: Person, path: str) -> None:
    """Parameters in the query, where logs would keep them, are refused."""
    token = (await realm.tokens()).access_token
    answer = await person.post(f"{path}?client_secret=x", {"token": token, "grant_type": "refresh_token"}, **AS_APP)
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


async def test_introspection(realm: Realm, person: Person) -> None:
    """A resource server learns what a token is worth, and of others' tokens nothing."""
    mine = (await realm.tokens(client=SPA)).access_token
    other = (await realm.tokens()).access_token
    as_api = {"authorization": basic(API, SECRET)}
    known = await person.post(INTROSPECT, {"token": mine}, **as_api)
    assert (known.status, known.json["active"], known.json["client_id"]) == (200, True, SPA)
    for token in (other, "x"):
        unknown = await person.post(INTROSPECT, {"token": token}, **as_api)
        assert (unknown.status, unknown.json) == (200, {"active": False})
    refused = await person.post(INTROSPECT, {"token": mine, "client_id": SPA})
    assert (refused.status, refused.json["error"]) == (401, "invalid_client")


async def test_revocation(realm: Realm, person: Person) -> None:
    """A token that is given back is dead, and the answer is empty; so it is for one that nobody knows."""
    token = (await realm.tokens()).access_token
    for each in (token, token, "x"):
        answer = await person.post(REVOKE, {"token": each}, **AS_APP)
        assert (answer.status, answer.text) == (200, "")
    assert not await realm.is_good(token)
    other = (await realm.tokens(client=SPA)).access_token
    assert (await person.post(REVOKE, {"token": other}, **AS_APP)).json["error"] == "invalid_grant"


async def test_guessing_secrets(person: Person) -> None:
    """Too many failures from one address end in 429 with the time to wait."""
    wrong = {"authorization": basic(APP, "wrong")}
    answers = [await person.post(INTROSPECT, {"token": "x"}, **wrong) for _ in range(51)]
    assert {answer.status for answer in answers[:50]} == {401}
    assert answers[50].status == 429
    assert int(answers[50].headers["retry-after"]) > 0


async def test_the_visitor_is_behind_trusted_proxies_only(realm: Realm) -> None:
    """Failures count for the address that a trusted proxy names, and for the peer's if nobody is trusted."""
    wrong = {"authorization": basic(APP, "wrong")}
    person = Person(engine(realm, trusted_proxies=[ip_network("192.0.2.0/24")]))
    for number in range(51):
        answer = await person.post(
            INTROSPECT, {"token": "x"}, **wrong, **{"x-forwarded-for": f"203.0.113.{number % 2 + 1}"}
        )
    assert answer.status == 401
    stranger = Person(engine(realm))
    for number in range(51):
        answer = await stranger.post(INTROSPECT, {"token": "x"}, **wrong, **{"x-forwarded-for": f"203.0.113.{number}"})
    assert answer.status == 429

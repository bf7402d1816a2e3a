"""WorkOS's SDKs sign people in: with a password and a second factor, with a code, and again and again."""

from __future__ import annotations

import asyncio
import base64
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx2
import orjson
import pyotp
from harness import NO_CERTIFICATES
from interop.workos.people import CLIENT, FOO_CORP, KEYS, PASSWORD, Person, Site
from interop.workos.sdks import Client, Driver

from authsvc.domain.authorizations import CodeRequest, Holder
from authsvc.domain.clock import now
from authsvc.oauth.code import s256
from authsvc.oauth.sealing import Sealing
from authsvc.oauth.second_factor import new_secret, seal_secret
from authsvc.store.authorizations import Authorizations
from authsvc.store.clients import Clients
from authsvc.store.sqlite import SqliteExecutor
from authsvc.store.writes import Writes

COOKIE_PASSWORD = base64.urlsafe_b64encode(bytes(range(32))).decode()
VERIFIER = "v" * 43
WHERE = {"ip_address": "203.0.113.9", "user_agent": "Phone/1.0"}


def _sign_in(client: Client, person: Person, **options: Any) -> dict[str, Any]:
    about = {"email": person.login_name, "password": PASSWORD} | options
    found: dict[str, Any] = client("authenticate", how="password", cookie_password=COOKIE_PASSWORD, **about)
    return found


def _renewed(client: Client, refresh_token: str, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = client(
        "authenticate",
        how="refresh_token",
        cookie_password=COOKIE_PASSWORD,
        refresh_token=refresh_token,
        **options,
    )
    return found


def _code(site: Site, person: Person, session_id: int) -> str:
    """A code as the authorization endpoint gives it to the shop."""

    async def grant() -> str:
        executor = SqliteExecutor(site.path)
        try:
            client = await Clients(executor).by_client_id(CLIENT)
            assert client is not None
            holder = Holder(person.number, 1, session_id, now(), "pwd")
            request = CodeRequest("https://shop.example/back", s256(VERIFIER), None)
            return await Authorizations(executor, Writes(executor)).grant_code(client, holder, "openid", request)
        finally:
            await executor.close()

    return asyncio.run(grant())


def test_password_signs_in(client: Client, site: Site) -> None:
    """The answer says who, for which organization and how; the SDK verifies the token, and finds the session in it."""
    person = site.newcomer()
    found = _sign_in(client, person, **WHERE)
    assert (found["user"], found["organization"], found["method"]) == (person.id, FOO_CORP, "Password")
    (session,) = client("list_sessions", user=person.id)["data"]
    assert (found["session"], found["session_organization"]) == (session["id"], FOO_CORP)
    assert (session["ip_address"], session["user_agent"]) == ("203.0.113.9", "Phone/1.0")
    assert session["auth_method"] == "password"
    header, claims = (orjson.loads(base64.urlsafe_b64decode(part + "==")) for part in _parts(found["access_token"]))
    assert (header["alg"], header["typ"]) == ("RS256", "at+jwt")
    assert (claims["sub"], claims["sid"], claims["org_id"]) == (person.id, session["id"], FOO_CORP)


def _parts(token: str) -> list[str]:
    return token.split(".")[:2]


def test_token_is_one_of_this_service(client: Client, site: Site) -> None:
    """The access token is good for the other face too, until the session is revoked."""
    found = _sign_in(client, site.newcomer())
    headers = {"authorization": f"Bearer {found['access_token']}"}
    with httpx2.Client(verify=NO_CERTIFICATES, base_url=site.url) as http:
        assert http.post("/auth/v1/users/me/sessions/_search", headers=headers, json={}).status_code == 200
        client("revoke_session", session=found["session"])
        assert http.post("/auth/v1/users/me/sessions/_search", headers=headers, json={}).status_code == 401
    refused = client.refusal(
        "authenticate",
        how="refresh_token",
        cookie_password=COOKIE_PASSWORD,
        refresh_token=found["refresh_token"],
    )
    assert refused.status == 400
    assert "invalid_grant" in str(refused)


def test_refresh_keeps_the_session(client: Client, site: Site) -> None:
    """New tokens belong to the session, whose organization cannot be changed; there is no second session."""
    person = site.newcomer()
    first = _sign_in(client, person)
    second = _renewed(client, first["refresh_token"], organization_id=FOO_CORP)
    assert second["session"] == first["session"]
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert [session["id"] for session in client("list_sessions", user=person.id)["data"]] == [first["session"]]
    refused = client.refusal(
        "authenticate",
        how="refresh_token",
        cookie_password=COOKIE_PASSWORD,
        refresh_token=second["refresh_token"],
        organization_id="org_01H945H0YD4F97JN9MATX7BYAH",
    )
    assert refused.status == 400
    assert "access_denied" in str(refused)


def test_code_signs_in(client: Client, site: Site) -> None:
    """The code that this server's own pages gave is exchanged with its verifier, once."""
    person = site.newcomer()
    first = _sign_in(client, person)
    with closing(sqlite3.connect(site.path)) as connection:
        ((session_id,),) = connection.execute(f"SELECT id FROM sessions WHERE user_id = {person.number}")
    code = _code(site, person, session_id)
    options = {"how": "code", "cookie_password": COOKIE_PASSWORD, "code": code}
    assert client.refusal("authenticate", **options, code_verifier="w" * 43).status == 400
    found = client("authenticate", **options, code_verifier=VERIFIER)
    assert (found["user"], found["session"], found["method"]) == (person.id, first["session"], "Password")
    assert _renewed(client, found["refresh_token"])["session"] == first["session"]
    assert "invalid_grant" in str(client.refusal("authenticate", **options, code_verifier=VERIFIER))


def test_second_factor_is_wanted(client: Client, site: Site) -> None:
    """Who has a second factor is signed in after its code; the refusal of the password alone says how to go on."""
    person, secret = site.newcomer(), new_secret()
    sealed = seal_secret(Sealing(site.path.with_name("authsvc.key").read_bytes()), person.number, secret)
    with closing(sqlite3.connect(site.path, timeout=20)) as connection, connection:
        connection.execute("UPDATE users SET totp = ? WHERE id = ?", (sealed, person.number))
    body = {"grant_type": "password", "client_id": CLIENT, "client_secret": KEYS["full"]}
    body |= {"email": person.login_name, "password": PASSWORD}
    with httpx2.Client(verify=NO_CERTIFICATES, base_url=site.url) as http:
        answer = http.post("/user_management/authenticate", json=body)
    pending = answer.json()["pending_authentication_token"]
    assert answer.status_code == 403
    assert answer.json()["code"] == "mfa_challenge"
    refused = client.refusal(
        "authenticate",
        how="password",
        cookie_password=COOKIE_PASSWORD,
        email=person.login_name,
        password=PASSWORD,
    )
    assert refused.status == 403
    options = {"how": "totp", "cookie_password": COOKIE_PASSWORD, "authentication_challenge_id": "auth_challenge_1"}
    wrong = client.refusal("authenticate", **options, pending_authentication_token=pending, code="no code")
    assert (wrong.status, wrong.code or wrong.raw["code"]) == (400, "invalid_one_time_code")
    code = pyotp.TOTP(secret).at(int(time.time()))
    assert client("authenticate", **options, pending_authentication_token=pending, code=code)["user"] == person.id


def test_refusals(client: Client, site: Site) -> None:
    """Nobody learns whether it is the name or the password; keys and addresses that are wrong are told."""
    person = site.newcomer()
    for key, options, status, word in (
        ("full", {"password": "wrong"}, 400, "invalid_credentials"),
        ("full", {"email": "nobody@foo.example"}, 400, "invalid_credentials"),
        ("full", {"ip_address": "somewhere"}, 422, "ip_address"),
        ("revoked", {}, 400, "invalid_client"),
        ("user.read", {}, 403, "session.write"),
    ):
        about = {"email": person.login_name, "password": PASSWORD} | options
        refused = client.using(KEYS[key]).refusal(
            "authenticate", how="password", cookie_password=COOKIE_PASSWORD, **about
        )
        assert refused.status == status
        assert word in str(refused)


def test_keys_are_published(driver: Callable[[str], Driver], site: Site) -> None:
    """Every key has a certificate and its hash, which one of the SDKs wants; only clients that exist have keys."""
    with httpx2.Client(verify=NO_CERTIFICATES, base_url=site.url) as http:
        answer = http.get(f"/sso/jwks/{CLIENT}")
        unknown = http.get("/sso/jwks/client_unknown")
    (key,) = answer.json()["keys"]
    assert key.keys() == {"alg", "kty", "use", "n", "e", "kid", "x5c", "x5t#S256"}
    assert (key["alg"], key["kty"], key["use"]) == ("RS256", "RSA", "sig")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "entity_not_found")
    assert driver("python-10").call(site.url, KEYS["full"], "get_jwks", {"client_id": CLIENT}) == [key]

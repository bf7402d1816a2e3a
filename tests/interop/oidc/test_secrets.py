"""Where the secrets that the server gives and takes are afterwards: only with those who are meant to have them."""

from __future__ import annotations

import base64
import hashlib
import shutil
import sqlite3
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx2
import pytest
from harness import NO_CERTIFICATES, Server, command, serving
from interop.oidc.person import Person
from interop.oidc.site import ADA, BASIC, NATIVE, PASSWORD, SCOPE, STRANGER, TINA, Client, Site

from authsvc.domain.clients import SECRET_PREFIX

WRONG = "a password that was never right"
VERIFIER = "canary-verifier-" * 4
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


class Canaries:
    """Goes through everything that gives or takes secrets, and keeps each of them by what it is."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.found: dict[str, str] = {"password": PASSWORD, "wrong password": WRONG, "verifier": VERIFIER}
        self._http = httpx2.Client(base_url=server.url, trust_env=False, verify=NO_CERTIFICATES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._http.close()

    def ask(self, path: str, client: Client | None = None, **form: str) -> Any:
        """What an endpoint answers to a form, sent by a client if there is one."""
        if client is not None:
            form |= {"client_id": client.client_id} | ({"client_secret": client.secret} if client.secret else {})
        response = self._http.post(path, data=form)
        return response.json() if response.content else None

    def keep(self, who: str, answer: dict[str, Any]) -> None:
        """Keep what an answer gives."""
        names = ("access_token", "refresh_token", "id_token", "device_code", "user_code")
        given = {f"{who}: {name}": answer[name] for name in names if name in answer}
        assert given, answer
        self.found |= given

    def sign_in(self, person: Person, client: Client, who: str) -> None:
        """Sign in to a client, exchange the code, and renew the tokens."""
        asked = {
            "client_id": client.client_id,
            "redirect_uri": client.redirect_uri,
            "response_type": "code",
            "scope": SCOPE,
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        back = person.go(f"{self.server.url}/oauth/v2/authorize?{urlencode(asked)}")
        code = self.found[f"{who}: code"] = parse_qs(urlsplit(back).query)["code"][0]
        grant = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
        self.keep(who, self.ask("/oauth/v2/token", client, redirect_uri=client.redirect_uri, **grant))
        refresh_token = self.found[f"{who}: refresh_token"]
        renewed = self.ask("/oauth/v2/token", client, grant_type="refresh_token", refresh_token=refresh_token)
        self.keep(f"{who}, renewed", renewed)
        for name, value in person.cookies.items():
            self.found[f"{who}: cookie {name}"] = value

    def use(self, token: str) -> None:
        """Send a token to everything that may look at one, and where none belongs."""
        bearer = {"authorization": f"Bearer {token}"}
        for path in ("/auth/v1/users/me", "/oidc/v1/userinfo", "/user_management/users", "/nowhere"):
            self._http.get(path, headers=bearer)
            self._http.get(path, params={"access_token": token})
        self.ask("/oauth/v2/introspect", BASIC, token=token)
        self.ask("/oauth/v2/revoke", BASIC, token=token)


def _secrets(canaries: Canaries, site: Site) -> None:
    url = canaries.server.database_url
    made = command("client", "create", "Canary", "--redirect-uri", "https://a.example/b", database_url=url).stdout
    canaries.found["client secret"] = made[made.index(SECRET_PREFIX) :].strip()
    canaries.found["API key"] = command("apikey", "create", "--name", "canary", database_url=url).stdout.split()[-1]
    canaries.found["operator's token"] = canaries.server.token(ADA)
    canaries.found["second factor"] = site.totp
    with Person(canaries.server.url, ADA, PASSWORD) as ada:
        for client in (NATIVE, BASIC, STRANGER):
            canaries.sign_in(ada, client, client.client_id)
    with Person(canaries.server.url, ADA, WRONG) as stranger, pytest.raises(AssertionError):
        stranger.go(f"{canaries.server.url}/login")
    with Person(canaries.server.url, TINA, PASSWORD, totp=site.totp) as tina:
        canaries.sign_in(tina, BASIC, "tina")
    canaries.keep("device", canaries.ask("/oauth/v2/device_authorization", NATIVE, scope="openid"))
    for name, secret in list(canaries.found.items()):
        if name.endswith(("token", "key")):
            canaries.use(secret)


def _forms(secret: str) -> list[bytes]:
    """How a secret might be written."""
    plain = secret.encode()
    coded = base64.b64encode(plain).rstrip(b"=")
    return [plain, quote(secret, safe="").encode(), plain.hex().encode(), coded, repr(secret)[1:-1].encode()]


def _stored(path: Path) -> bytes:
    """The database as its files are, and as SQL."""
    files = [file.read_bytes() for file in path.parent.glob(f"{path.name}*")]
    connection = sqlite3.connect(path)
    files.append("\n".join(connection.iterdump()).encode())
    connection.close()
    return b"\n".join(files)


def test_no_secret_is_in_the_database_or_the_log(site: Site, tmp_path: Path) -> None:
    """No token, code, cookie, password, key or secret that went in or out is stored or logged, however written."""
    source = Path(site.spare.removeprefix("sqlite:///"))
    for name in ("authsvc.db", "authsvc.key"):
        shutil.copy(source.parent / name, tmp_path / name)
    url = f"sqlite:///{tmp_path / 'authsvc.db'}"
    with serving(url, tmp_path / "log", log_level="debug") as server:
        with Canaries(server) as canaries:
            _secrets(canaries, site)
        server.stop()
        logged = server.log.read_bytes()
    assert len(canaries.found) > 30
    stored = _stored(tmp_path / "authsvc.db")
    # What is looked for is there to be found: the names of those who signed in, and the requests they made.
    assert b"Tina" in stored
    assert b"/oauth/v2/token" in logged
    places = {"database": stored, "log": logged}
    told = [
        (name, place)
        for name, secret in canaries.found.items()
        for place, content in places.items()
        if any(form in content for form in _forms(secret))
    ]
    assert told == []

"""A service that `authsvc login` signs in to: it answers as ours does, or as the test wants it to."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from joserfc import jws
from joserfc.jwk import OKPKey, RSAKey

from authsvc.cli.login.provider import Provider
from authsvc.cli.login.saved import Saved
from authsvc.identity.jws import Algorithm

ISSUER = "https://auth.example.com"
SCOPE = "openid profile offline_access"


class Service:
    """The endpoints. What a test puts into `changes` is changed in the JSON of the endpoint with this last segment."""

    def __init__(self) -> None:
        self.key = OKPKey.generate_key("Ed25519", {"kid": "k1"})
        self.changes: dict[str, dict[str, Any]] = {}
        self.errors: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.tokens = iter(f"token{number}" for number in range(100))
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.challenge = self.nonce = ""

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        """One request and its response."""
        name = request.url.path.rpartition("/")[2]
        form = dict(parse_qsl(request.content.decode()))
        self.asked.append((name, form))
        if self.errors.get(name):
            status, body = self.errors[name].pop(0)
            return httpx2.Response(status, json=body)
        body = {**getattr(self, name.replace("-", "_"))(form), **self.changes.get(name, {})}
        return httpx2.Response(200, json={key: value for key, value in body.items() if value is not None})

    def openid_configuration(self, form: dict[str, str]) -> dict[str, Any]:
        """Where everything is."""
        names = ("authorization", "token", "userinfo", "device_authorization")
        return {
            "issuer": ISSUER,
            "jwks_uri": f"{ISSUER}/keys",
            **{f"{name}_endpoint": f"{ISSUER}/{name}" for name in names},
        }

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        """Tokens, if the verifier fits."""
        if "code" in form:
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == self.challenge
        token = next(self.tokens)
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": f"refresh-{token}",
            "id_token": self.id_token(),
        }

    def id_token(self) -> str:
        """For the newest sign-in."""
        at = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": "cli",
            "sub": "1",
            "iat": at,
            "exp": at + 60,
            "nonce": self.nonce,
            **self.claims,
        }
        header = {"alg": "EdDSA", "kid": "k1", **self.header}
        algorithm = str(header["alg"])
        key = self.key if algorithm == "EdDSA" else RSAKey.generate_key(2048)
        return jws.serialize_compact(header, json.dumps(claims), key, registry=Algorithm(algorithm))

    def keys(self, form: dict[str, str]) -> dict[str, Any]:
        """Our public key."""
        return {"keys": [{"kty": "?", "kid": "k0"}, self.key.as_dict(private=False)]}

    def userinfo(self, form: dict[str, str]) -> dict[str, Any]:
        """Who somebody is."""
        return {"sub": "1", "preferred_username": "gigi@zitadel.com"}

    def device_authorization(self, form: dict[str, str]) -> dict[str, Any]:
        """A code to enter."""
        return {
            "device_code": "d1",
            "user_code": "BCDF-GHJK",
            "verification_uri": f"{ISSUER}/device",
            "expires_in": 600,
            "interval": 1,
        }

    def browse(self, url: str, **changes: str | None) -> int:
        """What a browser does with the address: the status of the page it ends at."""
        asked = dict(parse_qsl(urlsplit(url).query))
        self.challenge, self.nonce = asked["code_challenge"], asked["nonce"]
        answer: dict[str, str | None] = {"code": "c1", "state": asked["state"], "iss": ISSUER, **changes}
        return get(asked["redirect_uri"], {name: value for name, value in answer.items() if value is not None})


def get(url: str, fields: dict[str, str]) -> int:
    """The status of a page."""
    try:
        with urllib.request.urlopen(f"{url}{'&' if '?' in url else '?'}{urlencode(fields)}", timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.fixture
def service() -> Service:
    """The service."""
    return Service()


@pytest.fixture
def provider(service: Service) -> Iterator[Provider]:
    """The service, as the command sees it."""
    with Provider(ISSUER, "cli", transport=httpx2.MockTransport(service.answer)) as found:
        yield found


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    """An empty store."""
    return Saved(tmp_path / "config" / "tokens.json")

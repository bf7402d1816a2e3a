"""A server with people who have passwords, and the clients that they sign in to."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import yaml
from argon2 import PasswordHasher
from harness import Server, command, demo_database, serving

from authsvc.domain.tokens import token_hash

PASSWORD = "correct horse battery staple"
ADA, BORIS, TINA = "ada@foo.example", "boris@foo.example", "tina@foo.example"
"""Tina has a second factor. All have the same password."""
NAMES = {ADA: "Ada Example", BORIS: "Boris Example", TINA: "Tina Example"}
PROJECT = "77"
SCOPE = "openid profile email offline_access"
_SECRET = "cs_of-the-web-application"
# Must be percent-encoded in `client_secret_basic`, which Authlib and requests-oauthlib leave out.
_ODD_SECRET = "cs_/+:% of the web application"
# Nothing listens there: those who come back are caught before.
CALLBACK = "https://web.example/callback"
SIGNED_OUT = "https://web.example/signed-out"


class Client(NamedTuple):
    """A client, and how it uses the server: `method` is how it authenticates, `algorithm` signs its ID tokens."""

    client_id: str
    method: str
    secret: str | None
    algorithm: str = "RS256"
    redirect_uri: str = CALLBACK
    is_jwt: bool = False


NATIVE = Client("native", "none", None, "EdDSA", "http://127.0.0.1:49152/callback")
BASIC = Client("web-basic", "client_secret_basic", _SECRET)
ODD = Client("web:odd", "client_secret_basic", _ODD_SECRET, "EdDSA", is_jwt=True)
# People are asked whether they want it.
STRANGER = Client("163840776835432345", "client_secret_post", _SECRET, is_jwt=True)
CLIENTS = (NATIVE, BASIC, ODD, STRANGER)
PAGE = "163840776835432705"
"""A page of another origin, with the settings that ZITADEL's clients for browsers have."""
PAGE_PATH = "/browser/relying-party.html"


@dataclass(frozen=True)
class Site:
    """A running server, the origin of the page that people sign in to, and the secret of Tina's second factor.

    `spare` is the URL of a database with the same people, for another server.
    """

    server: Server
    page: str
    totp: str
    spare: str

    @property
    def url(self) -> str:
        """The issuer."""
        return self.server.url


def directory(page: str) -> dict[str, Any]:
    """The people and the clients, as a directory file has them."""
    # As cheap as argon2id can be.
    password = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    people = [_person(number, login, password) for number, login in enumerate(NAMES, start=10)]
    org = {
        "id": 1,
        "name": "Foo Corp",
        "domains": ["foo.example"],
        "projects": [{"id": PROJECT, "name": "Papers"}],
        "users": people,
    }
    clients = [_registered(number, client) for number, client in enumerate(CLIENTS, start=1)]
    return {"orgs": [org], "clients": [*clients, _page(page)]}


def _person(number: int, login: str, password: str) -> dict[str, Any]:
    first, last = NAMES[login].split()
    human = {
        "firstName": first,
        "lastName": last,
        "email": {"email": login, "verified": True},
        "passwordHash": password,
    }
    return {"id": number, "userName": first.lower(), "human": human}


def _registered(number: int, client: Client) -> dict[str, Any]:
    is_native = client == NATIVE
    entry = {
        "id": number,
        "clientId": client.client_id,
        "name": f"Number {number}",
        "native": is_native,
        "trusted": client != STRANGER,
        # A native application may listen on any port.
        "redirectUris": ["http://127.0.0.1/callback" if is_native else client.redirect_uri],
        "postLogoutRedirectUris": [SIGNED_OUT],
        "grantTypes": ["authorization_code", "refresh_token", "device_code"],
        "accessTokenType": "jwt" if client.is_jwt else "bearer",
        "signingAlgorithm": client.algorithm,
        "project": PROJECT,
    }
    if client.secret is not None:
        entry["secretHash"] = f"sha256:{token_hash(client.secret).hex()}"
    return entry


def _page(origin: str) -> dict[str, Any]:
    return {
        "id": 100,
        "clientId": PAGE,
        "name": "The page of another origin",
        "trusted": True,
        "redirectUris": [f"{origin}{PAGE_PATH}"],
        "postLogoutRedirectUris": [f"{origin}{PAGE_PATH}"],
        "grantTypes": ["authorization_code", "refresh_token"],
    }


@contextmanager
def open_site(folder: Path, page: str) -> Iterator[Site]:
    """Serve a new database with these people and clients, whom a page of this origin may call."""
    home, spare = folder / "home", folder / "spare"
    home.mkdir()
    file = folder / "directory.yaml"
    file.write_text(yaml.safe_dump(directory(page)))
    url = demo_database(home, file)
    printed = command("user", "totp", TINA, database_url=url).stdout
    secret = parse_qs(urlsplit(printed.strip()).query)["secret"][0]
    shutil.copytree(home, spare)
    with serving(url, folder / "server.log", cors_origins=page, grpc_listen="off") as server:
        yield Site(server, page, secret, f"sqlite:///{spare / 'authsvc.db'}")

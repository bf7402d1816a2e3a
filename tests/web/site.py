"""A server with people for the account page, and what happens to their tokens and sessions behind its back."""

from __future__ import annotations

import random
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import yaml
from harness import NO_CERTIFICATES, Server, command, demo_database, serving
from web.people import Person, directory

from authsvc.domain.tokens import token_hash

CLIENT = "authsvc-account"
_SECOND = 1_000_000


@dataclass(frozen=True)
class Site:
    """A running server, and a key for its back ends."""

    server: Server
    key: str

    @property
    def url(self) -> str:
        """The issuer."""
        return self.server.url

    def expire(self, token: str) -> None:
        """Let the time of an access token be over."""
        now = time.time_ns() // 1000
        changed = self.write("UPDATE access_tokens SET expires_at = ? WHERE token_hash = ?", now, token_hash(token))
        assert changed == 1

    def age(self, person: Person, when: int) -> None:
        """Let somebody have signed in at a time in the past, in seconds since 1970."""
        at = when * _SECOND
        statement = "UPDATE sessions SET created_at = ?, authenticated_at = ? WHERE user_id = ?"
        assert self.write(statement, at, at, int(person.id)) > 0

    def write(self, statement: str, *parameters: object) -> int:
        """Change rows; how many."""
        with closing(sqlite3.connect(self.server.database_url.removeprefix("sqlite:///"), timeout=10)) as connection:
            changed = connection.execute(statement, parameters).rowcount
            connection.commit()
        return changed

    def refresh(self, token: str) -> str | None:
        """Why the token endpoint gives nothing for a refresh token of the page; None if it gives something."""
        form = {"grant_type": "refresh_token", "client_id": CLIENT, "refresh_token": token}
        with httpx2.Client(base_url=self.url, trust_env=False, verify=NO_CERTIFICATES) as http:
            error: str | None = http.post("/oauth/v2/token", data=form).json().get("error")
        return error

    def end_sessions(self, person: Person) -> None:
        """What a back end does that ends all sessions of somebody."""
        headers = {"authorization": f"Bearer {self.key}"}
        with httpx2.Client(base_url=self.url, headers=headers, trust_env=False, verify=NO_CERTIFICATES) as http:
            (user,) = _data(http, f"/user_management/users?email={person.login}")
            for session in _data(http, f"/user_management/users/{user['id']}/sessions"):
                http.post("/user_management/sessions/revoke", json={"session_id": session["id"]}).raise_for_status()


def _data(http: httpx2.Client, path: str) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = http.get(path).raise_for_status().json()["data"]
    return data


def fill(folder: Path) -> str:
    """The URL of a new database with these people."""
    file = folder / "directory.yaml"
    file.write_text(yaml.dump(directory(), Dumper=yaml.CSafeDumper))
    return demo_database(folder, file)


@contextmanager
def open_site(database_url: str, log: Path, **settings: str) -> Iterator[Site]:
    """Serve a database with these people."""
    with serving(database_url, log, grpc_listen="off", **settings) as server:
        yield Site(server, command("apikey", "create", "--name", log.stem, database_url=database_url).stdout.strip())


def free_port() -> int:
    """A port for a server that comes back to it: none of those that the machine gives to whoever asks for any."""
    for port in random.sample(range(15_000, 30_000), 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise AssertionError("every port is taken")

"""A server with people on it, the API keys that may ask about them, and as many sessions as a test wants."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import yaml
from harness import Server, demo_database, serving

from authsvc.domain.clock import SECOND, now
from authsvc.domain.tokens import token_hash
from authsvc.domain.ulid import public_id
from authsvc.identity.passwords import hash_password

ADA = "user_01EHZNVPK3SFK441A1RGBFSHRT"
MASKED = "session_01H93ZY4F80QPBEZ1R5B2SHQG8"
FOO_CORP = "org_01H945H0YD4F97JN9MATX7BYAG"
AGENT = "1"
CLIENT = "client_test"
# Of everybody in the crowd.
PASSWORD = "correct horse battery"
# Everything is allowed to `full`; the names of the others tell what is.
KEYS = {name: f"sk_{name}-{'k' * 40}" for name in ("full", "user.read", "session.read", "revoked")}
ROBOT = 11
CROWD = range(100, 250)
_BORN = 1_767_268_800_000_000
_NEW_YEAR = "2026-01-01T12:00:00Z"
_ALL = ["user.read", "session.read", "session.write", "event.read"]
_INSERT = (
    "INSERT INTO sessions"
    " (id, agent_id, user_id, state, sequence, created_at, changed_at, auth_method, user_agent, expires_at)"
    " VALUES (:id, 1, :user, 1, 1, :at, :at, :auth_method, :user_agent, :expires_at)"
)


def directory() -> dict[str, Any]:
    """The people and the keys, as a directory file has them."""
    return {
        "apiKeys": [
            {
                "id": number,
                "name": name,
                "keyHash": f"sha256:{token_hash(key).hex()}",
                "permissions": [name] if "." in name else [*_ALL],
                "state": "revoked" if name == "revoked" else "active",
            }
            for number, (name, key) in enumerate(KEYS.items(), start=1)
        ],
        "clients": [
            {
                "id": 1,
                "clientId": CLIENT,
                "name": "The shop",
                "redirectUris": ["https://shop.example/back"],
                "createdAt": _NEW_YEAR,
            },
        ],
        "orgs": [
            {
                "id": 1,
                "workosId": FOO_CORP,
                "name": "Foo Corp",
                "createdAt": _NEW_YEAR,
                "domains": ["foo.example"],
                "users": [_ada(), _robot(), *map(_newcomer, CROWD)],
            },
            {"id": 2, "name": "Bar Corp", "users": [_newcomer(20)]},
        ],
        "agents": [
            {
                "id": int(AGENT),
                "description": "The browser in the lobby",
                "createdAt": _NEW_YEAR,
                "sessions": _sessions_of_ada(),
            }
        ],
    }


def _ada() -> dict[str, Any]:
    return {
        "id": 10,
        "workosId": ADA,
        "externalId": "employee/17",
        "userName": "ada",
        "createdAt": "2026-01-01T12:00:00.123456Z",
        "human": {
            "firstName": "Ada",
            "lastName": "Example",
            "displayName": "Ada the First",
            "preferredLanguage": "en",
            "avatarUrl": "https://foo.example/ada.png",
            "email": {"email": "Ada@foo.example", "verified": True},
        },
    }


def _sessions_of_ada() -> list[dict[str, Any]]:
    """Three active ones, which differ in what is known of them, one whose time is over, and one that was ended."""
    return [
        {
            "id": 1,
            "workosId": MASKED,
            "user": 10,
            "createdAt": "2026-01-15T12:00:00Z",
            "expiresAt": "2126-01-15T12:00:00Z",
            "authMethod": "impersonation",
            "ipAddress": "198.51.100.42",
            "userAgent": "Browser/1.0 (très ancien)",
            "org": 1,
            "impersonator": {"email": "admin@foo.example", "reason": 'To see what they see, "live"'},
        },
        {
            "id": 2,
            "user": 10,
            "createdAt": "2026-01-16T12:00:00.123456Z",
            "expiresAt": "2126-01-16T12:00:00.123999Z",
            "authMethod": "password",
        },
        {
            "id": 3,
            "user": 10,
            "createdAt": "2026-01-17T12:00:00Z",
            "expiresAt": "2126-01-17T12:00:00Z",
            "authMethod": "sso",
            "ipAddress": "2001:db8::1",
            "org": 1,
        },
        {"id": 4, "user": 10, "createdAt": "2026-01-18T12:00:00Z", "expiresAt": "2026-01-19T12:00:00Z"},
        {"id": 5, "user": 10, "createdAt": "2026-01-19T12:00:00Z", "state": "terminated"},
    ]


def _robot() -> dict[str, Any]:
    return {"id": ROBOT, "userName": "robot", "createdAt": _NEW_YEAR, "machine": {"name": "Robot"}}


@cache
def _password_hash() -> str:
    """Hashed once for all: it takes a while."""
    return hash_password(PASSWORD)


def _newcomer(number: int) -> dict[str, Any]:
    human = {"firstName": "P", "lastName": str(number), "passwordHash": _password_hash()}
    return {"id": number, "userName": f"person-{number}", "createdAt": _NEW_YEAR, "human": human}


def people_database(folder: Path) -> Path:
    """The file of a new database in `folder` with them in it."""
    file = folder / "people.yaml"
    file.write_text(yaml.safe_dump(directory(), allow_unicode=True, sort_keys=False))
    demo_database(folder, file)
    return folder / "authsvc.db"


@dataclass(frozen=True)
class Person:
    """Somebody of the crowd, with no session but those that a test gives them."""

    number: int

    @property
    def id(self) -> str:
        """What back ends call them."""
        return public_id("user", _BORN, self.number)

    @property
    def login_name(self) -> str:
        """What they sign in with."""
        return f"person-{self.number}@foo.example"


@dataclass
class Site:
    """A running server, and the database behind it."""

    server: Server
    path: Path
    _crowd: Iterator[int] = field(default_factory=lambda: iter(CROWD))
    _ids: Iterator[int] = field(default_factory=lambda: count(2**60))

    @property
    def url(self) -> str:
        """Where it is."""
        return self.server.url

    def newcomer(self) -> Person:
        """Somebody whom no other test knows."""
        return Person(next(self._crowd))

    def sign_in(
        self, person: Person, sessions: int, *, auth_method: int = 8, user_agent: str = "", at: int | None = None
    ) -> list[str]:
        """Write sessions into the database: their ids, oldest first. Several begin in the same millisecond."""
        first = now() - SECOND if at is None else at
        rows: list[dict[str, Any]] = [
            {
                "id": next(self._ids),
                "user": person.number,
                "at": first + 300 * number,
                "auth_method": auth_method,
                "user_agent": user_agent or None,
                "expires_at": now() + 86_400 * SECOND,
            }
            for number in range(sessions)
        ]
        with closing(sqlite3.connect(self.path, timeout=20)) as connection, connection:
            connection.executemany(_INSERT, rows)
        return [public_id("session", row["at"], row["id"]) for row in rows]


@contextmanager
def open_site(path: Path, **settings: str) -> Iterator[Site]:
    """A server on a database file, without grpcio's port, as nobody here calls that."""
    with serving(f"sqlite:///{path}", path.with_name("server.log"), **{"grpc_listen": "off"} | settings) as server:
        yield Site(server, path)

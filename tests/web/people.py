"""People of the account page's tests, and what they may do: one with a few grants, one with none, one with many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from argon2 import PasswordHasher

PASSWORD = "correct horse battery staple"
# Nothing answers there, as the browser finds no host but this machine.
PICTURE = "https://pictures.example/ada.png"
_BEGINNING = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)


class Person(NamedTuple):
    """Somebody with a password."""

    id: str
    name: str
    login: str

    def typed(self) -> dict[str, str]:
        """Somebody, as the browser's driver has them."""
        return {"name": self.name, "login": self.login, "password": PASSWORD}


ADA = Person("101", "Ada Amsel", "ada@observatory.example")
BORIS = Person("102", "Boris Birke", "boris@observatory.example")
CARLA = Person("103", "Carla Cedar", "carla@observatory.example")
ADAS_OTHER_LOGIN = "ada@north.example"
ADAS_PHONE = "+41 71 000 00 00"
BORISS_MAIL = "boris@post.example"


class Grant(NamedTuple):
    """A grant, as a page may show it."""

    org: str
    project: str
    roles: tuple[str, ...]
    is_active: bool = True


ADAS_GRANTS = (
    Grant("Observatory", "Telescope", ("observer", "operator")),
    Grant("Observatory", "Star catalogue", ("editor",)),
    Grant("Harbour library", "Reading room", ("reader", "librarian")),
    Grant("Harbour library", "Telescope", ("observer",)),
    Grant("Island school", "Star catalogue", ("teacher",), is_active=False),
)
"""From the oldest to the newest."""

DOMAINS = {
    "Observatory": "observatory.example",
    "Harbour library": "library.example",
    "Island school": "school.example",
}
"""The primary one of each organization."""
ORGS_OF_MANY, PROJECTS_OF_MANY = 26, 40
MANY = ORGS_OF_MANY * PROJECTS_OF_MANY
"""How many grants Carla has: more than the server gives at once."""


def directory() -> dict[str, Any]:
    """All of it, as a directory file has it."""
    orgs = [_observatory(), _library(), {"id": "3", "name": "Island school", "domains": ["school.example"]}]
    grants = [_grant(number, grant) for number, grant in enumerate(ADAS_GRANTS)]
    for number in range(ORGS_OF_MANY):
        org, some = _one_of_many(number)
        orgs.append(org)
        grants += some
    return {"orgs": orgs, "userGrants": grants}


def _observatory() -> dict[str, Any]:
    return {
        "id": "1",
        "name": "Observatory",
        "domains": ["observatory.example", "north.example"],
        "createdAt": _at(0),
        "users": _users(),
        "projects": [
            _project("11", "Telescope", ("observer", "operator"), org="2"),
            _project("12", "Star catalogue", ("editor", "teacher"), org="3"),
        ],
    }


def _library() -> dict[str, Any]:
    rooms = _project("21", "Reading room", ("reader", "librarian"))
    return {"id": "2", "name": "Harbour library", "domains": ["library.example"], "projects": [rooms]}


def _project(number: str, name: str, roles: Sequence[str], org: str | None = None) -> dict[str, Any]:
    """A project, which another organization may give roles on, too."""
    project: dict[str, Any] = {"id": number, "name": name, "roles": [{"key": role} for role in roles]}
    if org is not None:
        project["grants"] = [{"id": f"{number}9", "org": org, "roles": list(roles)}]
    return project


def _users() -> list[dict[str, Any]]:
    # As cheap as argon2id can be.
    password = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    more: dict[Person, dict[str, Any]] = {
        ADA: {
            "preferredLanguage": "en",
            "avatarUrl": PICTURE,
            "email": {"email": ADA.login, "verified": True},
            "phone": {"phone": ADAS_PHONE, "verified": False},
        },
        BORIS: {"preferredLanguage": "de", "email": {"email": BORISS_MAIL, "verified": False}},
        CARLA: {"email": {"email": CARLA.login, "verified": True}},
    }
    users = []
    for person, own in more.items():
        first, last = person.name.split()
        human = {"firstName": first, "lastName": last, "passwordHash": password, **own}
        users.append({"id": person.id, "userName": first.lower(), "createdAt": _at(1), "human": human})
    return users


def _grant(number: int, grant: Grant) -> dict[str, Any]:
    org = {"Observatory": "1", "Harbour library": "2", "Island school": "3"}[grant.org]
    project = {"Telescope": "11", "Star catalogue": "12", "Reading room": "21"}[grant.project]
    entry = {
        "id": str(5000 + number),
        "user": ADA.login,
        "org": org,
        "project": project,
        "roles": list(grant.roles),
        "state": "active" if grant.is_active else "inactive",
        "createdAt": _at(10 + number),
    }
    if (org, project) in {("2", "11"), ("3", "12")}:
        entry["projectGrant"] = f"{project}9"
    return entry


def _one_of_many(number: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """An organization, and what Carla may do there: on each of its projects the same."""
    name, first = f"Branch {number + 1:02}", 10_000 + 100 * number
    projects = [
        _project(str(first + each), f"Project {number + 1:02}-{each + 1:02}", ("guest",))
        for each in range(PROJECTS_OF_MANY)
    ]
    org = {"id": str(100 + number), "name": name, "projects": projects}
    grants = [
        {
            "id": str(20_000 + 100 * number + each),
            "user": CARLA.login,
            "org": org["id"],
            "project": project["id"],
            "roles": ["guest"],
        }
        for each, project in enumerate(projects)
    ]
    return org, grants


def _at(days: int) -> str:
    return (_BEGINNING + timedelta(days=days)).isoformat()

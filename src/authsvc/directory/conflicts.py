"""What a directory file cannot change, because the database has it otherwise and the file does not list that."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from typing import Any

from sqlalchemy import ClauseElement, Column, bindparam, or_, select

from authsvc.directory.mistakes import Path
from authsvc.directory.rows import Entry
from authsvc.domain.users import UserType
from authsvc.store.executor import Transaction
from authsvc.store.schema import (
    org_domains,
    orgs,
    project_grants,
    project_roles,
    projects,
    sessions,
    user_grants,
    users,
)
from authsvc.store.writes import Writes

Conflict = tuple[Path, str]

# What an entry is made with and keeps: the columns, and what they hold.
_FIXED = {
    projects: {"org_id": "organization"},
    project_grants: {"project_id": "project", "org_id": "organization"},
    users: {"org_id": "organization", "type": "type"},
    sessions: {"agent_id": "agent", "user_id": "user"},
    user_grants: {
        "user_id": "user",
        "org_id": "organization",
        "project_id": "project",
        "project_grant_id": "project grant",
    },
}


class Conflicts:
    """Compares a file's entries with the database, inside the transaction that will write them."""

    def __init__(self, writes: Writes, tx: Transaction, entries: list[Entry]) -> None:
        self._writes = writes
        self._tx = tx
        self._entries = entries
        self._listed = {(entry.table, entry.values["id"]) for entry in entries}
        self._checks: dict[object, Callable[[Entry], AsyncIterator[Conflict]]] = {
            orgs: self._taken_domains,
            projects: self._roles_in_use,
            project_grants: self._granted_twice,
            users: self._taken_names,
        }
        self.moving: set[int] = set()
        """Listed users whose present name another listed user takes over."""

    async def find(self) -> list[Conflict]:
        """Every conflict, in the order of the entries."""
        found: list[Conflict] = []
        for entry in self._entries:
            if moved := await self._moved(entry):
                found.append(moved)
            elif entry.table in self._checks:
                found += [conflict async for conflict in self._checks[entry.table](entry)]
        return found

    async def _moved(self, entry: Entry) -> Conflict | None:
        fixed = _FIXED.get(entry.table, {})
        stored = fixed and await self._writes.stored(self._tx, entry.table, entry.values["id"], fixed)
        for column, value in (stored or {}).items():
            if value != entry.values[column]:
                what = f"{fixed[column]} {_shown(column, value)}"
                return entry.path, f"in the database this id has the {what}, which cannot be changed"
        return None

    async def _taken_domains(self, entry: Entry) -> AsyncIterator[Conflict]:
        statement = self._writes.statement(("directory", "domain"), _domain_owner)
        for name, _ in entry.parts:
            row = await self._tx.fetch_one(statement, name=name)
            if row and row[0] != entry.values["id"] and (orgs, row[0]) not in self._listed:
                where = (*entry.path, "domains")
                yield where, f"{name} belongs to organization {row[0]} in the database"

    async def _taken_names(self, entry: Entry) -> AsyncIterator[Conflict]:
        statement = self._writes.statement(("directory", "names"), _same_names)
        names = {name: entry.values[name] for name in ("org_id", "user_name", "login")}
        for other, user_name in await self._tx.fetch_all(statement, **names):
            if other == entry.values["id"]:
                continue
            if (users, other) in self._listed:
                self.moving.add(other)
                continue
            what = "userName" if user_name == entry.values["user_name"] else "login"
            yield entry.path, f"user {other} in the database has this {what} already"

    async def _granted_twice(self, entry: Entry) -> AsyncIterator[Conflict]:
        statement = self._writes.statement(("directory", "granted"), _same_grant)
        pair = {name: entry.values[name] for name in ("project_id", "org_id")}
        row = await self._tx.fetch_one(statement, **pair)
        if row and row[0] != entry.values["id"]:
            yield entry.path, f"the organization has project grant {row[0]} for this project in the database"
        elif row:
            kept = entry.values["role_keys"].split("\n")
            removed = set(row[1].split("\n")).difference(kept)
            for conflict in await self._still_given(entry, removed, (user_grants.c.project_grant_id,)):
                yield conflict

    async def _roles_in_use(self, entry: Entry) -> AsyncIterator[Conflict]:
        statement = self._writes.statement(("directory", "roles"), _roles)
        stored = {row[0] for row in await self._tx.fetch_all(statement, id=entry.values["id"])}
        removed = stored.difference(key for key, _, _ in entry.parts)
        for conflict in await self._still_given(
            entry, removed, (project_grants.c.project_id, user_grants.c.project_id)
        ):
            yield conflict

    async def _still_given(self, entry: Entry, removed: set[str], owners: Iterable[Column[int]]) -> list[Conflict]:
        """One conflict for each grant that the file does not list and that gives a role which the file removes."""
        found: list[Conflict] = []
        for owner in owners if removed else ():
            table = owner.table
            statement = self._writes.statement(("directory", str(owner)), partial(_grants_of, owner))
            for grant_id, keys in await self._tx.fetch_all(statement, id=entry.values["id"]):
                lost = removed.intersection(keys.split("\n"))
                if lost and (table, grant_id) not in self._listed:
                    what = table.name.removesuffix("s").replace("_", " ")
                    text = f"{what} {grant_id} in the database still gives {', '.join(sorted(lost))}"
                    found.append(((*entry.path, "roles"), text))
        return found


def _shown(column: str, value: Any) -> str:
    if column == "type":
        return UserType(value).name.lower()
    return "none" if value is None else str(value)


def _domain_owner() -> ClauseElement:
    return select(org_domains.c.org_id).where(org_domains.c.name == bindparam("name"))


def _same_names() -> ClauseElement:
    return select(users.c.id, users.c.user_name).where(
        users.c.org_id == bindparam("org_id"),
        or_(users.c.user_name == bindparam("user_name"), users.c.login == bindparam("login")),
    )


def _same_grant() -> ClauseElement:
    return select(project_grants.c.id, project_grants.c.role_keys).where(
        project_grants.c.project_id == bindparam("project_id"),
        project_grants.c.org_id == bindparam("org_id"),
    )


def _roles() -> ClauseElement:
    return select(project_roles.c.key).where(project_roles.c.project_id == bindparam("id"))


def _grants_of(owner: Column[int]) -> ClauseElement:
    """The grants in the table of the column `owner` that have a given owner."""
    return select(owner.table.c.id, owner.table.c.role_keys).where(owner == bindparam("id"))

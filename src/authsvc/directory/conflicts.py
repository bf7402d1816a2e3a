"""What a directory file cannot change, because the database has it otherwise and the file does not list that."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from enum import IntEnum
from functools import partial
from typing import Any

from sqlalchemy import ClauseElement, Column, bindparam, or_, select

from authsvc.directory.fields import time_text
from authsvc.directory.mistakes import Path
from authsvc.directory.public_ids import PublicIds
from authsvc.directory.rows import Entry
from authsvc.domain.sessions import AuthMethod, SessionState
from authsvc.domain.users import UserType
from authsvc.store.executor import Transaction
from authsvc.store.schema import (
    api_keys,
    clients,
    machine_keys,
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

# What an entry is made with and keeps: the columns, and what they hold. How a session came about may be left out.
_FIXED = {
    projects: {"org_id": "organization"},
    project_grants: {"project_id": "project", "org_id": "organization"},
    users: {"org_id": "organization", "type": "type"},
    sessions: {
        "agent_id": "agent",
        "user_id": "user",
        "auth_method": "authMethod",
        "ip_address": "ipAddress",
        "user_agent": "userAgent",
        "org_id": "org",
        "impersonator_email": "impersonator",
        "impersonator_reason": "impersonator's reason",
        "ended_at": "endedAt",
    },
    user_grants: {
        "user_id": "user",
        "org_id": "organization",
        "project_id": "project",
        "project_grant_id": "project grant",
    },
    api_keys: {"key_hash": "keyHash"},
    machine_keys: {"user_id": "user", "public_key": "publicKey"},
    clients: {"client_id": "clientId", "secret_hash": "secretHash"},
}
# Fixed columns of which only it is said that they differ.
_NOT_SHOWN = frozenset({"key_hash", "public_key"})

# Columns whose numbers stand for words.
_WORDS: dict[str, type[IntEnum]] = {"type": UserType, "auth_method": AuthMethod}

# What no two rows of a table may hold: the word for a row, the columns, and what the file calls them.
_UNIQUE = {
    users: ("user", {"external_id": "externalId"}),
    api_keys: ("API key", {"name": "name", "key_hash": "keyHash"}),
    clients: ("client", {"client_id": "clientId"}),
}


class Conflicts:
    """Compares a file's entries with the database, inside the transaction that will write them."""

    def __init__(self, writes: Writes, tx: Transaction, entries: list[Entry]) -> None:
        self._writes = writes
        self._tx = tx
        self._entries = entries
        self._public_ids = PublicIds(writes, tx, entries)
        self._listed = {(entry.table, entry.values["id"]): entry for entry in entries}
        self._checks: dict[object, Callable[[Entry], AsyncIterator[Conflict]]] = {
            orgs: self._taken_domains,
            projects: self._roles_in_use,
            project_grants: self._granted_twice,
            users: self._taken_names,
            sessions: self._ended,
            api_keys: self._revoked,
        }
        self.moving: set[tuple[Column[Any], int]] = set()
        """What listed entries hold at present and other listed entries take over: the columns, and who holds it."""

    async def find(self) -> list[Conflict]:
        """Every conflict."""
        found = await self._public_ids.conflicts()
        self.moving |= self._public_ids.moving
        for entry in self._entries:
            if moved := await self._moved(entry):
                found.append(moved)
                continue
            if entry.table in self._checks:
                found += [conflict async for conflict in self._checks[entry.table](entry)]
            found += [conflict async for conflict in self._taken(entry)]
        return found

    async def _moved(self, entry: Entry) -> Conflict | None:
        fixed = _FIXED.get(entry.table, {})
        stored = fixed and await self._writes.stored(self._tx, entry.table, entry.values["id"], fixed)
        for column, value in (stored or {}).items():
            if not _is_kept(column, value, entry):
                what = _described(column, value, fixed[column])
                return entry.path, f"in the database this id has {what}, which cannot be changed"
        return None

    async def _taken(self, entry: Entry) -> AsyncIterator[Conflict]:
        """What only one entry can have and another one has, unless that is listed and gives it up."""
        word, columns = _UNIQUE.get(entry.table, ("", {}))
        for column, key in columns.items():
            holder = await self._holder(entry, column)
            if holder is None or holder == entry.values["id"]:
                continue
            other = self._listed.get((entry.table, holder))
            if other is not None and _gives_up(other, column, entry.values[column]):
                self.moving.add((entry.table.c[column], holder))
                continue
            yield (*entry.path, key), f"{word} {holder} in the database has this {key} already"

    async def _holder(self, entry: Entry, column: str) -> int | None:
        """Who has in the database what the entry is to have."""
        value = entry.values.get(column)
        if value is None or (column == "name" and entry.stamp is not None):
            return None
        owner = entry.table.c[column]
        statement = self._writes.statement(("directory", str(owner)), partial(_holder_of, owner))
        row = await self._tx.fetch_one(statement, value=value)
        return row[0] if row else None

    async def _ended(self, entry: Entry) -> AsyncIterator[Conflict]:
        """A file that is older than the end of a session must not undo it."""
        stored = await self._writes.stored(self._tx, sessions, entry.values["id"], ("state",))
        is_over = stored is not None and stored["state"] == SessionState.TERMINATED
        if is_over and entry.values.get("state") == SessionState.ACTIVE:
            yield (*entry.path, "state"), "has been terminated and stays so: leave the state out, or say so"

    async def _revoked(self, entry: Entry) -> AsyncIterator[Conflict]:
        """A file that is older than a revocation must not undo it."""
        stored = await self._writes.stored(self._tx, api_keys, entry.values["id"], ("revoked_at",))
        if stored and stored["revoked_at"] is not None and entry.stamp is None:
            yield entry.path, "has been revoked and stays so: set its state to revoked, or make a new key"

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
                self.moving.update({(users.c.user_name, other), (users.c.login, other)})
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


def _is_kept(column: str, stored: Any, entry: Entry) -> bool:
    """Whether an entry says of a fixed column what the database holds; of a session's history it need not speak.

    The time of an end is fixed once there is one. Of a client's secret it is fixed whether there is one: which one is
    what the database says, as a file may be older than it.
    """
    if column == "secret_hash":
        return (entry.values[column] is None) == (stored is None)
    is_open = entry.table is sessions and (column not in entry.values or (column == "ended_at" and stored is None))
    return is_open or bool(entry.values[column] == stored)


def _described(column: str, value: Any, key: str) -> str:
    if column == "secret_hash":
        return f"{'no' if value is None else 'a'} {key}"
    return f"another {key}" if column in _NOT_SHOWN else f"the {key} {_shown(column, value)}"


def _shown(column: str, value: Any) -> str:
    if value is None:
        return "none"
    kind = _WORDS.get(column)
    if column == "ended_at":
        return time_text(value)
    return kind(value).name.lower() if kind else str(value)


def _gives_up(entry: Entry, column: str, value: Any) -> bool:
    """Whether an entry that has the value will have another, or is a key that leaves its name to others."""
    is_free = column == "name" and entry.stamp is not None
    return is_free or (column in entry.values and entry.values[column] != value)


def _holder_of(column: Column[Any]) -> ClauseElement:
    holders = select(column.table.c.id).where(column == bindparam("value"))
    return holders.where(api_keys.c.revoked_at.is_(None)) if column is api_keys.c.name else holders


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

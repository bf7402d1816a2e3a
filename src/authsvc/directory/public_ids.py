"""The ids that back ends know entries by: no two organizations, users or sessions may come to have the same one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Column, Table

from authsvc.directory.mistakes import Path, dotted
from authsvc.directory.rows import Entry
from authsvc.domain.ulid import parse_ulid, ulid
from authsvc.store.backends import named
from authsvc.store.executor import Transaction
from authsvc.store.schema import orgs, sessions, users
from authsvc.store.writes import Values, Writes

_WORDS = {orgs: "organization", users: "user", sessions: "session"}


class _Named(NamedTuple):
    """An entry with its ULID in the database, None if it is new, and the one it will have, None if nobody can tell."""

    entry: Entry
    before: str | None
    after: str | None

    @property
    def is_kept(self) -> bool:
        """Whether the file changes nothing about it."""
        return self.after is not None and self.after == self.before


class PublicIds:
    """Compares the ULIDs that a file's entries come to have with each other and with the database.

    A ULID is the one that the entry brought along, or it follows from its time of creation and its id: so it changes
    with `workosId` and with `createdAt`.
    """

    def __init__(self, writes: Writes, tx: Transaction, entries: Iterable[Entry]) -> None:
        self._writes = writes
        self._tx = tx
        self._entries = [entry for entry in entries if entry.table in _WORDS]
        self.moving: set[tuple[Column[Any], int]] = set()
        """The ULIDs that other entries take over: their columns, and who holds them."""

    async def conflicts(self) -> list[tuple[Path, str]]:
        """Every entry whose ULID another one has and keeps."""
        found: list[tuple[Path, str]] = []
        everybody = {(entry.table, entry.values["id"]): await self._named(entry) for entry in self._entries}
        owners = {(one.entry.table, one.after): one.entry.path for one in everybody.values() if one.is_kept}
        for one in everybody.values():
            if one.is_kept or one.after is None:
                continue
            table, path = one.entry.table, _where(one.entry)
            holder = await self._holder(table, one.after)
            if holder not in (None, one.entry.values["id"]):
                other = everybody.get((table, holder))
                if other is None or other.after == one.after:
                    found.append((path, f"{_WORDS[table]} {holder} in the database has this workosId already"))
                    continue
                self.moving.add((table.c.ulid, holder))
            owner = owners.setdefault((table, one.after), one.entry.path)
            if owner is not one.entry.path:
                found.append((path, f"makes the workosId that of another entry, {dotted(owner)}"))
        return found

    async def _named(self, entry: Entry) -> _Named:
        stored = await self._writes.stored(self._tx, entry.table, entry.values["id"], ("id", "ulid", "created_at"))
        return _Named(entry, _ulid(stored or {}), _ulid({**(stored or {}), **entry.values}))

    async def _holder(self, table: Table, text: str) -> int | None:
        """Who has a ULID in the database."""
        statement = self._writes.statement(("directory", "ulid", table), partial(named, table))
        found = parse_ulid(text)
        row = await self._tx.fetch_one(statement, **found._asdict()) if found else None
        return row[0] if row else None


def _ulid(row: Values) -> str | None:
    """The ULID of a row; None for one that is made only now, whose time nobody knows."""
    imported: str | None = row.get("ulid")
    created_at: int | None = row.get("created_at")
    return imported or (None if created_at is None else ulid(created_at, row["id"]))


def _where(entry: Entry) -> Path:
    """The key that makes the ULID what it is."""
    return (*entry.path, "workosId" if entry.values.get("ulid") else "createdAt")

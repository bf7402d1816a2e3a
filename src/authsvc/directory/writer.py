"""From a checked directory file to the database: all of it in one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from sqlalchemy import ClauseElement, Column, Table, bindparam, delete, insert, select, update

from authsvc.directory.conflicts import Conflicts
from authsvc.directory.endings import end, ends, settled
from authsvc.directory.reader import Document
from authsvc.directory.report import Report
from authsvc.directory.rows import Entry, entries
from authsvc.domain.clock import Clock, now
from authsvc.store.executor import Transaction
from authsvc.store.grant_counts import recount
from authsvc.store.schema import org_domains, orgs, project_roles, projects, sessions, user_grants
from authsvc.store.writes import Writes

# Rows without an id of their own: the column that names their owner, and what each row holds.
_PARTS: dict[Table, tuple[Column[int], tuple[str, ...]]] = {
    orgs: (org_domains.c.org_id, ("name", "is_primary")),
    projects: (project_roles.c.project_id, ("key", "display_name", "position")),
}


async def apply(writes: Writes, document: Document, clock: Clock = now) -> Report:
    """Create and change what the file lists; touch nothing else.

    An organization's domains and a project's roles are lists of the entry itself: they become what the file says.
    Whoever is deleted, or may sign in no longer, is signed out everywhere, and what clients were let do for them is
    over; so is everything that a client has been given which is no longer active.

    Raises:
        DirectoryError: the database holds something that the file contradicts. Then nothing has changed.
    """
    report = Report()
    rows = list(entries(document.directory))
    async with writes.transaction() as tx:
        conflicts = Conflicts(writes, tx, rows)
        if found := await conflicts.find():
            raise document.error(found)
        await _free(writes, tx, conflicts.moving)
        touched = [entry for entry in rows if await _has_other_parts(writes, tx, entry)]
        # Removed before any is added, so that a domain can go from one organization to another.
        for entry in touched:
            await _remove_parts(writes, tx, entry)
        changing = {(entry.table, entry.values["id"]) for entry in touched}
        endings = [entry for entry in rows if await ends(writes, tx, entry)]
        granted: set[int] = set()
        for entry in rows:
            is_touched = (entry.table, entry.values["id"]) in changing
            values = await settled(writes, tx, entry)
            outcome = await writes.put(
                tx, entry.table, values, owner=entry.owner, touched=is_touched, stamp=entry.stamp
            )
            report.count(entry.table.name, outcome)
            if entry.table is user_grants and outcome != "unchanged":
                granted.add(entry.values["user_id"])
            if is_touched:
                await _add_parts(writes, tx, entry)
        await recount(writes, tx, granted)
        for entry in endings:
            report.count(sessions.name, "changed", await end(writes, tx, entry, clock()))
    return report


async def _free(writes: Writes, tx: Transaction, moving: Iterable[tuple[Column[Any], int]]) -> None:
    """Give entries, for a moment, names that no file can hold, or none, so that others can take theirs."""
    for column, entity_id in moving:
        statement = writes.statement(("directory freed", str(column)), partial(_freed, column))
        await tx.execute(statement, key=entity_id, value=None if column.nullable else f"\n{entity_id}")


async def _has_other_parts(writes: Writes, tx: Transaction, entry: Entry) -> bool:
    if entry.table not in _PARTS:
        return False
    owner, names = _PARTS[entry.table]
    statement = writes.statement(("directory parts", str(owner)), lambda: _parts(owner, names))
    stored = await tx.fetch_all(statement, id=entry.values["id"])
    return tuple(sorted(map(tuple, stored))) != entry.parts


async def _remove_parts(writes: Writes, tx: Transaction, entry: Entry) -> None:
    owner, _ = _PARTS[entry.table]
    statement = writes.statement(("directory parts removed", str(owner)), lambda: _no_parts(owner))
    await tx.execute(statement, id=entry.values["id"])


async def _add_parts(writes: Writes, tx: Transaction, entry: Entry) -> None:
    owner, names = _PARTS[entry.table]
    statement = writes.statement(("directory part", str(owner)), lambda: _part(owner, names))
    for part in entry.parts:
        await tx.execute(statement, **{owner.name: entry.values["id"]}, **dict(zip(names, part, strict=True)))


def _freed(column: Column[Any]) -> ClauseElement:
    table = column.table
    return update(table).where(table.c.id == bindparam("key")).values({column: bindparam("value")})


def _parts(owner: Column[int], names: tuple[str, ...]) -> ClauseElement:
    return select(*(owner.table.c[name] for name in names)).where(owner == bindparam("id"))


def _no_parts(owner: Column[int]) -> ClauseElement:
    return delete(owner.table).where(owner == bindparam("id"))


def _part(owner: Column[int], names: tuple[str, ...]) -> ClauseElement:
    return insert(owner.table).values({name: bindparam(name) for name in (owner.name, *names)})

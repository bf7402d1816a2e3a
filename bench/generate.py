"""Fill a database with people: N users, 3N sessions, 5N grants, and what these need and leave behind.

    authsvc migrate && python bench/generate.py --users 1000000 --tokens tokens.txt

Takes the database that `AUTHSVC_DATABASE_URL` names, which has to be empty; SQLite or PostgreSQL. Everything follows
from the numbers alone, so that two databases of one size hold the same. There are 1,000 users in an organization, and
three people in every browser. Beside these are some who have more than others, to measure what that costs: see
`CROWDED`. Tokens are written to a file, one a line, as the database has only their hashes: half with a session.
"""

# ruff: noqa: INP001, S608 - a program, and no part of a package; the statements are made of names in this file

import argparse
import asyncio
import hashlib
import os
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from authsvc.domain.clock import SECOND, now

ORG_SIZE = 1_000  # users
PER_BROWSER = 3  # people
GRANTS = 5  # of a user, if nothing else is asked for
ROLES = ("reader", "writer", "owner")
DAY = 86_400 * SECOND
LIFE = 365 * DAY
BATCH = 20_000  # rows
# How tokens begin, which end with a number, so that tools that know no list of tokens make them themselves.
STEM = hashlib.sha256(b"bench").hexdigest()[:37]
# Who comes behind the N users: people with so many grants each, and agents with so many sessions each.
CROWDED = {"grants": (10, 100, 1_000, 50_000), "sessions": (10, 100, 500)}

Row = tuple[Any, ...]


class Load(NamedTuple):
    """Rows for one table: what is the same in all of them, the names of what is not, and how many there are."""

    table: str
    constants: dict[str, Any]
    names: tuple[str, ...]
    rows: Iterable[Row]
    size: int


class Plan:
    """What a database of a size holds. Ids of one table count from 1, times from a year ago."""

    def __init__(self, users: int, tokens: int, grants: int = GRANTS) -> None:
        self.users = users
        self.grants = grants
        self.tokens = min(tokens, users)
        self.orgs = max(2, -(-users // ORG_SIZE))
        self.start = now() // DAY * DAY - LIFE
        self.crowd = len(CROWDED["grants"]) + sum(CROWDED["sessions"])
        self.people = users + self.crowd

    def at(self, number: int, count: int) -> int:
        """When the one of that number was made, of as many that were made within a year."""
        return self.start + LIFE * number // (count + 1)

    def org_of(self, user: int) -> int:
        """The organization of a user."""
        return (user - 1) % self.orgs + 1

    def grant_counts(self) -> Iterator[int]:
        """How many grants each of the people has."""
        return chain(repeat(self.grants, self.users), CROWDED["grants"], repeat(0, sum(CROWDED["sessions"])))

    def loads(self) -> Iterator[Load]:
        """All rows, those first that others point to."""
        stamps = {"sequence": 1, "created_at": self.start, "changed_at": self.start}
        orgs = range(1, self.orgs + 1)
        yield Load("orgs", {"state": 1, **stamps}, ("id", "name"), ((o, f"Organization {o}") for o in orgs), len(orgs))
        domains = ((f"org{o}.example", o) for o in orgs)
        yield Load("org_domains", {"is_primary": True}, ("name", "org_id"), domains, len(orgs))
        yield Load("projects", stamps, ("id", "org_id", "name"), ((o, o, f"Project {o}") for o in orgs), len(orgs))
        roles = ((o, key, position) for o in orgs for position, key in enumerate(ROLES))
        names = ("project_id", "key", "position")
        yield Load("project_roles", {"display_name": ""}, names, roles, len(orgs) * len(ROLES))
        yield from (self._users(), self._agents(), self._sessions(), self._grants(), self._tokens(), self._changes())

    def _users(self) -> Load:
        constants = {
            "type": 1,
            "state": 1,
            "nick_name": "",
            "preferred_language": "en",
            "gender": 0,
            "avatar_url": "",
            "email_verified": True,
            "phone": "",
            "phone_verified": False,
            "description": "",
            "access_token_type": 0,
        }
        names = ("id", "org_id", "user_name", "login", "display_name", "first_name", "last_name", "email")
        rows = (
            (
                *(u, self.org_of(u), name := f"user{u}", name, f"First{u} Last{u}", f"First{u}", f"Last{u}"),
                *(f"{name}@org{self.org_of(u)}.example", grants, u, at := self.at(u, self.people), at),
            )
            for u, grants in enumerate(self.grant_counts(), start=1)
        )
        kept = ("grant_count", "sequence", "created_at", "changed_at")
        return Load("users", constants, (*names, *kept), rows, self.people)

    def _agents(self) -> Load:
        count = self.users + len(CROWDED["sessions"])
        rows = ((a, a, at := self.at(a, count), at) for a in range(1, count + 1))
        return Load(
            "user_agents", {"description": "Browser"}, ("id", "sequence", "created_at", "changed_at"), rows, count
        )

    def _sessions(self) -> Load:
        """Each user is signed in in as many browsers as there are people in one; the crowds have one each."""

        def places() -> Iterator[tuple[int, int]]:
            for user in range(1, self.users + 1):
                for step in range(PER_BROWSER):
                    yield user, (user - 1 + step) % self.users + 1
            user = self.users + len(CROWDED["grants"])
            for agent, size in enumerate(CROWDED["sessions"], start=self.users + 1):
                for _ in range(size):
                    user += 1
                    yield user, agent

        count = self.users * PER_BROWSER + sum(CROWDED["sessions"])
        constants = {"state": 1, "auth_method": 8, "expires_at": now() + LIFE, "ends_at": now() + LIFE}
        rows = (
            (s, agent, user, self.org_of(user), s, at := self.at(s, count), at)
            for s, (user, agent) in enumerate(places(), start=1)
        )
        names = ("id", "agent_id", "user_id", "org_id", "sequence", "created_at", "changed_at")
        return Load("sessions", constants, names, rows, count)

    def _grants(self) -> Load:
        """On the project of as many organizations, the own one first."""

        def holders() -> Iterator[tuple[int, int]]:
            for user, size in enumerate(self.grant_counts(), start=1):
                for step in range(size):
                    yield user, (self.org_of(user) - 1 + step) % self.orgs + 1

        count = self.users * self.grants + sum(CROWDED["grants"])
        rows = (
            (g, user, org, org, ROLES[g % len(ROLES)], g, at := self.at(g, count), at)
            for g, (user, org) in enumerate(holders(), start=1)
        )
        names = ("id", "user_id", "org_id", "project_id", "role_keys", "sequence", "created_at", "changed_at")
        return Load("user_grants", {"state": 1}, names, rows, count)

    def token(self, number: int) -> str:
        """The token of that number, its end: one for each of the first users, then one for each of the crowds."""
        return f"{STEM}{number:06}"

    def holders(self) -> list[tuple[int, int | None]]:
        """Whose the tokens are: users, and their sessions. Of the crowds of one agent the last has one."""
        step = max(1, self.users // self.tokens)
        ordinary: list[tuple[int, int | None]] = [
            (user, (user - 1) * PER_BROWSER + 1 if number % 2 else None)
            for number, user in enumerate(range(1, self.users + 1, step)[: self.tokens])
        ]
        rich: list[tuple[int, int | None]] = [(self.users + 1 + each, None) for each in range(len(CROWDED["grants"]))]
        user, session = self.users + len(CROWDED["grants"]), self.users * PER_BROWSER
        for size in CROWDED["sessions"]:
            user, session = user + size, session + size
            rich.append((user, session))
        return ordinary + rich

    def _tokens(self) -> Load:
        holders = self.holders()
        rows = (
            (t, hashlib.sha256(self.token(t).encode()).digest(), user, session)
            for t, (user, session) in enumerate(holders, start=1)
        )
        constants = {"created_at": now(), "expires_at": now() + LIFE}
        return Load("access_tokens", constants, ("id", "token_hash", "user_id", "session_id"), rows, len(holders))

    def _changes(self) -> Load:
        """One for each grant, of which there are most: `sequence` above has the number of one of these."""
        count = self.users * self.grants + sum(CROWDED["grants"])
        rows = ((c, self.at(c, count), c) for c in range(1, count + 1))
        constants = {"kind": "user_grant", "action": "created", "org_id": 1}
        return Load("changes", constants, ("sequence", "at", "entity_id"), rows, count)


class Bar:
    """Tells on standard error how far it is, once a batch."""

    def __init__(self, total: int) -> None:
        self._total, self._done, self._began = total, 0, time.perf_counter()
        self._width = 30 if sys.stderr.isatty() else 0

    def batches(self, load: Load) -> Iterator[list[Row]]:
        """The rows of a load, some at a time."""
        rows = iter(load.rows)
        while batch := list(islice(rows, BATCH)):
            yield batch
            self._done += len(batch)
            if self._width:
                filled = self._width * self._done // self._total
                bar = "#" * filled + "." * (self._width - filled)
                print(f"\r[{bar}] {self._rate()}, {load.table:<14}", end="", file=sys.stderr, flush=True)

    def note(self, what: str) -> None:
        """Something that takes long and has no rows."""
        if self._width:
            print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        """The end: how fast it was, indexes included."""
        print(f"\r\x1b[K{self._rate()}" if self._width else self._rate(), file=sys.stderr)

    def _rate(self) -> str:
        return f"{self._done:,} rows, {self._done / (time.perf_counter() - self._began):,.0f} a second"


class Target(Protocol):
    """A database to be filled."""

    async def fill(self, loads: Iterable[Load], bar: Bar) -> None:
        """Write all rows. Raises `SystemExit` if there are some already."""


class Sqlite:
    """A file. While it is filled it is not safe against power cuts."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def fill(self, loads: Iterable[Load], bar: Bar) -> None:
        """Write all rows, and then the indexes."""
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            if connection.execute("SELECT 1 FROM users LIMIT 1").fetchone():
                raise SystemExit("the database is not empty")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA cache_size = -400000")
            indexes = connection.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
            ).fetchall()
            connection.execute("BEGIN IMMEDIATE")
            for name, _ in indexes:
                connection.execute(f"DROP INDEX {name}")
            for load in loads:
                columns = [*load.names, *load.constants]
                places = ["?"] * len(load.names) + [_literal(value) for value in load.constants.values()]
                insert = f"INSERT INTO {load.table} ({', '.join(columns)}) VALUES ({', '.join(places)})"
                for batch in bar.batches(load):
                    connection.executemany(insert, batch)
            for name, sql in indexes:
                bar.note(f"index {name}")
                connection.execute(sql)
            connection.execute("COMMIT")
            bar.note("statistics")
            connection.execute("ANALYZE")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


class Postgres:
    """A database of a server, filled by COPY over one connection, in one transaction."""

    _INDEXES = """
        SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
        JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = current_schema()
        AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid)
        """
    _KEYS = """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE contype = 'f' AND connamespace = current_schema()::regnamespace
        """

    def __init__(self, url: str) -> None:
        self._url = url

    async def fill(self, loads: Iterable[Load], bar: Bar) -> None:
        """Write all rows, and then the indexes and foreign keys, which the server checks at once for all rows."""
        import asyncpg  # noqa: PLC0415 - not needed for SQLite

        connection = await asyncpg.connect(self._url)
        try:
            if await connection.fetchval("SELECT 1 FROM users LIMIT 1"):
                raise SystemExit("the database is not empty")
            indexes, keys = await connection.fetch(self._INDEXES), await connection.fetch(self._KEYS)
            async with connection.transaction():
                await connection.execute("SET LOCAL synchronous_commit = off; SET LOCAL maintenance_work_mem = '512MB'")
                for table, name, _ in keys:
                    await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
                for name, _ in indexes:
                    await connection.execute(f"DROP INDEX {name}")
                for load in loads:
                    columns = [*load.names, *load.constants]
                    await connection.copy_to_table(load.table, source=_lines(load, bar), columns=columns)
                for name, definition in indexes:
                    bar.note(f"index {name}")
                    await connection.execute(definition)
                for table, name, definition in keys:
                    bar.note(f"foreign key {name}")
                    await connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
                await connection.execute(
                    "SELECT setval(pg_get_serial_sequence('changes', 'sequence'), (SELECT max(sequence) FROM changes))"
                )
            bar.note("statistics")
            await connection.execute("VACUUM ANALYZE")
        finally:
            await connection.close()


async def _lines(load: Load, bar: Bar) -> Any:
    """The rows in the text format of COPY."""
    constants = "".join(f"\t{_text(value)}" for value in load.constants.values())
    for batch in bar.batches(load):
        yield "".join(["\t".join(map(_text, row)) + constants + "\n" for row in batch]).encode()


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return f"\\\\x{value.hex()}"
    return "\\N" if value is None else "ft"[value] if isinstance(value, bool) else str(value)


def _literal(value: Any) -> str:
    return str(int(value)) if isinstance(value, int) else f"'{value}'"


def target(url: str) -> Target:
    """The database that a URL names."""
    return Sqlite(Path(url.removeprefix("sqlite:///"))) if url.startswith("sqlite:///") else Postgres(url)


def main() -> None:
    """Fill the database and write the tokens."""
    parser = argparse.ArgumentParser(description="Fill an empty, migrated database.")
    parser.add_argument("--users", type=int, default=1_000, metavar="N")
    parser.add_argument("--grants", type=int, default=GRANTS, metavar="N", help="of each user")
    parser.add_argument("--tokens", type=Path, metavar="FILE", help="where to write access tokens, one a line")
    parser.add_argument("--token-count", type=int, default=2_000, metavar="N", help="how many, at most one a user")
    options = parser.parse_args()
    if options.users < PER_BROWSER:
        parser.error(f"--users must be at least {PER_BROWSER}")
    plan = Plan(options.users, options.token_count, options.grants)
    bar = Bar(sum(load.size for load in plan.loads()))
    asyncio.run(target(os.environ["AUTHSVC_DATABASE_URL"]).fill(plan.loads(), bar))
    bar.close()
    if options.tokens:
        options.tokens.write_text("".join(f"{plan.token(t)}\n" for t in range(1, len(plan.holders()) + 1)))


if __name__ == "__main__":
    main()

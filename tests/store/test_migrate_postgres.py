"""Migrations at a PostgreSQL server; what they do to rows is tested on SQLite, in test_migrate.py, and once here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from postgresql import PASSWORD, server, with_password
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from authsvc.domain.databases import Postgres
from authsvc.errors import StartupError
from authsvc.store import migrate as migrate_module
from authsvc.store import schema
from authsvc.store.migrate import migrate
from authsvc.store.postgres import WRITERS, PostgresExecutor, connect
from authsvc.store.writes import Writes


@pytest.fixture
def empty() -> Iterator[Postgres]:
    """A database with nothing in it."""
    database = server().create("template0")
    yield database
    server().drop(database)


@pytest.fixture
def migrated() -> Iterator[Postgres]:
    """A migrated database without rows."""
    database = server().create()
    yield database
    server().drop(database)


def _on(database: Postgres, work: Any) -> Any:
    """Do something with SQLAlchemy, in one transaction."""

    async def run() -> Any:
        connecting = {"async_creator_fn": lambda: connect(database, prepared=False)}
        engine = create_async_engine("postgresql+asyncpg://", connect_args=connecting, poolclass=NullPool)
        async with engine.begin() as connection:
            return await connection.run_sync(work)

    return asyncio.run(run())


def _step(connection: Connection, revision: str, *, down: bool = False) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    (command.downgrade if down else command.upgrade)(config, revision)


def _tables(database: Postgres) -> set[str]:
    return {name for (name,) in server().ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", database)}


def test_from_nothing_and_twice(empty: Postgres) -> None:
    """An empty database gets the newest revision; a second time nothing happens."""
    assert migrate(empty) == (None, schema.REVISION)
    assert _tables(empty) == {*schema.metadata.tables, "alembic_version"}
    assert migrate(empty) == (schema.REVISION, schema.REVISION)


def test_migrations_and_tables_agree(migrated: Postgres) -> None:
    """A migrated database and the tables of the code differ in nothing that Alembic can tell."""

    def compare(connection: Connection) -> Any:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return compare_metadata(context, schema.metadata)

    assert _on(migrated, compare) == []


_DESCRIPTIONS = {
    "columns": "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default "
    "FROM information_schema.columns WHERE table_schema = 'public'",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace",
    "sequences": "SELECT sequencename, data_type::text, start_value, increment_by, cycle FROM pg_sequences",
}


def test_migrations_and_tables_make_the_same_database(migrated: Postgres, empty: Postgres) -> None:
    """Tables made by the code and by the migrations have the same columns, constraints, and indexes with conditions."""
    _on(empty, _with_conditions().create_all)
    server().ask(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) CONSTRAINT alembic_version_pkc PRIMARY KEY)", empty
    )
    for what, sql in _DESCRIPTIONS.items():
        made, found = set(server().ask(sql, empty)), set(server().ask(sql, migrated))
        assert made == found, what
        assert made, what


def _with_conditions() -> MetaData:
    """The tables, with the conditions of their indexes for PostgreSQL, too, which the code does not need to say."""
    copy = MetaData(naming_convention=schema.metadata.naming_convention)
    for table in schema.metadata.sorted_tables:
        table.to_metadata(copy)
    for table in copy.tables.values():
        for index in table.indexes:
            condition = index.dialect_options["sqlite"]["where"]
            if condition is not None:
                index.dialect_options["postgresql"]["where"] = condition
    return copy


def test_down_and_up_again(migrated: Postgres) -> None:
    """Downgrading takes away every table, after which the database can be migrated once more."""
    _on(migrated, lambda connection: _step(connection, "base", down=True))
    assert _tables(migrated) == {"alembic_version"}
    assert migrate(migrated) == (None, schema.REVISION)


ROWS_OF_0001 = """
INSERT INTO orgs VALUES (1, 'Savanna', 1, 1, 10, 10);
INSERT INTO users VALUES (2, 1, 1, 1, 'gigi', 'gigi', 'Gigi', '', '', '', 'en', 0, '', 'gigi@a.example', true, '',
                          false, NULL, '', NULL, 0, 2, 20, 20);
INSERT INTO user_agents VALUES (3, 'Browser', 3, 30, 30);
INSERT INTO sessions VALUES (4, 3, 2, 1, 4, 40, 41), (5, 3, 2, 2, 5, 50, 51);
INSERT INTO changes (at, kind, entity_id, action, org_id)
VALUES (51, 'session', 5, 'terminated', 1), (30, 'user', 2, 'changed', 1), (90, 'user', 2, 'changed', 1)
"""


def test_rows_of_0001(empty: Postgres) -> None:
    """What was there stays, and is completed as on SQLite: how sessions ended, and times of changes that rise."""

    def fill(connection: Connection) -> None:
        _step(connection, "0001")
        for sql in ROWS_OF_0001.split(";"):
            connection.execute(text(sql))

    _on(empty, fill)
    assert migrate(empty) == ("0001", schema.REVISION)
    columns = "id, state, auth_method, ended_at, expires_at > 10^15"
    assert server().ask(f"SELECT {columns} FROM sessions ORDER BY id", empty) == [
        (4, 1, 10, None, True),
        (5, 2, 10, 51, True),
    ]
    assert server().ask("SELECT at FROM changes ORDER BY sequence", empty) == [(51,), (51,), (90,)]
    _on(empty, lambda connection: _step(connection, "0001", down=True))
    assert server().ask("SELECT id, changed_at FROM sessions ORDER BY id", empty) == [(4, 41), (5, 51)]


GRANTS_OF_0003 = """
INSERT INTO orgs VALUES (1, 'Savanna', 1, 1, 10, 10);
INSERT INTO projects VALUES (2, 1, 'Map', 2, 20, 20);
INSERT INTO users (id, org_id, type, state, user_name, login, display_name, first_name, last_name, nick_name,
  preferred_language, gender, avatar_url, email, email_verified, phone, phone_verified, description, access_token_type,
  sequence, created_at, changed_at)
  SELECT n, 1, 1, 1, 'u' || n, 'u' || n, '', '', '', '', '', 0, '', '', false, '', false, '', 0, n, n, n
  FROM generate_series(1, 3) AS n;
INSERT INTO user_grants SELECT n, 1 + n % 2, 1, 2, NULL, '', 1 + n % 2, n, n, n FROM generate_series(1, 5) AS n
"""


def test_grants_of_0003(empty: Postgres) -> None:
    """Each user gets the number of grants, active or not, that are there; going back leaves the users as they were."""

    def fill(connection: Connection) -> None:
        _step(connection, "0003")
        for sql in GRANTS_OF_0003.split(";"):
            connection.execute(text(sql))

    _on(empty, fill)
    before = server().ask("SELECT * FROM users ORDER BY id", empty)
    assert migrate(empty) == ("0003", schema.REVISION)
    users = server().ask("SELECT * FROM users ORDER BY id", empty)
    assert users == [(*user, grants) for user, grants in zip(before, (2, 3, 0), strict=True)]
    _on(empty, lambda connection: _step(connection, "0003", down=True))
    assert server().ask("SELECT * FROM users ORDER BY id", empty) == before


async def _change(database: Postgres) -> int:
    executor = PostgresExecutor(database)
    writes = Writes(executor)
    async with writes.transaction() as tx:
        change = await writes.record(tx, schema.orgs, 1, "created", None)
    await executor.close()
    return change.sequence


async def test_numbers_of_changes(migrated: Postgres) -> None:
    """Changes are numbered from one, and the number of one that has gone is not given again."""
    assert [await _change(migrated), await _change(migrated)] == [1, 2]
    server().ask("DELETE FROM changes", migrated)
    assert await _change(migrated) == 3


def test_two_at_once(empty: Postgres) -> None:
    """Of several that migrate at the same time one does, and the others find it done."""
    with ThreadPoolExecutor(3) as threads:
        steps = list(threads.map(migrate, [empty] * 3))
    assert sorted(steps, key=str) == [(schema.REVISION, schema.REVISION)] * 2 + [(None, schema.REVISION)]


def test_a_writer_that_does_not_end(migrated: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that would wait too long for a writer says so, and can be repeated."""
    monkeypatch.setattr(migrate_module, "_LOCK_TIMEOUT", 0.1)

    async def hold(raw: Any) -> None:
        async with raw.transaction():
            await raw.execute(f"SELECT pg_advisory_xact_lock({WRITERS})")
            with ThreadPoolExecutor(1) as thread:
                await asyncio.wrap_future(thread.submit(failing))

    def failing() -> None:
        with pytest.raises(StartupError, match=r"cannot be migrated: .*lock timeout"):
            migrate(migrated)

    server().run(hold, migrated)
    assert migrate(migrated) == (schema.REVISION, schema.REVISION)


def test_all_or_nothing(empty: Postgres) -> None:
    """A migration that fails leaves nothing behind, and says what was in its way."""
    server().ask("CREATE TABLE refresh_tokens (id int)", empty)
    with pytest.raises(StartupError, match=r'cannot be migrated: .*relation "refresh_tokens" already exists'):
        migrate(empty)
    assert _tables(empty) == {"refresh_tokens"}


def test_a_newer_database(migrated: Postgres) -> None:
    """A database that a later version has migrated is left alone."""
    server().ask("UPDATE alembic_version SET version_num = '9999'", migrated)
    with pytest.raises(StartupError, match="the database is at revision 9999, newer than this version knows"):
        migrate(migrated)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"password": "wrong-pass"}, "cannot be reached: password authentication failed"),
        ({"name": "missing"}, 'cannot be reached: database "missing" does not exist'),
        ({"hosts": "127.0.0.1:1"}, "cannot be reached: .*Connect call failed"),
        ({}, "cannot be migrated: .*permission denied for schema public"),
    ],
)
def test_where_nothing_can_be_made(empty: Postgres, changed: dict[str, Any], words: str) -> None:
    """A database that cannot be reached or changed is said to be that, without its password."""
    database = replace(with_password(empty), **changed)
    with pytest.raises(StartupError, match=rf"the database postgresql://authsvc@\S+ {words}") as caught:
        migrate(database)
    assert not any(secret in str(caught.value) for secret in ("wrong-pass", PASSWORD))

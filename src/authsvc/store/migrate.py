"""Bringing a database to the schema that this code needs."""

from __future__ import annotations

import asyncio
import os
import stat
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from authsvc.domain.databases import Database, Postgres
from authsvc.errors import StartupError
from authsvc.store.revision import too_new
from authsvc.store.schema import REVISION

_LOCK_TIMEOUT = 60  # seconds at most for which a migration, with readers queueing behind it, waits for a lock
Step = tuple[str | None, str]
"""The revisions before (None: empty) and after."""


def migrate(database: Database) -> Step:
    """Bring the database to the newest revision.

    The whole step is one transaction: it happens, or nothing does. Two that run at once wait for each other. A file
    of SQLite's that has to be made is for its owner only, and so are those that SQLite puts beside it.

    Raises:
        StartupError: there is no such database and none can be made, it is none of ours, or its revision is newer; the
            sentence says which.
    """
    try:
        return _in_file(database) if isinstance(database, Path) else asyncio.run(_at_server(database))
    except (DBAPIError, CommandError) as error:
        raise StartupError(f"the database {database} cannot be migrated: {getattr(error, 'orig', error)}") from None


def _in_file(path: Path) -> Step:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartupError(f"the folder {path.parent} cannot be made: {error.strerror}") from None
    with suppress(OSError):  # there is one; or SQLite says what is wrong
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, stat.S_IRUSR | stat.S_IWUSR))
    with _engine(path).begin() as connection:
        return _upgrade(connection)


async def _at_server(database: Postgres) -> Step:
    """Two at once, and writers of the version that is there, wait at the lock of writers."""
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - whoever has SQLite does not load it

    from authsvc.store.postgres import WRITERS, connect  # noqa: PLC0415

    engine = create_async_engine(
        "postgresql+asyncpg://",
        poolclass=NullPool,
        connect_args={
            "async_creator_fn": lambda: connect(database, prepared=False, patient=True),
            # A pooler may hand over a connection on which another process has given names, too.
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": lambda: f"authsvc_{uuid4()}",
        },
    )
    try:
        async with engine.begin() as connection:
            await connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}s'")
            await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS})")
            return await connection.run_sync(_upgrade)
    except ConnectionError as error:
        raise StartupError(f"the database {database} cannot be reached: {error}") from None


def _upgrade(connection: Connection) -> Step:
    before = _revision(connection)
    if before is not None and before > REVISION:
        raise too_new(before)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return before, str(_revision(connection))


def _engine(path: Path) -> Engine:
    """An engine whose transactions hold DDL too: the driver by itself begins one only before a change of rows."""
    url = URL.create("sqlite", database=str(path))
    engine = create_engine(url, connect_args={"isolation_level": None}, poolclass=NullPool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()

"""What the tests of the store have to know of the engine they run on."""

from __future__ import annotations

from pathlib import Path

import pytest

from authsvc.domain.databases import Database
from authsvc.store.executor import Executor
from authsvc.store.postgres import PostgresExecutor
from authsvc.store.sqlite import SqliteExecutor

only_sqlite = pytest.mark.parametrize("new_database", ["sqlite"], indirect=True)
only_postgres = pytest.mark.parametrize("new_database", ["postgresql"], indirect=True)


def sqlite(executor: Executor) -> SqliteExecutor:
    """The executor of a test that runs on SQLite only."""
    assert isinstance(executor, SqliteExecutor)
    return executor


def postgres(executor: Executor) -> PostgresExecutor:
    """The executor of a test that runs on PostgreSQL only."""
    assert isinstance(executor, PostgresExecutor)
    return executor


def url(database: Database) -> str:
    """By which other processes open it."""
    return f"sqlite:///{database}" if isinstance(database, Path) else database.dsn()

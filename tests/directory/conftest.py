from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from authsvc.store.executor import Prepared, Row
from authsvc.store.migrate import migrate
from authsvc.store.sqlite import SqliteExecutor
from authsvc.store.writes import Writes

Rows = Callable[[str], Any]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database without rows, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "authsvc.db"
    migrate(path)
    return path


@pytest.fixture
async def executor(empty_database: Path, tmp_path: Path) -> AsyncIterator[SqliteExecutor]:
    """A database of the test's own."""
    path = tmp_path / "authsvc.db"
    shutil.copy(empty_database, path)
    executor = SqliteExecutor(path)
    yield executor
    await executor.close()


@pytest.fixture
def writes(executor: SqliteExecutor) -> Writes:
    """The writes of that database."""
    return Writes(executor)


@pytest.fixture
def rows(executor: SqliteExecutor) -> Rows:
    """Asks the database in plain SQL."""

    async def run(sql: str) -> list[Row]:
        return list(await executor.fetch_all(Prepared(sql, (), {})))

    return run

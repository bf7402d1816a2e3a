"""The tests of the store run on both engines, but for those of one of them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from harness import open_hastily
from oauth.machine_stage import Stage, staged, staged_at_server
from postgresql import emptied

from authsvc.domain.databases import Database
from authsvc.store.executor import Executor


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, empty_database: Path, tmp_path: Path) -> Database:
    """An empty database, for one test."""
    return emptied() if request.param == "postgresql" else Path(shutil.copy(empty_database, tmp_path))


@pytest.fixture
async def executor(new_database: Database) -> AsyncIterator[Executor]:
    """That database, open."""
    executor = open_hastily(new_database)
    yield executor
    await executor.close()


@pytest.fixture(params=["sqlite", "postgresql"])
async def machine_stage(request: pytest.FixtureRequest, empty_database: Path, tmp_path: Path) -> AsyncIterator[Stage]:
    """Machine users, devices and people, in a database of their own."""
    async with staged_at_server() if request.param == "postgresql" else staged(empty_database, tmp_path) as stage:
        yield stage

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from authsvc.store.executor import Executor, Prepared, Row
from authsvc.store.writes import Writes

Rows = Callable[[str], Any]


@pytest.fixture
def writes(executor: Executor) -> Writes:
    """The writes of that database."""
    return Writes(executor)


@pytest.fixture
def rows(executor: Executor) -> Rows:
    """Asks the database in plain SQL."""

    async def run(sql: str) -> list[Row]:
        return list(await executor.fetch_all(Prepared(sql, (), {})))

    return run

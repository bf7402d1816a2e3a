"""What tests of webhooks share: a database with a person in it, a clock that is set by hand, and endpoints."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.processors import format_exc_info
from structlog.testing import capture_logs
from webhooks.endpoints import Endpoint
from webhooks.stage import Stage

from authsvc.store.sqlite import SqliteExecutor


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """The entries logged during the test, tracebacks as text."""
    with capture_logs(processors=[format_exc_info]) as entries:
        yield entries


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy: the endpoints are on this machine."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "*")


@pytest.fixture
async def stage(executor: SqliteExecutor, tmp_path: Path) -> Stage:
    """A person and a browser in a database; it is now, until the test says otherwise."""
    return await Stage.filled(executor, tmp_path / "webhooks.key", time.time_ns() // 1_000)


@pytest.fixture
async def other_executor(executor: SqliteExecutor) -> AsyncIterator[SqliteExecutor]:
    """The same database, as another process has it."""
    other = SqliteExecutor(executor._path)
    yield other
    await other.close()


@pytest.fixture
def endpoint() -> Iterator[Callable[..., Endpoint]]:
    """Make endpoints, which end with the test."""
    made: list[Endpoint] = []

    def make(**behaviour: Any) -> Endpoint:
        made.append(Endpoint(**behaviour))
        return made[-1]

    yield make
    for each in made:
        each.close()

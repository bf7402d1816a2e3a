"""Fixtures that many tests share."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from harness import BROWSER, GIGI, Server, demo_database, hasty_executor, serving

from authsvc.store.migrate import migrate
from authsvc.store.sqlite import SqliteExecutor

DEAR = ("interop", "web")
"""Where servers and browsers are started for many tests."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let these come first: what a process begins with no other takes from it, and so nothing is started twice."""
    here = Path(__file__).parent
    items.sort(key=lambda item: item.path.relative_to(here).parts[0] not in DEAR)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database file of the demo data; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("demo")
    demo_database(folder)
    return folder / "authsvc.db"


@pytest.fixture
def database(demo: Path, tmp_path: Path) -> str:
    """The URL of a database with the demo data, for one test."""
    return f"sqlite:///{shutil.copy(demo, tmp_path)}"


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a migrated database without rows; to be copied, not changed."""
    path = tmp_path_factory.mktemp("empty") / "authsvc.db"
    migrate(path)
    return path


@pytest.fixture
def new_database(empty_database: Path, tmp_path: Path) -> Path:
    """The file of an empty database, for one test."""
    return Path(shutil.copy(empty_database, tmp_path))


@pytest.fixture
async def executor(new_database: Path) -> AsyncIterator[SqliteExecutor]:
    """That database, open."""
    executor = hasty_executor(new_database)
    yield executor
    await executor.close()


@pytest.fixture(scope="session")
def server(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The real server on the demo data, for tests that change nothing in it but tokens."""
    folder = tmp_path_factory.mktemp("server")
    with serving(f"sqlite:///{shutil.copy(demo, folder)}", folder / "server.log") as running:
        yield running


@pytest.fixture(scope="session")
def gigi(server: Server) -> str:
    """A token of Gigi Giraffe on her browser."""
    return server.token(GIGI, BROWSER)

"""Fixtures that many tests share."""

from __future__ import annotations

import gc
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from harness import BROWSER, GIGI, Server, demo_database, open_hastily, serving
from hypothesis import HealthCheck, settings

from authsvc.domain.databases import Database
from authsvc.store.executor import Executor
from authsvc.store.migrate import migrate

# Ten thousand tests are collected, which stay: to look through them again and again takes a fifth of the time.
gc.disable()

# What holds of a property does so on a slow machine, too.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

DEAR = ("interop", "web")
"""Where servers and browsers are started for many tests."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let these come first: what a process begins with no other takes from it, and so nothing is started twice.

    Whatever needs PostgreSQL gets that mark.
    """
    here = Path(__file__).parent
    for item in items:
        if isinstance(item, pytest.Function) and _needs_postgresql(item):
            item.add_marker("postgresql")
    items.sort(key=lambda item: item.path.relative_to(here).parts[0] not in DEAR)


def pytest_collection_finish() -> None:
    """Collect garbage from here on, but look at nothing that is there already."""
    gc.freeze()
    gc.enable()


def _needs_postgresql(item: pytest.Function) -> bool:
    given = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return "postgresql" in given or any(
        getattr(each, "__module__", "") == "postgresql" for each in vars(item.module).values()
    )


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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests of both engines run on each, unless they say on which."""
    is_said = any(mark.args[0] == "new_database" for mark in metafunc.definition.iter_markers("parametrize"))
    is_for_both = metafunc.definition.get_closest_marker("both_engines") and "new_database" in metafunc.fixturenames
    if is_for_both and not is_said:
        metafunc.parametrize("new_database", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def new_database(request: pytest.FixtureRequest, empty_database: Path, tmp_path: Path) -> Database:
    """An empty database, for one test; the file of one of SQLite's where nothing else is said."""
    if getattr(request, "param", "sqlite") == "postgresql":
        from postgresql import emptied  # noqa: PLC0415 - few tests have that engine

        return emptied()
    return Path(shutil.copy(empty_database, tmp_path))


@pytest.fixture
async def executor(new_database: Database) -> AsyncIterator[Executor]:
    """That database, open."""
    executor = open_hastily(new_database)
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

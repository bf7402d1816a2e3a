"""Fixtures that many tests share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import BROWSER, GIGI, Server, demo_database, serving


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
def server(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The real server on the demo data, for tests that change nothing in it but tokens."""
    folder = tmp_path_factory.mktemp("server")
    with serving(f"sqlite:///{shutil.copy(demo, folder)}", folder / "server.log") as running:
        yield running


@pytest.fixture(scope="session")
def gigi(server: Server) -> str:
    """A token of Gigi Giraffe on her browser."""
    return server.token(GIGI, BROWSER)

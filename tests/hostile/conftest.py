"""Servers that lose patience soon, a client beside the bad ones, and the figures at the end of the test report."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from harness import GIGI, serving
from hostile.neighbour import Neighbour
from hostile.site import Site, worker_of

# What the tests wait for, in seconds; the real limits are more than ten times as long.
IMPATIENT = {"head_timeout": "0.6", "body_timeout": "0.8", "stall_timeout": "0.6", "call_timeout": "0.8"}
_FOLDER = "tests/hostile/"


@contextmanager
def _site(demo: Path, folder: Path, engine: str) -> Iterator[Site]:
    url = f"sqlite:///{shutil.copy(demo, folder)}"
    settings = {"grpc_listen": "off", "log_level": "error", "http": engine, **IMPATIENT}
    with (
        serving(url, folder / "server.log", **settings) as server,
        Neighbour(server.address, worker_of(server), server.token(GIGI), grpc=engine == "zttp") as neighbour,
    ):
        yield Site(engine, server, neighbour)


@pytest.fixture(scope="session")
def zttp(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server for the whole folder."""
    with _site(demo, tmp_path_factory.mktemp("zttp"), "zttp") as site:
        yield site


@pytest.fixture(scope="session")
def httptools(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server with the conservative engine."""
    with _site(demo, tmp_path_factory.mktemp("httptools"), "httptools") as site:
        yield site


@pytest.fixture
def site(zttp: Site, record_property: Any) -> Site:
    """The server; its figures become part of the test's report."""
    return replace(zttp, report=record_property)


@pytest.fixture(params=["zttp", "httptools"])
def either(request: pytest.FixtureRequest, record_property: Any) -> Site:
    """The server behind either engine, for HTTP/1.1."""
    site: Site = request.getfixturevalue(request.param)
    return replace(site, report=record_property)


def pytest_itemcollected(item: pytest.Item) -> None:
    """All of the folder measures."""
    item.add_marker(pytest.mark.alone)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures of the hostile peers."""
    lines = [
        f"{report.nodeid.partition(_FOLDER)[2]}: {'' if name == 'figures' else name + ' '}{value}"
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if _FOLDER in report.nodeid
        for name, value in report.user_properties
    ]
    if lines:
        terminalreporter.write_sep("-", "hostile peers")
        for line in lines:
            terminalreporter.write_line(line)

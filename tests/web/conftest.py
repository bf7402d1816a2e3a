"""Fixtures of the account page's tests: one server, one Chromium, and walks at which several tests look."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from interop.driver import Driver
from interop.support import browser
from web.people import ADA, BORIS
from web.site import Site, fill, open_site

_DRIVER = Path(__file__).parent / "drivers" / "account.mjs"


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database file of the people; to be copied, not changed."""
    return Path(fill(tmp_path_factory.mktemp("people")).removeprefix("sqlite:///"))


@pytest.fixture(scope="session")
def site(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The server."""
    folder = tmp_path_factory.mktemp("site")
    with open_site(f"sqlite:///{shutil.copy(people, folder)}", folder / "server.log") as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Driver]:
    """The browser. Every walk has a profile of its own in it."""
    driver = Driver(_DRIVER, str(browser()))
    yield driver
    driver.close()


@pytest.fixture(scope="session")
def switching(site: Site, chromium: Driver) -> Any:
    """What two people saw and sent in one browser."""
    return chromium("switching", site=site.url, ada=ADA.typed(), boris=BORIS.typed())

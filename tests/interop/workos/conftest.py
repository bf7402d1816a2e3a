"""Fixtures of the tests with WorkOS's SDKs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from interop.workos.people import KEYS, Site, open_site, people_database
from interop.workos.sdks import NAMES, Client, Driver


@pytest.fixture(scope="session")
def driver() -> Iterator[Callable[[str], Driver]]:
    """A running SDK by its name, started when it is first asked for."""
    running: dict[str, Driver] = {}

    def find(name: str) -> Driver:
        if name not in running or running[name].over:
            running[name] = Driver(name)
        return running[name]

    yield find
    for started in running.values():
        started.close()


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database file of the people and keys; to be copied, not changed."""
    return people_database(tmp_path_factory.mktemp("people"))


@pytest.fixture(scope="session")
def site(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The server for tests that change nothing but what newcomers have, whom no other test knows."""
    with open_site(Path(shutil.copy(people, tmp_path_factory.mktemp("site")))) as running:
        yield running


@pytest.fixture(params=NAMES)
def client(request: pytest.FixtureRequest, driver: Callable[[str], Driver], site: Site) -> Client:
    """Each of the SDKs in turn, with a key that may do everything."""
    return Client(request.param, driver(request.param), site.url, KEYS["full"])

"""Fixtures of the tests with relying parties: one server, and each program at most once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from interop.driver import Driver
from interop.oidc.site import Site, open_site
from interop.support import origin

DRIVERS = Path(__file__).parent / "drivers"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The server, and beside it the origin of a page that people sign in to."""
    with origin() as page, open_site(tmp_path_factory.mktemp("site"), page) as running:
        yield running


@pytest.fixture(scope="session")
def driver() -> Iterator[Callable[..., Driver]]:
    """A running program by the name of its script, started when it is first asked for."""
    running: dict[str, Driver] = {}

    def find(name: str, *arguments: str) -> Driver:
        if name not in running:
            running[name] = Driver(DRIVERS / f"{name}.mjs", *arguments)
        return running[name]

    yield find
    for started in running.values():
        started.close()

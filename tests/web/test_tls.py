"""The account page over TLS, where the connection is HTTP/2."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from interop.driver import Driver
from interop.support import tls
from web.people import ADA
from web.site import open_site


def test_the_page_works_over_tls(people: Path, chromium: Driver, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Over TLS somebody signs in and sees everything, and all of it comes by HTTP/2."""
    folder = tmp_path_factory.mktemp("tls")
    with open_site(f"sqlite:///{shutil.copy(people, folder)}", folder / "server.log", **tls(folder)) as site:
        seen = chromium("tls", site=site.url, person=ADA.typed())
    assert ADA.name in seen["seen"]["profile"]
    assert "Telescope" in seen["seen"]["grants"]
    assert len(seen["protocols"]) > 5
    assert set(seen["protocols"]) == {"h2"}
    assert {call["method"] for call in seen["calls"]} >= {
        "GetMyUser",
        "ListMyUserSessions",
        "ListMyUserGrants",
        "Watch",
    }
    assert seen["complaints"] == []

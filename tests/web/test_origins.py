"""The account page at addresses of other kinds: with TLS, and under another name of the machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from interop.driver import Driver
from interop.support import tls
from web.people import ADA
from web.site import Site, open_site


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


def test_other_names_lead_to_the_issuer(site: Site, chromium: Driver) -> None:
    """Under another name the page leads to where the server is, signs people in there, and shows the part they want."""
    seen = chromium("byAnotherName", site=site.url.replace("127.0.0.1", "localhost"), person=ADA.typed())
    assert seen["asked"].startswith(f"{site.url}/")
    assert seen["back"] == f"{site.url}/account#grants"
    assert seen["inView"] == {"grants": True, "followed": True, "reloaded": True}
    assert seen["complaints"] == []

"""Pictures of the account page, which every run leaves in build/screenshots, and the one in README.md."""

from __future__ import annotations

import os
import shutil
import struct
from datetime import UTC, datetime
from typing import Any

import pytest
from harness import ROOT
from interop.driver import Driver
from web.people import ADA, BORIS
from web.site import Site

FOLDER = ROOT / "build" / "screenshots"
IN_README = "docs/images/account.png"
WIDTHS = {"account": 1280, "account-dark": 1280, "account-phone": 360, "account-de": 1280, "signed-out": 1280}
SIGNED_IN = int(datetime(2026, 4, 20, 9, 41, tzinfo=UTC).timestamp())


@pytest.fixture(scope="module")
def german(site: Site, chromium: Driver, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What somebody read whose browser is set to German, when the pictures were taken."""
    people = {"ada": ADA.typed(), "boris": BORIS.typed()}
    folder = tmp_path_factory.mktemp("pictures")
    chromium("picturesBegin", site=site.url, **people)
    site.age(ADA, SIGNED_IN)
    site.age(BORIS, SIGNED_IN - 3600)
    words = chromium("picturesTake", site=site.url, ada=people["ada"], folder=str(folder))
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.png"):
        shutil.copy(file, FOLDER)
    if os.environ.get("AUTHSVC_README_SCREENSHOT") == "1":
        (ROOT / IN_README).parent.mkdir(exist_ok=True)
        shutil.copy(FOLDER / "account.png", ROOT / IN_README)
    return words


def size(png: bytes) -> tuple[int, int]:
    """How wide and how high a picture is."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def test_pictures_are_taken(german: Any) -> None:
    """Each picture is as wide as its screen, and is where people look for it."""
    assert {name: size((FOLDER / f"{name}.png").read_bytes())[0] for name in WIDTHS} == WIDTHS


def test_the_page_speaks_german(german: Any) -> None:
    """A browser that is set to German is shown the page in German, and it says so."""
    assert german["lang"] == "de"
    assert (german["title"], german["headings"][0]) == ("Ihr Konto", "Ihr Konto")
    assert "Your" not in german["body"]


def test_readme_shows_the_page() -> None:
    """README.md has a picture of the page, as wide as those that are taken."""
    assert f"({IN_README})" in (ROOT / "README.md").read_text()
    assert size((ROOT / IN_README).read_bytes())[0] == WIDTHS["account"]

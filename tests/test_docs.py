"""What the documentation says is there."""

from __future__ import annotations

import re

import pytest
from harness import ROOT

from authsvc.config import Settings

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_lead_somewhere(page: object) -> None:
    """Every relative link in the documentation names a file that exists."""
    assert hasattr(page, "read_text")
    assert hasattr(page, "parent")
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert not [link for link in links if not (page.parent / link).exists()]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_readme(name: str) -> None:
    """The README's table has every setting, with the default that the code has."""
    rows = [line for line in PAGES[0].read_text().splitlines() if line.startswith("| `")]
    row = next((row for row in rows if f"`{name}`" in row.split("|")[1]), None)
    assert row, name
    default = getattr(Settings(), name)
    shown = f"sqlite:///{default}" if name == "database_url" else str(default)
    shown = shown.lower() if isinstance(default, bool) else shown
    assert row.split("|")[2].strip() == ("none" if default in {None, (), ""} else f"`{shown}`")


def test_no_setting_is_only_in_the_readme() -> None:
    """The README's table has no setting that the code does not know."""
    section = PAGES[0].read_text().partition("## Settings")[2].partition("\n## ")[0]
    names = re.findall(r"`(\w+)`", " ".join(line.split("|")[1] for line in section.splitlines() if line[:3] == "| `"))
    assert set(names) == set(Settings.model_fields)


def test_every_defect_of_sonora_is_documented() -> None:
    """The table of sonora's defects names just the tests that hold them."""
    page = (ROOT / "docs" / "grpc-web.md").read_text().partition("## What is used of sonora")[2].partition("\n## ")[0]
    listed = re.findall(r"\| `(\w+)` \|$", page, re.MULTILINE)
    source = (ROOT / "tests" / "doors" / "test_sonora_defects.py").read_text()
    held = re.findall(r"^async def test_(\w+)\(door", source, re.MULTILINE)
    assert sorted(listed) == sorted(held)

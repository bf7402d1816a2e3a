"""The account page for everybody: with other eyes, without a mouse, on a phone."""

from __future__ import annotations

from typing import Any

import pytest
from interop.driver import Driver
from web.people import ADA, BORIS
from web.site import Site

VIEWS = {"no grants", "account", "developers, no match", "dialog", "failure", "signed out", "cancelled"}


@pytest.fixture(scope="module")
def looks(site: Site, chromium: Driver) -> Any:
    """What there is to see in every view."""
    outcome = chromium("looks", site=site.url, ada=ADA.typed(), boris=BORIS.typed())
    assert set(outcome["seen"]) == VIEWS
    return outcome


@pytest.fixture(scope="module")
def keys(site: Site, chromium: Driver) -> Any:
    """What happened to somebody without a mouse."""
    return chromium("keyboard", site=site.url, ada=ADA.typed(), boris=BORIS.typed())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_stands_in_the_way(looks: Any, scheme: str) -> None:
    """In no view does axe find anything to mend, not even something small."""
    assert {view: seen[scheme] for view, seen in looks["seen"].items() if seen[scheme]} == {}


def test_views_fit_a_phone(looks: Any) -> None:
    """On a screen of 360 pixels nobody has to scroll sideways."""
    assert {view: seen["overflow"] for view, seen in looks["seen"].items() if seen["overflow"] > 0} == {}


def test_targets_can_be_hit(looks: Any) -> None:
    """Whatever can be pressed is at least 24 pixels wide and high."""
    assert {view: seen["small"] for view, seen in looks["seen"].items() if seen["small"]} == {}


def test_failures_are_told_part_by_part(looks: Any) -> None:
    """Each part that could not be loaded says so, and after trying again everything is there."""
    assert len(looks["alerts"]) >= 3
    assert looks["complaints"] == []


def test_a_cancelled_sign_in_is_told(looks: Any, site: Site) -> None:
    """Who cancels the sign-in is not led there again by itself: the page says what was, and offers it."""
    assert "The sign-in was cancelled." in looks["refusal"]
    assert '- button "Sign in"' in looks["refusal"]
    assert looks["url"] == f"{site.url}/account"


def test_the_first_stop_skips_the_header(keys: Any) -> None:
    """Who goes through the page with the Tab key is first offered to go to what it is about."""
    assert keys["first"].startswith("- link")


def test_switching_without_a_mouse(keys: Any) -> None:
    """The Tab key and Enter are enough to switch to another account."""
    assert set(keys["switched"]) == {"/oauth/v2/authorize", "/account"}


def test_a_dialog_keeps_the_focus(keys: Any) -> None:
    """While the dialog is open the page behind it is not reached; Escape closes it and leads back to the button."""
    assert keys["stops"].count(1) >= 4
    assert keys["returned"] == '- button "Sign out everyone"'


def test_the_focus_is_seen(keys: Any) -> None:
    """Whatever has the focus looks like it."""
    assert keys["outlines"] == []
    assert keys["complaints"] == []

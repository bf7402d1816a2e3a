"""Somebody at the account page who goes to sign in as another person, and thinks better of it."""

from __future__ import annotations

from typing import Any

import pytest
from interop.driver import Driver
from web.people import ADA, BORIS
from web.site import Site

BACK = ["/login/consent", "/account", "/oauth/v2/authorize", "/account"]
"""The answer, and the question who is signed in, to which the server answers without a page."""


@pytest.fixture(scope="module")
def walk(site: Site, chromium: Driver) -> Any:
    """What they saw, while everybody is signed in, and then when one session has ended."""
    ada, boris = ADA.typed(), BORIS.typed()
    begun = chromium("cancellingBegin", site=site.url, ada=ada, boris=boris)
    site.end_sessions(ADA)
    stale = chromium("cancellingStale", ada=ada, boris=boris)
    site.end_sessions(ADA)
    return {"begun": begun, "stale": stale, "ended": chromium("cancellingEnded")}


def test_who_cancels_is_back_where_they_were(walk: Any, site: Site) -> None:
    """With several people signed in, too, nobody is asked who they are, and the address is clean."""
    assert walk["begun"] == {"pages": BACK, "url": f"{site.url}/account"}


def test_a_list_may_be_old(walk: Any) -> None:
    """To switch to somebody whose session has ended meanwhile asks for their password; who cancels that is back."""
    assert walk["stale"] == {"whose": ADA.login, "pages": BACK}


def test_who_was_there_may_be_gone(walk: Any, site: Site) -> None:
    """When the own session has ended meanwhile, the page asks the server once, and says that all was cancelled."""
    assert walk["ended"]["pages"] == BACK
    assert "The sign-in was cancelled." in walk["ended"]["said"]
    assert walk["ended"]["url"] == f"{site.url}/account"


def test_the_button_knows_whom_it_is_for(walk: Any) -> None:
    """To sign in then asks for the password of who was there, though somebody else is signed in."""
    assert walk["ended"]["whose"] == ADA.login
    assert walk["ended"]["complaints"] == []

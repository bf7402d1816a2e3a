"""Tokens that come to their end while somebody uses the account page, and a session that does."""

from __future__ import annotations

from typing import Any

import pytest
from interop.driver import Driver
from interop.support import json_answer
from web.people import CARLA
from web.site import Site

# The clock of the browser is three hours fast.
AHEAD = 3 * 60 * 60 * 1000
# A token lasts an hour, and is renewed in its last half minute.
ALMOST_AN_HOUR = (59 * 60 + 45) * 1000
UNAUTHENTICATED = 16


@pytest.fixture(scope="module")
def walk(site: Site, chromium: Driver) -> Any:
    """What somebody saw whose token expired early, then nearly on time, and whose session was ended."""
    first = chromium("renewalBegin", site=site.url, person=CARLA.typed(), ahead=AHEAD)
    site.expire(first)
    expired = chromium("renewalExpired")
    later = chromium("renewalLater", passed=ALMOST_AN_HOUR)
    site.end_sessions(CARLA)
    return {"first": first, "expired": expired, "later": later, "ended": chromium("renewalEnded")}


def test_an_expired_token_is_renewed(walk: Any) -> None:
    """A call that is refused for its token is made again with a new one, once."""
    assert [call["token"] for call in walk["expired"]["calls"]] == [walk["first"], walk["expired"]["token"]]
    assert walk["expired"]["token"] != walk["first"]


def test_nobody_notices(walk: Any) -> None:
    """For a renewal no page is opened and nothing is said."""
    assert (walk["expired"]["pages"], walk["expired"]["alerts"]) == ([], [])
    assert (walk["later"]["pages"], walk["later"]["alerts"]) == ([], [])


def test_sessions_are_not_read_all_the_time(walk: Any) -> None:
    """Who comes back to the page within seconds does not have the list read again."""
    assert walk["expired"]["atOnce"] == []


def test_a_token_is_renewed_before_it_expires(walk: Any) -> None:
    """Shortly before its end, however wrong the browser's clock is, a token is renewed before it is used."""
    assert [call["token"] for call in walk["later"]["calls"]] == [walk["later"]["token"]]
    assert walk["later"]["token"] != walk["expired"]["token"]


def test_an_ended_session_is_told(walk: Any, site: Site) -> None:
    """When the session has been ended elsewhere, the page says so and shows nothing of the person any more."""
    assert "Your session has ended." in walk["ended"]["said"]
    assert CARLA.name not in walk["ended"]["said"]
    assert walk["ended"]["pages"] == []
    assert json_answer(site.server, walk["later"]["token"], "GetMyUser")["code"] == UNAUTHENTICATED


def test_who_was_signed_out_elsewhere_signs_in_again(walk: Any) -> None:
    """The sign-in asks for the password, and knows the login name still."""
    assert walk["ended"]["asked"] == CARLA.login


def test_no_other_complaints(walk: Any) -> None:
    """The browser notes the refused refresh token, and nothing else."""
    assert [text for text in walk["ended"]["complaints"] if "400" not in text] == []

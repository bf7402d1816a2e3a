"""A server that goes away and comes back while somebody is at the account page."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from interop.driver import Driver
from web.people import ADA
from web.site import free_port, open_site


@pytest.fixture(scope="module")
def walk(people: Path, chromium: Driver, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What somebody saw before, while and after the server was away."""
    folder = tmp_path_factory.mktemp("restart")
    url, listen = f"sqlite:///{shutil.copy(people, folder)}", f"127.0.0.1:{free_port()}"
    with open_site(url, folder / "first.log", listen=listen) as site:
        begun = chromium("restartBegin", site=site.url, person=ADA.typed())
        assert site.server.stop() == 0
    lost = chromium("restartLost", person=ADA.typed())
    with open_site(url, folder / "second.log", listen=listen):
        back, again = chromium("restartBack"), chromium("restartAgain")
    return {"begun": begun, "lost": lost, "back": back, "again": again}


def test_a_lost_connection_is_told(walk: Any) -> None:
    """A banner says that the server is away and that the page goes on trying."""
    assert "The connection to the server is lost. Trying again…" in walk["lost"]["said"]
    assert "Try again now" in walk["lost"]["said"]


def test_what_is_there_stays(walk: Any) -> None:
    """What has been read before can be read on."""
    assert walk["lost"]["before"] == walk["begun"]
    assert walk["lost"]["stayed"] == walk["begun"]["sessions"]


def test_trying_again_in_vain(walk: Any) -> None:
    """As long as the server is away the banner stays, whoever presses its button."""
    assert walk["lost"]["still"] is True


def test_a_call_in_between_fails(walk: Any) -> None:
    """A part whose call has failed says so, and offers to try again."""
    assert "- alert" in walk["lost"]["failed"]
    assert '- button "Try again"' in walk["lost"]["failed"]


def test_an_action_in_between_fails(walk: Any) -> None:
    """What cannot be done while the server is away has not been done, and the page says why."""
    assert "That did not work. The server cannot be reached." in walk["lost"]["action"]


def test_the_page_is_connected_again(walk: Any) -> None:
    """When the server is back, all alerts go away by themselves, and everything is read anew, without a sign-in."""
    assert walk["back"]["after"] == walk["begun"]
    assert (walk["back"]["pages"], walk["back"]["alerts"]) == ([], 0)
    assert {call["method"] for call in walk["back"]["calls"]} >= {"GetMyUser", "ListMyUserSessions", "ListMyUserGrants"}


def test_everybody_can_use_the_banner(walk: Any) -> None:
    """With the banner, too, axe finds nothing to mend, and the page fits a phone."""
    assert walk["lost"]["looks"] == {"light": [], "dark": [], "overflow": 0}


def test_trying_again_now(walk: Any) -> None:
    """Who comes back to the network is tried for at once; if that fails, the button tries without waiting."""
    assert walk["again"]["still"] is True
    assert walk["again"]["after"] == walk["begun"]


def test_no_complaints(walk: Any) -> None:
    """The browser notes what could not be loaded, and nothing else."""
    assert walk["again"]["complaints"] == []

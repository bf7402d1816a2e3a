"""Two people in one browser at the account page: they switch, sign each other out, and leave."""

from __future__ import annotations

from typing import Any

from interop.support import json_answer
from web.people import ADA, ADAS_OTHER_LOGIN, ADAS_PHONE, BORIS, BORISS_MAIL
from web.site import Site

ACCOUNT = "/account"
AUTHORIZE = "/oauth/v2/authorize"
UNAUTHENTICATED = 16


def row(sessions: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The session of somebody in the list."""
    (found,) = [session for session in sessions if name in session["text"]]
    return found


def test_a_page_signs_somebody_in_by_itself(switching: Any) -> None:
    """Who comes with nothing is led to the sign-in, and back to the page, which says whose it is."""
    assert (switching["alone"]["title"], switching["alone"]["heading"]) == ("Your account", ["Your account"])
    assert ADA.name in switching["alone"]["profile"]
    assert switching["alone"]["lang"] == "en"


def test_the_profile_says_who_somebody_is(switching: Any) -> None:
    """Login names, e-mail and phone are shown, and in words whether they have been verified."""
    adas, boriss = switching["alone"]["profile"], switching["both"]["profile"]
    assert all(text in adas for text in (ADA.login, ADAS_OTHER_LOGIN, ADAS_PHONE, "English"))
    assert (adas.count("not verified"), adas.count("verified")) == (1, 2)
    assert all(text in boriss for text in (BORIS.name, BORISS_MAIL, "German", "not verified"))


def test_initials_stand_for_a_missing_picture(switching: Any) -> None:
    """A picture that cannot be had is not shown as broken, and who has none has initials, too."""
    assert "AA" in switching["alone"]["profile"]
    assert "BB" in switching["both"]["profile"]


def test_parts_have_their_names(switching: Any) -> None:
    """Every part is a region with a heading, so that people find their way who do not see it."""
    outline = switching["both"]["outline"]
    for name in ("Profile", "Signed in on this browser", "Grants", "For developers"):
        assert f'- region "{name}"' in outline
        assert f'- heading "{name}" [level=2]' in outline
    assert "- main" in outline


def test_the_own_password_can_be_changed(switching: Any) -> None:
    """A link leads to the form for the password of the person that is shown; to go back leads to that person."""
    assert BORIS.login in switching["password"]


def test_somebody_alone_can_only_leave(switching: Any) -> None:
    """With one session there is nobody to switch to."""
    (only,) = switching["alone"]["sessions"]
    assert (only["isCurrent"], only["buttons"]) == (True, [f"Sign out {ADA.name}"])
    assert "You" in only["text"]


def test_both_are_seen(switching: Any) -> None:
    """Who is added sees both sessions, and which is the own one."""
    sessions = switching["both"]["sessions"]
    assert [session["isCurrent"] for session in sessions].count(True) == 1
    assert row(sessions, BORIS.name)["isCurrent"]
    assert row(sessions, ADA.name)["buttons"] == [f"Switch to {ADA.name}", f"Sign out {ADA.name}"]


def test_one_click_switches(switching: Any) -> None:
    """To switch to somebody who is signed in takes neither a password nor a page in between."""
    assert row(switching["switched"]["sessions"], ADA.name)["isCurrent"]
    assert set(switching["switched"]["pages"]) == {AUTHORIZE, ACCOUNT}


def test_a_page_that_is_loaded_anew_stays_with_the_person(switching: Any, site: Site) -> None:
    """With several people signed in, a reload asks nobody who they are, and leaves a clean address."""
    assert set(switching["reloaded"]["pages"]) == {AUTHORIZE, ACCOUNT}
    assert switching["reloaded"]["url"] == f"{site.url}{ACCOUNT}"


def test_one_signs_another_out(switching: Any) -> None:
    """The page says so, the list is that of now, and whoever did it stays signed in."""
    left = switching["oneLeft"]
    assert left["status"] == f"{BORIS.name} is signed out."
    assert row(left["sessions"], BORIS.name)["buttons"] == [f"Sign in as {BORIS.name}"]
    assert row(left["sessions"], ADA.name)["isCurrent"]


def test_who_is_signed_out_needs_the_password(switching: Any) -> None:
    """Signing in as somebody whose session is over begins with the login name filled in."""
    assert switching["asked"] == BORIS.login
    assert row(switching["back"], BORIS.name)["isCurrent"]
    assert row(switching["back"], ADA.name)["buttons"][0] == f"Switch to {ADA.name}"


def test_signing_out_everyone_is_asked_about(switching: Any) -> None:
    """A dialog asks first; who thinks better of it is back at the button."""
    assert '- button "Sign out everyone"' in switching["question"]
    assert '- button "Cancel"' in switching["question"]
    assert switching["returned"].startswith('- button "Sign out everyone"')


def test_everyone_is_signed_out(switching: Any) -> None:
    """Nothing of anybody is on the page then, and it does not sign in again by itself."""
    assert '- heading "You are signed out" [level=1]' in switching["out"]
    assert '- button "Sign in"' in switching["out"]
    assert not any(person.name in switching["out"] for person in (ADA, BORIS))
    assert "/login" in "".join(switching["afterwards"])


def test_tokens_of_who_is_signed_out_are_refused(switching: Any, site: Site) -> None:
    """Every access token that the page had is worth nothing at once, and so is every refresh token."""
    issued = switching["issued"]
    assert len(issued) >= 5
    assert all(answer["access_token"] and answer["refresh_token"] for answer in issued)
    codes = {json_answer(site.server, answer["access_token"], "GetMyUser")["code"] for answer in issued}
    assert codes == {UNAUTHENTICATED}
    assert {site.refresh(answer["refresh_token"]) for answer in issued} == {"invalid_grant"}

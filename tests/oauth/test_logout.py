"""Signing out at the request of a client: who is believed, and where people are sent."""

from __future__ import annotations

import pytest
from oauth.people import GIGI, OLLI
from oauth.realm import APP, OTHER, Realm, a_browser, a_session

from authsvc.domain.accounts import Browser
from authsvc.domain.clock import SECOND
from authsvc.oauth.authorization import Unsafe
from authsvc.oauth.hints import Hint
from authsvc.oauth.logout import LogoutPlan, LogoutRequest, plan

BYE = "https://app.example/bye"
GIGIS, OLLIS = a_session(1, GIGI), a_session(2, OLLI)
GONE = GIGIS._replace(is_active=False)


def _request(hint: Hint | None) -> LogoutRequest:
    return LogoutRequest(None, hint, None, "")


@pytest.mark.parametrize(
    ("hint", "browser", "expected"),
    [
        (Hint(GIGI, 1, APP), a_browser(GIGIS, OLLIS), LogoutPlan(GIGIS, ())),
        (Hint(GIGI, 1, APP), a_browser(GIGIS), LogoutPlan(GIGIS, ())),
        (Hint(GIGI, 9, APP), a_browser(GIGIS, OLLIS), LogoutPlan(None, (GIGIS,))),
        (Hint(GIGI, None, APP), a_browser(GIGIS, OLLIS), LogoutPlan(None, (GIGIS,))),
        (Hint(OLLI, 1, APP), a_browser(GIGIS), LogoutPlan(None, ())),
        (Hint(OLLI, 1, APP), a_browser(GIGIS, OLLIS), LogoutPlan(None, (OLLIS,))),
        (Hint(GIGI, 1, APP), a_browser(GONE, OLLIS), LogoutPlan(None, ())),
        (Hint(GIGI, 1, APP), None, LogoutPlan(None, ())),
        (None, a_browser(GIGIS, OLLIS), LogoutPlan(None, (GIGIS, OLLIS))),
        (None, a_browser(GONE, OLLIS), LogoutPlan(None, (OLLIS,))),
        (None, a_browser(GONE), LogoutPlan(None, ())),
        (None, None, LogoutPlan(None, ())),
    ],
)
def test_nobody_is_signed_out_by_a_link(hint: Hint | None, browser: Browser | None, expected: LogoutPlan) -> None:
    """Only an ID token of a session of this browser ends that session at once; otherwise the person is asked."""
    assert plan(_request(hint), browser) == expected


async def test_client_gets_its_people_back(realm: Realm) -> None:
    """With an old ID token people go to the registered URI, with the state, and to its own session it leads."""
    session = await realm.session()
    hint = (await realm.tokens(session)).id_token or ""
    realm.at += 7200 * SECOND
    request = await realm.logout.request(
        [("id_token_hint", hint), ("post_logout_redirect_uri", BYE), ("state", "a&b"), ("ui_locales", "de")]
    )
    assert (request.location, request.ui_locales) == (BYE + "?state=a%26b", "de")
    assert request.hint == Hint(GIGI, session.id, APP)
    assert plan(request, a_browser(session)).ends == session


@pytest.mark.parametrize(
    ("uri", "state", "location"),
    [
        ("", "", None),
        (BYE, "", BYE),
        (BYE + "?x=1", "s", BYE + "?x=1&state=s"),
    ],
)
async def test_client_may_be_named_without_a_token(realm: Realm, uri: str, state: str, location: str | None) -> None:
    """A client that only says its name gets people back too, once they have been asked."""
    pairs = [("client_id", APP), ("post_logout_redirect_uri", uri), ("state", state)]
    assert (await realm.logout.request(pairs)).location == location


async def test_empty_request_is_about_everybody(realm: Realm) -> None:
    """A request that says nothing is one, and leads to a page of ours."""
    assert await realm.logout.request([]) == LogoutRequest(None, None, None, "")


@pytest.mark.parametrize(
    ("pairs", "key"),
    [
        ([("post_logout_redirect_uri", BYE)], "error.redirect_uri"),
        ([("client_id", APP), ("post_logout_redirect_uri", BYE + "/")], "error.redirect_uri"),
        ([("client_id", APP), ("post_logout_redirect_uri", "https://app.example/callback")], "error.redirect_uri"),
        ([("client_id", APP), ("post_logout_redirect_uri", "https://evil.example/")], "error.redirect_uri"),
        ([("client_id", APP), ("post_logout_redirect_uri", f"{BYE}\n{BYE}?x=1")], "error.redirect_uri"),
        ([("client_id", "nobody")], "error.unknown_client"),
        ([("id_token_hint", "x")], "error.malformed"),
        ([("client_id", APP), ("client_id", APP)], "error.malformed"),
        ([("state", "a"), ("state", "b")], "error.malformed"),
    ],
)
async def test_nobody_is_sent_to_where_no_client_is(realm: Realm, pairs: list[tuple[str, str]], key: str) -> None:
    """Unregistered URIs, unknown clients and tokens, and parameters that are there twice end on a page of ours."""
    with pytest.raises(Unsafe) as caught:
        await realm.logout.request(pairs)
    assert caught.value.key == key


async def test_token_and_name_must_agree(realm: Realm) -> None:
    """An ID token of one client does not go with the name of another."""
    hint = (await realm.tokens()).id_token or ""
    assert (await realm.logout.request([("id_token_hint", hint), ("client_id", APP)])).client
    with pytest.raises(Unsafe):
        await realm.logout.request([("id_token_hint", hint), ("client_id", OTHER)])


async def test_changed_token_is_none(realm: Realm) -> None:
    """An ID token whose signature does not fit is refused, not ignored."""
    hint = (await realm.tokens()).id_token or ""
    with pytest.raises(Unsafe):
        await realm.logout.request([("id_token_hint", hint[:-6] + "AAAAAA")])

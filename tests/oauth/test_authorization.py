"""The authorization endpoint's rules: who goes on with a request, who is asked, and what the client gets."""

from __future__ import annotations

from typing import Any

import pytest
from oauth.people import GIGI, OLLI, START
from oauth.realm import APP, CALLBACK, ISSUER, OTHER, Realm, a_browser, a_session, answer_of, pairs

from authsvc.domain.accounts import Browser, BrowserSession
from authsvc.domain.clients import Client
from authsvc.domain.clock import SECOND
from authsvc.domain.tokens import token_hash
from authsvc.oauth.authorization import SIGN_IN_LIFE, Ask, AuthorizationRequest, Redirected, next_step
from authsvc.oauth.authorization_request import Address
from authsvc.oauth.hints import Hint

SIGN_IN, CHOOSE = Ask.SIGN_IN, Ask.CHOOSE
MINUTE = 60 * SECOND
NOW = START + 60 * MINUTE
GIGIS = a_session(1, GIGI)
OLLIS = a_session(2, OLLI, login_name="olli@savanna.example")
FRESH = GIGIS._replace(authenticated_at=NOW - SECOND)
GONE = GIGIS._replace(is_active=False)
IMPERSONATED = GIGIS._replace(impersonator="ops@example.com")
UNKNOWN_SINCE = GIGIS._replace(authenticated_at=None)
CLIENT = Client(1, APP, "App", 1, None, False, True, CALLBACK, "", "authorization_code", 0, "RS256", None)
REQUEST = AuthorizationRequest(
    client=CLIENT,
    address=Address(ISSUER, APP, CALLBACK, "s"),
    scope="openid",
    nonce=None,
    code_challenge="c" * 43,
    prompt=frozenset(),
    max_age=None,
    login_hint="",
    hint=None,
)


def _asked(prompt: str = "", hint: int | None = None, **values: Any) -> AuthorizationRequest:
    hinted = None if hint is None else Hint(hint, None, APP)
    return REQUEST._replace(prompt=frozenset(prompt.split()), hint=hinted, **values)


BOTH = (GIGIS, OLLIS)
TABLE: dict[str, tuple[AuthorizationRequest, tuple[BrowserSession, ...], dict[str, int], object]] = {
    "nobody": (_asked(), (), {}, SIGN_IN),
    "one": (_asked(), (GIGIS,), {}, GIGIS),
    "one that ended": (_asked(), (GONE,), {}, SIGN_IN),
    "one, impersonated": (_asked(), (IMPERSONATED,), {}, SIGN_IN),
    "one beside an impersonated": (_asked(), (OLLIS, IMPERSONATED), {}, OLLIS),
    "one beside an ended": (_asked(), (GONE, OLLIS), {}, OLLIS),
    "two": (_asked(), BOTH, {}, CHOOSE),
    "two, one chosen": (_asked(), BOTH, {"chosen": 2}, OLLIS),
    "chosen that ended": (_asked(), (GONE, OLLIS), {"chosen": 1}, OLLIS),
    "chosen of another browser": (_asked(), BOTH, {"chosen": 3}, CHOOSE),
    "chosen, impersonated": (_asked(), (IMPERSONATED,), {"chosen": 1}, SIGN_IN),
    "login_hint of one of two": (_asked(login_hint="OLLI@savanna.example"), BOTH, {}, OLLIS),
    "login_hint of nobody": (_asked(login_hint="fred@savanna.example"), BOTH, {}, CHOOSE),
    "login_hint of one who is signed out": (
        _asked(login_hint=OLLIS.login_name),
        (GIGIS, OLLIS._replace(is_active=False)),
        {},
        SIGN_IN,
    ),
    "login_hint of another than the one": (_asked(login_hint="fred"), (GIGIS,), {}, CHOOSE),
    "login_hint, nobody": (_asked(login_hint="gigi@savanna.example"), (), {}, SIGN_IN),
    "login_hint, other chosen": (_asked(login_hint="gigi@savanna.example"), BOTH, {"chosen": 2}, OLLIS),
    "hint of one of two": (_asked(hint=OLLI), BOTH, {}, OLLIS),
    "hint of nobody here": (_asked(hint=OLLI), (GIGIS,), {}, SIGN_IN),
    "hint beats select_account": (_asked("select_account", hint=OLLI), BOTH, {}, OLLIS),
    "hint, and that one chosen": (_asked(hint=GIGI), BOTH, {"chosen": 1}, GIGIS),
    "hint, other chosen": (_asked(hint=GIGI), BOTH, {"chosen": 2}, "login_required"),
    "select_account, nobody": (_asked("select_account"), (), {}, SIGN_IN),
    "select_account, one": (_asked("select_account"), (GIGIS,), {}, CHOOSE),
    "select_account, chosen": (_asked("select_account"), (GIGIS,), {"chosen": 1}, GIGIS),
    "select_account, login_hint": (_asked("select_account", login_hint=GIGIS.login_name), BOTH, {}, CHOOSE),
    "consent alone": (_asked("consent"), (GIGIS,), {}, GIGIS),
    "login, one": (_asked("login"), (GIGIS,), {}, SIGN_IN),
    "login, one signed in a moment ago": (_asked("login"), (FRESH,), {}, SIGN_IN),
    "login, done": (_asked("login"), (FRESH,), {"after": NOW - SECOND, "chosen": 1}, FRESH),
    "login, done, beside another": (_asked("login"), (FRESH, OLLIS), {"after": NOW - SECOND, "chosen": 1}, FRESH),
    "login, chosen only": (_asked("login"), (FRESH,), {"chosen": 1}, SIGN_IN),
    "login, done by another": (_asked("login"), (FRESH, OLLIS), {"after": NOW - SECOND, "chosen": 2}, SIGN_IN),
    "login, sign-in made up": (_asked("login"), (GIGIS,), {"after": NOW - SECOND, "chosen": 1}, SIGN_IN),
    "login, sign-in of long ago": (_asked("login"), (GIGIS,), {"after": START, "chosen": 1}, SIGN_IN),
    "login, sign-in just too long ago": (
        _asked("login"),
        (GIGIS._replace(authenticated_at=NOW - SIGN_IN_LIFE),),
        {"after": NOW - SIGN_IN_LIFE, "chosen": 1},
        SIGN_IN,
    ),
    "login and select_account": (_asked("login select_account"), BOTH, {}, SIGN_IN),
    "login and select_account, done": (
        _asked("login select_account"),
        (FRESH, OLLIS),
        {"after": NOW - SECOND, "chosen": 1},
        FRESH,
    ),
    "login with hint, done": (_asked("login", hint=GIGI), (FRESH,), {"after": NOW - SECOND, "chosen": 1}, FRESH),
    "max_age, young enough": (_asked(max_age=3600), (GIGIS,), {}, GIGIS),
    "max_age, too old": (_asked(max_age=3599), (GIGIS,), {}, SIGN_IN),
    "max_age, nobody knows how old": (_asked(max_age=3600), (UNKNOWN_SINCE,), {}, SIGN_IN),
    "no max_age, nobody knows how old": (_asked(), (UNKNOWN_SINCE,), {}, UNKNOWN_SINCE),
    "max_age 0": (_asked(max_age=0), (FRESH,), {}, SIGN_IN),
    "max_age 0, done": (_asked(max_age=0), (FRESH,), {"after": NOW - SECOND, "chosen": 1}, FRESH),
    "none, nobody": (_asked("none"), (), {}, "login_required"),
    "none, one": (_asked("none"), (GIGIS,), {}, GIGIS),
    "none, two": (_asked("none"), BOTH, {}, "account_selection_required"),
    "none, two, login_hint": (_asked("none", login_hint=OLLIS.login_name), BOTH, {}, OLLIS),
    "none, login_hint of nobody": (_asked("none", login_hint="fred"), (GIGIS,), {}, "login_required"),
    "none, hint": (_asked("none", hint=OLLI), BOTH, {}, OLLIS),
    "none, hint of nobody here": (_asked("none", hint=OLLI), (GIGIS,), {}, "login_required"),
    "none, too old": (_asked("none", max_age=10), (GIGIS,), {}, "login_required"),
    "none, impersonated": (_asked("none"), (IMPERSONATED,), {}, "login_required"),
}


@pytest.mark.parametrize("case", TABLE)
def test_next_step(case: str) -> None:
    """Who can go on goes on, who cannot is asked, and where nothing may be asked the client is told."""
    request, sessions, known, expected = TABLE[case]
    try:
        step: object = next_step(request, a_browser(*sessions), NOW, **known)
    except Redirected as redirected:
        answer = answer_of(redirected.location)
        assert (answer["state"], answer["iss"]) == ("s", ISSUER)
        step = answer["error"]
    assert step == expected


def test_new_browser_signs_in() -> None:
    """A browser that has never been here has nobody signed in."""
    assert next_step(_asked(), None, NOW) is SIGN_IN
    with pytest.raises(Redirected):
        next_step(_asked("none"), None, NOW)


async def test_step_goes_by_the_clock(realm: Realm) -> None:
    """The endpoint's own rule is that of now."""
    request = await realm.authorization.request(pairs(max_age="60"))
    browser = Browser(1, (GIGIS,))
    realm.at += 60 * SECOND
    assert realm.authorization.step(request, browser) == GIGIS
    realm.at += 1
    assert realm.authorization.step(request, browser) is SIGN_IN


async def test_trusted_client_needs_no_consent(realm: Realm) -> None:
    """Nobody is asked for a client of ours, unless it asks for that itself."""
    request, session = await realm.authorization.request(pairs()), await realm.session()
    assert not await realm.authorization.needs_consent(request, session)
    asked = await realm.authorization.request(pairs(prompt="consent"))
    assert await realm.authorization.needs_consent(asked, session)


async def test_consent_is_remembered_by_person_client_and_scope(realm: Realm) -> None:
    """Who has agreed is not asked again for the same or less; others, other clients and more scope are."""
    rules = realm.authorization
    session, ollis = await realm.session(), await realm.session(OLLI)

    async def asks(session: BrowserSession, **parameters: str) -> bool:
        request = await rules.request(pairs(**{"client_id": OTHER, **parameters}))
        return await rules.needs_consent(request, session)

    assert await asks(session)
    await rules.consent(await rules.request(pairs(client_id=OTHER, scope="openid email")), session)
    assert not await asks(session, scope="openid")
    assert await asks(session, scope="openid phone")
    assert await asks(ollis, scope="openid")
    await rules.consent(await rules.request(pairs(client_id=OTHER, scope="phone")), session)
    assert not await asks(session, scope="openid phone email")
    assert await asks(session, scope="openid", prompt="consent")
    assert await realm.ask("SELECT user_id, client_id, scope FROM consents") == [(GIGI, 4, "openid email phone")]


async def test_silent_request_cannot_ask_for_consent(realm: Realm) -> None:
    """Where no page may be shown, a client that needs consent is told so."""
    request = await realm.authorization.request(pairs(client_id=OTHER, prompt="none"))
    with pytest.raises(Redirected) as caught:
        await realm.authorization.needs_consent(request, await realm.session())
    assert answer_of(caught.value.location)["error"] == "consent_required"


async def test_programs_that_anybody_can_pretend_to_be_ask_each_time(realm: Realm) -> None:
    """A public client on the person's own machine is agreed to anew each time, one with a secret is not."""
    await realm.put_client(
        5, "cli", secret_hash=None, native=True, redirect_uris="http://127.0.0.1/cb\nhttps://a.example"
    )
    session, rules = await realm.session(), realm.authorization
    local = await rules.request(pairs(client_id="cli", redirect_uri="http://127.0.0.1:5/cb"))
    claimed = await rules.request(pairs(client_id="cli", redirect_uri="https://a.example"))
    await rules.consent(local, session)
    assert await rules.needs_consent(local, session)
    assert not await rules.needs_consent(claimed, session)
    await realm.put_client(6, "tool", native=True, redirect_uris="http://127.0.0.1/cb")
    proven = await rules.request(pairs(client_id="tool", redirect_uri="http://127.0.0.1:5/cb"))
    await rules.consent(proven, session)
    assert not await rules.needs_consent(proven, session)


async def test_trust_is_not_for_programs_that_anybody_can_pretend_to_be(realm: Realm) -> None:
    """For a trusted native client the person says each time that they go on, unless they have just signed in for it."""
    uris = "http://127.0.0.1/cb\ncom.example.app:/cb\nhttps://a.example"
    await realm.put_client(5, "cli", secret_hash=None, native=True, trusted=True, redirect_uris=uris)
    session, rules = await realm.session(), realm.authorization
    for uri in ("http://127.0.0.1:5/cb", "com.example.app:/cb"):
        request = await rules.request(pairs(client_id="cli", redirect_uri=uri))
        await rules.consent(request, session)
        assert await rules.needs_consent(request, session)
        assert await rules.needs_consent(request, session, after=realm.at + 1)
        assert not await rules.needs_consent(request, session, after=realm.at)
        with pytest.raises(Redirected) as caught:
            await rules.needs_consent(
                await rules.request(pairs(client_id="cli", redirect_uri=uri, prompt="none")), session
            )
        assert answer_of(caught.value.location)["error"] == "consent_required"
    claimed = await rules.request(pairs(client_id="cli", redirect_uri="https://a.example"))
    assert not await rules.needs_consent(claimed, session)
    assert await realm.ask("SELECT scope FROM consents") == []
    realm.at += SIGN_IN_LIFE
    assert await rules.needs_consent(request, session, after=session.authenticated_at)


async def test_grant_gives_a_code_that_is_bound(realm: Realm) -> None:
    """The client gets code, state and issuer; the code stands for person, session, sign-in and challenge."""
    session = await realm.session(amr="pwd otp mfa")
    request = await realm.authorization.request(pairs())
    location = await realm.authorization.grant(request, session)
    answer = answer_of(location)
    assert location.startswith(CALLBACK + "?")
    assert {**answer, "code": ""} == {"code": "", "state": "s t&te", "iss": ISSUER}
    assert len(answer["code"]) == 43
    rows = await realm.ask(
        "SELECT client_id, user_id, session_id, scope, code_hash, code_challenge, redirect_uri, nonce,"
        " authenticated_at, amr, code_expires_at, code_used_at, revoked_at FROM authorizations"
    )
    bound = (request.code_challenge, CALLBACK, "n-1", realm.at, "pwd otp mfa", realm.at + MINUTE, None, None)
    assert rows == [(1, GIGI, session.id, "openid offline_access", token_hash(answer["code"]), *bound)]


async def test_refusal_goes_to_the_client(realm: Realm) -> None:
    """Whoever denies sends the client `access_denied`, with state and issuer."""
    answer = answer_of(realm.authorization.refuse(await realm.authorization.request(pairs())))
    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", "s t&te", ISSUER)

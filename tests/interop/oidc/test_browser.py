"""The sign-in in a real browser: two people, a page of another origin, every page, and those who attack it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pyotp
import pytest
from harness import NO_CERTIFICATES, serving
from interop.driver import Driver
from interop.oidc.site import (
    ADA,
    BORIS,
    CALLBACK,
    NAMES,
    NATIVE,
    PAGE,
    PAGE_PATH,
    PASSWORD,
    PROJECT,
    SCOPE,
    STRANGER,
    TINA,
    Client,
    Site,
)
from interop.support import browser, tls

# Of RFC 7636, appendix B; nobody exchanges these codes.
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
UNAUTHENTICATED = 16
ACTIVE, TERMINATED = "SESSION_STATE_ACTIVE", "SESSION_STATE_TERMINATED"
ZITADELS = f"openid profile email urn:zitadel:iam:org:project:id:{PROJECT}:aud urn:zitadel:iam:org:projects:roles"
# What makes something unusable for somebody; the rest are opinions.
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="session")
def chromium(driver: Callable[..., Driver]) -> Driver:
    """The browser."""
    return driver("browser", str(browser()))


def person(login: str, code: str | None = None) -> dict[str, Any]:
    """Somebody, as the browser's driver has them."""
    return {"login": login, "name": NAMES[login], "password": PASSWORD, "code": code}


def settings(site: Site, **more: str) -> dict[str, str]:
    """Those that ZITADEL's package for React gives to `oidc-client-ts`: the prompt is there, and empty."""
    page = f"{site.page}{PAGE_PATH}"
    return {
        "authority": site.url,
        "client_id": PAGE,
        "redirect_uri": page,
        "response_type": "code",
        "scope": ZITADELS,
        "prompt": "",
        "post_logout_redirect_uri": page,
        "response_mode": "query",
        **more,
    }


def asking(site: Site, client: Client, **more: str) -> str:
    """Where a client sends people to sign in."""
    query = {
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "response_type": "code",
        "scope": SCOPE,
        "state": "of the application",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **more,
    }
    return f"{site.url}/oauth/v2/authorize?{urlencode(query)}"


def states(seen: Any) -> dict[str, str]:
    """The sessions that somebody sees, by the login name: their states."""
    return {session["loginName"]: session["authState"] for session in seen["sessions"]}


@pytest.fixture(scope="module")
def visit(site: Site, chromium: Driver) -> Any:
    """What happened to somebody who signed in to the page, had it renew its tokens, and signed out."""
    given = settings(site, scope=f"{ZITADELS} offline_access")
    outcome = chromium("redirect", page=given["redirect_uri"], site=site.url, settings=given, person=person(ADA))
    assert "failure" not in outcome, outcome
    return outcome


def test_a_page_signs_somebody_in(visit: Any, site: Site) -> None:
    """`oidc-client-ts` on another origin signs a person in with ZITADEL's settings, and reads who it is."""
    profile = visit["user"]["profile"]
    assert (profile["sub"], profile["name"], profile["email"]) == ("10", NAMES[ADA], ADA)
    assert (profile["iss"], profile["aud"]) == (site.url, PAGE)


def test_the_page_renews_its_tokens(visit: Any) -> None:
    """It gets new tokens for its refresh token, and calls the API with them."""
    assert visit["renewed"]["accessToken"] != visit["user"]["accessToken"]
    assert visit["renewed"]["refreshToken"] != visit["user"]["refreshToken"]
    assert states(visit["seen"])[ADA] == ACTIVE


def test_the_page_signs_somebody_out(visit: Any) -> None:
    """The person comes back signed out: the page has no tokens, and those it had are worth nothing."""
    assert visit["signedOut"] is True
    assert visit["left"] is None
    assert visit["afterwards"] == {"code": UNAUTHENTICATED}


def test_no_token_lies_around(visit: Any, site: Site) -> None:
    """No token is in a URL, a page of ours or our part of the browser's storage, and no page complains of its policy.

    Only the ID token goes into a URL, as the hint with which somebody signs out.
    """
    users = (visit["user"], visit["renewed"])
    secrets = {user[name] for user in users for name in ("accessToken", "refreshToken") if user.get(name)}
    hints = {user["idToken"] for user in users if user.get("idToken")}
    cookies = {cookie["value"] for cookie in visit["cookies"]}
    assert len(secrets) >= 2
    assert cookies
    places = [*visit["urls"], *visit["html"]]
    assert len(places) > 10
    assert [place for place in places if any(secret in place for secret in secrets | {PASSWORD})] == []
    assert [
        url for url in visit["urls"] if any(each in url for each in hints) and "/oidc/v1/end_session" not in url
    ] == []
    assert [url for url in visit["urls"] if any(each in url for each in cookies)] == []
    assert [origin["origin"] for origin in visit["origins"]] == [site.page]
    assert visit["complaints"] == []


def test_cookies_are_out_of_reach(visit: Any) -> None:
    """No script reads the cookies, and no form of another site sends them."""
    assert visit["cookies"]
    assert {(cookie["httpOnly"], cookie["sameSite"]) for cookie in visit["cookies"]} == {(True, "Lax")}


@pytest.fixture(scope="module")
def walk(site: Site, chromium: Driver) -> Any:
    """What two people saw in one browser, and one of them in another."""
    given = settings(site)
    return chromium(
        "twoPeople",
        page=given["redirect_uri"],
        site=site.url,
        settings=given,
        ada=person(ADA),
        boris=person(BORIS),
    )


def test_a_page_renews_its_tokens_in_a_frame(walk: Any) -> None:
    """Without a refresh token it asks again, in a frame and with `prompt=none`, and is answered without a page."""
    assert walk["renewed"]["accessToken"] not in {None, walk["adas"]["accessToken"]}
    assert walk["renewed"]["profile"]["sid"] == walk["adas"]["profile"]["sid"]


def test_two_people_in_one_browser(walk: Any) -> None:
    """Each gets tokens of their own, and both see both sessions of the browser."""
    assert [walk[name]["profile"]["sub"] for name in ("adas", "boriss", "again")] == ["10", "11", "10"]
    assert states(walk["before"]["ada"]) == states(walk["before"]["boris"]) == {ADA: ACTIVE, BORIS: ACTIVE}


def test_they_choose_who_goes_on(walk: Any) -> None:
    """The account chooser lists both, and the one chosen goes on with the sign-in that was there."""
    assert len(walk["choice"]) == 2
    assert all(any(name in text for text in walk["choice"]) for name in (NAMES[ADA], NAMES[BORIS], ADA, BORIS))
    assert walk["again"]["profile"]["sid"] == walk["adas"]["profile"]["sid"]


def test_one_signs_out(walk: Any) -> None:
    """The other sees that session terminated, and its token is refused at once."""
    assert states(walk["after"]["ada"]) == {ADA: ACTIVE, BORIS: TERMINATED}
    assert walk["after"]["boris"] == {"code": UNAUTHENTICATED}


def test_who_is_signed_out_needs_the_password(walk: Any) -> None:
    """The chooser still knows the login name; the sign-in is a new session, and the old token stays dead."""
    assert walk["prefilled"] == BORIS
    assert walk["returned"]["profile"]["sub"] == "11"
    assert walk["returned"]["profile"]["sid"] != walk["boriss"]["profile"]["sid"]
    assert states(walk["since"])[BORIS] == ACTIVE


def test_another_browser_sees_nothing(walk: Any) -> None:
    """From a second browser nobody of the first is seen: not on the page, and not by the API."""
    assert not any(name in walk["stranger"] for name in (*NAMES, *NAMES.values()))
    assert states(walk["elsewhere"]) == {ADA: ACTIVE}
    assert walk["complaints"] == []


def test_a_page_signs_somebody_in_in_a_window(walk: Any) -> None:
    """A page may open a window to sign in: the window tells it the answer and closes."""
    assert walk["hers"]["profile"]["sub"] == "10"
    assert walk["hers"]["profile"]["sid"] != walk["adas"]["profile"]["sid"]


def test_a_page_gives_its_token_back(walk: Any) -> None:
    """What a page of another origin revokes is worth nothing."""
    assert walk["revoked"] == {"code": UNAUTHENTICATED}


def test_pages_need_no_script(site: Site, chromium: Driver) -> None:
    """Without scripts a person with a second factor signs in, refuses and allows, is not asked again, and signs out."""
    url = asking(site, STRANGER)
    tina = person(TINA, pyotp.TOTP(site.totp).now())
    seen = chromium("withoutScript", site=site.url, url=url, callback=CALLBACK, person=tina)
    assert seen["problem"] == "Login name or password is wrong."
    assert len(seen["asked"]) == len(SCOPE.split())
    refusal, answer = (parse_qs(urlsplit(seen[name]).query) for name in ("refusal", "answer"))
    assert refusal["error"] == ["access_denied"]
    assert refusal["state"] == answer["state"] == ["of the application"]
    assert refusal["iss"] == answer["iss"] == [site.url]
    assert answer["code"]
    assert NAMES[TINA] in seen["accounts"]
    assert seen["afterwards"] == 1
    assert seen["complaints"] == []


@pytest.fixture(scope="module")
def tour(site: Site, chromium: Driver) -> Any:
    """What is on every page, on a small screen."""
    with httpx2.Client(base_url=site.url, trust_env=False, verify=NO_CERTIFICATES) as client:
        answer = client.post("/oauth/v2/device_authorization", data={"client_id": NATIVE.client_id, "scope": SCOPE})
    urls = {
        "unknown client": asking(site, STRANGER, client_id="nobody"),
        "sign-in": asking(site, STRANGER, prompt="login consent"),
        "accounts": asking(site, STRANGER, prompt="select_account"),
        "home": f"{site.url}/login",
        "device": f"{site.url}/device",
        "device code": answer.raise_for_status().json()["verification_uri_complete"],
        "log out": f"{site.url}/oidc/v1/end_session",
    }
    outcome = chromium("everyPage", urls=urls, person=person(BORIS), pending=person(TINA))
    assert len({page["heading"] for page in outcome["seen"].values()}) == 12  # the wrong password is told where it was
    return outcome


def test_everybody_can_use_the_pages(tour: Any) -> None:
    """No page is hard to use for somebody, in light or in dark."""
    found = {
        f"{page} ({scheme})": [problem for problem in seen[scheme] if problem.startswith(SERIOUS)]
        for page, seen in tour["seen"].items()
        for scheme in ("light", "dark")
    }
    assert {place: problems for place, problems in found.items() if problems} == {}


def test_pages_fit_small_screens(tour: Any) -> None:
    """On a screen of 320 pixels nobody has to scroll sideways."""
    assert {page: seen["width"] for page, seen in tour["seen"].items() if seen["width"] > 320} == {}


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en-GB", {"lang": "en", "heading": "Sign in", "problem": "Login name or password is wrong."}),
        ("de-CH", {"lang": "de", "heading": "Anmelden", "problem": "Anmeldename oder Passwort ist falsch."}),
    ],
)
def test_pages_speak_the_browsers_language(site: Site, chromium: Driver, locale: str, words: dict[str, str]) -> None:
    """Pages are in the language that the browser is set to, and say so."""
    wrong = {**person(BORIS), "password": "wrong"}
    assert chromium("inLanguage", url=asking(site, STRANGER), person=wrong, locale=locale) == words


def test_who_signs_out_is_forgotten(tour: Any) -> None:
    """After signing out by the page of the protocol the browser is asked for a login name again."""
    assert tour["forgotten"] == 1


def test_pages_keep_to_their_policy(tour: Any) -> None:
    """Nothing that a page loads or sends is stopped by its own policy. Refusals with 400 and 401 are noted, too."""
    assert [text for text in tour["complaints"] if "Failed to load resource" not in text] == []


@pytest.fixture(scope="module")
def attack(site: Site, chromium: Driver) -> Any:
    """What pages of other origins could do: one of another site, and one of the same site at another port."""
    neighbour = f"{site.page}{PAGE_PATH}"
    origins = {"stranger": neighbour.replace("127.0.0.1", "localhost"), "neighbour": neighbour}
    consent = asking(site, STRANGER, prompt="consent")
    return chromium("fromElsewhere", site=site.url, origins=origins, consent=consent, person=person(ADA))


def test_forms_of_others_are_refused(attack: Any) -> None:
    """Neither by a form nor by `fetch` does a page of another origin sign in, sign out or allow anything.

    It even knows the secret of the form, and it may be of the same site, so that cookies come along. From a page of
    ours the same form does what it is for.
    """
    outcomes = attack["outcomes"]
    assert len(outcomes) == 6
    assert {name: seen["shown"] for name, seen in outcomes.items() if seen["shown"] != 403} == {}
    assert {name: seen["read"] for name, seen in outcomes.items() if seen["read"] != ["TypeError", "opaque"]} == {}
    assert {status for seen in outcomes.values() for status in seen["statuses"]} == {403}
    assert NAMES[ADA] in attack["home"]
    assert attack["own"] == 303


def test_forms_of_others_disturb_none_of_ours(attack: Any) -> None:
    """A form that was open in another tab all the while is still good."""
    assert attack["held"] == 303


def test_planted_cookies_are_of_no_use(site: Site, chromium: Driver) -> None:
    """Who signs in gets a new cookie, so that nobody shares the browser with whoever put the old one there."""
    planted = "p" * 43
    outcome = chromium("plantedCookie", site=site.url, person=person(BORIS), planted=planted)
    assert len(outcome["kept"]) == 1
    assert planted not in outcome["kept"]
    assert NAMES[BORIS] not in outcome["seen"]


def test_pages_are_in_no_frame(attack: Any) -> None:
    """A page of another origin cannot show ours as a part of itself."""
    assert attack["framed"] == [0]


def test_cookies_over_tls(site: Site, chromium: Driver, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Over TLS the browser takes the cookies with the prefix that binds them to the host, and is known by them."""
    folder = tmp_path_factory.mktemp("tls")
    with serving(site.spare, folder / "server.log", grpc_listen="off", **tls(folder)) as server:
        seen = chromium("overTls", site=server.url, person=person(ADA))
    assert NAMES[ADA] in seen["home"]
    assert {cookie["name"] for cookie in seen["cookies"]} == {"__Host-agent", "__Host-form"}
    assert {(cookie["secure"], cookie["path"], cookie["httpOnly"]) for cookie in seen["cookies"]} == {(True, "/", True)}
    assert seen["complaints"] == []

"""Signing in on the command line: by a browser, by another device, or not at all because a token is there."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
import time
import urllib.request
import webbrowser
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from authsvc.cli.login.loopback import Loopback
from authsvc.cli.login.provider import Provider
from authsvc.cli.login.saved import Saved, Tokens
from authsvc.cli.login.sign_in import SignIn
from authsvc.errors import Refused

from .conftest import ISSUER, SCOPE, Service, get

Patch = pytest.MonkeyPatch


@pytest.fixture
def sign_in(provider: Provider, saved: Saved) -> SignIn:
    """The ways to a token, without any waiting."""
    return SignIn(provider, saved, SCOPE, sleep=lambda _: None)


def _browse(service: Service, patch: Patch, **changes: str | None) -> list[str]:
    """Have the browser that is opened sign in; the addresses that it is opened at."""
    opened: list[str] = []

    def browser(url: str) -> bool:
        opened.append(url)
        threading.Thread(target=service.browse, args=(url,), kwargs=changes).start()
        return True

    patch.setattr(webbrowser, "open", browser)
    return opened


def test_by_browser(service: Service, sign_in: SignIn, saved: Saved, monkeypatch: Patch, capfd: Any) -> None:
    """The code of the browser is exchanged with the verifier; the tokens are stored, and nothing is printed."""
    opened = _browse(service, monkeypatch)
    tokens = sign_in.by_browser(opens=True)
    assert (tokens.access_token, tokens.refresh_token) == ("token0", "refresh-token0")
    assert saved.get(ISSUER, "cli", SCOPE) == tokens
    output, errors = capfd.readouterr()
    assert output == ""
    assert opened[0] in errors
    asked = dict(parse_qsl(urlsplit(opened[0]).query))
    assert opened[0].startswith(f"{ISSUER}/authorization?")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/callback", asked["redirect_uri"])
    assert (asked["response_type"], asked["code_challenge_method"], asked["scope"]) == ("code", "S256", SCOPE)
    name, form = next((name, form) for name, form in service.asked if name == "token")
    assert (name, form["grant_type"], form["code"]) == ("token", "authorization_code", "c1")
    assert (form["client_id"], form["redirect_uri"]) == ("cli", asked["redirect_uri"])
    assert len({asked["state"], asked["nonce"], form["code_verifier"]}) == 3


def test_what_the_browser_says_is_not_output(sign_in: SignIn, service: Service, monkeypatch: Patch, capfd: Any) -> None:
    """What a browser prints as it is opened does not get beside the token."""

    def browser(url: str) -> bool:
        import os  # noqa: PLC0415

        os.write(1, b"Opening in existing browser session.\n")
        threading.Thread(target=service.browse, args=(url,)).start()
        return True

    monkeypatch.setattr(webbrowser, "open", browser)
    sign_in.by_browser(opens=True)
    output, errors = capfd.readouterr()
    assert output == ""
    assert "Opening in existing" in errors


def test_without_a_browser(sign_in: SignIn, service: Service, monkeypatch: Patch, capfd: Any) -> None:
    """The address is printed and no browser opened, if that is wished."""
    opened = _browse(service, monkeypatch)
    waiting = threading.Thread(target=sign_in.by_browser, kwargs={"opens": False})
    waiting.start()
    errors = ""
    while "\nhttps://" not in errors:
        errors += capfd.readouterr().err
        time.sleep(0.01)
    service.browse(errors.splitlines()[1])
    waiting.join(10)
    assert opened == []
    assert not waiting.is_alive()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"iss": None}, "the answer is not the service's"),
        ({"iss": "https://evil.example"}, "the answer is not the service's"),
        ({"code": None, "error": "access_denied"}, "the service refuses: access_denied"),
        ({"code": None, "error": "x", "error_description": "no\x1b[31m way"}, r"the service refuses: no\[31m way"),
    ],
)
def test_answers_that_are_refused(
    service: Service, sign_in: SignIn, saved: Saved, monkeypatch: Patch, changes: dict[str, str | None], sentence: str
) -> None:
    """An answer that is an error, or may be another issuer's, is told in a sentence; no code is sent anywhere."""
    _browse(service, monkeypatch, **changes)
    with pytest.raises(Refused, match=f"^{sentence}"):
        sign_in.by_browser(opens=True)
    assert "token" not in [name for name, _ in service.asked]
    assert not saved.path.exists()


def test_only_the_answer_counts(service: Service, sign_in: SignIn, monkeypatch: Patch) -> None:
    """Requests that do not know the state, or say something twice, are no answer: the right one is waited for."""
    statuses: list[int] = []

    def browser(url: str) -> bool:
        asked = dict(parse_qsl(urlsplit(url).query))
        back = asked["redirect_uri"]
        statuses.extend(get(back, fields) for fields in ({}, {"code": "x"}, {"code": "x", "state": "x"}))
        statuses.append(get(f"{back}?state={asked['state']}", {"state": asked["state"], "code": "x"}))
        statuses.append(get(back.replace("/callback", "/"), {"state": asked["state"], "code": "x"}))
        statuses.append(service.browse(url))
        return True

    monkeypatch.setattr(webbrowser, "open", browser)
    assert sign_in.by_browser(opens=True).access_token == "token0"
    assert statuses == [404, 404, 404, 404, 404, 200]
    assert [form.get("code") for name, form in service.asked if name == "token"] == ["c1"]


@pytest.mark.parametrize(
    ("claims", "header", "sentence"),
    [
        ({"nonce": "other"}, {}, "is not the answer"),
        ({"nonce": None}, {}, "is not the answer"),
        ({"iss": "https://evil.example"}, {}, "is not the answer"),
        ({"aud": "other"}, {}, "is not the answer"),
        ({"aud": ["cli", "other"]}, {}, "is not the answer"),
        ({"azp": "other"}, {}, "is not the answer"),
        ({"exp": 1}, {}, "is not of now"),
        ({"exp": "9999999999"}, {}, "does not say of when"),
        ({"iat": 99_999_999_999}, {}, "is not of now"),
        ({}, {"kid": "k2"}, "that can be verified"),
        ({}, {"kid": "k0"}, "that can be verified"),
        ({}, {"alg": "RS256"}, "has not been signed"),
        ({}, {"alg": "PS256"}, "that can be verified"),
        ({}, {"jku": "https://evil.example"}, "that can be verified"),
    ],
)
def test_id_tokens_that_are_refused(
    service: Service, sign_in: SignIn, saved: Saved, monkeypatch: Patch,
    claims: dict[str, Any], header: dict[str, Any], sentence: str,
) -> None:  # fmt: skip
    """An ID token that is not this service's, for this client, sign-in and time, ends the sign-in."""
    service.claims, service.header = claims, header
    _browse(service, monkeypatch)
    with pytest.raises(Refused, match=sentence):
        sign_in.by_browser(opens=True)
    assert not saved.path.exists()


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("token", {"id_token": None}, "no ID token"),
        ("token", {"token_type": "DPoP"}, "no bearer token"),
        ("token", {"access_token": "a\nb"}, "no bearer token"),
        ("token", {"access_token": None}, "no bearer token"),
        ("token", {"expires_in": "1"}, "how long"),
        ("keys", {"keys": "x"}, "that can be verified"),
        ("openid-configuration", {"issuer": "https://evil.example"}, "calls itself https://evil.example"),
        ("openid-configuration", {"token_endpoint": "https://evil.example/token"}, "no token endpoint of its own"),
        ("openid-configuration", {"authorization_endpoint": None}, "no authorization endpoint of its own"),
    ],
)
def test_services_that_are_not_as_they_should_be(
    service: Service, sign_in: SignIn, monkeypatch: Patch, name: str, change: dict[str, Any], sentence: str
) -> None:
    """What a service must say is demanded of it, and what it has elsewhere is not used."""
    service.changes[name] = change
    _browse(service, monkeypatch)
    with pytest.raises(Refused, match=sentence):
        sign_in.by_browser(opens=True)


def _stored(saved: Saved, life: int, refresh: str | None = "r1") -> Tokens:
    tokens = Tokens("old", int(time.time()) + life, refresh)
    saved.put(ISSUER, "cli", SCOPE, tokens)
    return tokens


def test_a_stored_token_is_used(service: Service, sign_in: SignIn, saved: Saved) -> None:
    """A token that lasts and can be used is given without anything new."""
    tokens = _stored(saved, 600)
    assert sign_in.known() == tokens
    assert [name for name, _ in service.asked] == ["openid-configuration", "userinfo"]


@pytest.mark.parametrize(("life", "status"), [(-1, 200), (10, 200), (600, 401)])
def test_a_stored_token_is_refreshed(service: Service, sign_in: SignIn, saved: Saved, life: int, status: int) -> None:
    """A token that is over, nearly so, or can be used no longer is refreshed, and the new ones are stored."""
    _stored(saved, life)
    service.errors["userinfo"] = [(status, {})] if status != 200 else []
    tokens = sign_in.known()
    assert tokens is not None
    assert (tokens.access_token, tokens.refresh_token) == ("token0", "refresh-token0")
    assert saved.get(ISSUER, "cli", SCOPE) == tokens
    (form,) = [form for name, form in service.asked if name == "token"]
    assert form == {"grant_type": "refresh_token", "client_id": "cli", "refresh_token": "r1"}


def test_a_refresh_token_may_stay(service: Service, sign_in: SignIn, saved: Saved) -> None:
    """A service that gives no new refresh token means the old one to be used again."""
    _stored(saved, -1)
    service.changes["token"] = {"refresh_token": None, "id_token": None}
    tokens = sign_in.known()
    assert tokens is not None
    assert tokens.refresh_token == "r1"


def test_nothing_stored_is_of_use(service: Service, sign_in: SignIn, saved: Saved) -> None:
    """Without a token, without a refresh token, or if that is refused, somebody has to sign in."""
    assert sign_in.known() is None
    _stored(saved, -1, None)
    assert sign_in.known() is None
    _stored(saved, -1)
    service.errors["token"] = [(400, {"error": "invalid_grant"})]
    assert sign_in.known() is None


@pytest.mark.parametrize(
    ("name", "life", "status", "body", "sentence"),
    [
        ("userinfo", 600, 503, {}, f"{ISSUER} answers with status 503"),
        ("userinfo", 600, 429, {}, f"{ISSUER} answers with status 429"),
        ("token", -1, 503, {"error": "temporarily_unavailable"}, "the service refuses: temporarily_unavailable"),
        (
            "token",
            -1,
            429,
            {"error": "invalid_request", "error_description": "too many attempts"},
            "the service refuses",
        ),
        ("token", -1, 502, {}, f"{ISSUER} answers with status 502"),
    ],
)
def test_trouble_is_told(
    service: Service, sign_in: SignIn, saved: Saved, name: str, life: int, status: int, body: Any, sentence: str
) -> None:
    """Only who may not go on has to sign in: a service in trouble is told of in a sentence, and the tokens stay."""
    tokens = _stored(saved, life)
    service.errors[name] = [(status, body)]
    with pytest.raises(Refused, match=f"^{sentence}"):
        sign_in.known()
    assert saved.get(ISSUER, "cli", SCOPE) == tokens


@pytest.mark.parametrize(
    ("accepted", "start"), [("de-CH, en;q=0.5", '<html lang="de">'), ("fr, en", '<html lang="en">')]
)
def test_the_last_page(accepted: str, start: str) -> None:
    """The browser ends at a page in its language, whose policy allows its one style sheet and nothing else."""
    with Loopback("s") as loopback:
        asked = urllib.request.Request(f"{loopback.redirect_uri}?state=s", headers={"accept-language": accepted})
        with urllib.request.urlopen(asked, timeout=10) as response:
            page, policy = response.read().decode(), response.headers["content-security-policy"]
    assert start in page
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; frame-ancestors 'none'; style-src 'sha256-{digest}'"
    assert "prefers-color-scheme: dark" in style


def test_by_device(service: Service, sign_in: SignIn, saved: Saved, capfd: Any) -> None:
    """The code is shown, the service asked until somebody has entered it, more slowly when it says so."""
    waits: list[float] = []
    slow = SignIn(sign_in._provider, saved, SCOPE, sleep=waits.append)
    pending, slower = (400, {"error": "authorization_pending"}), (400, {"error": "slow_down"})
    service.errors["token"] = [pending, slower, pending]
    service.claims = {"nonce": None}
    assert slow.by_device().access_token == "token0"
    assert waits == [1, 1, 6, 6]
    output, errors = capfd.readouterr()
    assert (output, errors) == ("", f"open {ISSUER}/device and enter BCDF-GHJK\n")
    form = service.asked[-2][1] if service.asked[-1][0] == "keys" else service.asked[-1][1]
    assert (form["grant_type"], form["device_code"]) == ("urn:ietf:params:oauth:grant-type:device_code", "d1")
    assert saved.get(ISSUER, "cli", SCOPE) is not None


@pytest.mark.parametrize("code", ["access_denied", "expired_token", "invalid_grant"])
def test_devices_that_are_refused(service: Service, sign_in: SignIn, code: str) -> None:
    """What somebody denies, or nobody enters in time, is told."""
    service.errors["token"] = [(400, {"error": code, "error_description": f"because of {code}"})]
    with pytest.raises(Refused, match=f"^the service refuses: because of {code}$"):
        sign_in.by_device()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"device_code": None}, "gave no code"),
        ({"expires_in": "600"}, "gave no code"),
        ({"verification_uri": "https://evil.example/device"}, "sends people elsewhere"),
        ({"expires_in": 0}, "nobody has entered the code in time"),
    ],
)
def test_codes_that_are_of_no_use(service: Service, sign_in: SignIn, change: dict[str, Any], sentence: str) -> None:
    """A code that cannot be entered, in time or at the service itself, ends the sign-in."""
    service.changes["device_authorization"] = change
    with pytest.raises(Refused, match=sentence):
        sign_in.by_device()

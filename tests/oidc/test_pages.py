"""The pages themselves: headers, languages, files, colours."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
from jinja2 import DictLoader
from oauth.realm import SPA, Realm
from oidc.stage import Page, Person, question

from authsvc.oauth.guessing import TooManyAttempts
from authsvc.oidc.browser import Browsers
from authsvc.oidc.pages import ICON, STYLE, Pages, _source, too_many
from authsvc.oidc.texts import choose

COMMON = {
    "content-security-policy",
    "x-frame-options",
    "referrer-policy",
    "permissions-policy",
    "vary",
    "content-length",
    "content-type",
    "content-language",
    "set-cookie",
    "x-request-id",
    "x-content-type-options",
    "cache-control",
}


async def test_the_headers_of_a_page(person: Person) -> None:
    """Nothing can be loaded, framed, guessed at or kept but what is listed here."""
    page = await person.get("/login")
    assert set(page.headers) == {*COMMON, "cross-origin-opener-policy"}
    assert page.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["referrer-policy"] == "same-origin"
    assert page.headers["permissions-policy"] == "camera=(), geolocation=(), microphone=()"
    assert page.headers["cross-origin-opener-policy"] == "same-origin"
    assert page.headers["vary"] == "accept-language, cookie"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["content-type"] == "text/html; charset=utf-8"


async def test_pages_for_a_client_lead_to_it(person: Person) -> None:
    """Their forms may end at the client, whose window may have opened them; nothing else differs."""
    page = await person.go(question())
    assert set(page.headers) == COMMON
    assert "form-action 'self' https:; " in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("http://127.0.0.1:4711/callback", "http:"),
        ("http://[::1]:4711/callback", "http:"),
        ("com.example.app:/callback", "com.example.app:"),
    ],
)
async def test_the_policy_names_how_a_form_leads_on(realm: Realm, person: Person, uri: str, source: str) -> None:
    """The scheme of the redirect URI: on which host the client's own redirects end, nobody here knows."""
    await realm.put_client(7, "native", native=True, redirect_uris=uri)
    page = await person.go(question(client_id="native", redirect_uri=uri))
    assert f"form-action 'self' {source}; frame" in page.headers["content-security-policy"]


def test_no_uri_changes_the_policy() -> None:
    """Whatever a URI holds, the policy gets a scheme or nothing from it."""
    uris = ["https://app.example;script-src/", "https:", "no scheme", "a b:/", "a;b:/", ":/", "//app.example/", "*:/"]
    assert [_source(uri) for uri in uris] == ["https:", "https:", None, None, None, None, None, None]


async def test_pages_in_german(person: Person) -> None:
    """The client's wish comes first, then the browser's, and the page says in which language it is."""
    for page in (
        await person.go(question(ui_locales="de")),
        await person.get("/login", **{"accept-language": "de-DE,de;q=0.9,en;q=0.8"}),
    ):
        assert page.title == "Anmelden"
        assert page.document.all("html")[0]["lang"] == page.headers["content-language"] == "de"
    wrong = await person.sign_in(await person.go(question(ui_locales="de")), password="wrong")
    assert wrong.problem == "Anmeldename oder Passwort ist falsch."


async def pages(realm: Realm, person: Person) -> list[Page]:
    """Pages of many sorts."""
    form = await person.go(question(client_id=SPA))
    code = await person.sign_in(form, "olli")
    consent = await person.submit(code, code=realm.code())
    home = await person.go("/login")
    choice = await person.go(question(prompt="select_account"))
    password = await person.get(home.link("Passwort ändern für Olli"))
    others = ["/logout", "/logout/done", "/device", "/device?user_code=BCDF-GHJK", "/oidc/v1/end_session"]
    return [form, code, consent, home, choice, password, *[await person.get(path) for path in others]]


async def test_every_page_speaks_german(realm: Realm, person: Person) -> None:
    """No page has a word of English left for a German."""
    person.http.headers["accept-language"] = "de"
    shown = await pages(realm, person)
    assert len({page.title for page in shown}) == 9
    for page in shown:
        assert page.document.all("html")[0]["lang"] == "de"
        assert not re.search(r"\b(the|your|you|sign|account|password|and)\b", page.document.words(), re.IGNORECASE)


@pytest.mark.parametrize("asset", [STYLE, ICON])
async def test_files_never_change_under_their_name(person: Person, asset: object) -> None:
    """What pages load has a hash in its name and may be kept for ever."""
    assert asset in (STYLE, ICON)
    chosen = STYLE if asset is STYLE else ICON
    assert chosen.path in (await person.get("/login")).text
    file = await person.get(chosen.path)
    assert (file.status, file.headers["content-type"].partition(";")[0]) == (200, chosen.media_type)
    assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert file.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in file.headers
    assert re.fullmatch(r"/login/[a-z]+\.[0-9a-f]{16}\.[a-z]+", chosen.path)


def test_the_style_loads_nothing() -> None:
    """The style sheet needs no other file, and says what a page looks like in the dark."""
    style = STYLE.body.decode()
    assert "url(" not in style
    assert "@import" not in style
    assert "prefers-color-scheme: dark" in style


def luminance(colour: str) -> float:
    """How bright a colour is (WCAG 2.2, "relative luminance")."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


PAIRS = [
    ("text", "card", 4.5),
    ("quiet", "card", 4.5),
    ("accent", "card", 4.5),
    ("on-accent", "accent", 4.5),
    ("problem", "problem-ground", 4.5),
    ("problem", "card", 3.0),
    ("line", "card", 3.0),
]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_colours_can_be_told_apart(scheme: int, front: str, back: str, least: float) -> None:
    """Text and what can be used have the contrast of WCAG 2.2 at level AA."""
    found = re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", STYLE.body.decode())
    colours = dict(found[scheme * len(found) // 2 : (scheme + 1) * len(found) // 2])
    bright, dark = sorted((luminance(colours[front]), luminance(colours[back])), reverse=True)
    assert (bright + 0.05) / (dark + 0.05) >= least


@pytest.mark.parametrize("path", ["/oauth/v2/authorize?client_id=nobody", "/login?client_id=a&client_id=b"])
async def test_a_failure_has_a_short_title(person: Person, path: str) -> None:
    """The title of the window does not repeat the whole sentence, and the page has the number for the operator."""
    page = await person.get(path)
    assert page.document.all("title")[0].words() == page.title == "That did not work"
    assert page.headers["x-request-id"] in page.document.words()


@pytest.mark.parametrize(("seconds", "words"), [(1, "in a second."), (2, "in 2 seconds.")])
def test_one_second_is_no_seconds(seconds: int, words: str) -> None:
    """The time to wait is told as people would."""
    problem = too_many(TooManyAttempts(seconds))
    assert problem.retry_after == seconds
    assert choose("en", "")(problem.key, **problem.parameters).endswith(words)


def test_templates_are_read_at_the_start() -> None:
    """They are in memory before the first page, and are not read again: those of another release do not mix in."""
    environment = Pages(Browsers("https://auth.example"))._environment
    names = {path.name for path in files("authsvc.oidc").joinpath("templates").iterdir()}
    assert isinstance(environment.loader, DictLoader)
    assert environment.loader.mapping.keys() == names
    assert not environment.auto_reload

"""The address to which WorkOS's SDKs send browsers."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from oidc.stage import Person, question

SIGN_IN = "Sign in"
WORKOS = "/user_management/authorize"


async def test_browsers_are_sent_on(person: Person) -> None:
    """What WorkOS's link says goes on to the authorization endpoint, with the scope that their answers are made of."""
    asked = question(login_hint="gigi@a.example", prompt="login").partition("?")[2]
    page = await person.get(f"{WORKOS}?{asked}&provider=authkit&screen_hint=sign-in&organization_id=org_1")
    assert page.status == 303
    there = urlsplit(page.location)
    assert there.path == "/oauth/v2/authorize"
    fields = parse_qs(there.query)
    given = {name: values for name, values in parse_qs(asked).items() if name not in {"scope", "nonce"}}
    assert fields == {**given, "scope": ["openid profile email offline_access"]}


async def test_the_sign_in_page_is_next(person: Person) -> None:
    """Whoever follows the link is asked to sign in; what is wrong with it the authorization endpoint says."""
    asked = question().partition("?")[2]
    assert (await person.go(f"{WORKOS}?{asked}")).title == SIGN_IN
    assert (await person.go(f"{WORKOS}?client_id=unknown")).status == 400

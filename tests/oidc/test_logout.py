"""Signing out: by ourselves, at the request of a client, and by WorkOS's link."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from oauth.people import GIGI, OLLI
from oauth.realm import SPA, Realm, answer_of
from oidc.stage import Page, Person, engine, question

from authsvc.domain.ulid import public_id

END = "/oidc/v1/end_session"
BYE = "https://app.example/bye"
HOME = "Your accounts in this browser"


def end(**fields: str) -> str:
    """The address to which a client sends somebody who signs out there."""
    return f"{END}?{urlencode(fields)}"


async def signed_in(realm: Realm, person: Person) -> str:
    """Sign Gigi in at `app`, which gets an ID token."""
    back = await person.sign_in(await person.go(question()))
    return (await realm.exchange(answer_of(back.location)["code"])).id_token or ""


async def is_signed_in(person: Person) -> bool:
    """Whether anybody is signed in in a browser."""
    return (await person.go("/login")).title == HOME


async def test_a_client_signs_its_person_out(realm: Realm, person: Person) -> None:
    """With the ID token of this browser's session nobody is asked, and the browser goes on with the client's state."""
    hint = await signed_in(realm, person)
    done = await person.get(end(id_token_hint=hint, post_logout_redirect_uri=BYE, state="a b"))
    assert (done.status, done.location) == (302, f"{BYE}?state=a+b")
    assert not await is_signed_in(person)


async def test_without_proof_the_person_is_asked(realm: Realm, person: Person) -> None:
    """A link that anybody could have made signs nobody out before they say so."""
    await signed_in(realm, person)
    asked = await person.get(end(client_id="app", post_logout_redirect_uri=BYE, state="s"))
    assert (asked.status, asked.title) == (200, "Sign out?")
    assert "gigi@savanna.example will be signed out in this browser." in asked.document.words()
    assert "form-action 'self' https:;" in asked.headers["content-security-policy"]
    assert await is_signed_in(person)
    done = await person.submit(asked, "Sign out")
    assert (done.status, done.location) == (303, f"{BYE}?state=s")
    assert not await is_signed_in(person)


async def test_who_does_not_want_to_stays(realm: Realm, person: Person) -> None:
    """The question has a way back."""
    await signed_in(realm, person)
    asked = await person.get(end())
    assert (await person.get(asked.link("Stay signed in"))).title == HOME


async def test_without_a_way_back_there_is_a_page(realm: Realm, person: Person) -> None:
    """Who comes without a registered address ends on a page that says so."""
    hint = await signed_in(realm, person)
    done = await person.follow(await person.get(end(id_token_hint=hint)))
    assert (done.status, done.title) == (200, "Signed out")
    assert (await person.get(done.link("Go to sign-in"))).title == "Sign in"


async def test_a_client_may_send_a_form(realm: Realm, person: Person) -> None:
    """POST does the same; from another site, with which no cookie comes, the person is asked first."""
    hint = await signed_in(realm, person)
    fields = {"id_token_hint": hint, "post_logout_redirect_uri": BYE}
    cookies = dict(person.http.cookies)
    person.http.cookies.clear()
    asked = await person.post(END, fields, origin="https://app.example")
    assert (asked.status, asked.title) == (200, "Sign out?")
    assert "Do you want to sign out in this browser?" in asked.document.words()
    for name in ("__Host-agent",):
        person.http.cookies.set(name, cookies[name], domain="auth.example")
    done = await person.submit(asked, "Sign out")
    assert (done.status, done.location) == (303, BYE)
    assert not await is_signed_in(person)


@pytest.mark.parametrize(("token", "origin"), [("x" * 43, "https://auth.example"), (None, "https://evil.example")])
async def test_the_answer_cannot_be_forged(realm: Realm, person: Person, token: str | None, origin: str) -> None:
    """Nobody else can press the button."""
    await signed_in(realm, person)
    right = (await person.get(end())).form().all("input")[0]["value"]
    refused = await person.post(END, {"form_token": token or right}, origin=origin)
    assert refused.status == 403
    assert await is_signed_in(person)


@pytest.mark.parametrize(
    "fields",
    [
        {"post_logout_redirect_uri": BYE},
        {"client_id": "app", "post_logout_redirect_uri": "https://evil.example/"},
        {"client_id": "nobody"},
        {"id_token_hint": "x"},
    ],
)
async def test_nobody_is_sent_to_an_unsafe_place(realm: Realm, person: Person, fields: dict[str, str]) -> None:
    """What a client has not registered is told on a page, and nobody is signed out."""
    await signed_in(realm, person)
    page = await person.get(end(**fields))
    assert (page.status, "location" in page.headers) == (400, False)
    assert await is_signed_in(person)


async def test_the_token_of_another_browser_signs_nobody_out_unasked(realm: Realm, person: Person) -> None:
    """An ID token of the same person elsewhere only says who is meant, and of somebody else nobody at all."""
    await signed_in(realm, person)
    elsewhere = (await realm.tokens()).id_token or ""
    assert (await person.get(end(id_token_hint=elsewhere))).title == "Sign out?"
    olli = (await realm.tokens(await realm.session(OLLI))).id_token or ""
    assert (await person.follow(await person.get(end(id_token_hint=olli)))).title == "Signed out"
    assert await is_signed_in(person)


async def test_two_people_are_asked_together(realm: Realm, person: Person) -> None:
    """Without a token everybody in the browser is meant."""
    await signed_in(realm, person)
    await person.submit(await person.sign_in(await person.get("/login?prompt=login"), "olli"), code=realm.code())
    asked = await person.get(end())
    assert "Everyone who is signed in in this browser will be signed out." in asked.document.words()
    await person.submit(asked)
    assert not await is_signed_in(person)


async def test_our_own_page(realm: Realm, person: Person) -> None:
    """The plain address asks, then signs everybody out of this browser and no other."""
    other = Person(engine(realm))
    await other.sign_in(await other.get("/login"))
    assert (await person.go("/logout")).title == "Signed out"
    await person.sign_in(await person.get("/login"))
    done = await person.follow(await person.submit(await person.get("/logout"), "Sign out"))
    assert done.title == "Signed out"
    assert (await is_signed_in(person), await is_signed_in(other)) == (False, True)


async def test_a_session_of_another_browser_is_left_alone(realm: Realm, person: Person) -> None:
    """The number of somebody else's session, put into the form, ends nothing."""
    elsewhere = await realm.session(OLLI)
    await person.sign_in(await person.get("/login"))
    home = await person.go("/login")
    form = home.form("Sign out Gigi")
    form.all("button")[0].attributes["value"] = str(elsewhere.id)
    await person.submit(home, "Sign out Gigi")
    assert await realm.ask("SELECT count(*) FROM sessions WHERE state = 1") == [(2,)]


async def workos(realm: Realm, person: Person, return_to: str = "", **headers: str) -> Page:
    """Follow WorkOS's link for the newest session."""
    ((created_at, session_id),) = await realm.ask("SELECT created_at, id FROM sessions ORDER BY id DESC LIMIT 1")
    fields = {"session_id": public_id("session", created_at, session_id), "return_to": return_to}
    return await person.get(f"/user_management/sessions/logout?{urlencode(fields)}", **headers)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
async def test_workos_link(realm: Realm, person: Person, site: str) -> None:
    """It asks, wherever it stands; then the session ends, and people get to an address that a client has registered."""
    await signed_in(realm, person)
    asked = await workos(realm, person, BYE, **{"sec-fetch-site": site})
    assert (asked.status, asked.title) == (200, "Sign out?")
    assert "gigi@savanna.example will be signed out in this browser." in asked.document.words()
    assert "form-action 'self' https:;" in asked.headers["content-security-policy"]
    assert await is_signed_in(person)
    done = await person.submit(asked, "Sign out")
    assert (done.status, done.location) == (303, BYE)
    assert not await is_signed_in(person)


async def test_workos_link_to_an_unknown_place(realm: Realm, person: Person) -> None:
    """Elsewhere nobody is sent, but the session has ended."""
    await signed_in(realm, person)
    asked = await workos(realm, person, "https://evil.example/")
    assert "form-action 'self';" in asked.headers["content-security-policy"]
    done = await person.submit(asked, "Sign out")
    assert (done.status, done.location) == (303, "/logout/done")
    assert not await is_signed_in(person)


async def test_workos_link_ends_the_one_session(realm: Realm, person: Person) -> None:
    """Of two people in a browser, the one stays whom the link does not mean."""
    await signed_in(realm, person)
    await person.submit(await person.sign_in(await person.get("/login?prompt=login"), "olli"), code=realm.code())
    await person.submit(await workos(realm, person), "Sign out")
    assert await realm.ask("SELECT user_id FROM sessions WHERE state = 1") == [(GIGI,)]


@pytest.mark.parametrize(("token", "origin"), [("x" * 43, "https://auth.example"), (None, "https://evil.example")])
async def test_the_answer_to_workos_link_cannot_be_forged(
    realm: Realm, person: Person, token: str | None, origin: str
) -> None:
    """Nobody else can press the button."""
    await signed_in(realm, person)
    asked = await workos(realm, person, BYE)
    fields = {each["name"]: each["value"] for each in asked.form().all("input")}
    fields["form_token"] = token or fields["form_token"]
    refused = await person.post("/user_management/sessions/logout", fields, origin=origin)
    assert refused.status == 403
    assert await is_signed_in(person)


async def test_workos_link_for_another_browser(realm: Realm, person: Person) -> None:
    """Ids are no secrets: a link with somebody else's session ends nothing."""
    await signed_in(realm, person)
    stranger = Person(engine(realm))
    assert (await workos(realm, stranger, BYE)).location == BYE
    await stranger.sign_in(await stranger.get("/login"))
    await workos(realm, person, BYE)
    assert (await is_signed_in(person), await is_signed_in(stranger)) == (True, True)


@pytest.mark.parametrize("query", ["session_id=x", "session_id=", "session_id=session_01H93ZY4F80QPBEZ1R5B2SHQG8"])
async def test_workos_link_with_a_wrong_id(realm: Realm, person: Person, query: str) -> None:
    """An id of nothing ends nothing, and is told from others in no way."""
    await signed_in(realm, person)
    done = await person.get(f"/user_management/sessions/logout?{query}")
    assert (done.status, done.location) == (302, "/logout/done")
    assert await is_signed_in(person)


async def test_workos_link_without_an_id(person: Person) -> None:
    """As WorkOS has it, that is 422 with a message."""
    done = await person.get("/user_management/sessions/logout")
    assert (done.status, done.json) == (422, {"message": "session_id is missing"})


async def test_signing_out_kills_tokens(realm: Realm, person: Person) -> None:
    """What a client has got for the session is worth nothing the moment it ends."""
    back = await person.sign_in(await person.go(question(client_id=SPA)))
    back = await person.submit(back, "Allow")
    tokens = await realm.exchange(answer_of(back.location)["code"], client=SPA)
    bearer = {"authorization": f"Bearer {tokens.access_token}"}
    assert (await person.get("/oidc/v1/userinfo", **bearer)).status == 200
    await person.submit(await person.get("/logout"), "Sign out")
    assert (await person.get("/oidc/v1/userinfo", **bearer)).status == 401

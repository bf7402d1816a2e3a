"""Signing in, and who is signed in in a browser."""

from __future__ import annotations

import pytest
from oauth.people import GIGI, OLLI, PASSWORD
from oauth.realm import Realm, answer_of
from oidc.stage import Page, Person, engine, question

from authsvc.domain.clock import SECOND
from authsvc.domain.sessions import SignIn
from authsvc.oauth.second_factor import PENDING_LIFE
from authsvc.store.impersonations import Impersonations

NAMES = ("Gigi", "Olli")
HOME = "Your accounts in this browser"
WRONG = "Login name or password is wrong."


def agent(person: Person) -> str | None:
    """The secret by which a browser is known."""
    return person.http.cookies.get("__Host-agent")


async def second_factor(person: Person, realm: Realm) -> Page:
    """Sign Olli in."""
    return await person.submit(await person.sign_in(await person.get("/login?prompt=login"), "olli"), code=realm.code())


async def test_signing_in_without_a_client(person: Person) -> None:
    """The page works by itself, and shows then who is signed in."""
    form = await person.get("/login")
    assert (form.status, form.title, form.problem) == (200, "Sign in", "")
    assert [button.words() for button in form.document.all("button")] == ["Sign in"]
    home = await person.follow(await person.sign_in(form))
    assert home.title == HOME
    assert "gigi@savanna.example" in home.document.words()


async def test_the_fields_help_password_managers(person: Person) -> None:
    """Browsers are told which field is which, and correct no login name."""
    name, password = (each for each in (await person.get("/login")).form().all("input") if "id" in each.attributes)
    assert (name["autocomplete"], name["autocapitalize"], name["spellcheck"]) == ("username", "none", "false")
    assert (password["autocomplete"], password["type"]) == ("current-password", "password")


@pytest.mark.parametrize("login", ["gigi", "nobody", "idle", "fred", "robot", "else"])
async def test_a_refusal_does_not_say_why(person: Person, login: str) -> None:
    """A wrong password, an unknown name and an account that cannot be used get the same page."""
    page = await person.sign_in(await person.get("/login"), login, "wrong")
    assert (page.status, page.problem) == (400, WRONG)
    assert page.document.all("title")[0].words() == f"{WRONG} \N{EN DASH} Sign in"
    assert page.form().words() == "Login name Password Sign in"
    inputs = {each["name"]: each.attributes for each in page.form().all("input") if "id" in each.attributes}
    assert inputs["login_name"]["value"] == f"{login}@savanna.example"
    assert "value" not in inputs["password"]
    assert all(each["aria-describedby"] == "problem" for each in inputs.values())
    assert agent(person) is None


async def test_a_second_try_works_where_the_first_failed(person: Person) -> None:
    """After a mistake the way to the client goes on."""
    page = await person.sign_in(await person.go(question()), "gigi", "wrong")
    assert answer_of((await person.sign_in(page)).location)["code"]


async def test_the_second_factor(realm: Realm, person: Person) -> None:
    """Whoever has one is asked for its code, in a field made for that, and only then signed in."""
    asked = await person.sign_in(await person.go(question()), "olli")
    assert (asked.status, asked.title) == (200, "Two-step verification")
    field = next(each for each in asked.form().all("input") if each["name"] == "code")
    assert (field["inputmode"], field["autocomplete"]) == ("numeric", "one-time-code")
    assert agent(person) is None
    wrong = await person.submit(asked, code="000000")
    assert (wrong.status, wrong.problem) == (400, "The code is wrong or has been used already.")
    back = await person.submit(wrong, code=realm.code())
    tokens = await realm.exchange(answer_of(back.location)["code"])
    claims = (await realm.decoded(tokens.id_token)).claims
    assert (claims["sub"], claims["amr"]) == (str(OLLI), ["pwd", "otp", "mfa"])


async def test_the_code_comes_too_late(realm: Realm, person: Person) -> None:
    """Five minutes after the password it is asked for anew; so it is if the form was changed."""
    asked = await person.sign_in(await person.get("/login"), "olli")
    for pending in (None, "x"):
        realm.at += PENDING_LIFE
        late = await person.submit(asked, code=realm.code(), **({"pending": pending} if pending else {}))
        assert (late.status, late.title) == (400, "Sign in")
        assert late.problem == "That took too long. Please sign in again."


async def test_too_many_attempts(realm: Realm, person: Person) -> None:
    """After many wrong passwords the right one has to wait, and the page says how long."""
    form = await person.get("/login")
    for _ in range(10):
        assert (await person.sign_in(form, password="wrong")).status == 400
    page = await person.sign_in(form)
    assert page.status == 429
    seconds = int(page.headers["retry-after"])
    assert page.problem == f"Too many attempts. Try again in {seconds} seconds."
    realm.at += seconds * SECOND
    assert (await person.sign_in(page)).status == 303


async def test_too_many_codes(realm: Realm, person: Person) -> None:
    """Codes cannot be tried endlessly, either."""
    asked = await person.sign_in(await person.get("/login"), "olli")
    for _ in range(10):
        assert (await person.submit(asked, code="000000")).status == 400
    page = await person.submit(asked, code=realm.code())
    assert (page.status, page.title) == (429, "Two-step verification")
    assert int(page.headers["retry-after"]) > 0


async def test_a_browser_gets_a_new_cookie_each_time(realm: Realm, person: Person) -> None:
    """A secret that was planted in a browser, or was known before, is worth nothing after a sign-in."""
    planted = "p" * 43
    person.http.cookies.set("__Host-agent", planted, domain="auth.example")
    await person.sign_in(await person.get("/login"))
    first = agent(person)
    await second_factor(person, realm)
    second = agent(person)
    assert len({planted, first, second}) == 3
    thief = Person(engine(realm))
    for known in (planted, first):
        thief.http.cookies.set("__Host-agent", known or "", domain="auth.example")
        assert (await thief.go("/login/account")).title == "Sign in"
    assert len((await person.go("/login")).document.all("li")) == 2


async def test_a_known_browser_is_not_locked_out(realm: Realm, person: Person) -> None:
    """Others who guess do not keep a person out of the browser in which they have been signed in."""
    await person.sign_in(await person.get("/login"))
    stranger = Person(engine(realm))
    form = await stranger.get("/login")
    for _ in range(11):
        refused = await stranger.sign_in(form, password="wrong")
    assert refused.status == 429
    assert (await person.sign_in(await person.get("/login?prompt=login"))).status == 303


async def test_who_is_signed_in_is_not_asked_again(person: Person) -> None:
    """The plain page leads to the accounts; another one can be added from there."""
    await person.sign_in(await person.get("/login"))
    home = await person.go("/login")
    assert home.title == HOME
    assert (await person.get(home.link("Add another account"))).title == "Sign in"


@pytest.mark.parametrize("path", ["", "/account"])
async def test_the_accounts_lead_to_the_account_page(realm: Realm, path: str) -> None:
    """There is a way back from the pages for passwords to the account page, where that is served."""
    person = Person(engine(realm, account_page=path))
    await person.sign_in(await person.get("/login"))
    home = await person.go("/login")
    assert [each.attributes["href"] for each in home.document.all("a") if "your account" in each.words()] == [
        found for found in [path] if found
    ]


async def test_nobody_has_accounts_in_a_new_browser(realm: Realm, person: Person) -> None:
    """The list of accounts is that of this browser and of no other."""
    await person.sign_in(await person.get("/login"))
    other = Person(engine(realm))
    assert (await other.go("/login/account")).title == "Sign in"


async def test_one_account_is_signed_out(realm: Realm, person: Person) -> None:
    """The other stays, and the first is listed as signed out, with a link to sign in again."""
    await person.sign_in(await person.get("/login"))
    await second_factor(person, realm)
    home = await person.follow(await person.submit(await person.go("/login"), "Sign out Gigi"))
    states = {"Olli" in each.words(): "Signed out" in each.words() for each in home.document.all("li")}
    assert states == {True: False, False: True}
    again = await person.get(home.link("Sign in as Gigi"))
    assert next(each["value"] for each in again.form().all("input") if each["name"] == "login_name").startswith("gigi@")


def said(page: Page) -> list[str]:
    """What a page says has been done."""
    return [each.words() for each in page.document.walk() if each.attributes.get("role") == "status"]


async def test_the_page_says_who_was_signed_out(realm: Realm, person: Person) -> None:
    """It has the focus, so that it is read first; and it is said only if it is so."""
    await person.sign_in(await person.get("/login"))
    await second_factor(person, realm)
    before = await person.go("/login")
    gigis, ollis = (next(each["value"] for each in before.form(f"Sign out {name}").all("button")) for name in NAMES)
    home = await person.follow(await person.submit(before, "Sign out Gigi"))
    status = next(each for each in home.document.walk() if each.attributes.get("role") == "status")
    assert (status.words(), "autofocus" in status.attributes) == ("Gigi is signed out.", True)
    for signed_out, words in ((gigis, ["Gigi is signed out."]), (ollis, []), ("1", []), ("x", [])):
        assert said(await person.get(f"/login/account?signed_out={signed_out}")) == words


async def impersonated(realm: Realm, user_id: int) -> str:
    """The session of somebody who acts as a user for an hour."""
    sign_in = SignIn(impersonator_email="ann@help.example", impersonator_reason="call 7", lifetime=3600 * SECOND)
    async with realm.writes.transaction() as tx:
        return str(await Impersonations(realm.writes).begin(tx, user_id, sign_in))


async def test_people_see_who_acts_as_them_and_end_it(realm: Realm, person: Person) -> None:
    """The page says who does, why and until when, to nobody else; its person ends it, and it is over at once."""
    session = await impersonated(realm, GIGI)
    await second_factor(person, realm)
    assert "ann@help.example" not in (await person.go("/login")).document.words()
    await person.sign_in(await person.get("/login?prompt=login"))
    home = await person.go("/login")
    words = "ann@help.example uses your account: call 7, until 2023-11-14 23:13 UTC"
    assert [words in each.words() for each in home.document.all("li")] == [
        "Gigi" in each.words() for each in home.document.all("li")
    ]
    after = await person.follow(await person.submit(home, "End this"))
    assert said(after) == ["That access to your account has ended."]
    assert words not in after.document.words()
    assert await realm.ask(f"SELECT state FROM sessions WHERE id = {session}") == [(2,)]


async def test_an_impersonation_that_is_over_is_not_shown(realm: Realm, person: Person) -> None:
    """What has run out needs no end."""
    await impersonated(realm, GIGI)
    realm.at += 3600 * SECOND
    await person.sign_in(await person.get("/login"))
    assert "ann@help.example" not in (await person.go("/login")).document.words()


@pytest.mark.parametrize("field", ["session", "impersonation"])
@pytest.mark.parametrize("value", ["", "x", "1"])
async def test_only_its_person_ends_an_impersonation(realm: Realm, person: Person, field: str, value: str) -> None:
    """Neither another person's nor one's own session is ended that way, and a forged form ends none."""
    session = await impersonated(realm, GIGI)
    await person.sign_in(await person.get("/login"))
    form = (await person.go("/login")).form("End this")
    fields = {each["name"]: each["value"] for each in form.all("input")}
    good = {**fields, "impersonation": session}
    assert (await person.post(form["action"], {**good, field: value})).status == 303
    assert (await person.post(form["action"], {**good, "impersonation": fields["session"]})).status == 303
    assert (await person.post(form["action"], good, origin="https://elsewhere.example")).status == 403
    olli = Person(engine(realm))
    await second_factor(olli, realm)
    theirs = (await olli.go("/login")).form("Sign out Olli")
    own = {each["name"]: each["value"] for each in (*theirs.all("input"), *theirs.all("button"))}
    assert (await olli.post(form["action"], {**own, "impersonation": session})).status == 303
    assert (await olli.get(form["action"])).path == "/login/account"
    assert await realm.ask("SELECT count(*) FROM sessions WHERE state = 1") == [(3,)]


async def test_an_impersonator_ends_no_impersonation(realm: Realm, person: Person) -> None:
    """In a session that is not the person's own there is nothing to see of others, nor to end."""
    session = await impersonated(realm, GIGI)
    await person.sign_in(await person.get("/login"))
    form = (await person.go("/login")).form("End this")
    fields = {each["name"]: each["value"] for each in form.all("input")}
    await realm.run("UPDATE sessions SET impersonator_email = 'ann@help.example', impersonator_reason = 'call'")
    assert "End this" not in (await person.go("/login")).document.words()
    assert (await person.post(form["action"], {**fields, "impersonation": session})).path == "/login/account"
    assert await realm.ask("SELECT count(*) FROM sessions WHERE state = 1") == [(2,)]


async def test_all_accounts_are_signed_out(realm: Realm, person: Person) -> None:
    """One button ends every session of the browser."""
    await person.sign_in(await person.get("/login"))
    await second_factor(person, realm)
    done = await person.follow(await person.submit(await person.go("/login"), "Sign out everyone in this browser"))
    assert done.title == "Signed out"
    assert await realm.ask("SELECT count(*) FROM sessions WHERE state = 1") == [(0,)]


async def test_an_impersonated_session_is_marked(realm: Realm, person: Person) -> None:
    """Its person sees who it is really, cannot change the password there, and no client is offered it."""
    await person.sign_in(await person.get("/login"))
    await realm.run("UPDATE sessions SET impersonator_email = 'ann@help.example', impersonator_reason = 'call'")
    home = await person.go("/login")
    assert "Opened for you by ann@help.example" in home.document.words()
    assert "Change password" not in home.document.words()
    assert (await person.go("/login/account?" + question().partition("?")[2])).title == "Sign in"


async def test_a_login_hint_fills_the_form(person: Person) -> None:
    """What the client knows need not be typed; the password field has the focus then."""
    form = await person.go(question(login_hint='"><b>gigi'))
    name, password = (each for each in form.form().all("input") if "id" in each.attributes)
    assert name["value"] == '"><b>gigi'
    assert ("autofocus" in name.attributes, "autofocus" in password.attributes) == (False, True)


async def test_no_secret_is_shown_or_put_into_an_address(realm: Realm, person: Person) -> None:
    """Passwords and cookies stand on no page and in no address."""
    pages = [await person.go(question(client_id="spa"))]
    pages.append(await person.sign_in(pages[-1], password="wrong-canary"))
    pages.append(await person.sign_in(pages[-1]))
    pages.append(await person.go("/login"))
    for page in pages:
        told = page.text + page.url + page.headers.get("location", "")
        assert not any(secret in told for secret in ("wrong-canary", PASSWORD, agent(person) or "no cookie"))

"""The way from a client's request to its answer, page by page."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
import structlog
from oauth.people import GIGI, OLLI
from oauth.realm import APP, CALLBACK, PROJECT, SPA, Realm, answer_of, pairs
from oidc.stage import Person, engine, question

from authsvc.domain.clock import SECOND
from authsvc.oidc.flow import TICKET_LIFE


def error_of(location: str) -> str:
    """The error that a client is told, with its state and our name."""
    assert location.startswith(CALLBACK + "?")
    answer = answer_of(location)
    assert (answer["state"], answer["iss"]) == ("s t&te", "https://auth.example")
    return answer["error"]


async def test_a_stranger_signs_in_and_goes_back(realm: Realm, person: Person) -> None:
    """Whoever is not signed in is asked who they are, and then goes to the client with a code that works."""
    asked = await person.get(question())
    assert (asked.status, asked.path) == (303, "/login")
    form = await person.follow(asked)
    assert (form.status, form.title) == (200, "Sign in")
    assert "to continue to App" in form.document.words()
    back = await person.sign_in(form)
    assert back.status == 303
    assert back.location.startswith(CALLBACK + "?code=")
    answer = answer_of(back.location)
    assert answer["state"] == "s t&te"
    tokens = await realm.exchange(answer["code"])
    assert (await realm.decoded(tokens.id_token)).claims["sub"] == str(GIGI)


async def test_who_is_signed_in_sees_no_page(person: Person) -> None:
    """The second client gets its code at once, by a plain redirect."""
    await person.sign_in(await person.go(question()))
    again = await person.get(question())
    assert again.status == 302
    assert answer_of(again.location)["code"]


async def test_giving_up_tells_the_client(person: Person) -> None:
    """Who cancels instead of signing in goes back with `access_denied`."""
    back = await person.submit(await person.go(question()), "Cancel")
    assert (back.status, error_of(back.location)) == (303, "access_denied")


async def test_a_form_of_the_client_is_asked_for_as_an_address(realm: Realm, person: Person) -> None:
    """POST, too, starts a request; it goes on by GET, with which browsers send the cookie."""
    await person.sign_in(await person.go(question()))
    asked = await person.post("/oauth/v2/authorize", dict(pairs()), origin="https://app.example")
    assert (asked.status, asked.location) == (303, question())
    assert answer_of((await person.follow(asked)).location)["code"]


async def test_a_form_too_long_for_an_address_is_refused(person: Person) -> None:
    """A request has at most 4,000 bytes as a form."""
    asked = await person.post("/oauth/v2/authorize", dict(pairs(state="s" * 5000)))
    assert (asked.status, asked.problem) == (413, "What was sent is too large.")


UNSAFE = {
    "no client": (dict(pairs(without="client_id")), "is not known"),
    "unknown client": (dict(pairs(client_id="nobody")), "is not known"),
    "no redirect URI": (dict(pairs(without="redirect_uri")), "not registered"),
    "foreign redirect URI": (dict(pairs(redirect_uri="https://evil.example/")), "not registered"),
}


@pytest.mark.parametrize(("fields", "said"), UNSAFE.values(), ids=UNSAFE)
async def test_nobody_is_sent_to_an_unsafe_place(person: Person, fields: dict[str, str], said: str) -> None:
    """A wrong client or redirect URI is told on a page of ours, at every step, and the browser goes nowhere."""
    paths = ["/oauth/v2/authorize", "/login", "/login/account"]
    for path in paths if "client_id" in fields else paths[:1]:
        page = await person.get(f"{path}?{urlencode(fields)}")
        assert (page.status, "location" in page.headers) == (400, False)
        assert said in page.problem
        assert "evil" not in page.text + page.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/oauth/v2/authorize", "/login", "/login/account"])
async def test_other_mistakes_go_to_the_client(person: Person, path: str) -> None:
    """What the client has to know it is told by a redirect, wherever the mistake is found."""
    query = question(response_type="token").partition("?")[2]
    page = await person.get(f"{path}?{query}")
    assert (page.status, error_of(page.location)) == (302, "unsupported_response_type")


async def test_what_cannot_be_read_is_refused(person: Person) -> None:
    """An address that is not UTF-8, or has a hundred fields more, is no request."""
    for query in ("client_id=%ff", "&".join(f"a{number}=" for number in range(101))):
        page = await person.get(f"/oauth/v2/authorize?{query}")
        assert (page.status, "location" in page.headers) == (400, False)


@pytest.mark.parametrize("path", ["/oauth/v2/authorize", "/login", "/login/account"])
async def test_prompt_none_never_shows_a_page(person: Person, path: str) -> None:
    """Nobody is signed in, and the client that wants no page is told so, by whichever address."""
    query = question(prompt="none").partition("?")[2]
    page = await person.follow(await person.get(f"{path}?{query}"))
    assert error_of(page.location) == "login_required"


async def test_prompt_none_gives_a_code_or_asks_for_consent_elsewhere(person: Person) -> None:
    """With somebody signed in a trusted client gets its code without a page, and another is told what is missing."""
    await person.sign_in(await person.go(question()))
    assert answer_of((await person.get(question(prompt="none"))).location)["code"]
    assert error_of((await person.get(question(prompt="none", client_id=SPA))).location) == "consent_required"


async def test_a_person_agrees_once(realm: Realm, person: Person) -> None:
    """A client that is not trusted asks first, in plain words, and is remembered."""
    asked = await person.sign_in(await person.go(question(client_id=SPA)))
    assert (asked.status, asked.title) == (200, "Allow access?")
    words = asked.document.words()
    assert "Spa asks for permission to:" in words
    assert "signed in as gigi@savanna.example" in words
    assert [each.words() for each in asked.document.all("li")] == [
        "know who you are",
        "keep access until you sign out, also while you are not there",
    ]
    back = await person.submit(asked, "Allow")
    assert back.status == 303
    assert (await realm.exchange(answer_of(back.location)["code"], client=SPA)).scope == "openid offline_access"
    assert answer_of((await person.get(question(client_id=SPA))).location)["code"]


async def test_a_trusted_program_of_the_machine_is_confirmed(realm: Realm, person: Person) -> None:
    """With somebody signed in, a trusted native client gets its code after one click, and without a page none."""
    uri = "http://127.0.0.1:4711/callback"
    native = {"secret_hash": None, "native": True, "trusted": True}
    await realm.put_client(7, "cli", name="Command line", redirect_uris=uri, **native)
    asking = {"client_id": "cli", "redirect_uri": uri}
    signed_in = await person.sign_in(await person.go(question(**asking)))
    assert signed_in.location.startswith(f"{uri}?code=")
    for button, answer in (("Continue", "code"), ("Cancel", "error")):
        asked = await person.go(question(**asking))
        assert (asked.status, asked.title) == (200, "Continue?")
        assert "Command line wants you to sign in there." in asked.document.words()
        assert "gigi@savanna.example" in asked.document.words()
        assert not asked.document.all("li")
        assert answer in answer_of((await person.submit(asked, button)).location)
    silent = await person.get(question(**asking, prompt="none"))
    assert answer_of(silent.location)["error"] == "consent_required"
    assert (await person.go(question(**asking, prompt="consent"))).title == "Allow access?"


async def test_a_person_denies(person: Person) -> None:
    """Who does not agree goes back without a code, and is asked the next time."""
    asked = await person.sign_in(await person.go(question(client_id=SPA)))
    assert error_of((await person.submit(asked, "Deny")).location) == "access_denied"
    assert (await person.go(question(client_id=SPA))).title == "Allow access?"


async def test_every_scope_has_words(person: Person) -> None:
    """Each scope is said in plain words, that of a project with its name; one of no project is left out."""
    named = (f"urn:zitadel:iam:org:project:id:{each}:aud" for each in (PROJECT, 77, "9" * 19))
    scope = f"openid profile email phone offline_access {' '.join(named)}"
    asked = await person.sign_in(await person.go(question(client_id=SPA, scope=scope)))
    said = [each.words() for each in asked.document.all("li")]
    assert len(said) == 6
    assert said[-1] == "use Map in your name"


@pytest.mark.parametrize("ticket", ["", "x", "{another}"])
async def test_consent_needs_the_ticket_of_the_question(person: Person, ticket: str) -> None:
    """Without the sealed note of who was asked for what, the question is put once more."""
    other = await person.sign_in(await person.go(question(client_id=SPA, scope="openid")))
    asked = await person.go(question(client_id=SPA))
    another = next(each["value"] for each in other.document.all("input") if each["name"] == "ticket")
    answer = await person.submit(asked, "Allow", ticket=ticket.format(another=another))
    assert (answer.status, answer.path) == (303, "/oauth/v2/authorize")
    assert (await person.follow(answer)).title == "Allow access?"


async def test_who_thinks_too_long_is_asked_again(realm: Realm, person: Person) -> None:
    """The answer counts for ten minutes."""
    asked = await person.sign_in(await person.go(question(client_id=SPA)))
    realm.at += TICKET_LIFE
    assert (await person.submit(asked, "Allow")).path == "/oauth/v2/authorize"


async def test_who_signs_out_meanwhile_cannot_agree(realm: Realm, person: Person) -> None:
    """Between question and answer the session has ended, so its person is asked who they are."""
    asked = await person.sign_in(await person.go(question(client_id=SPA)))
    ((session_id,),) = await realm.ask("SELECT id FROM sessions")
    await realm.end(session_id)
    answer = await person.follow(await person.submit(asked, "Allow"))
    assert answer.title == "Sign in"


async def test_the_form_of_another_person_does_not_count(realm: Realm, person: Person) -> None:
    """A ticket is worth something in the browser of its session only."""
    mine = await person.sign_in(await person.go(question(client_id=SPA)))
    ticket = next(each["value"] for each in mine.document.all("input") if each["name"] == "ticket")
    olli = Person(engine(realm))
    theirs = await olli.sign_in(await olli.go(question(client_id=SPA)), "olli")
    theirs = await olli.submit(theirs, code=realm.code())
    assert (await olli.submit(theirs, "Allow", ticket=ticket)).path == "/oauth/v2/authorize"
    assert await realm.ask("SELECT id FROM authorizations") == []


@pytest.mark.parametrize("path", ["/login/consent", "/login/code"])
async def test_reloading_an_answer_starts_over(person: Person, path: str) -> None:
    """The addresses of answers, asked for by themselves, lead back to where the way began."""
    query = question().partition("?")[2]
    assert (await person.get(f"{path}?{query}")).path == "/oauth/v2/authorize"
    assert (await person.get(path)).path == "/login"


async def test_prompt_login_is_obeyed(realm: Realm, person: Person) -> None:
    """Who is signed in already types the password once more, and after that is not asked again."""
    await person.sign_in(await person.go(question()))
    realm.at += SECOND
    form = await person.go(question(prompt="login"))
    assert form.title == "Sign in"
    back = await person.sign_in(form)
    claims = (await realm.decoded((await realm.exchange(answer_of(back.location)["code"])).id_token)).claims
    assert claims["auth_time"] == realm.at // SECOND


async def test_prompt_login_with_consent_asks_for_both_once(realm: Realm, person: Person) -> None:
    """The answer to the question for consent knows that the password was given for this request."""
    form = await person.go(question(prompt="login consent", client_id=SPA))
    asked = await person.sign_in(form)
    assert asked.title == "Allow access?"
    realm.at += 30 * SECOND
    assert answer_of((await person.submit(asked, "Allow")).location)["code"]


async def test_max_age_is_obeyed(realm: Realm, person: Person) -> None:
    """A sign-in that is too long ago does not count, one that is not does."""
    await person.sign_in(await person.go(question()))
    realm.at += 60 * SECOND
    assert answer_of((await person.get(question(max_age="60"))).location)["code"]
    realm.at += SECOND
    assert (await person.go(question(max_age="60"))).title == "Sign in"


async def test_two_people_choose(realm: Realm, person: Person) -> None:
    """With two accounts in a browser the person says which, and the client gets that one."""
    await person.sign_in(await person.go(question()))
    code = await person.sign_in(await person.get("/login?prompt=login"), "olli")
    await person.submit(code, code=realm.code())
    choice = await person.go(question())
    assert choice.title == "Choose an account"
    back = await person.submit(choice, "G Gigi gigi@savanna.example")
    claims = (await realm.decoded((await realm.exchange(answer_of(back.location)["code"])).id_token)).claims
    assert claims["sub"] == str(GIGI)
    hinted = await person.get(question(login_hint="olli@savanna.example"))
    claims = (await realm.decoded((await realm.exchange(answer_of(hinted.location)["code"])).id_token)).claims
    assert claims["sub"] == str(OLLI)


async def test_select_account_always_asks(person: Person) -> None:
    """With one account, too, who is asked to choose chooses; another account can be signed in instead."""
    await person.sign_in(await person.go(question()))
    choice = await person.go(question(prompt="select_account"))
    assert choice.title == "Choose an account"
    assert (await person.get(choice.link("Use another account"))).title == "Sign in"
    assert answer_of((await person.submit(choice)).location)["code"]


async def test_who_is_signed_out_needs_a_password(realm: Realm, person: Person) -> None:
    """An account whose session is over is still listed, as such; choosing it asks for its password."""
    await person.sign_in(await person.go(question()))
    ((session_id,),) = await realm.ask("SELECT id FROM sessions")
    await realm.end(session_id)
    choice = await person.get("/login/account?" + question().partition("?")[2])
    assert "Signed out" in choice.document.words()
    form = await person.follow(await person.submit(choice))
    assert form.title == "Sign in"
    assert [each["value"] for each in form.document.all("input") if each["name"] == "login_name"] == [
        "gigi@savanna.example"
    ]


async def test_a_choice_that_is_too_old_asks_for_the_password(realm: Realm, person: Person) -> None:
    """Where the client wants a fresh sign-in, the account that was chosen is filled in."""
    await person.sign_in(await person.go(question()))
    realm.at += 5 * SECOND
    choice = await person.get("/login/account?" + question(prompt="login").partition("?")[2])
    asked = await person.submit(choice)
    assert asked.path == "/login"
    assert "login_hint=gigi%40savanna.example" in asked.location


async def test_an_account_of_another_browser_cannot_be_chosen(realm: Realm, person: Person) -> None:
    """The number of somebody else's session, put into the form, leads back to the choice."""
    await person.sign_in(await person.go(question()))
    choice = await person.go(question(prompt="select_account"))
    elsewhere = await realm.session(OLLI)
    button = choice.document.all("button")[0]
    button.attributes["value"] = str(elsewhere.id)
    assert (await person.submit(choice)).path == "/login/account"


async def test_the_cookie_is_kept_whatever_comes_after(realm: Realm, person: Person) -> None:
    """If the client cannot be served after the sign-in, the browser still has its new cookie and not the dead one."""
    session = await realm.session(OLLI)
    hint = (await realm.tokens(session)).id_token or ""
    back = await person.sign_in(await person.go(question(id_token_hint=hint)))
    assert error_of(back.location) == "login_required"
    assert (await person.go("/login")).title == "Your accounts in this browser"


@pytest.mark.parametrize(
    ("asked", "client", "reason"),
    [
        ({"client_id": "canary"}, None, "unknown_client"),
        ({"redirect_uri": "https://canary.example/"}, APP, "redirect_uri"),
        ({"prompt": "none", "state": "canary"}, APP, "login_required: nobody is signed in, or too long ago"),
        ({"scope": "canary"}, APP, "invalid_scope: scope names nothing that can be had here"),
    ],
)
async def test_refusals_are_logged(person: Person, asked: dict[str, str], client: str | None, reason: str) -> None:
    """The operator learns which client was refused and why, in our words: nothing of the request is repeated."""
    with structlog.testing.capture_logs() as logs:
        page = await person.get(question(**asked))
    refused = [entry for entry in logs if entry["event"] == "request refused"]
    assert [(entry["path"], entry["client_id"], entry["reason"]) for entry in refused] == [
        ("/oauth/v2/authorize", client, reason)
    ]
    assert refused[0]["request_id"] == page.headers["x-request-id"]
    assert "canary" not in str(logs)

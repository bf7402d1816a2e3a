"""Changing a password."""

from __future__ import annotations

import pytest
from oauth.people import PASSWORD
from oauth.realm import Realm
from oidc.stage import Page, Person, engine

NEW = "a quite different one"


async def form_of(person: Person) -> Page:
    """The form of somebody who has signed in."""
    home = await person.follow(await person.sign_in(await person.get("/login")))
    return await person.get(home.link("Change password of Gigi"))


async def test_a_new_password(realm: Realm, person: Person) -> None:
    """The new one works, the old one does not, and other browsers are signed out as the form proposes."""
    elsewhere = Person(engine(realm))
    await elsewhere.sign_in(await elsewhere.get("/login"))
    done = await person.submit(await form_of(person), old=PASSWORD, new=NEW, again=NEW)
    assert (done.status, done.title) == (200, "Password changed")
    assert (await person.get(done.link("Continue"))).title == "Your accounts in this browser"
    form = await elsewhere.go("/login")
    assert form.title == "Sign in"
    assert (await elsewhere.sign_in(form)).status == 400
    assert (await elsewhere.sign_in(form, password=NEW)).status == 303


async def test_others_may_stay(realm: Realm, person: Person) -> None:
    """Who unticks the box stays signed in elsewhere."""
    elsewhere = Person(engine(realm))
    await elsewhere.sign_in(await elsewhere.get("/login"))
    page = await form_of(person)
    box = next(each for each in page.form().all("input") if each["name"] == "others")
    del box.attributes["checked"]
    await person.submit(page, old=PASSWORD, new=NEW, again=NEW)
    assert (await elsewhere.go("/login")).title == "Your accounts in this browser"


@pytest.mark.parametrize(
    ("old", "new", "again", "said", "marked"),
    [
        ("wrong", NEW, NEW, "The current password is wrong.", ["old"]),
        (PASSWORD, NEW, NEW + "x", "The two new passwords are not the same.", ["new", "again"]),
        (PASSWORD, "short", "short", "This password cannot be used.", ["new"]),
        (PASSWORD, "x" * 129, "x" * 129, "This password cannot be used.", ["new"]),
        (PASSWORD, "gigi@savanna.example", "gigi@savanna.example", "This password cannot be used.", ["new"]),
        ("", "", "", "This password cannot be used.", ["new"]),
    ],
)
async def test_what_is_wrong_is_said(
    person: Person, old: str, new: str, again: str, said: str, marked: list[str]
) -> None:
    """The form comes back, empty, with what is wrong, and only the fields that are wrong are marked."""
    page = await person.submit(await form_of(person), old=old, new=new, again=again)
    assert (page.status, page.title) == (400, "Change password")
    assert page.problem.startswith(said)
    assert all("value" not in each.attributes for each in page.form().all("input") if each["name"] in {"old", "new"})
    inputs = page.form().all("input")
    assert [each["name"] for each in inputs if each.attributes.get("aria-invalid") == "true"] == marked
    described = {each["name"]: each.attributes.get("aria-describedby", "").split() for each in inputs}
    assert [name for name, parts in described.items() if "problem" in parts] == marked
    assert "rule" in described["new"]


async def test_old_passwords_cannot_be_tried(person: Person) -> None:
    """Somebody at a browser that was left open does not guess for long."""
    page = await form_of(person)
    for _ in range(10):
        assert (await person.submit(page, old="wrong", new=NEW, again=NEW)).status == 400
    late = await person.submit(page, old=PASSWORD, new=NEW, again=NEW)
    assert (late.status, int(late.headers["retry-after"]) > 0) == (429, True)


async def test_an_impersonator_changes_no_password(realm: Realm, person: Person) -> None:
    """The page of an impersonated session is refused when it is sent."""
    page = await form_of(person)
    await realm.run("UPDATE sessions SET impersonator_email = 'ann@help.example', impersonator_reason = 'call'")
    refused = await person.submit(page, old=PASSWORD, new=NEW, again=NEW)
    assert (refused.status, refused.problem) == (403, "The password of this account cannot be changed here.")


@pytest.mark.parametrize("session", ["", "x", "1", "{other}"])
async def test_only_sessions_of_this_browser(realm: Realm, person: Person, session: str) -> None:
    """Without a session that is signed in here there is nothing to change."""
    other = await realm.session()
    path = f"/login/password?session={session.format(other=other.id)}"
    token = (await form_of(person)).form().all("input")[0]["value"]
    assert (await person.get(path)).path == "/login/account"
    assert (await person.post(path, {"form_token": token})).path == "/login/account"


async def test_the_fields_help_password_managers(person: Person) -> None:
    """They are told whose password it is, which is the old one, and which is new."""
    inputs = (await form_of(person)).form().all("input")
    told = [(each["name"], each["autocomplete"]) for each in inputs if "autocomplete" in each.attributes]
    assert told == [
        ("username", "username"),
        ("old", "current-password"),
        ("new", "new-password"),
        ("again", "new-password"),
    ]
    assert inputs[1]["value"] == "gigi@savanna.example"

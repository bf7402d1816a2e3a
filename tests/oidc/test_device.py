"""Letting in a device that has no browser."""

from __future__ import annotations

import pytest
from oauth.realm import APP, SECRET, Realm, basic
from oidc.stage import Person, engine

from authsvc.domain.clock import SECOND

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
ASK = {"authorization": basic(APP, SECRET), "origin": "-"}


@pytest.fixture
async def device(realm: Realm, person: Person) -> dict[str, str]:
    """A device that waits: what it got."""
    await realm.put_client(1, APP, trusted=True, grant_types=f"authorization_code refresh_token {GRANT}")
    begun = await person.post("/oauth/v2/device_authorization", {"scope": "openid profile"}, **ASK)
    assert begun.status == 200
    return {name: str(value) for name, value in begun.json.items()}


async def poll(realm: Realm, person: Person, device: dict[str, str]) -> tuple[int, str]:
    """What the device is told when it asks, a while later: the status, and an error or the scope."""
    realm.at += 30 * SECOND
    fields = {"grant_type": GRANT, "device_code": device["device_code"]}
    answer = await person.post("/oauth/v2/token", fields, **ASK)
    return answer.status, answer.json.get("error") or answer.json["scope"]


async def test_a_device_is_let_in(realm: Realm, person: Person, device: dict[str, str]) -> None:
    """Somebody types the code, signs in, compares it, allows it; then the device gets tokens."""
    assert device["verification_uri"] == "https://auth.example/device"
    assert await poll(realm, person, device) == (400, "authorization_pending")
    page = await person.submit(await person.get("/device"), user_code=device["user_code"].lower().replace("-", " "))
    form = await person.follow(page)
    assert "to connect your device" in form.document.words()
    asked = await person.follow(await person.sign_in(form))
    assert asked.title == "Is this your device?"
    words = asked.document.words()
    assert device["user_code"] in words
    assert "App on a device asks for permission to:" in words
    assert [each.words() for each in asked.document.all("li")] == [
        "know who you are",
        "see your name, language and picture",
    ]
    done = await person.submit(asked, "Allow")
    assert (done.status, done.title) == (200, "Your device is connected")
    assert await poll(realm, person, device) == (200, "openid profile")
    assert await poll(realm, person, device) == (400, "invalid_grant")


async def test_a_link_saves_typing_and_no_more(realm: Realm, person: Person, device: dict[str, str]) -> None:
    """With the code in the address the person is still asked, and may deny."""
    await person.sign_in(await person.get("/login"))
    asked = await person.go(device["verification_uri_complete"])
    assert asked.title == "Is this your device?"
    assert "deny it" in asked.document.words()
    denied = await person.submit(asked, "Deny")
    assert (denied.status, denied.title) == (200, "Not connected")
    assert await poll(realm, person, device) == (400, "access_denied")


async def test_one_of_two_accounts_is_chosen(realm: Realm, person: Person, device: dict[str, str]) -> None:
    """With two people in a browser, one of them lets the device in; a third can sign in for it."""
    await person.sign_in(await person.get("/login"))
    code = await person.sign_in(await person.get("/login?prompt=login"), "olli")
    await person.submit(code, code=realm.code())
    asked = await person.go(device["verification_uri_complete"])
    boxes = {each["id"]: each["value"] for each in asked.document.all("input") if each.attributes["type"] == "radio"}
    assert len(boxes) == 2
    another = await person.get(asked.link("Use another account"))
    assert "to connect your device" in another.document.words()
    await person.submit(asked, "Allow", session=min(boxes.values()))
    ((chosen,),) = await realm.ask("SELECT session_id FROM device_codes")
    assert str(chosen) == min(boxes.values())


@pytest.mark.parametrize("typed", ["BCDF-GHJK", "x", "<b>", "A" * 100])
async def test_a_wrong_code_is_told(person: Person, typed: str) -> None:
    """A code that no device has, or that cannot be one, is said to be wrong, and can be corrected."""
    await person.sign_in(await person.get("/login"))
    page = await person.submit(await person.get("/device"), user_code=typed)
    assert (page.status, page.title) == (400, "Connect a device")
    assert page.problem == "There is no such code, or it is not valid any more."
    assert page.form().all("input")[0]["value"] == typed


async def test_codes_cannot_be_tried(person: Person) -> None:
    """After many wrong codes there is a pause."""
    await person.sign_in(await person.get("/login"))
    for _ in range(50):
        page = await person.get("/device?user_code=BCDF-GHJK")
    page = await person.get("/device?user_code=BCDF-GHJK")
    assert (page.status, int(page.headers["retry-after"]) > 0) == (429, True)


async def test_a_code_is_decided_once(person: Person, device: dict[str, str]) -> None:
    """The page of a code that has been decided, sent once more, changes nothing."""
    await person.sign_in(await person.get("/login"))
    asked = await person.go(device["verification_uri_complete"])
    await person.submit(asked, "Deny")
    again = await person.submit(asked, "Allow")
    assert (again.status, again.problem) == (400, "There is no such code, or it is not valid any more.")


async def test_nobody_decides_for_others(realm: Realm, person: Person, device: dict[str, str]) -> None:
    """A session of another browser, or one of an impersonator, lets no device in."""
    await person.sign_in(await person.get("/login"))
    asked = await person.go(device["verification_uri_complete"])
    elsewhere = await realm.session()
    radio = next(each for each in asked.document.all("input") if each.attributes["type"] == "radio")
    mine, radio.attributes["value"] = radio["value"], str(elsewhere.id)
    assert (await person.submit(asked, "Allow")).path == "/device"
    radio.attributes["value"] = mine
    await realm.run("UPDATE sessions SET impersonator_email = 'ann@help.example', impersonator_reason = 'call'")
    assert (await person.submit(asked, "Allow")).path == "/device"
    assert (await person.go(device["verification_uri_complete"])).title == "Sign in"
    assert await poll(realm, person, device) == (400, "authorization_pending")


async def test_a_stranger_cannot_try_codes(realm: Realm, device: dict[str, str]) -> None:
    """Whether a code exists is told only to somebody who is signed in."""
    stranger = Person(engine(realm))
    for code in (device["user_code"], "BCDF-GHJK"):
        page = await stranger.get(f"/device?user_code={code}")
        assert (page.status, page.path) == (303, "/login")

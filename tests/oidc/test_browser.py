"""Cookies, and forms that did not come from our pages."""

from __future__ import annotations

import pytest
from oauth.people import PASSWORD
from oauth.realm import Realm
from oidc.stage import Person, engine

OURS = "https://auth.example"


async def attempt(person: Person, fields: dict[str, str], **headers: str) -> int:
    """The status of a sign-in with these fields beside the form's own token, and these headers."""
    form = (await person.get("/login?prompt=login")).form()
    token = next(each["value"] for each in form.all("input") if each["name"] == "form_token")
    given = {"form_token": token, "login_name": "gigi@savanna.example", "password": PASSWORD, **fields}
    content = {name: value for name, value in given.items() if value != "-"}
    sent = {"content-type": "application/x-www-form-urlencoded", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return (await person.http.post("/login", data=content, headers=sent)).status_code


PASSES = {
    "origin": {"origin": OURS},
    "origin and site": {"origin": OURS, "sec_fetch_site": "same-origin"},
    "site": {"sec_fetch_site": "same-origin"},
    "typed by the person": {"sec_fetch_site": "none"},
}
FORGED = {
    "nothing": {},
    "other origin": {"origin": "https://evil.example"},
    "null": {"origin": "null"},
    "other scheme": {"origin": "http://auth.example"},
    "other port": {"origin": "https://auth.example:8443"},
    "subdomain": {"origin": "https://a.auth.example"},
    "suffix": {"origin": "https://auth.example.evil.example"},
    "longer": {"origin": "https://auth.examples"},
    "slash": {"origin": "https://auth.example/"},
    "two": {"origin": "https://auth.example https://evil.example"},
    "empty": {"origin": ""},
    "cross-site": {"sec_fetch_site": "cross-site"},
    "same-site": {"sec_fetch_site": "same-site"},
    "our origin across sites": {"origin": OURS, "sec_fetch_site": "cross-site"},
    "other origin, same site": {"origin": "https://evil.example", "sec_fetch_site": "same-origin"},
}


async def test_forms_from_elsewhere_are_refused(person: Person) -> None:
    """With the right token a form passes if the browser says that it is from this address, and in no other case."""
    found = {name: await attempt(person, {}, **headers) for name, headers in (PASSES | FORGED).items()}
    assert found == {**dict.fromkeys(PASSES, 303), **dict.fromkeys(FORGED, 403)}


async def test_the_token_must_be_that_of_the_cookie(person: Person) -> None:
    """A form without the secret that only our pages can read is refused."""
    for token in ("-", "", "x", "a" * 43, "ä" * 43):
        assert await attempt(person, {"form_token": token}, origin=OURS) == 403


@pytest.mark.parametrize("cookie", ["", "short", "b" * 43, "ä" * 43])
async def test_the_cookie_must_be_there(realm: Realm, person: Person, cookie: str) -> None:
    """Without the cookie that goes with the token nothing is done."""
    form = await person.get("/login")
    person.http.cookies.clear()
    headers = [(b"origin", OURS.encode()), *([(b"cookie", f"__Host-form={cookie}".encode())] if cookie else [])]
    fields = {each["name"]: each.attributes.get("value", "") for each in form.form().all("input")}
    given = {**fields, "login_name": "gigi@savanna.example", "password": PASSWORD}
    response = await person.http.post("/login", data=given, headers=headers)
    assert response.status_code == 403
    assert await realm.ask("SELECT id FROM sessions") == []


@pytest.mark.parametrize(
    "path", ["/login", "/login/code", "/login/account", "/login/consent", "/login/password", "/logout", "/device"]
)
async def test_every_form_is_checked(person: Person, path: str) -> None:
    """No page takes a form that is forged; the page that says so leads back to where the form is."""
    await person.sign_in(await person.get("/login"))
    for fields, origin in (({"form_token": "x" * 43}, OURS), ({}, OURS), ({}, "https://evil.example")):
        page = await person.post(f"{path}?prompt=login", fields, origin=origin)
        assert (page.status, page.title) == (403, "That did not work")
        assert page.problem == "This form is too old, or it did not come from this page. Nothing was done."
        assert page.link("Try again") == f"{path}?prompt=login"
    assert (await person.go("/login")).title == "Your accounts in this browser"


async def test_nothing_is_lost_when_a_form_was_too_old(person: Person) -> None:
    """Somebody whose cookies are gone gets the same form again, which works."""
    form = await person.get("/login?login_hint=gigi%40savanna.example")
    person.http.cookies.clear()
    refused = await person.sign_in(form)
    again = await person.get(refused.link("Try again"))
    assert (await person.submit(again, password=PASSWORD)).status == 303


async def test_cookies_over_tls(person: Person) -> None:
    """Both are bound to this host, kept from scripts and insecure connections, and not sent with foreign forms."""
    form = await person.get("/login")
    done = await person.sign_in(form)
    for page, name, age in ((form, "__Host-form", ""), (done, "__Host-agent", "Max-Age=34560000; ")):
        first, _, rest = page.headers["set-cookie"].partition("; ")
        assert first.startswith(f"{name}=")
        assert rest == f"HttpOnly; {age}Path=/; SameSite=lax; Secure"


async def test_cookies_without_tls(realm: Realm) -> None:
    """In development, over http, they have plain names and no `Secure`, or browsers would not keep them."""
    local = "http://127.0.0.1:8080"
    person = Person(engine(realm, local), local)
    form = await person.get("/login")
    assert form.headers["set-cookie"].startswith("form=")
    done = await person.sign_in(form)
    assert done.status == 303
    assert done.headers["set-cookie"].startswith("agent=")
    assert "Secure" not in form.headers["set-cookie"] + done.headers["set-cookie"]


async def test_a_proxy_may_end_tls(realm: Realm) -> None:
    """Behind one the request looks like http, and the browser's origin is that of the issuer."""
    person = Person(engine(realm), "http://auth.example")
    form = (await person.get("/login")).form()
    token = next(each["value"] for each in form.all("input") if each["name"] == "form_token")
    fields = {"form_token": token, "login_name": "gigi@savanna.example", "password": PASSWORD}
    headers = {"origin": OURS, "cookie": f"__Host-form={token}"}
    assert (await person.http.post("/login", data=fields, headers=headers)).status_code == 303


async def test_another_name_of_the_host_works(realm: Realm) -> None:
    """Who calls the address by another name, `localhost` for one, is known there by what the browser says."""
    person = Person(engine(realm, "http://127.0.0.1:8080"), "http://localhost:8080")
    assert (await person.sign_in(await person.get("/login"))).status == 303

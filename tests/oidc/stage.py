"""The authorization server's application on a database of its own, and browsers that use it as people do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import httpx2
from oauth.people import CHROME, PASSWORD, TERMS
from oauth.realm import ISSUER, Realm, pairs
from oidc.pages import Element, check, read

from authsvc.domain.clients import GrantType
from authsvc.oauth.device import DeviceGrant, Devices
from authsvc.oauth.guessing import Guessing
from authsvc.oauth.token import TokenEndpoint
from authsvc.oidc.app import oidc_app
from authsvc.oidc.engine import Engine
from authsvc.store.devices import DeviceCodes
from authsvc.store.impersonations import Impersonators


def engine(realm: Realm, issuer: str = ISSUER, **changes: Any) -> Engine:
    """The rules on the database of a realm."""
    codes = DeviceCodes(realm.executor, realm.seals, realm.now)
    parts = (realm.authentication, realm.authorizations, realm.issuing, realm.now)
    rules: dict[str, Any] = {
        "authorization": realm.authorization,
        "keyring": realm.keyring,
        "tokens": TokenEndpoint(
            {
                GrantType.AUTHORIZATION_CODE: realm.codes,
                GrantType.REFRESH_TOKEN: realm.refreshing,
                GrantType.DEVICE_CODE: DeviceGrant(codes, *parts),
            }
        ),
        "introspection": realm.introspection,
        "revocation": realm.revocation,
        "user_info": realm.user_info,
        "logout": realm.logout,
        "devices": Devices(codes, realm.projects, realm.authentication, Guessing(realm.attempts), TERMS),
        "clients": realm.clients,
        "projects": realm.projects,
        "impersonators": Impersonators(realm.executor, realm.writes, realm.now),
        "sign_ins": realm.sign_ins,
        "sealing": realm.seals,
        "clock": realm.now,
    }
    return Engine(issuer=issuer, **{**rules, **changes})


class Page:
    """A response, and if it is a page what stands on it."""

    def __init__(self, response: httpx2.Response) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.url = str(response.request.url)
        self.text = response.text
        self.json: Any = response.json() if response.headers.get("content-type") == "application/json" else None
        self.document = Element("", {})
        if response.headers.get("content-type", "").startswith("text/html") and self.text:
            self.document = read(self.text)
            check(self.document)

    @property
    def location(self) -> str:
        """Where the browser is sent."""
        return self.headers["location"]

    @property
    def path(self) -> str:
        """Where the browser is sent on this address, without the query."""
        return urlsplit(self.location).path

    @property
    def title(self) -> str:
        """The heading."""
        return self.document.all("h1")[0].words()

    @property
    def problem(self) -> str:
        """What the page says is wrong."""
        return " ".join(each.words() for each in self.document.walk() if each.attributes.get("role") == "alert")

    def form(self, button: str = "") -> Element:
        """The form that has this button, by its text or label; without one the first."""
        forms = self.document.all("form")
        return next(form for form in forms if not button or any(is_named(each, button) for each in form.all("button")))

    def link(self, text: str) -> str:
        """The address of a link."""
        return next(
            each["href"] for each in self.document.all("a") if text in (each.words(), each.attributes.get("aria-label"))
        )


def is_named(button: Element, name: str) -> bool:
    """Whether a button says so."""
    return name in (button.words(), button.attributes.get("aria-label"))


class Person:
    """Somebody at a browser: it keeps cookies, says where forms come from, and follows links on this address only."""

    def __init__(self, rules: Engine, scheme_and_host: str = ISSUER, **headers: str) -> None:
        transport = httpx2.ASGITransport(app=oidc_app(rules), client=("192.0.2.7", 4711), raise_app_exceptions=False)
        self.origin = scheme_and_host
        self.http = httpx2.AsyncClient(
            transport=transport, base_url=scheme_and_host, headers={"user-agent": CHROME, **headers}
        )

    async def get(self, path: str, **headers: str) -> Page:
        """Follow a link, or type an address."""
        return Page(await self.http.get(path, headers=headers))

    async def go(self, path: str) -> Page:
        """The same, and where that leads on this address."""
        return await self.follow(await self.get(path))

    async def follow(self, page: Page) -> Page:
        """Where a response leads, as long as that is this address."""
        for _ in range(5):
            if "location" not in page.headers or not urljoin(page.url, page.location).startswith(self.origin + "/"):
                return page
            page = await self.get(page.location)
        raise AssertionError("the redirects do not end")

    async def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Page:
        """Send a form by hand, from this address unless `headers` say otherwise."""
        given = {"origin": self.origin, "content-type": "application/x-www-form-urlencoded", **headers}
        return Page(await self.http.post(path, content=urlencode(fields), headers=given))

    async def submit(self, page: Page, button: str = "", **fields: str) -> Page:
        """Fill in a form and press its button."""
        form = page.form(button)
        boxes = [each for each in form.all("input") if each.attributes.get("type") not in {"radio", "checkbox"}]
        ticked = [each for each in form.all("input") if "checked" in each.attributes]
        values = {each["name"]: each.attributes.get("value", "") for each in (*boxes, *ticked)}
        assert set(fields) <= {each["name"] for each in form.all("input")}
        pressed = next(each for each in form.all("button") if not button or is_named(each, button))
        if "name" in pressed.attributes:
            values[pressed["name"]] = pressed["value"]
        values |= fields
        if form["method"] == "get":
            return await self.get(f"{form['action']}?{urlencode(values)}")
        return await self.post(form["action"], values)

    async def sign_in(self, page: Page, login: str = "gigi", password: str = PASSWORD) -> Page:
        """Fill in the form that asks who somebody is."""
        return await self.submit(page, login_name=f"{login}@savanna.example", password=password)


def question(*more: tuple[str, str], **parameters: str) -> str:
    """The address to which a client sends a browser."""
    return "/oauth/v2/authorize?" + urlencode(pairs(*more, **parameters))

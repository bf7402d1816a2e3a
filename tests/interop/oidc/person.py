"""A person with a browser that shows only HTML: goes where they are sent, and fills in the forms that they find."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Self
from urllib.parse import urljoin

import httpx2
import pyotp
from harness import NO_CERTIFICATES

_PAGES = 12


@dataclass
class Form:
    """A form of a page: its fields by name, and by `autocomplete` the names of those that a person fills in.

    `buttons` are name and value of those that send it.
    """

    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(given.get("action", ""), given.get("method", "get").upper()))
        elif tag == "button" and self.found:
            self.found[-1].buttons.append((given.get("name", ""), given.get("value", "")))
        elif tag == "input" and self.found and "name" in given:
            self.found[-1].values[given["name"]] = given.get("value", "")
            if "autocomplete" in given:
                self.found[-1].asked[given["autocomplete"]] = given["name"]


def forms(page: str) -> list[Form]:
    """The forms of a page."""
    parser = _Forms()
    parser.feed(page)
    return parser.found


class Person:
    """Somebody at a browser of their own, who knows a login name and a password.

    `asked` is how often they have been asked for the password; `totp` is the secret of their second factor.
    """

    def __init__(self, site: str, login: str, password: str, totp: str | None = None) -> None:
        self.asked = 0
        self._totp = totp
        self._site = httpx2.URL(site)
        self._known = {"username": login, "current-password": password}
        headers = {"user-agent": "Person/1.0", "accept-language": "en"}
        self._client = httpx2.Client(trust_env=False, verify=NO_CERTIFICATES, headers=headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that the site has set."""
        return dict(self._client.cookies)

    def go(self, url: str) -> str:
        """Follow a link and fill in what is asked, until that ends at another site or there is no form: the URL."""
        response = self._client.get(url)
        for _ in range(_PAGES):
            if "location" in response.headers:
                url = urljoin(url, response.headers["location"])
                if not self._is_here(url):
                    return url
                response = self._client.get(url)
                continue
            assert response.status_code == 200, (response.status_code, response.text)
            form = next((each for each in forms(response.text) if each.method == "POST"), None)
            if form is None:
                return url
            url = urljoin(url, form.action)
            response = self._send(url, form)
        raise AssertionError(f"still at the sign-in after {_PAGES} pages: {url}")

    def _is_here(self, url: str) -> bool:
        there = httpx2.URL(url)
        return (there.scheme, there.netloc) == (self._site.scheme, self._site.netloc)

    def _send(self, url: str, form: Form) -> httpx2.Response:
        """Send a form with what is asked, by its first button."""
        self.asked += "current-password" in form.asked
        known = {name: self._known[use] for use, name in form.asked.items() if use in self._known}
        if self._totp is not None and "one-time-code" in form.asked:
            known[form.asked["one-time-code"]] = pyotp.TOTP(self._totp).now()
        pressed = {name: value for name, value in form.buttons[:1] if name}
        origin = f"{self._site.scheme}://{self._site.netloc.decode()}"
        return self._client.post(url, data=form.values | known | pressed, headers={"origin": origin})

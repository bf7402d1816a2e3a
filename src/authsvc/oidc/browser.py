"""What tells a browser's own forms from forged ones, and one browser from another (RFC 6265, Fetch: Origin header).

Cookies have the prefix `__Host-` where the issuer is https: no other host, and nobody on the way, can set them. Without
TLS, in development, they have plain names.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from authsvc.domain.tokens import new_token

FORM_TOKEN = "form_token"  # noqa: S105 - the name of a field
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_LONGEST_LIFE = 400 * 86_400  # seconds for which browsers keep a cookie at most; sessions end by themselves
_OWN = frozenset({"same-origin", "none"})


class Forged(Exception):
    """A form that did not come from a page of ours, as far as can be told."""


class Cookie(NamedTuple):
    """A cookie that the response to a request sets, whatever response it will be; `max_age` in seconds."""

    name: str
    value: str
    max_age: int | None
    secure: bool

    def put(self, response: Response) -> None:
        """Put it into a response."""
        response.set_cookie(
            self.name, self.value, max_age=self.max_age, path="/", secure=self.secure, httponly=True, samesite="lax"
        )


class Browsers:
    """The cookies of browsers, and the checks of the forms that they send."""

    def __init__(self, issuer: str) -> None:
        self._secure = urlsplit(issuer).scheme == "https"
        self._issuer = issuer
        prefix = "__Host-" if self._secure else ""
        self._agent, self._form = f"{prefix}agent", f"{prefix}form"

    def agent(self, request: Request) -> str | None:
        """The secret by which the browser is known; None if it has none."""
        return _secret(request, self._agent)

    def keep_agent(self, request: Request, cookie: str) -> None:
        """Have the browser keep a new secret, even if something fails after this: the old one is dead already."""
        request.state.cookies.append(Cookie(self._agent, cookie, _LONGEST_LIFE, self._secure))

    def form_token(self, request: Request) -> str:
        """What goes into each form, as the browser has it; a new one if it has none, which lasts until it is closed."""
        given = (cookie.value for cookie in request.state.cookies if cookie.name == self._form)
        token = _secret(request, self._form) or next(given, None)
        if token is None:
            token = new_token()
            request.state.cookies.append(Cookie(self._form, token, None, self._secure))
        return token

    def check(self, request: Request, fields: Mapping[str, str]) -> None:
        """Let only forms of our own pages pass.

        The browser says where a form comes from, and the form holds the secret of a cookie that no other page can read.

        Raises:
            Forged: one of the two is missing or wrong.
        """
        token = _secret(request, self._form)
        if not (token and self._is_ours(request)):
            raise Forged
        if not hmac.compare_digest(token.encode(), fields.get(FORM_TOKEN, "").encode()):
            raise Forged

    def _is_ours(self, request: Request) -> bool:
        origins, sites = request.headers.getlist("origin"), request.headers.getlist("sec-fetch-site")
        seen = f"{request.scope['scheme']}://{request.headers.get('host', '')}"
        said = [*(each in {self._issuer, seen} for each in origins), *(each in _OWN for each in sites)]
        return bool(said) and all(said)


def _secret(request: Request, name: str) -> str | None:
    value = request.cookies.get(name, "")
    return value if _SECRET.fullmatch(value) else None

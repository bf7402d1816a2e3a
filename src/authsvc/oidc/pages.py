"""The pages: Jinja templates without any script, and the headers under which browsers show them.

The referrer policy is same-origin, not no-referrer: with that one, browsers would say `Origin: null` of our own forms
(Fetch, "append a request Origin header"), and forms of ours could not be told from forged ones.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from importlib.resources import files
from types import MappingProxyType
from typing import NamedTuple

from jinja2 import DictLoader, Environment, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from authsvc.domain.clock import SECOND
from authsvc.identity.passwords import MAX_TYPED
from authsvc.oauth.guessing import TooManyAttempts
from authsvc.oidc.browser import Browsers
from authsvc.oidc.forms import BadForm, first, read_query
from authsvc.oidc.texts import Texts, choose

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")


class Asset(NamedTuple):
    """A file that pages load: its content never changes under its name, which holds a hash of it."""

    path: str
    media_type: str
    body: bytes

    async def serve(self, _: Request) -> Response:
        """Answer a request."""
        return Response(
            self.body, media_type=self.media_type, headers={"cache-control": "public, max-age=31536000, immutable"}
        )


def _asset(media_type: str, *names: str) -> Asset:
    """Files joined into one, under the name of the last."""
    body = b"\n".join((files("authsvc.oidc") / "static" / name).read_bytes() for name in names)
    stem, _, ending = names[-1].partition(".")
    return Asset(f"/login/{stem}.{hashlib.sha256(body).hexdigest()[:16]}.{ending}", media_type, body)


STYLE = _asset("text/css", "common.css", "pages.css")
ICON = _asset("image/svg+xml", "icon.svg")


class Problem(NamedTuple):
    """What is wrong: the key of a text and its parameters, and the response's status; `retry_after` in seconds.

    `fields` are the names of the form's fields that are to be filled in otherwise.
    """

    key: str
    status: int = 400
    parameters: Mapping[str, object] = MappingProxyType({})
    retry_after: int | None = None
    fields: tuple[str, ...] = ()


def too_many(error: TooManyAttempts) -> Problem:
    """Somebody has tried too often."""
    seconds = error.retry_after
    key = "problem.too_many_for_a_second" if seconds == 1 else "problem.too_many"
    return Problem(key, 429, {"seconds": seconds}, seconds)


class Pages:
    """Shows pages in the language of whoever asks."""

    def __init__(self, browsers: Browsers) -> None:
        self._browsers = browsers
        self._environment = _environment()

    def show(
        self,
        request: Request,
        template: str,
        title: str,
        *,
        problem: Problem | None = None,
        leads_to: Iterable[str] = (),
        opened: bool = False,
        **context: object,
    ) -> Response:
        """A page.

        `title` is the key of a text. `leads_to` are URIs to which the answers to its forms may redirect. `opened` ones
        are part of what a client has asked for, perhaps in a window that it has opened.
        """
        texts = texts_of(request)
        # Asked for by forms only: a page without one, such as a refusal, must not undo the cookie of other forms.
        token = partial(self._browsers.form_token, request)
        told = texts(problem.key, **problem.parameters) if problem else ""
        page = self._environment.get_template(template).render(
            t=texts, title=texts(title), problem=told, wrong=problem.fields if problem else (), token=token, **context
        )
        response = HTMLResponse(page, problem.status if problem else 200, _headers(leads_to, opened=opened))
        response.headers["content-language"] = texts.language
        if problem and problem.retry_after is not None:
            response.headers["retry-after"] = str(problem.retry_after)
        return response

    def failure(self, request: Request, problem: Problem, *, again: str = "", number: str = "") -> Response:
        """A page that says what went wrong. It leads nowhere but to `again`, an address of ours where to begin anew.

        `number` is that under which the log tells the operator more.
        """
        return self.show(request, "failure.html", "error.title", problem=problem, again=again, number=number)

    def note(self, request: Request, title: str, text: str, onward: tuple[str, str] | None = None) -> Response:
        """A page that says that something has been done, with a link to `onward`, an address and the key of a text."""
        return self.show(request, "note.html", title, text=text, onward=onward)


def texts_of(request: Request) -> Texts:
    """The texts in the language that the address asks for, or else the browser."""
    try:
        asked = first(read_query(request), "ui_locales")
    except BadForm:
        asked = ""
    return choose(asked, request.headers.get("accept-language", ""))


@cache
def _environment() -> Environment:
    """The templates, all of them read at the start: those of a newer release, put in their place, mix with nothing.

    Each is compiled when it is first shown: all together take as long as a good part of the start.
    """
    folder = files("authsvc.oidc") / "templates"
    environment = Environment(
        loader=DictLoader({each.name: each.read_text("utf-8") for each in folder.iterdir()}),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(style=STYLE.path, icon=ICON.path, longest_password=MAX_TYPED)
    environment.filters.update(initials=_initials, moment=_moment)
    return environment


def _initials(name: str) -> str:
    """Of the first and the last word of a name."""
    words = name.split()
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()


def _moment(at: int) -> str:
    """A time in microseconds to the minute, as everybody everywhere reads it."""
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _headers(leads_to: Iterable[str], *, opened: bool) -> dict[str, str]:
    sources = dict.fromkeys(("'self'", *filter(None, map(_source, leads_to))))
    headers = {
        "content-security-policy": (
            f"default-src 'none'; style-src 'self'; img-src 'self'; form-action {' '.join(sources)}; "
            "frame-ancestors 'none'; base-uri 'none'"
        ),
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
        "vary": "accept-language, cookie",
    }
    # A client may have opened a window to sign in, and be told there by its own page when that is done. With the header
    # the two would be cut off from each other.
    return headers if opened else {**headers, "cross-origin-opener-policy": "same-origin"}


def _source(uri: str) -> str | None:
    """The source expression (CSP level 3, section 2.3.1) for a URI to which a form's answer redirects: its scheme.

    Chromium applies form-action to every redirect that follows, and a client may send the browser on to another host
    of its own, which nobody here can know.
    """
    scheme, colon, _ = uri.partition(":")
    return f"{scheme}:" if colon and _SCHEME.fullmatch(scheme) else None

"""Signing out: on our own page, at the request of a client (OpenID Connect RP-Initiated Logout), and WorkOS's link."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response

from authsvc.domain.accounts import Browser, BrowserSession
from authsvc.domain.ids import parse_id
from authsvc.domain.ulid import parse_public_id
from authsvc.oauth.discovery import END_SESSION
from authsvc.oauth.logout import plan
from authsvc.oidc.answers import json_answer
from authsvc.oidc.authorize import ACCOUNTS, LOGIN, Authorize
from authsvc.oidc.browser import FORM_TOKEN, Browsers
from authsvc.oidc.engine import Engine
from authsvc.oidc.flow import see_other, to_client
from authsvc.oidc.forms import address, read_form, read_query, single
from authsvc.oidc.login import LOGOUT
from authsvc.oidc.pages import Pages, texts_of

DONE = "/logout/done"
WORKOS = "/user_management/sessions/logout"


class LogoutPages:
    """Ends sessions of the browser that asks, and of no other."""

    def __init__(self, engine: Engine, browsers: Browsers, pages: Pages, authorize: Authorize) -> None:
        self._rules = engine.logout
        self._clients = engine.clients
        self._sign_ins = engine.sign_ins
        self._browsers = browsers
        self._pages = pages
        self._authorize = authorize

    async def question(self, request: Request) -> Response:
        """Whether everybody in this browser is to be signed out."""
        active = _active(await self._authorize.browser(request))
        if not active:
            return see_other(DONE)
        return self._ask(request, LOGOUT, active, [("all", "yes")])

    async def sign_out(self, request: Request) -> Response:
        """One account, or all of this browser."""
        fields = single(await read_form(request))
        self._browsers.check(request, fields)
        browser = await self._authorize.browser(request)
        session_id = parse_id(fields.get("session", ""))
        if browser is not None and "all" in fields:
            await self._sign_ins.sign_out_all(browser)
        elif browser is not None and session_id is not None:
            await self._sign_ins.sign_out(browser, session_id)
            return see_other(address(ACCOUNTS, [("signed_out", str(session_id))]))
        return see_other(DONE)

    async def done(self, request: Request) -> Response:
        """A page that says that nobody is signed in any more."""
        return self._pages.note(request, "signed_out.title", "signed_out.about", (LOGIN, "action.start"))

    async def end_session(self, request: Request) -> Response:
        """A client wants somebody to be signed out.

        Without proof that it is about this browser's person, or with a form of another site, with which browsers send
        no cookie of ours, the person is asked first.
        """
        pairs = read_query(request) if request.method == "GET" else await read_form(request)
        asked = await self._rules.request(tuple(pair for pair in pairs if pair[0] != FORM_TOKEN))
        browser = await self._authorize.browser(request)
        ends, asks = plan(asked, browser)
        is_confirmed = request.method == "POST" and any(name == FORM_TOKEN for name, _ in pairs)
        if is_confirmed:
            self._browsers.check(request, single(pairs))
        elif asks or (browser is None and request.method == "POST"):
            return self._ask(request, END_SESSION, asks, _kept(pairs), asked.location)
        for session in (*asks, *([ends] if ends else [])):
            if browser is not None:
                await self._sign_ins.sign_out(browser, session.id)
        return see_other(DONE) if asked.location is None else to_client(request, asked.location)

    async def workos(self, request: Request) -> Response:
        """The link that WorkOS's libraries make: it ends a session of this browser, and of no other.

        Anybody who knows the session's id can make it, and ids are no secrets, so the person is asked first.
        """
        is_confirmed = request.method == "POST"
        fields = single(await read_form(request)) if is_confirmed else dict(read_query(request))
        if is_confirmed:
            self._browsers.check(request, fields)
        if "session_id" not in fields:
            return json_answer({"message": "session_id is missing"}, 422)
        browser, session_id = await self._authorize.browser(request), _session_id(fields["session_id"])
        session = browser.session(session_id) if browser and session_id is not None else None
        return_to = fields.get("return_to", "")
        is_known = bool(return_to) and await self._clients.post_logout_allowed(return_to)
        location = return_to if is_known else DONE
        if browser and session:
            if not is_confirmed:
                return self._ask(request, WORKOS, [session], _kept(fields.items()), location)
            await self._sign_ins.sign_out(browser, session.id)
        return to_client(request, location)

    def _ask(
        self,
        request: Request,
        here: str,
        sessions: Iterable[BrowserSession],
        fields: Iterable[tuple[str, str]],
        location: str | None = None,
    ) -> Response:
        texts, names = texts_of(request), [session.login_name for session in sessions]
        match names:
            case []:
                text = texts("logout.confirm")
            case [name]:
                text = texts("logout.one", login_name=name)
            case _:
                text = texts("logout.all")
        return self._pages.show(
            request,
            "logout.html",
            "logout.title",
            leads_to=(location,) if location else (),
            here=here,
            text=text,
            fields=fields,
            home=ACCOUNTS,
        )


def _active(browser: Browser | None) -> list[BrowserSession]:
    return [session for session in browser.sessions if session.is_active] if browser else []


def _kept(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [pair for pair in pairs if pair[0] != FORM_TOKEN]


def _session_id(text: str) -> int | None:
    """The id in a session's public id; sessions of browsers never have one that they brought from elsewhere."""
    ulid = parse_public_id("session", text)
    return ulid.id if ulid else None

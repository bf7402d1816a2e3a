"""Signing in: login name and password, then perhaps a code; and who is signed in in a browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response

from authsvc.domain.accounts import BrowserSession, Proof
from authsvc.domain.ids import parse_id
from authsvc.domain.sessions import Impersonation
from authsvc.oauth.discovery import AUTHORIZE
from authsvc.oauth.sign_in import PendingOver, SecondFactor, TooManyAttempts, WrongCredentials
from authsvc.oidc.authorize import ACCOUNTS, CONSENT, LOGIN, Authorize
from authsvc.oidc.browser import Browsers
from authsvc.oidc.engine import Engine
from authsvc.oidc.flow import Flow, Flows, see_other
from authsvc.oidc.forms import address, first, read_form, single
from authsvc.oidc.impersonation import IMPERSONATION, ImpersonationPages
from authsvc.oidc.pages import Pages, Problem, texts_of, too_many
from authsvc.oidc.texts import Texts

CODE = "/login/code"
PASSWORD = "/login/password"  # noqa: S105 - an address
LOGOUT = "/logout"
_WRONG = Problem("problem.wrong_credentials", fields=("login_name", "password"))


class Login:
    """The pages on which people sign in and see who is signed in."""

    def __init__(
        self,
        engine: Engine,
        browsers: Browsers,
        flows: Flows,
        pages: Pages,
        authorize: Authorize,
        impersonation: ImpersonationPages,
    ) -> None:
        self._engine = engine
        self._impersonation = impersonation
        self._sign_ins = engine.sign_ins
        self._browsers = browsers
        self._flows = flows
        self._pages = pages
        self._authorize = authorize

    async def form(self, request: Request) -> Response:
        """The form for login name and password; without a client, first those who are signed in already."""
        flow = await self._flows.read(request)
        if flow.asked is not None and flow.asked.is_silent:
            return see_other(flow.at(AUTHORIZE))
        if flow.asked is None and not {"prompt", "login_hint", "user_code"} & dict(flow.pairs).keys():
            browser = await self._authorize.browser(request)
            if browser is not None and any(session.is_active for session in browser.sessions):
                return see_other(flow.at(ACCOUNTS))
        return self._show_form(request, flow, first(flow.pairs, "login_hint"))

    async def password(self, request: Request) -> Response:
        """Login name and password."""
        flow = await self._flows.read(request)
        fields = single(await read_form(request))
        self._browsers.check(request, fields)
        login_name = fields.get("login_name", "")
        try:
            proof = await self._sign_ins.password(
                login_name,
                fields.get("password", ""),
                self._engine.visitor(request),
                cookie=self._browsers.agent(request),
            )
            if isinstance(proof, SecondFactor):
                return self._show_code(request, flow, proof.pending)
            return await self._signed_in(request, flow, proof)
        except WrongCredentials:
            return self._show_form(request, flow, login_name, _WRONG)
        except TooManyAttempts as error:
            return self._show_form(request, flow, login_name, too_many(error))

    async def code(self, request: Request) -> Response:
        """The code after the password."""
        flow = await self._flows.read(request)
        fields = single(await read_form(request))
        self._browsers.check(request, fields)
        pending = fields.get("pending", "")
        try:
            proof = await self._sign_ins.code(pending, fields.get("code", ""), self._engine.visitor(request))
            return await self._signed_in(request, flow, proof)
        except PendingOver:
            return self._show_form(request, flow, "", Problem("problem.pending_over"))
        except WrongCredentials:
            return self._show_code(request, flow, pending, Problem("problem.wrong_code", fields=("code",)))
        except TooManyAttempts as error:
            return self._show_code(request, flow, pending, too_many(error))

    async def accounts(self, request: Request) -> Response:
        """The accounts of this browser: to choose one of for a client, or to see who is signed in."""
        flow = await self._flows.read(request)
        if flow.asked is not None and flow.asked.is_silent:
            return see_other(flow.at(AUTHORIZE))
        browser = await self._authorize.browser(request)
        sessions = browser.sessions if browser else ()
        if flow.asked is not None:
            # Somebody who acts for another person does not do so at clients.
            sessions = tuple(session for session in sessions if session.impersonator is None)
        if not sessions:
            return see_other(flow.at(LOGIN))
        if flow.asked:
            return self._show_choice(request, flow, sessions)
        return await self._show_home(request, flow, sessions)

    async def choose(self, request: Request) -> Response:
        """The account that somebody has chosen; one that is signed out needs a password first."""
        flow = await self._flows.read(request)
        fields = single(await read_form(request))
        self._browsers.check(request, fields)
        browser = await self._authorize.browser(request)
        chosen = parse_id(fields.get("session", ""))
        session = next((each for each in browser.sessions if each.id == chosen), None) if browser else None
        if session is None:
            return see_other(flow.at(ACCOUNTS))
        if session.is_active:
            response = await self._authorize.go_on(request, flow, browser, chosen=session.id)
            if response.headers.get("location") != flow.at(LOGIN):
                return response
        return see_other(flow.at(LOGIN, login_hint=session.login_name))

    async def _signed_in(self, request: Request, flow: Flow, proof: Proof) -> Response:
        begun = await self._sign_ins.begin(proof, self._browsers.agent(request), self._engine.visitor(request))
        self._browsers.keep_agent(request, begun.cookie)
        browser = await self._sign_ins.browser(begun.cookie)
        return await self._authorize.go_on(request, flow, browser, after=proof.at, chosen=begun.session_id)

    def _show_form(self, request: Request, flow: Flow, login_name: str, problem: Problem | None = None) -> Response:
        return self._pages.show(
            request,
            "sign_in.html",
            "sign_in.title",
            problem=problem,
            leads_to=flow.leads_to,
            opened=flow.asked is not None,
            here=flow.at(LOGIN),
            client=flow.client_name,
            device=bool(flow.user_code),
            login_name=login_name,
            cancel=flow.at(CONSENT) if flow.asked else "",
        )

    def _show_code(self, request: Request, flow: Flow, pending: str, problem: Problem | None = None) -> Response:
        return self._pages.show(
            request,
            "code.html",
            "code.title",
            problem=problem,
            leads_to=flow.leads_to,
            opened=flow.asked is not None,
            here=flow.at(CODE),
            pending=pending,
            again=flow.at(LOGIN),
        )

    def _show_choice(self, request: Request, flow: Flow, sessions: tuple[BrowserSession, ...]) -> Response:
        return self._pages.show(
            request,
            "accounts.html",
            "accounts.title",
            leads_to=flow.leads_to,
            opened=True,
            here=flow.at(ACCOUNTS),
            another=flow.at(LOGIN),
            client=flow.client_name,
            sessions=sessions,
        )

    async def _show_home(self, request: Request, flow: Flow, sessions: tuple[BrowserSession, ...]) -> Response:
        watched = await self._impersonation.watched(sessions)
        return self._pages.show(
            request,
            "home.html",
            "accounts.home",
            done=_done(texts_of(request), flow, sessions, watched),
            sessions=sessions,
            watched=watched,
            account_page=self._engine.account_page,
            end_impersonation=IMPERSONATION,
            any_active=any(session.is_active for session in sessions),
            another=address(LOGIN, [("prompt", "login")]),
            sign_out=LOGOUT,
            sign_in=lambda session: address(LOGIN, [("login_hint", session.login_name)]),
            change_password=lambda session: address(PASSWORD, [("session", str(session.id))]),
        )


def _done(
    texts: Texts, flow: Flow, sessions: Sequence[BrowserSession], watched: Mapping[int, Sequence[Impersonation]]
) -> str:
    """What has just been done, as the address says, if it is so."""
    signed_out = parse_id(first(flow.pairs, "signed_out"))
    for session in sessions:
        if session.id == signed_out and not session.is_active:
            return texts("accounts.signed_out_one", name=session.display_name)
    ended = parse_id(first(flow.pairs, "ended"))
    if ended is None or any(each.session_id == ended for found in watched.values() for each in found):
        return ""
    return texts("accounts.watched_no_more")

"""The authorization endpoint and the question for consent (RFC 6749, section 4.1.1; OIDC Core, section 3.1.2)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from authsvc.domain.accounts import Browser, BrowserSession
from authsvc.oauth.authorization import Ask, AuthorizationRequest
from authsvc.oauth.discovery import AUTHORIZE
from authsvc.oauth.scopes import projects
from authsvc.oidc.browser import Browsers
from authsvc.oidc.engine import Engine
from authsvc.oidc.flow import Flow, Flows, Ticket, see_other, to_client
from authsvc.oidc.forms import address, read_form, single
from authsvc.oidc.pages import Pages

LOGIN = "/login"
ACCOUNTS = "/login/account"
CONSENT = "/login/consent"
_LONGEST = 4_000  # bytes of a request that comes as a form: it goes on as an address, which may have hardly more


class Authorize:
    """Takes browsers from a client's request to its answer, by the pages that are needed between the two."""

    def __init__(self, engine: Engine, browsers: Browsers, flows: Flows, pages: Pages) -> None:
        self._rules = engine.authorization
        self._sign_ins = engine.sign_ins
        self._projects = engine.projects
        self._browsers = browsers
        self._flows = flows
        self._pages = pages

    async def get(self, request: Request) -> Response:
        """A client's request."""
        flow = await self._flows.read(request)
        if flow.asked is None:
            await self._rules.request(flow.pairs)  # raises what is to be said of a request without a client
        return await self.go_on(request, flow, await self.browser(request))

    async def post(self, request: Request) -> Response:
        """A client's request as a form.

        Browsers send no cookie with forms of other sites, so it is asked for once more as an address.
        """
        return see_other(address(AUTHORIZE, await read_form(request, _LONGEST)))

    async def browser(self, request: Request) -> Browser | None:
        """The browser that asks, if it has been given a cookie."""
        return await self._sign_ins.browser(self._browsers.agent(request))

    async def go_on(
        self,
        request: Request,
        flow: Flow,
        browser: Browser | None,
        *,
        after: int | None = None,
        chosen: int | None = None,
    ) -> Response:
        """The next page on the way to the client, or the answer; `after` and `chosen` as `Authorization.step` has them.

        Raises:
            Redirected: the client is told that it cannot be had so.
        """
        if flow.asked is None:
            return see_other(flow.at("/device") if flow.user_code else ACCOUNTS)
        step = self._rules.step(flow.asked, browser, after=after, chosen=chosen)
        if step is Ask.SIGN_IN:
            return see_other(flow.at(LOGIN))
        if step is Ask.CHOOSE:
            return see_other(flow.at(ACCOUNTS))
        if await self._rules.needs_consent(flow.asked, step, after=after):
            return await self._ask(request, flow, flow.asked, step, after)
        return to_client(request, await self._rules.grant(flow.asked, step))

    async def start_over(self, request: Request) -> Response:
        """Somebody has asked for the address of a form's answer by itself: begin where the form was shown."""
        flow = await self._flows.read(request)
        return see_other(flow.at(AUTHORIZE if flow.asked else LOGIN))

    async def consent(self, request: Request) -> Response:
        """The answer to the question for consent; on the page before it, somebody may give up, too."""
        flow = await self._flows.read(request)
        fields = single(await read_form(request))
        self._browsers.check(request, fields)
        if flow.asked is None:
            return see_other(LOGIN)
        if fields.get("decision") != "allow":
            return to_client(request, self._rules.refuse(flow.asked))
        ticket = self._flows.open(flow, fields.get("ticket", ""))
        browser = await self.browser(request)
        session = browser.session(ticket.session_id) if browser and ticket else None
        if ticket is None or session is None:
            return see_other(flow.at(AUTHORIZE))
        step = self._rules.step(flow.asked, browser, after=ticket.signed_in_at, chosen=session.id)
        if step != session:
            return see_other(flow.at(AUTHORIZE))
        await self._rules.consent(flow.asked, session)
        return to_client(request, await self._rules.grant(flow.asked, session))

    async def _ask(
        self, request: Request, flow: Flow, asked: AuthorizationRequest, session: BrowserSession, after: int | None
    ) -> Response:
        confirms = self._rules.only_confirms(asked)
        return self._pages.show(
            request,
            "consent.html",
            "consent.confirm_title" if confirms else "consent.title",
            leads_to=flow.leads_to,
            opened=True,
            here=flow.at(CONSENT),
            client=flow.client_name,
            scope=asked.scope,
            projects=await self._projects.names(projects(asked.scope)),
            confirms=confirms,
            session=session,
            ticket=self._flows.seal(flow, Ticket(session.id, after)),
        )

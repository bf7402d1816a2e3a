"""Changing the password of somebody who is signed in."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from authsvc.domain.accounts import BrowserSession
from authsvc.domain.ids import parse_id
from authsvc.identity.passwords import MAX_PASSWORD, MIN_PASSWORD, WeakPassword
from authsvc.oauth.sign_in import Impersonated, TooManyAttempts, WrongCredentials
from authsvc.oidc.authorize import ACCOUNTS, Authorize
from authsvc.oidc.browser import Browsers
from authsvc.oidc.engine import Engine
from authsvc.oidc.flow import see_other
from authsvc.oidc.forms import address, first, read_form, read_query, single
from authsvc.oidc.login import PASSWORD
from authsvc.oidc.pages import Pages, Problem, too_many


class Password:
    """The page on which people change their password."""

    def __init__(self, engine: Engine, browsers: Browsers, pages: Pages, authorize: Authorize) -> None:
        self._engine = engine
        self._browsers = browsers
        self._pages = pages
        self._authorize = authorize

    async def form(self, request: Request) -> Response:
        """The form."""
        session = await self._session(request)
        return self._show(request, session) if session else see_other(ACCOUNTS)

    async def change(self, request: Request) -> Response:
        """The old password, and twice the new one."""
        fields = single(await read_form(request))
        self._browsers.check(request, fields)
        session = await self._session(request)
        if session is None:
            return see_other(ACCOUNTS)
        problem = await self._change(request, session, fields)
        if problem is not None:
            return self._show(request, session, problem)
        return self._pages.note(request, "password.done_title", "password.done", (ACCOUNTS, "action.go_on"))

    async def _change(self, request: Request, session: BrowserSession, fields: Mapping[str, str]) -> Problem | None:
        """What is wrong, if anything is."""
        old, new, others = fields.get("old", ""), fields.get("new", ""), "others" in fields
        if new != fields.get("again", ""):
            return Problem("problem.different", fields=("new", "again"))
        try:
            visitor = self._engine.visitor(request)
            await self._engine.sign_ins.change_password(session, old, new, visitor, others=others)
        except WrongCredentials:
            return Problem("problem.wrong_password", fields=("old",))
        except WeakPassword:
            allowed = {"minimum": MIN_PASSWORD, "maximum": MAX_PASSWORD}
            return Problem("problem.weak_password", parameters=allowed, fields=("new",))
        except Impersonated:
            return Problem("problem.not_yours", 403)
        except TooManyAttempts as error:
            return too_many(error)
        return None

    async def _session(self, request: Request) -> BrowserSession | None:
        browser = await self._authorize.browser(request)
        session_id = parse_id(first(read_query(request), "session"))
        return browser.session(session_id) if browser and session_id else None

    def _show(self, request: Request, session: BrowserSession, problem: Problem | None = None) -> Response:
        return self._pages.show(
            request,
            "password.html",
            "password.title",
            problem=problem,
            here=address(PASSWORD, [("session", str(session.id))]),
            home=ACCOUNTS,
            session=session,
            minimum=MIN_PASSWORD,
            maximum=MAX_PASSWORD,
        )

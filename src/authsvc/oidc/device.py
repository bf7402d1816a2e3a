"""The page on which people let in a device that has no browser (RFC 8628, section 3.3)."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from authsvc.domain.accounts import BrowserSession
from authsvc.domain.devices import PendingDevice, parse_user_code
from authsvc.domain.ids import parse_id
from authsvc.oauth.scopes import projects as projects_of
from authsvc.oauth.sign_in import TooManyAttempts
from authsvc.oidc.authorize import LOGIN, Authorize
from authsvc.oidc.browser import Browsers
from authsvc.oidc.engine import Engine
from authsvc.oidc.flow import see_other
from authsvc.oidc.forms import address, first, read_form, read_query, single
from authsvc.oidc.pages import Pages, Problem, too_many

DEVICE = "/device"
_WRONG = Problem("problem.wrong_user_code", fields=("user_code",))


class DevicePages:
    """Asks for the code, then who lets the device in. A link with the code saves typing it, and no more."""

    def __init__(self, engine: Engine, browsers: Browsers, pages: Pages, authorize: Authorize) -> None:
        self._engine = engine
        self._browsers = browsers
        self._pages = pages
        self._authorize = authorize

    async def get(self, request: Request) -> Response:
        """The form for the code; with one, the question whether its device may come in."""
        typed = first(read_query(request), "user_code")
        if not typed:
            return self._show_form(request, "")
        sessions = await self._sessions(request)
        if not sessions:  # whoever tries codes has to say who they are
            return see_other(address(LOGIN, read_query(request)))
        try:
            device = await self._engine.devices.pending(typed, self._engine.visitor(request))
        except TooManyAttempts as error:
            return self._show_form(request, typed, too_many(error))
        code = parse_user_code(typed)
        if device is None or code is None:
            return self._show_form(request, typed, _WRONG)
        projects = await self._engine.projects.names(projects_of(device.scope))
        return self._show_question(request, code, device, sessions, projects)

    async def decide(self, request: Request) -> Response:
        """Whether the device may come in, and with which account."""
        fields = single(await read_form(request))
        self._browsers.check(request, fields)
        chosen, typed = parse_id(fields.get("session", "")), first(read_query(request), "user_code")
        session = next((each for each in await self._sessions(request) if each.id == chosen), None)
        if session is None:
            return see_other(address(DEVICE, read_query(request)))
        allow = fields.get("decision") == "allow"
        if not await self._engine.devices.decide(typed, session, allow=allow):
            return self._show_form(request, typed, _WRONG)
        outcome = "allowed" if allow else "denied"
        return self._pages.note(request, f"device.{outcome}_title", f"device.{outcome}")

    async def _sessions(self, request: Request) -> list[BrowserSession]:
        browser = await self._authorize.browser(request)
        return [each for each in browser.sessions if each.is_active and not each.impersonator] if browser else []

    def _show_form(self, request: Request, typed: str, problem: Problem | None = None) -> Response:
        return self._pages.show(
            request,
            "device.html",
            "device.title",
            problem=problem,
            here=DEVICE,
            user_code=typed,
        )

    def _show_question(
        self,
        request: Request,
        code: str,
        device: PendingDevice,
        sessions: list[BrowserSession],
        projects: Mapping[str, str],
    ) -> Response:
        query = [("user_code", code)]
        return self._pages.show(
            request,
            "device_confirm.html",
            "device.confirm_title",
            here=address(DEVICE, query),
            another=address(LOGIN, [*query, ("prompt", "login")]),
            user_code=code,
            client=device.client_name,
            scope=device.scope,
            projects=projects,
            sessions=sessions,
        )

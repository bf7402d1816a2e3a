"""What people see of those who act as them, and how they end it."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from authsvc.domain.accounts import BrowserSession
from authsvc.domain.ids import parse_id
from authsvc.domain.sessions import Impersonation
from authsvc.oidc.authorize import ACCOUNTS, Authorize
from authsvc.oidc.browser import Browsers
from authsvc.oidc.engine import Engine
from authsvc.oidc.flow import see_other
from authsvc.oidc.forms import address, read_form, single

IMPERSONATION = "/login/impersonation"


class ImpersonationPages:
    """Shows a person, in a browser where they are signed in themselves, who uses their account."""

    def __init__(self, engine: Engine, browsers: Browsers, authorize: Authorize) -> None:
        self._impersonators = engine.impersonators
        self._browsers = browsers
        self._authorize = authorize

    async def watched(self, sessions: Sequence[BrowserSession]) -> dict[int, list[Impersonation]]:
        """The impersonations of the people of these sessions, by the session; none for those who are not themselves."""
        return {each.id: await self._impersonators.active(each.user_id) if _is_own(each) else [] for each in sessions}

    async def start_over(self, _: Request) -> Response:
        """Somebody has asked for the address of the form's answer by itself."""
        return see_other(ACCOUNTS)

    async def end(self, request: Request) -> Response:
        """One impersonation of a person who is signed in here."""
        fields = single(await read_form(request))
        self._browsers.check(request, fields)
        browser = await self._authorize.browser(request)
        own, chosen = parse_id(fields.get("session", "")), parse_id(fields.get("impersonation", ""))
        session = browser.session(own) if browser and own is not None else None
        if session is None or chosen is None or not _is_own(session):
            return see_other(ACCOUNTS)
        await self._impersonators.end(session.user_id, chosen)
        return see_other(address(ACCOUNTS, [("ended", str(chosen))]))


def _is_own(session: BrowserSession) -> bool:
    return session.is_active and session.impersonator is None

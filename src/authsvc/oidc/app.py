"""The authorization server as one ASGI application: each address with its methods, under exact paths."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from authsvc.oauth.discovery import (
    AUTHORIZE,
    DEVICE_AUTHORIZATION,
    END_SESSION,
    INTROSPECT,
    KEYS,
    REVOKE,
    TOKEN,
    USERINFO,
)
from authsvc.oidc import metadata
from authsvc.oidc.answers import JsonFailures
from authsvc.oidc.authorize import ACCOUNTS, CONSENT, LOGIN, Authorize
from authsvc.oidc.browser import Browsers
from authsvc.oidc.device import DEVICE, DevicePages
from authsvc.oidc.endpoint import Endpoint, Handler
from authsvc.oidc.engine import Engine
from authsvc.oidc.failures import PageFailures
from authsvc.oidc.flow import Flows, see_other
from authsvc.oidc.impersonation import IMPERSONATION, ImpersonationPages
from authsvc.oidc.login import CODE, LOGOUT, PASSWORD, Login
from authsvc.oidc.logout import DONE, WORKOS, LogoutPages
from authsvc.oidc.pages import ICON, STYLE, Pages
from authsvc.oidc.password import Password
from authsvc.oidc.token import Tokens
from authsvc.oidc.userinfo import UserInfoEndpoint
from authsvc.oidc.workos import AUTHORIZATION, authorization
from authsvc.telemetry.requests import RequestLog

ROOT = "/"
PATHS = frozenset(
    {
        *metadata.PATHS,
        *(AUTHORIZE, TOKEN, KEYS, INTROSPECT, REVOKE, DEVICE_AUTHORIZATION, USERINFO, END_SESSION),
        *(
            ROOT,
            LOGIN,
            CODE,
            ACCOUNTS,
            CONSENT,
            PASSWORD,
            IMPERSONATION,
            LOGOUT,
            DONE,
            WORKOS,
            AUTHORIZATION,
            DEVICE,
            STYLE.path,
            ICON.path,
        ),
    }
)
"""Every path that the application answers; all others are somebody else's."""


def oidc_app(engine: Engine) -> ASGIApp:
    """The application. It has its own policy of what pages elsewhere may read, so no other must be put around it."""
    log = RequestLog()
    endpoints = [*_for_programs(engine, log), *_for_people(engine, log)]
    return Router([Route(endpoint.path, endpoint) for endpoint in endpoints], redirect_slashes=False)


def _for_programs(engine: Engine, log: RequestLog) -> list[Endpoint]:
    about, tokens, claims = metadata.Metadata(engine), Tokens(engine), UserInfoEndpoint(engine).claims
    basic, bearer = JsonFailures(), JsonFailures("Bearer")
    return [
        *(Endpoint(path, {"GET": about.document}, basic, log, is_readable=True) for path in metadata.PATHS),
        Endpoint(KEYS, {"GET": about.keys}, basic, log, is_readable=True),
        Endpoint(TOKEN, {"POST": tokens.token}, basic, log, is_readable=True),
        Endpoint(REVOKE, {"POST": tokens.revoke}, basic, log, is_readable=True),
        Endpoint(INTROSPECT, {"POST": tokens.introspect}, basic, log),
        Endpoint(DEVICE_AUTHORIZATION, {"POST": tokens.device_authorization}, basic, log),
        Endpoint(USERINFO, {"GET": claims, "POST": claims}, bearer, log, is_readable=True),
    ]


def _for_people(engine: Engine, log: RequestLog) -> list[Endpoint]:
    browsers = Browsers(engine.issuer)
    pages, flows = Pages(browsers), Flows(engine.authorization, engine.sealing, engine.clock)
    failures = PageFailures(pages, log)
    authorize = Authorize(engine, browsers, flows, pages)
    impersonation = ImpersonationPages(engine, browsers, authorize)
    login = Login(engine, browsers, flows, pages, authorize, impersonation)
    password = Password(engine, browsers, pages, authorize)
    device = DevicePages(engine, browsers, pages, authorize)
    logout = LogoutPages(engine, browsers, pages, authorize)

    def page(path: str, get: Handler, post: Handler | None = None, *, has_head: bool = True) -> Endpoint:
        return Endpoint(path, {"GET": get, **({"POST": post} if post else {})}, failures, log, has_head=has_head)

    return [
        page(ROOT, _to_login),
        page(AUTHORIZE, authorize.get, authorize.post, has_head=False),
        page(AUTHORIZATION, authorization, has_head=False),
        page(LOGIN, login.form, login.password),
        page(CODE, authorize.start_over, login.code),
        page(ACCOUNTS, login.accounts, login.choose),
        page(CONSENT, authorize.start_over, authorize.consent),
        page(PASSWORD, password.form, password.change),
        page(IMPERSONATION, impersonation.start_over, impersonation.end),
        page(DEVICE, device.get, device.decide),
        page(LOGOUT, logout.question, logout.sign_out),
        page(DONE, logout.done),
        page(END_SESSION, logout.end_session, logout.end_session, has_head=False),
        page(WORKOS, logout.workos, logout.workos, has_head=False),
        page(STYLE.path, STYLE.serve),
        page(ICON.path, ICON.serve),
    ]


async def _to_login(_: Request) -> Response:
    """Who types the bare address of the service is a person."""
    return see_other(LOGIN)

"""The address to which WorkOS's SDKs send browsers (`get_authorization_url`): the authorization endpoint's other name.

It is asked for no scope, as WorkOS has none, and for a provider of which there is only one here.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from authsvc.oauth.discovery import AUTHORIZE
from authsvc.oidc.flow import see_other
from authsvc.oidc.forms import address, read_query

AUTHORIZATION = "/user_management/authorize"
_PASSED = frozenset(
    {
        *("client_id", "redirect_uri", "response_type", "state", "code_challenge", "code_challenge_method"),
        *("login_hint", "max_age", "prompt"),
    }
)
# What an answer of `authenticate` is made of: who somebody is, and a refresh token.
_SCOPE = "openid profile email offline_access"


async def authorization(request: Request) -> Response:
    """On to the authorization endpoint, which looks at it all, with those parameters that mean the same there."""
    passed = tuple(pair for pair in read_query(request) if pair[0] in _PASSED)
    return see_other(address(AUTHORIZE, (*passed, ("scope", _SCOPE))))

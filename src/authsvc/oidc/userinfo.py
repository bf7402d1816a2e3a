"""The claims about whoever an access token stands for (OpenID Connect Core, section 5.3)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from authsvc.identity.bearer import bearer_token
from authsvc.oidc.answers import json_answer
from authsvc.oidc.engine import Engine


class UserInfoEndpoint:
    """Answers holders of tokens, which stand in the header and nowhere else (RFC 6750, section 2.1)."""

    def __init__(self, engine: Engine) -> None:
        self._user_info = engine.user_info

    async def claims(self, request: Request) -> Response:
        """The claims."""
        token = bearer_token(request.headers.getlist("authorization"))
        return json_answer(await self._user_info.claims(token))

"""What clients ask for by themselves (RFC 6749, section 3.2; RFC 7009; RFC 7662; RFC 8628, section 3.1)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from authsvc.oauth.errors import OAuthError
from authsvc.oauth.exchange import TokenRequest
from authsvc.oidc.answers import given, json_answer
from authsvc.oidc.engine import Engine
from authsvc.oidc.forms import read_form, read_query, single


class Tokens:
    """The endpoints of clients."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def token(self, request: Request) -> Response:
        """Tokens."""
        answer = await self._engine.tokens.answer(await self._read(request))
        return json_answer(given({**answer._asdict(), "token_type": "Bearer"}), headers={"pragma": "no-cache"})

    async def introspect(self, request: Request) -> Response:
        """What a token is worth."""
        return json_answer(await self._engine.introspection.answer(await self._read(request)))

    async def revoke(self, request: Request) -> Response:
        """Take a token back; the answer is empty."""
        await self._engine.revocation.revoke(await self._read(request))
        return Response()

    async def device_authorization(self, request: Request) -> Response:
        """Codes for a device."""
        return json_answer(await self._engine.devices.start(await self._read(request)))

    async def _read(self, request: Request) -> TokenRequest:
        """The form; nothing may stand in the address, where logs keep it (RFC 6749, section 3.2)."""
        fields = single(await read_form(request))
        if read_query(request):
            raise OAuthError("invalid_request", "parameters belong into the form, none into the address")
        return TokenRequest(fields, request.headers.getlist("authorization"), self._engine.visitor(request))

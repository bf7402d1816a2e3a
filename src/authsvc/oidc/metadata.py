"""Discovery and the signing keys (OpenID Connect Discovery, section 4; RFC 8414, section 3; RFC 7517, section 5)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from authsvc.oauth.discovery import metadata
from authsvc.oidc.answers import CACHED, json_answer
from authsvc.oidc.engine import Engine
from authsvc.oidc.texts import LANGUAGES

PATHS = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")


class Metadata:
    """What everybody may know."""

    def __init__(self, engine: Engine) -> None:
        self._keyring = engine.keyring
        self._document = metadata(engine.issuer, engine.tokens.grant_types, LANGUAGES)

    async def document(self, _: Request) -> Response:
        """What the authorization server says of itself."""
        return json_answer(self._document, headers=CACHED)

    async def keys(self, _: Request) -> Response:
        """The public keys of tokens."""
        return json_answer({"keys": await self._keyring.public()}, headers=CACHED)

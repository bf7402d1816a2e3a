"""The token endpoint: it finds the grant type that a request is for (RFC 6749, section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping

from authsvc.oauth.errors import OAuthError
from authsvc.oauth.exchange import Grant, TokenAnswer, TokenRequest


class TokenEndpoint:
    """Answers requests for tokens by `grants`, whose keys are the values of `grant_type`."""

    def __init__(self, grants: Mapping[str, Grant]) -> None:
        self._grants = dict(grants)

    @property
    def grant_types(self) -> tuple[str, ...]:
        """The grant types that there are, for discovery."""
        return tuple(self._grants)

    async def answer(self, request: TokenRequest) -> TokenAnswer:
        """The tokens that a request gets.

        Raises:
            OAuthError: it is refused.
            TooManyAttempts: somebody guesses.
        """
        grant = self._grants.get(request.value("grant_type"))
        if grant is None:
            raise OAuthError("unsupported_grant_type", "there is no such grant type here")
        return await grant.tokens(request)

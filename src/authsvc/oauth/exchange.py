"""The token endpoint's question and answer, whatever the grant type (RFC 6749, sections 4 and 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from authsvc.domain.accounts import Visitor
from authsvc.oauth.errors import OAuthError


class TokenRequest(NamedTuple):
    """A request for tokens: the form, each field once, the values of `authorization`, and who asks."""

    form: Mapping[str, str]
    authorization: Sequence[str]
    visitor: Visitor

    def value(self, name: str) -> str:
        """A field that must be there and not empty.

        Raises:
            OAuthError: `invalid_request`.
        """
        value = self.form.get(name, "")
        if not value:
            raise OAuthError("invalid_request", f"{name} is missing")
        return value


class TokenAnswer(NamedTuple):
    """What a client gets (RFC 6749, section 5.1): `expires_in` in seconds, `issued_token_type` as in RFC 8693."""

    access_token: str
    expires_in: int
    scope: str
    refresh_token: str | None = None
    id_token: str | None = None
    issued_token_type: str | None = None


class Grant(Protocol):
    """A grant type: it authenticates whoever asks, checks what they present, and gives tokens."""

    async def tokens(self, request: TokenRequest) -> TokenAnswer:
        """The answer to a request of this grant type.

        Raises:
            OAuthError: it is refused.
        """

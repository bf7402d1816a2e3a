"""The `authorization` header (RFC 6750, section 2.1) and the challenge that answers a bad one (section 3)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from authsvc.errors import InsufficientScope, Unauthenticated

REALM = "authsvc"
MAX_TOKEN_LENGTH = 8_192
_SCHEME = "bearer "
_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*", re.ASCII)


def bearer_token(headers: Sequence[str]) -> str:
    """The token in the values of the request's `authorization` headers.

    Raises:
        Unauthenticated: no header; more than one, or not of the form `Bearer <token>`; or not a token.
    """
    if not any(headers):
        raise Unauthenticated("auth header missing")
    header = headers[0]
    if len(headers) > 1 or header[: len(_SCHEME)].lower() != _SCHEME:
        raise Unauthenticated("invalid auth header", "AUTH-toLo1")
    token = header[len(_SCHEME) :]
    if len(token) > MAX_TOKEN_LENGTH or not _TOKEN.fullmatch(token):
        raise unusable_token()
    return token


def unusable_token() -> Unauthenticated:
    """The one answer to every token that cannot be used, so that nothing is learned about why."""
    return Unauthenticated("Errors.Token.Invalid", "AUTH-7fs1e", token_sent=True)


def challenge(error: Unauthenticated | InsufficientScope) -> str:
    """The value of `WWW-Authenticate` for `error`; it says that a token is bad only if one was sent."""
    told = ""
    if isinstance(error, InsufficientScope):
        told = f', error="insufficient_scope", scope="{error.scope}"'
    elif error.token_sent:
        told = ', error="invalid_token"'
    return f'Bearer realm="{REALM}"{told}'

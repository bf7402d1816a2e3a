"""Access tokens that other resource servers can read by themselves (RFC 9068; `act` as in RFC 8693, section 4.1)."""

from __future__ import annotations

from typing import Any

from authsvc.domain.authorizations import Holder
from authsvc.domain.clients import Client
from authsvc.domain.clock import SECOND
from authsvc.oauth.id_token import authentication
from authsvc.oauth.scopes import projects

TYPE = "at+jwt"
"""The media type in the header of access tokens."""


def audience(issuer: str, client_id: str | None, scope: str) -> list[str]:
    """Whom a token is meant for: the client, or the issuer for a program of its own, and the projects of its scope."""
    return [client_id or issuer, *projects(scope)]


def access_token_claims(
    issuer: str, token_id: int, holder: Holder, scope: str, client: Client | None, *, at: int, expires_at: int
) -> dict[str, Any]:
    """The claims of an access token; times in microseconds. A program that has no client goes by its user's id."""
    client_id = client.client_id if client else None
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": str(holder.user_id),
        "aud": audience(issuer, client_id, scope),
        "client_id": client_id or str(holder.user_id),
        "iat": at // SECOND,
        "exp": expires_at // SECOND,
        "jti": str(token_id),
        "scope": scope,
        **authentication(holder),
    }
    if holder.impersonator is not None:
        claims["act"] = {"sub": holder.impersonator}
    return claims

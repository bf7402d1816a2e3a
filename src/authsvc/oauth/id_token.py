"""ID tokens: what a client learns about who signed in, and how (OIDC Core, sections 2, 3.1.3.6 and 12.2)."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from authsvc.domain.authorizations import Holder
from authsvc.domain.clients import Client
from authsvc.domain.clock import SECOND

TYPE = "JWT"
"""The media type in the header of ID tokens."""
ONE_FACTOR = "urn:authsvc:acr:1fa"
TWO_FACTORS = "urn:authsvc:acr:2fa"
ACR_VALUES = (ONE_FACTOR, TWO_FACTORS)
"""How sure it can be that it was the user: they showed one thing, or two of different kinds."""
_HASHES = {"RS256": hashlib.sha256, "EdDSA": hashlib.sha512}


def authentication(holder: Holder) -> dict[str, Any]:
    """The claims `sid`, `auth_time` (seconds), `acr` and `amr`, as far as somebody has signed in."""
    claims: dict[str, Any] = {}
    if holder.session_id is not None:
        claims["sid"] = str(holder.session_id)
    if holder.authenticated_at is not None:
        claims["auth_time"] = holder.authenticated_at // SECOND
    methods = holder.amr.split()
    if methods:
        claims["acr"] = TWO_FACTORS if "mfa" in methods else ONE_FACTOR
        claims["amr"] = methods
    return claims


def id_token_claims(
    issuer: str, holder: Holder, client: Client, access_token: str, *, at: int, life: int, nonce: str | None
) -> dict[str, Any]:
    """The claims of an ID token that is made at this time, in microseconds, and is good for `life` of them."""
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": str(holder.user_id),
        "aud": client.client_id,
        "azp": client.client_id,
        "iat": at // SECOND,
        "exp": (at + life) // SECOND,
        "at_hash": at_hash(access_token, client.signing_algorithm),
        **authentication(holder),
    }
    if nonce is not None:
        claims["nonce"] = nonce
    return claims


def at_hash(access_token: str, algorithm: str) -> str:
    """The left half of the access token's hash; Ed25519 goes with SHA-512, as it does inside."""
    digest = _HASHES[algorithm](access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()

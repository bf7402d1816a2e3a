"""The check of an ID token by the client it is for (OpenID Connect Core, section 3.1.3.7)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key

from authsvc.domain.clients import SIGNING_ALGORITHMS
from authsvc.errors import Refused
from authsvc.identity import jws

_SKEW = 60  # seconds by which clocks may differ


def verify(token: object, keys: object, *, issuer: str, client_id: str, nonce: str | None, now: float) -> None:
    """Verify an ID token with one of `keys`, which are JWKs; `nonce` is what was asked with, if it was.

    Raises:
        Refused: it is not for this client and this sign-in, by this issuer, now.
    """
    read = jws.read(token) if isinstance(token, str) else None
    key = _key(keys, read.kid) if read else None
    if read is None or key is None or read.algorithm not in SIGNING_ALGORITHMS:
        raise Refused("the service gave no ID token that can be verified")
    if not jws.is_signed(str(token), key, read.algorithm):
        raise Refused("the ID token has not been signed by the service")
    if not _is_for(read.claims, issuer, client_id, nonce):
        raise Refused("the ID token is not the answer to this sign-in")
    expires_at, issued_at = read.claims.get("exp"), read.claims.get("iat")
    if not (isinstance(expires_at, int) and isinstance(issued_at, int)):
        raise Refused("the ID token does not say of when it is")
    if expires_at <= now - _SKEW or issued_at >= now + _SKEW:
        raise Refused("the ID token is not of now: compare the clocks")


def _key(keys: object, kid: str) -> Key | None:
    for each in keys if isinstance(keys, list) else ():
        if isinstance(each, dict) and each.get("kid") == kid:
            try:
                return import_key(each)
            except (JoseError, ValueError):
                return None
    return None


def _is_for(claims: Mapping[str, Any], issuer: str, client_id: str, nonce: str | None) -> bool:
    audience = claims.get("aud")
    is_ours = audience in (client_id, [client_id]) and claims.get("azp", client_id) == client_id
    asked = claims.get("nonce")
    is_asked = nonce is None or (isinstance(asked, str) and hmac.compare_digest(asked.encode(), nonce.encode()))
    return claims.get("iss") == issuer and is_ours and is_asked

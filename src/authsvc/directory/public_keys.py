"""The public keys of programs in a directory file: PEM (RFC 7468) or a JWK (RFC 7517)."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BeforeValidator

from authsvc.directory.fields import wrong

_MAX = 8_192  # characters
_SMALLEST_RSA = 2048  # bits
_RULE = "must be a public key for RS256 (2048 bits at least), ES256 or EdDSA (Ed25519), in PEM or as a JWK"
_PRIVATE = "is a private key, which whoever reads the file could sign with: give the public one"


def _public_key(value: object) -> str:
    if not isinstance(value, str) or len(value) > _MAX:
        raise wrong(_RULE)
    text = value.strip()
    jwk = _jwk(text)
    if "PRIVATE KEY" in text or (jwk and "d" in jwk):
        raise wrong(_PRIVATE)
    if not _is_usable(text, jwk):
        raise wrong(_RULE)
    return text


def _jwk(text: str) -> dict[str, Any] | None:
    """The text as a JSON object, None if it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_usable(text: str, jwk: dict[str, Any] | None) -> bool:
    # Heavy, and only for files with such keys.
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415
    from joserfc.errors import JoseError  # noqa: PLC0415
    from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key  # noqa: PLC0415

    try:
        key = import_key(jwk) if jwk else None
        public: object = key.public_key if isinstance(key, RSAKey | ECKey | OKPKey) else None
        public = public or load_pem_public_key(text.encode())
    except (JoseError, ValueError, TypeError):
        return False
    if isinstance(public, RSAPublicKey):
        return public.key_size >= _SMALLEST_RSA
    return isinstance(public, Ed25519PublicKey) or (
        isinstance(public, EllipticCurvePublicKey) and public.curve.name == "secp256r1"
    )


PublicKey = Annotated[str, BeforeValidator(_public_key)]

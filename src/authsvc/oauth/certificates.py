"""Certificates of signing keys (RFC 5280): a few clients take keys only from there (RFC 7517, section 4.7)."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from authsvc.domain.clock import SECOND

_LIFE = timedelta(days=10 * 365)  # the key is given up long before; nothing but the key is to be taken from it
_EARLIER = timedelta(days=1)  # for clocks that are behind


def self_signed(key: RSAPrivateKey, name: str, at: int) -> str:
    """A certificate that a key makes for itself at a time in microseconds: DER in base64, as in `x5c`."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begins = datetime.fromtimestamp(at // SECOND, UTC) - _EARLIER
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + _LIFE)
        .sign(key, SHA256())
    )
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


def thumbprint(certificate: str) -> str:
    """The value of `x5t#S256` for such a certificate (RFC 7517, section 4.9)."""
    digest = hashlib.sha256(base64.b64decode(certificate)).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")

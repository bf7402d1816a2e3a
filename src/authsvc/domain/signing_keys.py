"""The keys with which tokens are signed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

ASYMMETRIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""The algorithms of RFC 7518 and RFC 9864 whose keys can be published: a key that verifies cannot sign."""


class KeyPair(NamedTuple):
    """A new signing key: the public one as a JWK (RFC 7517) in JSON, the private one sealed.

    `certificate` is a certificate of it in DER and base64, for those who want `x5c`.
    """

    algorithm: str
    public_key: str
    private_key: str
    certificate: str | None


class SigningKey(NamedTuple):
    """A signing key as the store holds it. Times in microseconds.

    It signs from `signs_from` on until a newer one does, and is published until `published_until`, None for now.
    """

    id: int
    algorithm: str
    public_key: str
    private_key: str
    certificate: str | None
    signs_from: int
    published_until: int | None
    created_at: int

    def is_published(self, at: int) -> bool:
        """Whether others may still verify tokens with it."""
        return self.published_until is None or at < self.published_until


def signer(keys: Iterable[SigningKey], algorithm: str, at: int) -> SigningKey | None:
    """The one of these keys, the oldest first, that signs with this algorithm at this time: the newest that may.

    So one that was to sign later, but has been replaced meanwhile by one that signs at once, never does.
    """
    able = [key for key in keys if key.algorithm == algorithm and key.signs_from <= at and key.is_published(at)]
    return able[-1] if able else None

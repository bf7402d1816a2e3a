"""What is kept sealed in the database: each sort has a purpose, and a key of its own that follows from it."""

from __future__ import annotations

from typing import Protocol

SIGNING_KEY = "signing key"
"""The private keys that sign tokens."""
TOTP = "totp"
"""The secrets of second factors (RFC 6238)."""


class Digests(Protocol):
    """What makes hashes that nobody can try texts against who does not have the key."""

    def digest(self, purpose: str, text: str) -> bytes:
        """The keyed hash of a text for a purpose, 32 bytes."""

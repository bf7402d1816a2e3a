"""What is kept sealed in the database: each sort has a purpose, and a key of its own that follows from it."""

from __future__ import annotations

SIGNING_KEY = "signing key"
"""The private keys that sign tokens."""
TOTP = "totp"
"""The secrets of second factors (RFC 6238)."""

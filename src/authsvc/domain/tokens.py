"""Access tokens and API keys: opaque, 256 random bits, known to the store only by their SHA-256."""

from __future__ import annotations

import hashlib
import secrets
from enum import StrEnum
from typing import NamedTuple

TOKEN_BYTES = 32


def new_token() -> str:
    """A new token: 43 characters of the URL-safe base64 alphabet, the first no dash, which commands take for a flag."""
    while (token := secrets.token_urlsafe(TOKEN_BYTES)).startswith("-"):
        pass
    return token


def token_hash(token: str) -> bytes:
    """What the store keeps of a token. 256 random bits need neither salt nor stretching."""
    return hashlib.sha256(token.encode()).digest()


class TokenRecord(NamedTuple):
    """An access token with all that decides whether it may be used: its user, organization and session.

    Fields of a missing user, organization or session are None. `known_org` is whether the organization that the
    request names exists, None if it names none. `scope` has words separated by spaces, and is None for tokens that an
    operator made, which may be used for everything. `impersonator` is the e-mail address of who really calls, None for
    the user. Times in microseconds.
    """

    id: int
    user_id: int
    expires_at: int
    revoked_at: int | None
    user_state: int | None
    preferred_language: str | None
    org_id: int | None
    org_state: int | None
    session_id: int | None
    session_state: int | None
    session_expires_at: int | None
    agent_id: int | None
    known_org: int | None
    scope: str | None = None
    client_id: int | None = None
    session_active_at: int | None = None
    session_idle_life: int | None = None
    impersonator: str | None = None


FOREIGN = 0
"""In the place of the id, for tokens of other issuers: no token of ours has it."""
KEY_PREFIX = "sk_"
MAX_KEY_NAME = 200  # characters


def new_key() -> str:
    """A new API key: `sk_` and a token."""
    return KEY_PREFIX + new_token()


def is_key_name(name: str) -> bool:
    """Whether an API key may have this name: it can be printed, and is neither an id nor like a key."""
    is_plain = 0 < len(name) <= MAX_KEY_NAME and name.isprintable() and name == name.strip()
    return is_plain and not name.startswith(KEY_PREFIX) and not name.isdecimal()


class Permission(StrEnum):
    """What an API key may do."""

    USER_READ = "user.read"
    SESSION_READ = "session.read"
    SESSION_WRITE = "session.write"
    EVENT_READ = "event.read"


PERMISSIONS = frozenset(permission.value for permission in Permission)
"""The words for all permissions."""


class KeyRecord(NamedTuple):
    """An API key. `permissions` are separated by spaces. Times in microseconds."""

    id: int
    name: str
    permissions: str
    created_at: int
    last_used_at: int | None
    revoked_at: int | None

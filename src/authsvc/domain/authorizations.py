"""Authorizations: what a person let a client do, and the codes and tokens that come from it (RFC 6749, OIDC Core)."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from authsvc.domain.clock import SECOND

CODE_LIFE = 60 * SECOND
"""How long an authorization code may be exchanged, in microseconds (RFC 9700 and OAuth 2.1: short)."""
REUSE_GRACE = 10 * SECOND
"""How long after its use a refresh token still gives its one successor, for clients that lost the answer."""
DEVICE_LIFE = 600 * SECOND
"""How long a device code may be approved and exchanged (RFC 8628, section 3.2)."""
DEVICE_INTERVAL = 5
"""Seconds that a device waits between two questions (RFC 8628, section 3.5)."""


class DeviceState(IntEnum):
    """How far a device authorization is."""

    PENDING = 1
    APPROVED = 2
    DENIED = 3
    USED = 4


class Holder(NamedTuple):
    """Whom tokens are about: a user, and the session with which they signed in, if any.

    `authenticated_at` in microseconds; `amr` are authentication methods (RFC 8176) separated by spaces.
    `impersonator` is the e-mail address of who really is at the other end, None for the user.
    """

    user_id: int
    org_id: int
    session_id: int | None
    authenticated_at: int | None
    amr: str
    impersonator: str | None = None


class Terms(NamedTuple):
    """How long things last, in microseconds, and who issues them: the issuer's URL without a slash at its end."""

    issuer: str
    access_life: int
    refresh_life: int
    refresh_idle: int
    session_life: int
    session_idle: int

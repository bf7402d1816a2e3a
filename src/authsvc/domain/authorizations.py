"""Authorizations: what a person let a client do, and the codes and tokens that come from it (RFC 6749, OIDC Core)."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from authsvc.domain.clock import SECOND
from authsvc.domain.sessions import SessionState
from authsvc.domain.users import may_sign_in

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


class Standing(NamedTuple):
    """What decides whether anything may still happen in a user's name; the last four are None without a session."""

    user_id: int
    user_state: int
    org_id: int
    org_state: int
    session_id: int | None
    session_state: int | None
    session_expires_at: int | None
    impersonator: str | None

    def is_good(self, at: int) -> bool:
        """Whether user and organization may sign in, and the session, if there is one, goes on at this time."""
        if not may_sign_in(self.user_state, self.org_state):
            return False
        if self.session_id is None:
            return True
        return self.session_state == SessionState.ACTIVE and (self.session_expires_at or 0) > at


class Authorized(NamedTuple):
    """An authorization as the store holds it. `client_id` is the number of the client's row; times in microseconds."""

    id: int
    client_id: int
    scope: str
    code_challenge: str | None
    code_expires_at: int | None
    code_used_at: int | None
    redirect_uri: str | None
    nonce: str | None
    authenticated_at: int | None
    amr: str
    revoked_at: int | None
    standing: Standing

    def is_good(self, at: int) -> bool:
        """Whether tokens may come from it at this time."""
        return self.revoked_at is None and self.standing.is_good(at)

    @property
    def holder(self) -> Holder:
        """Whom its tokens are about."""
        who = self.standing
        return Holder(who.user_id, who.org_id, who.session_id, self.authenticated_at, self.amr, who.impersonator)


class CodeRequest(NamedTuple):
    """What a code is bound to, besides client and session: `challenge` is that of RFC 7636, made by S256."""

    redirect_uri: str
    challenge: str
    nonce: str | None


class RefreshRecord(NamedTuple):
    """A refresh token with the authorization that it comes from. Times in microseconds.

    It can be used until `expires_at`; `ends_at` is when the last of its successors is over.
    """

    id: int
    created_at: int
    expires_at: int
    ends_at: int
    used_at: int | None
    salt: bytes
    authorized: Authorized


class AccessRecord(NamedTuple):
    """An access token for whoever asks what it is worth. Times in microseconds.

    `client_id` is the number of the client's row, `scope` None if the token was made by the operator.
    """

    id: int
    client_id: int | None
    authorization_id: int | None
    scope: str | None
    created_at: int
    expires_at: int
    revoked_at: int | None
    standing: Standing
    session_active_at: int | None = None
    session_idle_life: int | None = None

    @property
    def session_id(self) -> int | None:
        """The session that is in use with the token, if there is one."""
        return self.standing.session_id

    def is_good(self, at: int) -> bool:
        """Whether it can be used at this time."""
        return self.revoked_at is None and self.expires_at > at and self.standing.is_good(at)

"""Accounts, as far as signing in needs them, and the browsers in which people are signed in."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from authsvc.domain.clock import SECOND

ACTIVITY_PRECISION = 120 * SECOND
"""How exactly the last activity of a session is known: it is written at most once in so many microseconds."""


class Visitor(NamedTuple):
    """Who is at the other end, as far as the request tells: an address behind trusted proxies, and `User-Agent`."""

    ip_address: str | None = None
    user_agent: str | None = None


class Account(NamedTuple):
    """A person who wants to sign in.

    `password_hash` is a PHC string, `totp` a sealed secret, `totp_step` the last time step whose code was accepted
    (RFC 6238).
    """

    user_id: int
    org_id: int
    type: int
    state: int
    org_state: int
    login_name: str
    display_name: str
    preferred_language: str
    password_hash: str | None
    totp: str | None
    totp_step: int | None

    @property
    def secrets(self) -> str:
        """What stands for the password and the second factor of this moment: another text after each change."""
        return secrets_digest(self.password_hash, self.totp)


class Proof(NamedTuple):
    """That a person is who they say: the user, how it was shown (RFC 8176, separated by spaces), and when.

    `secrets` stands for what it was shown with; a proof is worth nothing once that has changed.
    """

    user_id: int
    amr: str
    at: int
    secrets: str


class BrowserSession(NamedTuple):
    """A session in a browser, for its account chooser. `is_active` is whether it can be used without a password.

    `acr` rests on `amr`; `authenticated_at` in microseconds is None for sessions that no sign-in page made.
    """

    id: int
    user_id: int
    org_id: int
    login_name: str
    display_name: str
    avatar_url: str
    is_active: bool
    authenticated_at: int | None
    amr: str
    impersonator: str | None


class Browser(NamedTuple):
    """A browser that has a cookie of ours: the id of its user agent, and the newest session of each user in it."""

    agent_id: int
    sessions: tuple[BrowserSession, ...]

    def session(self, session_id: int) -> BrowserSession | None:
        """The active session with this id, if it is in this browser."""
        found = (session for session in self.sessions if session.id == session_id and session.is_active)
        return next(found, None)


def secrets_digest(password_hash: str | None, totp: str | None) -> str:
    """What stands for a password and a second factor as the store has them; it may be shown to nobody unsealed."""
    return hashlib.sha256(f"{password_hash} {totp}".encode()).hexdigest()

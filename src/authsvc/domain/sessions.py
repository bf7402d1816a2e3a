"""Sessions: one sign-in of one user on one user agent (browser or device)."""

from __future__ import annotations

from collections.abc import Collection
from enum import IntEnum
from typing import NamedTuple

from authsvc.domain.clock import SECOND


class SessionState(IntEnum):
    """The numbers are those of zitadel.user.v1.SessionState."""

    ACTIVE = 1
    TERMINATED = 2


class AuthMethod(IntEnum):
    """How somebody signed in; the numbers are those of workos.user_management.v1.AuthMethod."""

    CROSS_APP_AUTH = 1
    EXTERNAL_AUTH = 2
    IMPERSONATION = 3
    MAGIC_CODE = 4
    MIGRATED_SESSION = 5
    OAUTH = 6
    PASSKEY = 7
    PASSWORD = 8
    SSO = 9
    UNKNOWN = 10


LIFETIME = 365 * 24 * 3600 * SECOND
"""How long a session lasts at most, in microseconds, unless its sign-in says otherwise."""

# Users of one agent that a list shows at most; a browser with more is not a browser.
MAX_SESSIONS = 1_000


class Session(NamedTuple):
    """A session as ListMyUserSessions shows it, with the names of its user. Times in microseconds.

    An active one whose time is over has the state of a terminated one.
    """

    id: int
    agent_id: int
    state: int
    user_id: int
    user_name: str
    login: str
    domain: str | None
    display_name: str
    avatar_url: str
    org_id: int
    sequence: int
    created_at: int
    changed_at: int


class Impersonation(NamedTuple):
    """A session in which somebody else acts as its user: who, why, and until when, in microseconds."""

    session_id: int
    email: str
    reason: str
    until: int


class SignIn(NamedTuple):
    """How a session came about. `org_id` is the organization for which the user signed in, times in microseconds.

    `impersonator_email` is who signed in as the user, and `impersonator_reason` why. `authenticated_at` and `amr`
    (RFC 8176, separated by spaces) are set when the user has just shown who they are; `idle_life` is how long the
    session lasts without activity, None if that does not matter.
    """

    auth_method: AuthMethod = AuthMethod.UNKNOWN
    ip_address: str | None = None
    user_agent: str | None = None
    org_id: int | None = None
    impersonator_email: str | None = None
    impersonator_reason: str | None = None
    lifetime: int = LIFETIME
    authenticated_at: int | None = None
    amr: str | None = None
    idle_life: int | None = None

    def ends(self, at: int) -> dict[str, int | None]:
        """When a session that begins or is renewed `at` this time ends, as columns."""
        if self.idle_life is None:
            return {"expires_at": at + self.lifetime, "ends_at": None, "idle_life": None}
        expires_at = at + min(self.lifetime, self.idle_life)
        return {"expires_at": expires_at, "ends_at": at + self.lifetime, "idle_life": self.idle_life}


class SessionRecord(NamedTuple):
    """A session as back ends see it. Times in microseconds; a `ulid` is one that was brought over (see domain/ulid.py).

    What begins with `user_` and `org_` belongs to the user and to the organization for which they signed in.
    """

    id: int
    ulid: str | None
    created_at: int
    changed_at: int
    expires_at: int
    ended_at: int | None
    state: int
    auth_method: int
    ip_address: str | None
    user_agent: str | None
    impersonator_email: str | None
    impersonator_reason: str | None
    user_id: int
    user_ulid: str | None
    user_created_at: int
    org_id: int | None
    org_ulid: str | None
    org_created_at: int | None


TERMINATED = "terminated"
"""The action that `changes` knows the end of a session as."""
SESSION_EVENTS = {"session.created": "created", "session.revoked": TERMINATED}
"""What back ends are told of, by name, and the action that `changes` knows it as."""
_EVENT_NAMES = {action: name for name, action in SESSION_EVENTS.items()}


def event_name(action: str) -> str:
    """The name that back ends know an action by, one of those in `SESSION_EVENTS`."""
    return _EVENT_NAMES[action]


def event_actions(names: Collection[str]) -> tuple[str, ...]:
    """The actions behind the names of events, all if there are none; other names have no actions."""
    return tuple(action for name, action in SESSION_EVENTS.items() if not names or name in names)


class SessionEvent(NamedTuple):
    """Something that happened to a session: an entry in `changes`, and the session as it is now."""

    sequence: int
    at: int
    action: str
    session: SessionRecord

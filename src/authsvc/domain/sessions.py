"""Sessions: one sign-in of one user on one user agent (browser or device)."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class SessionState(IntEnum):
    """The numbers are those of zitadel.user.v1.SessionState."""

    ACTIVE = 1
    TERMINATED = 2


# Users of one agent that a list shows at most; a browser with more is not a browser.
MAX_SESSIONS = 1_000


class Session(NamedTuple):
    """A session as ListMyUserSessions shows it, with the names of its user. Times in microseconds."""

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

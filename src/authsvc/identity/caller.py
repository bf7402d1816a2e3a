"""The people and programs that call with an access token."""

from __future__ import annotations

from typing import NamedTuple

AUTHENTICATED = "authenticated"
"""The permission that every caller has."""
SCOPES = {AUTHENTICATED: "openid", "sign_out": "sign_out"}
"""What methods for users declare as their permission: by it, the scope that a token must have which a client got."""


class Caller(NamedTuple):
    """The holder of a usable token. `token_id` is 0 for tokens of other issuers.

    `session_id` and `agent_id` are None for tokens that no sign-in made. `preferred_language` is a BCP 47 tag or empty.
    """

    user_id: int
    org_id: int
    token_id: int
    session_id: int | None
    agent_id: int | None
    preferred_language: str

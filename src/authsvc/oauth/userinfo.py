"""The claims about a user that a token may see (OIDC Core, sections 5.1, 5.3 and 5.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from authsvc.domain.authorizations import AccessRecord
from authsvc.domain.clock import SECOND, Clock, now
from authsvc.domain.users import Gender, User
from authsvc.oauth import scopes
from authsvc.oauth.errors import OAuthError
from authsvc.store.authorizations import Authorizations


class UserReader(Protocol):
    """Where users are looked up."""

    async def user(self, user_id: int) -> User | None:
        """The user, unless deleted."""


class Watch(Protocol):
    """Who is told which sessions are in use."""

    def note(self, record: AccessRecord, at: int) -> None:
        """The token's session is in use at this time, in microseconds."""


class UserInfo:
    """Answers whoever holds an access token with the scope `openid`, which is activity as calls of the API are."""

    def __init__(self, authorizations: Authorizations, users: UserReader, watch: Watch, clock: Clock = now) -> None:
        self._authorizations = authorizations
        self._users = users
        self._watch = watch
        self._clock = clock

    async def claims(self, token: str) -> dict[str, Any]:
        """The claims about the token's user, as far as its scope goes; what nothing is known of is left out.

        Raises:
            OAuthError: `invalid_token`: it cannot be used; `insufficient_scope`: it was not made for this (RFC 6750).
        """
        record, at = await self._authorizations.by_access_token(token), self._clock()
        if record is None or not record.is_good(at):
            raise _unusable()
        if not scopes.has(record.scope, scopes.OPENID):
            raise OAuthError("insufficient_scope", "the token does not have the scope openid")
        self._watch.note(record, at)
        user = await self._users.user(record.standing.user_id)
        if user is None:
            raise _unusable()
        return {"sub": str(user.id), **claims_of(user, record.scope)}


def claims_of(user: User, scope: str | None) -> dict[str, Any]:
    """The claims behind the scopes; a token without a scope, made by the operator, sees all of them."""
    claims: dict[str, Any] = {}
    for name, about in _ABOUT.items():
        if scopes.has(scope, name):
            claims.update(about(user))
    return claims


def _profile(user: User) -> dict[str, Any]:
    texts = {
        "name": user.display_name,
        "given_name": user.first_name,
        "family_name": user.last_name,
        "nickname": user.nick_name,
        "gender": Gender(user.gender).name.lower() if user.gender else "",
        "picture": user.avatar_url,
        "locale": user.preferred_language,
        "preferred_username": next(iter(user.login_names), ""),
    }
    return {**{name: text for name, text in texts.items() if text}, "updated_at": user.changed_at // SECOND}


def _email(user: User) -> dict[str, Any]:
    return {"email": user.email, "email_verified": bool(user.email_verified)} if user.email else {}


def _phone(user: User) -> dict[str, Any]:
    return {"phone_number": user.phone, "phone_number_verified": bool(user.phone_verified)} if user.phone else {}


_ABOUT: Mapping[str, Callable[[User], dict[str, Any]]] = {"profile": _profile, "email": _email, "phone": _phone}
CLAIMS = (
    *("sub", "name", "given_name", "family_name", "nickname", "gender", "picture", "locale", "preferred_username"),
    *("updated_at", "email", "email_verified", "phone_number", "phone_number_verified"),
)
"""All claims there can be, for discovery."""


def _unusable() -> OAuthError:
    return OAuthError("invalid_token", "the token cannot be used")

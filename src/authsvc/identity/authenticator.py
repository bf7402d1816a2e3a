"""Access tokens: one read of the store tells whether a token is usable, and whose it is.

A token of ours is known by the hash of all of it, whether it is a JWT or not: nothing that it says of itself counts, so
nobody can forge one. Only where an operator trusts other issuers are tokens looked into that the store does not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from authsvc.domain.clock import Clock, now
from authsvc.domain.ids import parse_id
from authsvc.domain.orgs import OrgState
from authsvc.domain.sessions import SessionState
from authsvc.domain.tokens import TokenRecord, token_hash
from authsvc.domain.users import USABLE_STATES, UserState
from authsvc.errors import InsufficientScope, NotFound, PermissionDenied, Unauthenticated
from authsvc.identity.bearer import bearer_token, unusable_token
from authsvc.identity.caller import AUTHENTICATED, SCOPES, Caller

_NO_ORG = 0  # no organization has this id


class TokenReader(Protocol):
    """Where tokens are looked up."""

    async def token(self, token_hash: bytes, org_id: int | None) -> TokenRecord | None:
        """The token with this hash, and whether the organization `org_id` exists."""

    async def foreign_token(self, external_id: str, org_id: int | None) -> TokenRecord | None:
        """The user whom another system knows by this id, as the holder of a token that is not in the store."""


class Foreign(Protocol):
    """Tells whom tokens of other issuers are about."""

    async def subject(self, token: str) -> tuple[object, str] | None:
        """Who vouches for a token, and the `external_id` of whom it is about; None if nobody does."""


class Watch(Protocol):
    """Is told of every call in a session."""

    def note(self, record: TokenRecord, at: int) -> None:
        """A token's session is in use at this time, in microseconds."""


class Authenticator:
    """Turns the request's credential into its caller. Nothing is remembered: a revocation counts at the next call.

    With `foreign`, tokens of other issuers are accepted too; `watch` learns which sessions are in use.
    """

    def __init__(
        self,
        tokens: TokenReader,
        clock: Clock = now,
        *,
        foreign: Foreign | None = None,
        watch: Watch | None = None,
    ) -> None:
        self._tokens = tokens
        self._clock = clock
        self._foreign = foreign
        self._watch = watch

    async def caller(
        self, authorization: Sequence[str], org_ids: Sequence[str], permission: str = AUTHENTICATED
    ) -> Caller:
        """The caller, from the values of the headers `authorization` and `x-zitadel-orgid`.

        `permission` is one of `SCOPES`.

        Raises:
            Unauthenticated: no usable token.
            NotFound: the token's user has been deleted.
            PermissionDenied: the organization named does not exist, or the token's scope is not enough.
            Unavailable: the store does not answer, or the issuer of a token that only it can judge.
        """
        token = bearer_token(authorization)
        org_id = (parse_id(org_ids[0]) or _NO_ORG) if any(org_ids) else None
        record = await self._tokens.token(token_hash(token), org_id)
        if record is None and self._foreign is not None:
            found = await self._foreign.subject(token)
            record = await self._tokens.foreign_token(found[1], org_id) if found else None
        if record is None:
            raise unusable_token()
        at = self._clock()
        caller = _checked(record, at, SCOPES[permission])
        if self._watch is not None:
            self._watch.note(record, at)
        return caller


def _checked(record: TokenRecord, at: int, scope: str) -> Caller:
    if record.expires_at <= at or record.revoked_at is not None or _signed_out(record, at):
        raise unusable_token()
    if record.user_state == UserState.DELETED or record.org_id is None:
        raise NotFound("Errors.User.NotFound", "QUERY-Dfbg2")
    if record.user_state not in USABLE_STATES:
        raise unusable_token()
    if record.org_state != OrgState.ACTIVE:
        raise Unauthenticated("Errors.Org.NotActive", "AUTH-oR9nA", token_sent=True)
    if record.scope is not None and scope not in record.scope.split():
        raise InsufficientScope(scope)
    if record.known_org == 0:
        raise PermissionDenied("Organisation doesn't exist", "AUTH-Bs7Ds")
    return Caller(
        user_id=record.user_id,
        org_id=record.org_id,
        token_id=record.id,
        session_id=record.session_id,
        agent_id=record.agent_id,
        preferred_language=record.preferred_language or "",
    )


def _signed_out(record: TokenRecord, at: int) -> bool:
    """Whether the token's session, if a sign-in made it, has been ended or its time is over."""
    if record.session_id is None:
        return False
    expires_at = record.session_expires_at
    return record.session_state != SessionState.ACTIVE or expires_at is None or expires_at <= at

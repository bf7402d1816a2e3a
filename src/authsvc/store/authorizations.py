"""Authorizations, and the codes and tokens that come from them: each known to the store by its hash only.

Methods that take a transaction leave it to their caller what belongs together.
"""

from __future__ import annotations

import secrets
from contextlib import AbstractAsyncContextManager
from typing import Any

from sqlalchemy import BigInteger, BindParameter, ClauseElement, FromClause, Select, bindparam, select, update

from authsvc.domain.authorizations import (
    CODE_LIFE,
    AccessRecord,
    Authorized,
    CodeRequest,
    Holder,
    RefreshRecord,
    Standing,
)
from authsvc.domain.clients import Client
from authsvc.domain.clock import Clock, now
from authsvc.domain.tokens import new_token, token_hash
from authsvc.store.activity import touch
from authsvc.store.executor import Executor, Row, Transaction
from authsvc.store.schema import access_tokens, authorizations, consents, orgs, refresh_tokens, sessions, users
from authsvc.store.writes import Writes

_SALT_BYTES = 32
_STANDING = (
    *(users.c.id, users.c.state, users.c.org_id, orgs.c.state),
    *(sessions.c.id, sessions.c.state, sessions.c.expires_at, sessions.c.impersonator_email),
)
_AUTHORIZED = tuple(authorizations.c[name] for name in Authorized._fields if name != "standing") + _STANDING
_REFRESH = tuple(refresh_tokens.c[name] for name in RefreshRecord._fields if name != "authorized")
_ACCESS = tuple(access_tokens.c[name] for name in AccessRecord._fields if name in access_tokens.c)
_ACTIVITY = (sessions.c.active_at, sessions.c.idle_life)


class Authorizations:
    """What people let clients do. Every method raises `Unavailable` when the database does not answer."""

    def __init__(self, executor: Executor, writes: Writes, clock: Clock = now) -> None:
        self._executor = executor
        self._writes = writes
        self._clock = clock
        self._ids = writes.ids
        self._by_code = executor.prepare(_by_code())
        self._by_refresh = executor.prepare(_by_refresh())
        self._by_access = executor.prepare(_by_access())
        self._use_code = executor.prepare(
            update(authorizations).where(authorizations.c.id == bindparam("key")).values(code_used_at=bindparam("at"))
        )
        self._use_refresh = executor.prepare(
            update(refresh_tokens).where(refresh_tokens.c.id == bindparam("key")).values(used_at=bindparam("at"))
        )
        self._touch_session = executor.prepare(touch())
        self._owner = executor.prepare(_owner())
        self._revoke_tokens = executor.prepare(_revoke_tokens())
        self._extend = executor.prepare(_extend())
        self._consent = executor.prepare(_consent())

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a write transaction."""
        return self._writes.transaction()

    def new_id(self) -> int:
        """An id for a token that is to be kept."""
        return self._ids.next()

    async def start(self, tx: Transaction, client: Client, holder: Holder, scope: str) -> int:
        """The id of a new authorization, from which tokens come at once."""
        return await self._start(tx, client, holder, scope, {"ends_at": self._clock()})

    async def grant_code(self, client: Client, holder: Holder, scope: str, request: CodeRequest) -> str:
        """A new authorization; its code, which exists in the answer only, for `CODE_LIFE` from now.

        Its session is in use: whoever comes by single sign-on shows no password again.
        """
        code, at = new_token(), self._clock()
        about = {
            "code_hash": token_hash(code),
            "code_challenge": request.challenge,
            "code_expires_at": at + CODE_LIFE,
            "ends_at": at + CODE_LIFE,
            "redirect_uri": request.redirect_uri,
            "nonce": request.nonce,
        }
        async with self.transaction() as tx:
            await self._start(tx, client, holder, scope, about)
            await self._use_session(tx, holder.session_id, at)
        return code

    async def by_code(self, tx: Transaction | None, code: str) -> Authorized | None:
        """The authorization with this code, a used or old one too; without a transaction, no writer is waited for."""
        row = await (tx or self._executor).fetch_one(self._by_code, hash=token_hash(code))
        return _authorized(row) if row else None

    async def use_code(self, tx: Transaction, authorization_id: int) -> None:
        """Remember that the code has been exchanged."""
        await tx.execute(self._use_code, key=authorization_id, at=self._clock())

    async def revoke(self, tx: Transaction, authorization_id: int) -> None:
        """Nothing that came from the authorization can be used any more. Twice is the same as once.

        `changes` tells of the authorization, not of each of its tokens.
        """
        row = await tx.fetch_one(self._owner, id=authorization_id)
        owner = row[0] if row else None
        await self._writes.put(tx, authorizations, {"id": authorization_id}, owner=owner, stamp="revoked_at")
        await tx.execute(self._revoke_tokens, key=authorization_id, at=self._clock())

    async def revoke_access_token(self, tx: Transaction, token_id: int, owner: int | None) -> None:
        """Revoke one access token of a user of the organization `owner`."""
        await self._writes.put(tx, access_tokens, {"id": token_id}, owner=owner, stamp="revoked_at")

    async def keep_access_token(
        self,
        tx: Transaction,
        token_id: int,
        token: str,
        holder: Holder,
        scope: str,
        *,
        client: Client | None,
        authorization_id: int | None,
        created_at: int,
        expires_at: int,
    ) -> None:
        """Let the access token be used from now on. Times in microseconds."""
        values = {
            "id": token_id,
            "token_hash": token_hash(token),
            "user_id": holder.user_id,
            "session_id": holder.session_id,
            "client_id": client.id if client else None,
            "authorization_id": authorization_id,
            "scope": scope,
            "created_at": created_at,
            "expires_at": expires_at,
        }
        await self._writes.put(tx, access_tokens, values, owner=holder.org_id)
        if authorization_id is not None:
            await tx.execute(self._extend, key=authorization_id, until=expires_at)

    async def keep_refresh_token(
        self, tx: Transaction, token: str, holder: Holder, authorization_id: int, *, expires_at: int, ends_at: int
    ) -> None:
        """Let the refresh token be used from now on. Times in microseconds."""
        values = {
            "id": self._ids.next(),
            "authorization_id": authorization_id,
            "token_hash": token_hash(token),
            "created_at": self._clock(),
            "expires_at": min(expires_at, ends_at),
            "ends_at": ends_at,
            "salt": secrets.token_bytes(_SALT_BYTES),
        }
        await self._writes.put(tx, refresh_tokens, values, owner=holder.org_id)
        await tx.execute(self._extend, key=authorization_id, until=ends_at)

    async def by_refresh_token(self, token: str, tx: Transaction | None = None) -> RefreshRecord | None:
        """The refresh token, a used or old one too."""
        row = await (tx or self._executor).fetch_one(self._by_refresh, hash=token_hash(token))
        if row is None:
            return None
        size = len(_REFRESH)
        return RefreshRecord._make((*row[:size], _authorized(row[size:])))

    async def use_refresh_token(self, tx: Transaction, record: RefreshRecord) -> None:
        """Remember that the refresh token has given its successor, and that its session is in use."""
        at = self._clock()
        await tx.execute(self._use_refresh, key=record.id, at=at)
        await self._use_session(tx, record.authorized.standing.session_id, at)

    async def by_access_token(self, token: str, tx: Transaction | None = None) -> AccessRecord | None:
        """The access token, whoever it was issued to, a revoked or old one too."""
        row = await (tx or self._executor).fetch_one(self._by_access, hash=token_hash(token))
        if row is None:
            return None
        size, end = len(_ACCESS), len(_ACCESS) + len(_STANDING)
        return AccessRecord._make((*row[:size], Standing._make(row[size:end]), *row[end:]))

    async def consented(self, user_id: int, client: Client) -> str:
        """The scope that the user has let the client have before, empty if none."""
        row = await self._executor.fetch_one(self._consent, user_id=user_id, client_id=client.id)
        return row[1] if row else ""

    async def remember_consent(self, user_id: int, owner: int, client: Client, scope: str) -> None:
        """From now on the user, of the organization `owner`, lets the client have this scope and what it had."""
        async with self.transaction() as tx:
            row = await tx.fetch_one(self._consent, user_id=user_id, client_id=client.id)
            consent_id, known = row or (self._ids.next(), "")
            union = " ".join(dict.fromkeys([*known.split(), *scope.split()]))
            values = {"id": consent_id, "user_id": user_id, "client_id": client.id, "scope": union}
            await self._writes.put(tx, consents, values, owner=owner)

    async def _use_session(self, tx: Transaction, session_id: int | None, at: int) -> None:
        if session_id is not None:
            await tx.execute(self._touch_session, key=session_id, at=at)

    async def _start(self, tx: Transaction, client: Client, holder: Holder, scope: str, about: dict[str, Any]) -> int:
        authorization_id = self._ids.next()
        values = {
            "id": authorization_id,
            "client_id": client.id,
            "user_id": holder.user_id,
            "session_id": holder.session_id,
            "scope": scope,
            "authenticated_at": holder.authenticated_at,
            "amr": holder.amr,
            **about,
        }
        await self._writes.put(tx, authorizations, values, owner=holder.org_id)
        return authorization_id


def _authorized(row: Row) -> Authorized:
    size = len(Authorized._fields) - 1
    return Authorized._make((*row[:size], Standing._make(row[size:])))


def _with_standing(source: FromClause, user_id: Any, session_id: Any) -> FromClause:
    """`source` with the user, the organization and the session of each row."""
    return (
        source.join(users, users.c.id == user_id)
        .join(orgs, orgs.c.id == users.c.org_id)
        .outerjoin(sessions, sessions.c.id == session_id)
    )


def _by_code() -> Select[Any]:
    source = _with_standing(authorizations, authorizations.c.user_id, authorizations.c.session_id)
    return select(*_AUTHORIZED).select_from(source).where(authorizations.c.code_hash == bindparam("hash"))


def _by_refresh() -> Select[Any]:
    joined = refresh_tokens.join(authorizations, authorizations.c.id == refresh_tokens.c.authorization_id)
    source = _with_standing(joined, authorizations.c.user_id, authorizations.c.session_id)
    return select(*_REFRESH, *_AUTHORIZED).select_from(source).where(refresh_tokens.c.token_hash == bindparam("hash"))


def _by_access() -> Select[Any]:
    source = _with_standing(access_tokens, access_tokens.c.user_id, access_tokens.c.session_id)
    columns = (*_ACCESS, *_STANDING, *_ACTIVITY)
    return select(*columns).select_from(source).where(access_tokens.c.token_hash == bindparam("hash"))


def _owner() -> Select[Any]:
    return (
        select(users.c.org_id)
        .join(authorizations, authorizations.c.user_id == users.c.id)
        .where(authorizations.c.id == bindparam("id"))
    )


def _revoke_tokens() -> ClauseElement:
    at: BindParameter[int] = bindparam("at", type_=BigInteger)
    return (
        update(access_tokens)
        .where(
            access_tokens.c.authorization_id == bindparam("key"),
            access_tokens.c.revoked_at.is_(None),
            access_tokens.c.expires_at > at,
        )
        .values(revoked_at=at)
    )


def _extend() -> ClauseElement:
    """The authorization `key` ends no earlier than at the time `until`."""
    until: BindParameter[int] = bindparam("until", type_=BigInteger)
    return (
        update(authorizations)
        .where(authorizations.c.id == bindparam("key"), authorizations.c.ends_at < until)
        .values(ends_at=until)
    )


def _consent() -> Select[Any]:
    return select(consents.c.id, consents.c.scope).where(
        consents.c.user_id == bindparam("user_id"), consents.c.client_id == bindparam("client_id")
    )

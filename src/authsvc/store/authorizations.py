"""Authorizations, and the codes and tokens that come from them: each known to the store by its hash only.

Methods that take a transaction leave it to their caller what belongs together.
"""

from __future__ import annotations

import secrets
from contextlib import AbstractAsyncContextManager
from typing import Any

from sqlalchemy import FromClause, Select, bindparam, select, update

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
from authsvc.domain.ids import IdSource
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
_ACCESS = tuple(access_tokens.c[name] for name in AccessRecord._fields if name != "standing")


class Authorizations:
    """What people let clients do. Every method raises `Unavailable` when the database does not answer."""

    def __init__(self, executor: Executor, writes: Writes, clock: Clock = now, ids: IdSource | None = None) -> None:
        self._executor = executor
        self._writes = writes
        self._clock = clock
        self._ids = ids or IdSource(clock)
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
        self._live_tokens = executor.prepare(_live_tokens())
        self._consent = executor.prepare(_consent())

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a write transaction."""
        return self._writes.transaction()

    def new_id(self) -> int:
        """An id for a token that is to be kept."""
        return self._ids.next()

    async def start(self, tx: Transaction, client: Client, holder: Holder, scope: str) -> int:
        """The id of a new authorization, from which tokens come at once."""
        return await self._start(tx, client, holder, scope, {})

    async def grant_code(self, client: Client, holder: Holder, scope: str, request: CodeRequest) -> str:
        """A new authorization; its code, which exists in the answer only, for `CODE_LIFE` from now."""
        code = new_token()
        about = {
            "code_hash": token_hash(code),
            "code_challenge": request.challenge,
            "code_expires_at": self._clock() + CODE_LIFE,
            "redirect_uri": request.redirect_uri,
            "nonce": request.nonce,
        }
        async with self.transaction() as tx:
            await self._start(tx, client, holder, scope, about)
        return code

    async def by_code(self, tx: Transaction, code: str) -> Authorized | None:
        """The authorization with this code, a used or old one too."""
        row = await tx.fetch_one(self._by_code, hash=token_hash(code))
        return _authorized(row) if row else None

    async def use_code(self, tx: Transaction, authorization_id: int) -> None:
        """Remember that the code has been exchanged."""
        await tx.execute(self._use_code, key=authorization_id, at=self._clock())

    async def revoke(self, tx: Transaction, authorization_id: int) -> None:
        """Nothing that came from the authorization can be used any more. Twice is the same as once."""
        row = await tx.fetch_one(self._owner, id=authorization_id)
        owner = row[0] if row else None
        await self._writes.put(tx, authorizations, {"id": authorization_id}, owner=owner, stamp="revoked_at")
        for (token_id,) in await tx.fetch_all(self._live_tokens, id=authorization_id, now=self._clock()):
            await self.revoke_access_token(tx, token_id, owner)

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

    async def by_refresh_token(self, token: str, tx: Transaction | None = None) -> RefreshRecord | None:
        """The refresh token, a used or old one too."""
        row = await (tx or self._executor).fetch_one(self._by_refresh, hash=token_hash(token))
        if row is None:
            return None
        size = len(_REFRESH)
        return RefreshRecord._make((*row[:size], _authorized(row[size:])))

    async def use_refresh_token(self, tx: Transaction, record: RefreshRecord) -> None:
        """Remember that the refresh token has given its successor, and that its session is in use."""
        at, session_id = self._clock(), record.authorized.standing.session_id
        await tx.execute(self._use_refresh, key=record.id, at=at)
        if session_id is not None:
            await tx.execute(self._touch_session, key=session_id, at=at)

    async def by_access_token(self, token: str, tx: Transaction | None = None) -> AccessRecord | None:
        """The access token, whoever it was issued to, a revoked or old one too."""
        row = await (tx or self._executor).fetch_one(self._by_access, hash=token_hash(token))
        if row is None:
            return None
        size = len(_ACCESS)
        return AccessRecord._make((*row[:size], Standing._make(row[size:])))

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
    return select(*_ACCESS, *_STANDING).select_from(source).where(access_tokens.c.token_hash == bindparam("hash"))


def _owner() -> Select[Any]:
    return (
        select(users.c.org_id)
        .join(authorizations, authorizations.c.user_id == users.c.id)
        .where(authorizations.c.id == bindparam("id"))
    )


def _live_tokens() -> Select[Any]:
    return select(access_tokens.c.id).where(
        access_tokens.c.authorization_id == bindparam("id"),
        access_tokens.c.revoked_at.is_(None),
        access_tokens.c.expires_at > bindparam("now"),
    )


def _consent() -> Select[Any]:
    return select(consents.c.id, consents.c.scope).where(
        consents.c.user_id == bindparam("user_id"), consents.c.client_id == bindparam("client_id")
    )

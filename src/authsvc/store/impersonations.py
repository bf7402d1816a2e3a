"""The sessions of impersonators: each on an agent of its own, which no browser has; and who they are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, bindparam, select

from authsvc.domain.clock import Clock, now
from authsvc.domain.sessions import MAX_SESSIONS, Impersonation, SessionState, SignIn
from authsvc.store.executor import Executor, Transaction
from authsvc.store.schema import sessions, user_agents, users
from authsvc.store.writes import Writes

_DESCRIPTION = "Impersonation"


class Impersonations:
    """Begins sessions of impersonators."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self._ids = writes.ids

    async def begin(self, tx: Transaction, user_id: int, sign_in: SignIn) -> int:
        """The id of a new session of the user, as `sign_in` says.

        Raises:
            Refused: the user cannot sign in.
        """
        agent_id = self._ids.next()
        await self._writes.put(tx, user_agents, {"id": agent_id, "description": _DESCRIPTION})
        return await self._writes.open_session_in(tx, user_id, agent_id, sign_in)


class Impersonators:
    """Who acts as a person at this moment, for that person to see and to end."""

    def __init__(self, executor: Executor, writes: Writes, clock: Clock = now) -> None:
        self._executor = executor
        self._writes = writes
        self._clock = clock
        self._of_user = executor.prepare(_active().limit(MAX_SESSIONS))
        self._one = executor.prepare(_active().where(sessions.c.id == bindparam("id")))

    async def active(self, user_id: int) -> list[Impersonation]:
        """Those of a user, the newest first. Raises `Unavailable` when the database does not answer."""
        rows = await self._executor.fetch_all(self._of_user, user_id=user_id, now=self._clock())
        return [Impersonation._make(row[:-1]) for row in rows]

    async def end(self, user_id: int, session_id: int) -> None:
        """End one, if it is an active one of this user; any other session is left alone."""
        async with self._writes.transaction() as tx:
            row = await tx.fetch_one(self._one, id=session_id, user_id=user_id, now=self._clock())
            if row is not None:
                await self._writes.end_session_in(tx, session_id, row[-1])


def _active() -> Select[Any]:
    columns = (sessions.c.id, sessions.c.impersonator_email, sessions.c.impersonator_reason, sessions.c.expires_at)
    return (
        select(*columns, users.c.org_id)
        .join(users, users.c.id == sessions.c.user_id)
        .where(
            sessions.c.user_id == bindparam("user_id"),
            sessions.c.state == SessionState.ACTIVE.value,
            sessions.c.expires_at > bindparam("now"),
            sessions.c.impersonator_email.is_not(None),
        )
        .order_by(sessions.c.created_at.desc(), sessions.c.id.desc())
    )

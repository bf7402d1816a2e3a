"""Activity of sessions: bookkeeping that `changes` does not tell of."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import BigInteger, BindParameter, ClauseElement, bindparam, case, func, literal_column, update
from sqlalchemy.sql import ColumnElement

from authsvc.domain.accounts import ACTIVITY_PRECISION
from authsvc.domain.sessions import SessionState
from authsvc.store.executor import Executor
from authsvc.store.schema import sessions


class SessionActivity:
    """Writes down when sessions were in use."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._touch = executor.prepare(touch())

    async def touch_sessions(self, uses: Mapping[int, int]) -> None:
        """These sessions, by id, were in use at these times, in microseconds; that moves their end.

        Left as they are: those that have ended or were over by then, and those of which that is written already, give
        or take `ACTIVITY_PRECISION`. Raises `Unavailable` when the database does not answer.
        """
        async with self._executor.transaction() as tx:
            await tx.execute_many(self._touch, ({"key": session_id, "at": at} for session_id, at in uses.items()))


def touch() -> ClauseElement:
    """The session `key` was in use `at` this time, see `touch_sessions`."""
    at: BindParameter[int] = bindparam("at", type_=BigInteger)
    idle = sessions.c.idle_life
    precision: ColumnElement[int] = literal_column(str(ACTIVITY_PRECISION))
    between = case((idle // 2 < precision, idle // 2), else_=precision)
    moved = case(
        (idle.is_(None), sessions.c.expires_at), (sessions.c.ends_at < at + idle, sessions.c.ends_at), else_=at + idle
    )
    return (
        update(sessions)
        .where(
            sessions.c.id == bindparam("key"),
            sessions.c.state == SessionState.ACTIVE.value,
            sessions.c.expires_at > at,
            func.coalesce(sessions.c.active_at, 0) + between <= at,
        )
        .values(active_at=at, expires_at=moved)
    )

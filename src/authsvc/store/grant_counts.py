"""The number of a user's grants, which is kept beside the user: to count 50,000 takes longer than to read a page."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ClauseElement, bindparam, func, select, update

from authsvc.store.executor import Transaction
from authsvc.store.schema import user_grants, users
from authsvc.store.writes import Writes


async def recount(writes: Writes, tx: Transaction, user_ids: Iterable[int]) -> None:
    """Count anew the grants of these users, after some of them were written, in the same transaction.

    It follows from the grants, which have changes of their own: nothing about it is recorded in `changes`.
    """
    statement = writes.statement("grants recounted", _recounted)
    await tx.execute_many(statement, [{"key": user_id} for user_id in sorted(set(user_ids))])


def _recounted() -> ClauseElement:
    counted = select(func.count()).select_from(user_grants).where(user_grants.c.user_id == users.c.id)
    return update(users).where(users.c.id == bindparam("key")).values(grant_count=counted.scalar_subquery())

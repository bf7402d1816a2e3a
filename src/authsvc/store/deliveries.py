"""Webhooks in the store, and the deliveries to them: made from changes, claimed, tried and settled.

A delivery is a row from the moment it is owed, so none is forgotten. Who tries one claims it for a time; if nothing
is heard by then, it is due again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ClauseElement, Select, bindparam, delete, exists, func, insert, literal_column, select, update

from authsvc.domain.clock import Clock, now
from authsvc.domain.webhooks import Delivery, DeliveryState, Due, Webhook
from authsvc.store.executor import Executor, Row, Transaction
from authsvc.store.schema import OF_SESSION, changes, deliveries, webhooks
from authsvc.store.writes import Writes

Room = Callable[[int], int]
_PENDING, _FAILED = DeliveryState.PENDING.value, DeliveryState.FAILED.value
_AT_ONCE = 1_000  # rows that a transaction changes; the store has one writer, and others are waiting


class Deliveries:
    """Webhooks and their deliveries. Methods raise `Unavailable` when the database does not answer."""

    def __init__(self, executor: Executor, writes: Writes, clock: Clock = now) -> None:
        self._executor = executor
        self._writes = writes
        self._clock = clock
        self._ids = writes.ids
        self._webhooks = executor.prepare(_webhooks().order_by(webhooks.c.created_at, webhooks.c.id))
        self._webhook = executor.prepare(_webhooks().where(webhooks.c.id == bindparam("id")))
        self._begin = executor.prepare(_begin())
        self._behind = executor.prepare(_behind())
        self._enqueue = executor.prepare(_enqueue())
        self._advance = executor.prepare(_advance())
        self._with_due = executor.prepare(_with_due())
        self._claim = executor.prepare(_claim())
        self._settle = executor.prepare(_settle())
        self._retry = executor.prepare(_retry())
        self._retry_all = executor.prepare(_retry_all())
        self._settled = executor.prepare(_settled_before(limit=1))
        self._prune = executor.prepare(_prune())
        self._remove = [executor.prepare(statement) for statement in _remove()]

    async def create_webhook(self, url: str, key_fingerprint: str, events: tuple[str, ...] = ()) -> int:
        """The id of a new webhook, which is told what happens from now on: these events, or all if there are none."""
        webhook_id = self._ids.next()
        values = {
            "id": webhook_id,
            "url": url,
            "events": " ".join(events),
            "cursor": 0,
            "disabled": False,
            "key_fingerprint": key_fingerprint,
        }
        async with self._writes.transaction() as tx:
            await self._writes.put(tx, webhooks, values)
            await tx.execute(self._begin, key=webhook_id)
        return webhook_id

    async def set_key(self, key_fingerprint: str, put_in_place: Callable[[], None]) -> list[Webhook]:
        """Write down that the secrets of all webhooks are made from another key; the webhooks.

        `put_in_place` puts the key where it belongs, before anybody else gets to write: of two who change the key,
        the one who comes second has both the last word here and the last key there.
        """
        async with self._writes.transaction() as tx:
            found = [Webhook._make(row) for row in await tx.fetch_all(self._webhooks)]
            for webhook in found:
                await self._writes.put(tx, webhooks, {"id": webhook.id, "key_fingerprint": key_fingerprint})
            put_in_place()
        return found

    async def delete_webhook(self, webhook_id: int) -> bool:
        """Delete a webhook with all its deliveries; whether there was one."""
        async with self._writes.transaction() as tx:
            if await self._known(tx, webhook_id) is None:
                return False
            await self._writes.record(tx, webhooks, webhook_id, "deleted", None)
            for statement in self._remove:
                await tx.execute(statement, key=webhook_id)
            return True

    async def set_disabled(self, webhook_id: int, *, disabled: bool) -> bool:
        """Send a webhook nothing for now, or go on with all that has happened meanwhile; whether it exists."""
        async with self._writes.transaction() as tx:
            if await self._known(tx, webhook_id) is None:
                return False
            await self._writes.put(tx, webhooks, {"id": webhook_id, "disabled": disabled})
            return True

    async def webhooks(self) -> list[Webhook]:
        """All webhooks, the oldest first."""
        return [Webhook._make(row) for row in await self._executor.fetch_all(self._webhooks)]

    async def webhook(self, webhook_id: int) -> Webhook | None:
        """The webhook with this id."""
        row = await self._executor.fetch_one(self._webhook, id=webhook_id)
        return Webhook._make(row) if row else None

    async def enqueue(self, webhook: Webhook, limit: int) -> int:
        """Make deliveries of what has happened to sessions behind the webhook's cursor, and move it there.

        At most `limit` changes are dealt with; how many it were. A disabled webhook stays where it is.
        """
        if not await self._next(self._executor, webhook, limit):
            return 0
        async with self._writes.transaction() as tx:
            # Looked at again: another process may have dealt with them by now.
            known = await self._known(tx, webhook.id)
            found = await self._next(tx, known, limit) if known else []
            if known is None or not found:
                return 0
            actions = {"action": known.actions[0], "other_action": known.actions[-1]}
            span = {"key": known.id, "cursor": known.cursor, "last": found[-1], "at": self._clock()}
            await tx.execute(self._enqueue, **span, **actions)
            await tx.execute(self._advance, key=known.id, last=found[-1])
            return len(found)

    async def claim(self, now: int, lease: int, limit: int, room: Room) -> list[Due]:
        """Take at most `limit` pending deliveries that are due at the time `now`, for `lease` microseconds.

        Nobody else gets them before that time is over. The webhooks share alike, those that have waited longest first,
        so that one to which much is owed does not hold up the others. `room` tells how many more of the webhook with
        an id can be tried: a slow one does not get all that the caller can do.
        """
        if not self._with_room(await self._executor.fetch_all(self._with_due, now=now), room):
            return []
        taken: list[Due] = []
        async with self._writes.transaction() as tx:
            owed = self._with_room(await tx.fetch_all(self._with_due, now=now), room)[:limit]
            share = max(1, limit // max(1, len(owed)))
            for webhook_id, url in owed:
                most = min(share, room(webhook_id))
                rows = await tx.fetch_all(self._claim, key=webhook_id, now=now, until=now + lease, limit=most)
                due = (Due(id_, webhook_id, url, sequence, attempts) for id_, sequence, attempts in rows)
                taken += sorted(due, key=lambda one: one.sequence)
        return taken

    async def settle(
        self,
        delivery_id: int,
        state: DeliveryState,
        *,
        attempts: int,
        status: int | None,
        error: str | None,
        next_at: int,
        at: int,
    ) -> None:
        """Write down what became of an attempt at the time `at`; `next_at` is when a pending one is due again.

        An outcome is final: a late answer to an earlier attempt does not undo it.
        """
        async with self._writes.transaction() as tx:
            await tx.execute(
                self._settle,
                key=delivery_id,
                state=state.value,
                attempts=attempts,
                last_status=status,
                last_error=error,
                next_at=next_at,
                last_at=at,
            )

    async def retry(self, delivery_id: int) -> bool:
        """Make a failed or pending delivery due now, with all its attempts before it; whether there was one."""
        async with self._writes.transaction() as tx:
            return bool(await tx.execute(self._retry, key=delivery_id, at=self._clock()))

    async def retry_all(self, webhook_id: int) -> int:
        """Make all failed deliveries to a webhook, and those that wait to be tried again, due now; how many it were."""
        at, count = self._clock(), 0
        for state, behind in ((_FAILED, -1), (_PENDING, at)):
            changed = _AT_ONCE
            while changed == _AT_ONCE:
                async with self._writes.transaction() as tx:
                    changed = await tx.execute(self._retry_all, key=webhook_id, from_=state, behind=behind, at=at)
                count += changed
        return count

    async def prune(self, before: int) -> bool:
        """Forget some of the deliveries settled before a time, in microseconds; whether there may be more of them."""
        if await self._executor.fetch_one(self._settled, before=before) is None:
            return False
        async with self._writes.transaction() as tx:
            return await tx.execute(self._prune, before=before) == _AT_ONCE

    async def log(self, webhook_id: int | None = None, *, failed: bool = False, limit: int = 100) -> list[Delivery]:
        """The newest deliveries, newest first: of all webhooks or one, of all states or the failed ones only."""
        key = ("deliveries", webhook_id is None, failed)
        statement = self._writes.statement(key, lambda: _log(of_one=webhook_id is not None, failed=failed))
        rows = await self._executor.fetch_all(statement, webhook_id=webhook_id, limit=limit)
        return [Delivery._make(row) for row in rows]

    @staticmethod
    def _with_room(owed: Sequence[Row], room: Room) -> list[Row]:
        return [row for row in owed if room(row[0]) > 0]

    async def _known(self, tx: Transaction, webhook_id: int) -> Webhook | None:
        row = await tx.fetch_one(self._webhook, id=webhook_id)
        return Webhook._make(row) if row else None

    async def _next(self, reader: Executor | Transaction, webhook: Webhook, limit: int) -> list[int]:
        """The numbers of the next session changes behind the cursor, wanted or not."""
        if webhook.disabled:
            return []
        rows = await reader.fetch_all(self._behind, cursor=webhook.cursor, limit=limit)
        return [row[0] for row in rows]


def _webhooks() -> Select[*tuple[Any, ...]]:
    return select(*(webhooks.c[name] for name in Webhook._fields))


def _begin() -> ClauseElement:
    """A webhook begins behind the change that made it."""
    return update(webhooks).where(webhooks.c.id == bindparam("key")).values(cursor=webhooks.c.sequence)


def _behind() -> ClauseElement:
    return (
        select(changes.c.sequence)
        .where(OF_SESSION, changes.c.sequence > bindparam("cursor"))
        .order_by(changes.c.sequence)
        .limit(bindparam("limit"))
    )


def _enqueue() -> ClauseElement:
    wanted = select(
        bindparam("key", type_=webhooks.c.id.type),
        changes.c.sequence,
        literal_column(str(_PENDING)),
        literal_column("0"),
        bindparam("at", type_=deliveries.c.next_at.type),
    ).where(
        OF_SESSION,
        changes.c.sequence > bindparam("cursor"),
        changes.c.sequence <= bindparam("last"),
        changes.c.action.in_([bindparam("action"), bindparam("other_action")]),
    )
    wanted = wanted.order_by(changes.c.sequence)
    return insert(deliveries).from_select(["webhook_id", "sequence", "state", "attempts", "next_at"], wanted)


def _advance() -> ClauseElement:
    return update(webhooks).where(webhooks.c.id == bindparam("key")).values(cursor=bindparam("last"))


def _with_due() -> ClauseElement:
    """The webhooks to which something is owed by now, the one that has waited longest first."""
    pending = (deliveries.c.webhook_id == webhooks.c.id, deliveries.c.state == _PENDING)
    first = select(func.min(deliveries.c.next_at)).where(*pending).scalar_subquery()
    return (
        select(webhooks.c.id, webhooks.c.url)
        .where(~webhooks.c.disabled, exists().where(*pending, deliveries.c.next_at <= bindparam("now")))
        .order_by(first, webhooks.c.id)
    )


def _claim() -> ClauseElement:
    due = (
        select(deliveries.c.id)
        .where(
            deliveries.c.webhook_id == bindparam("key"),
            deliveries.c.state == _PENDING,
            deliveries.c.next_at <= bindparam("now"),
        )
        .order_by(deliveries.c.next_at, deliveries.c.id)
        .limit(bindparam("limit"))
    )
    return (
        update(deliveries)
        .where(deliveries.c.id.in_(due))
        .values(next_at=bindparam("until"))
        .returning(deliveries.c.id, deliveries.c.sequence, deliveries.c.attempts)
    )


def _settle() -> ClauseElement:
    names = ("state", "attempts", "next_at", "last_at", "last_status", "last_error")
    values: dict[str, Any] = {name: bindparam(name) for name in names}
    of = (deliveries.c.id == bindparam("key"), deliveries.c.state == literal_column(str(_PENDING)))
    return update(deliveries).where(*of).values(values)


_DUE_NOW: dict[str, Any] = {
    "state": literal_column(str(_PENDING)),
    "attempts": literal_column("0"),
    "next_at": bindparam("at"),
}


def _retry() -> ClauseElement:
    unsettled = deliveries.c.state.in_([literal_column(str(state)) for state in (_PENDING, _FAILED)])
    return update(deliveries).where(deliveries.c.id == bindparam("key"), unsettled).values(_DUE_NOW)


def _retry_all() -> ClauseElement:
    some = (
        select(deliveries.c.id)
        .where(
            deliveries.c.webhook_id == bindparam("key"),
            deliveries.c.state == bindparam("from_"),
            deliveries.c.next_at > bindparam("behind"),
        )
        .order_by(deliveries.c.next_at, deliveries.c.id)
        .limit(literal_column(str(_AT_ONCE)))
    )
    return update(deliveries).where(deliveries.c.id.in_(some)).values(_DUE_NOW)


def _settled_before(*, limit: int) -> Select[Any]:
    """Deliveries settled before a time, as their index has them."""
    return (
        select(deliveries.c.id)
        .where(deliveries.c.state != literal_column(str(_PENDING)), deliveries.c.last_at < bindparam("before"))
        .order_by(deliveries.c.last_at, deliveries.c.id)
        .limit(literal_column(str(limit)))
    )


def _prune() -> ClauseElement:
    return delete(deliveries).where(deliveries.c.id.in_(_settled_before(limit=_AT_ONCE)))


def _log(*, of_one: bool, failed: bool) -> ClauseElement:
    columns = (deliveries.c[name] if name in deliveries.c else changes.c[name] for name in Delivery._fields)
    statement = select(*columns).join(changes, changes.c.sequence == deliveries.c.sequence)
    if of_one:
        statement = statement.where(deliveries.c.webhook_id == bindparam("webhook_id"))
    if failed:
        statement = statement.where(deliveries.c.state == _FAILED)
    return statement.order_by(deliveries.c.id.desc()).limit(bindparam("limit"))


def _remove() -> tuple[ClauseElement, ...]:
    return (
        delete(deliveries).where(deliveries.c.webhook_id == bindparam("key")),
        delete(webhooks).where(webhooks.c.id == bindparam("key")),
    )

"""Attempts: how often somebody has tried, as buckets that fill at a steady rate (GCRA)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BigInteger, BindParameter, ClauseElement, bindparam, delete, insert, select, update

from authsvc.domain.attempts import Bucket
from authsvc.domain.clock import Clock, now
from authsvc.domain.sealed import Digests
from authsvc.store.executor import Executor, Reader
from authsvc.store.schema import attempts

_PURPOSE = "attempts"
_PURGED_AT_ONCE = 10  # more than are written at once, so that full buckets do not gather


class Attempts:
    """Counts tries. `changes` does not tell of them; buckets that are full again leave no row behind.

    What somebody typed as a name may be anything, a password too: the keys of buckets are keyed hashes.
    """

    def __init__(self, executor: Executor, digests: Digests, clock: Clock = now) -> None:
        self._executor = executor
        self._digests = digests
        self._clock = clock
        self._full_at = executor.prepare(select(attempts.c.full_at).where(attempts.c.key == bindparam("name")))
        self._update = executor.prepare(_update())
        self._insert = executor.prepare(_insert())
        self._give_back = executor.prepare(_give_back())
        self._forget = executor.prepare(delete(attempts).where(attempts.c.key == bindparam("name")))
        self._purge = executor.prepare(_purge())

    async def take(self, buckets: Sequence[Bucket]) -> int:
        """Take a try out of every bucket: 0, or if one is empty, after how many microseconds there is one in each.

        In the latter case nothing is taken. Who has tried too often does not even keep writers waiting.
        """
        at, keys = self._clock(), self._keys(buckets)
        wait, _ = await self._look(self._executor, buckets, keys, at)
        if wait:
            return wait
        async with self._executor.transaction() as tx:
            wait, taken = await self._look(tx, buckets, keys, at)
            if wait:
                return wait
            for key, full_at in zip(keys, taken, strict=True):
                values = {"name": key, "full_at": full_at}
                if not await tx.execute(self._update, **values):
                    await tx.execute(self._insert, **values)
            await tx.execute(self._purge, now=at)
        return 0

    async def give_back(self, buckets: Sequence[Bucket]) -> None:
        """Put back the tries that were taken."""
        async with self._executor.transaction() as tx:
            for bucket, key in zip(buckets, self._keys(buckets), strict=True):
                await tx.execute(self._give_back, name=key, interval=bucket.interval)

    async def forget(self, buckets: Sequence[Bucket]) -> None:
        """Fill buckets up again, whatever has been taken."""
        async with self._executor.transaction() as tx:
            for key in self._keys(buckets):
                await tx.execute(self._forget, name=key)

    def _keys(self, buckets: Sequence[Bucket]) -> list[bytes]:
        return [self._digests.digest(_PURPOSE, bucket.name) for bucket in buckets]

    async def _look(
        self, reader: Reader, buckets: Sequence[Bucket], keys: Sequence[bytes], at: int
    ) -> tuple[int, list[int]]:
        """How long to wait, and when each bucket would be full again if a try were taken from it at this time."""
        taken = []
        wait = 0
        for bucket, key in zip(buckets, keys, strict=True):
            row = await reader.fetch_one(self._full_at, name=key)
            taken.append(max(row[0] if row else 0, at) + bucket.interval)
            wait = max(wait, taken[-1] - at - bucket.burst * bucket.interval)
        return wait, taken


def _update() -> ClauseElement:
    return update(attempts).where(attempts.c.key == bindparam("name")).values(full_at=bindparam("full_at"))


def _insert() -> ClauseElement:
    return insert(attempts).values(key=bindparam("name"), full_at=bindparam("full_at"))


def _give_back() -> ClauseElement:
    interval: BindParameter[int] = bindparam("interval", type_=BigInteger)
    return update(attempts).where(attempts.c.key == bindparam("name")).values(full_at=attempts.c.full_at - interval)


def _purge() -> ClauseElement:
    over = select(attempts.c.key).where(attempts.c.full_at <= bindparam("now")).order_by(attempts.c.full_at)
    return delete(attempts).where(attempts.c.key.in_(over.limit(_PURGED_AT_ONCE)))

"""Signing keys in the store. Methods raise `Unavailable` when the database does not answer."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, bindparam, literal, select

from authsvc.domain.clock import Clock, now
from authsvc.domain.sealed import SIGNING_KEY, TOTP
from authsvc.domain.signing_keys import KeyPair, SigningKey
from authsvc.store.executor import Executor, Transaction
from authsvc.store.schema import signing_keys, users
from authsvc.store.writes import Writes


class SigningKeys:
    """Signing keys: those there are, and new ones."""

    def __init__(self, executor: Executor, writes: Writes, clock: Clock = now) -> None:
        self._executor = executor
        self._writes = writes
        self._clock = clock
        self._ids = writes.ids
        self._keys = executor.prepare(_keys())
        self._published = executor.prepare(_keys().where(signing_keys.c.algorithm == bindparam("algorithm")))
        private_key = select(literal(SIGNING_KEY), signing_keys.c.private_key).order_by(signing_keys.c.id.desc())
        totp = select(literal(TOTP), users.c.totp).where(users.c.totp.is_not(None))
        self._sealed = [executor.prepare(each.limit(1)) for each in (private_key, totp)]

    async def keys(self) -> list[SigningKey]:
        """All keys, the oldest first."""
        return [SigningKey._make(row) for row in await self._executor.fetch_all(self._keys)]

    async def sealed(self) -> list[tuple[str, str]]:
        """A sample of each sort of sealed text in the database: its purpose, and the text."""
        rows = [await self._executor.fetch_one(statement) for statement in self._sealed]
        return [(row[0], row[1]) for row in rows if row]

    async def add_first(self, pair: KeyPair) -> None:
        """Add a key that signs from now on, unless there is a published one for its algorithm: somebody was faster."""
        at = self._clock()
        async with self._writes.transaction() as tx:
            if not any(key.is_published(at) for key in await self._of(tx, pair.algorithm)):
                await self._add(tx, pair, at)

    async def rotate(self, pairs: Sequence[KeyPair], signs_from: int, published_until: int) -> None:
        """Add keys that sign from a time on, in microseconds; those of their algorithms so far are published until.

        One whose end is known already keeps it, or has it brought forward.
        """
        async with self._writes.transaction() as tx:
            for pair in pairs:
                for key in await self._of(tx, pair.algorithm):
                    if key.is_published(published_until):
                        values = {"id": key.id, "published_until": published_until}
                        await self._writes.put(tx, signing_keys, values)
                await self._add(tx, pair, signs_from)

    async def _of(self, tx: Transaction, algorithm: str) -> list[SigningKey]:
        return [SigningKey._make(row) for row in await tx.fetch_all(self._published, algorithm=algorithm)]

    async def _add(self, tx: Transaction, pair: KeyPair, signs_from: int) -> None:
        values = {**pair._asdict(), "id": self._ids.next(), "signs_from": signs_from, "published_until": None}
        await self._writes.put(tx, signing_keys, values)


def _keys() -> Select[*tuple[object, ...]]:
    columns = [signing_keys.c[name] for name in SigningKey._fields]
    return select(*columns).order_by(signing_keys.c.created_at, signing_keys.c.id)

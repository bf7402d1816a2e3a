"""What is of no use any more is deleted: little at a time, so that no writer waits for long, and over and over.

`changes` is the log, and stays. How long each table keeps its rows is in docs/sign-in.md.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Column, Select, bindparam, delete, exists, select
from sqlalchemy.sql import ColumnElement

from authsvc.domain.authorizations import DEVICE_LIFE
from authsvc.domain.clock import SECOND, Clock, now
from authsvc.errors import Unavailable
from authsvc.store.executor import Executor, Prepared
from authsvc.store.schema import (
    access_tokens,
    attempts,
    authorizations,
    device_codes,
    refresh_tokens,
    signing_keys,
    used_assertions,
)

AT_ONCE = 500
"""Rows that are deleted in one transaction."""
PAUSE = 0.1
"""Seconds between two transactions, in which others may write."""
EVERY = 3600.0
"""Seconds between two turns, give or take a tenth, so that several processes do not take theirs together."""
_FIRST = 300.0  # seconds at most until the first turn; a service that is often started anew has one, too
_DAY = 24 * 3600 * SECOND


class Rule(NamedTuple):
    """Rows can go when `kept` microseconds have passed since the time in the column `over`, if `needs` are met."""

    over: Column[int]
    kept: int
    needs: tuple[ColumnElement[bool], ...] = ()


# Tokens before the authorizations that they belong to. A refresh token, and the code on an authorization, stay until
# the last token of the family is over, used or not: for as long, whoever presents one again gives themselves away.
RULES = (
    Rule(access_tokens.c.expires_at, _DAY, (access_tokens.c.scope.is_not(None),)),
    Rule(refresh_tokens.c.ends_at, _DAY),
    Rule(
        authorizations.c.ends_at,
        _DAY,
        tuple(
            ~exists().where(table.c.authorization_id == authorizations.c.id)
            for table in (access_tokens, refresh_tokens)
        ),
    ),
    Rule(device_codes.c.expires_at, DEVICE_LIFE),
    Rule(used_assertions.c.expires_at, 0),
    Rule(attempts.c.full_at, 0),
    Rule(signing_keys.c.published_until, 30 * _DAY),
)


class _Step(NamedTuple):
    """A rule made ready: what tells whether there is something to delete, and what deletes some of it."""

    kept: int
    some: Prepared
    delete: Prepared


class Purge:
    """Deletes what `RULES` let go, from `start` to `stop`.

    `chance` gives numbers in [0, 1); `pause` is how long it rests between two transactions, in seconds.
    """

    def __init__(
        self,
        executor: Executor,
        clock: Clock = now,
        pause: float = PAUSE,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._executor = executor
        self._clock = clock
        self._pause = pause
        self._chance = chance
        self._steps = [
            _Step(rule.kept, executor.prepare(_rows(rule, 1)), executor.prepare(_delete(rule))) for rule in RULES
        ]
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("authsvc.store")

    def start(self) -> None:
        """Begin to delete, and go on with it."""
        self._task = asyncio.create_task(self._run(), name="purge")

    async def stop(self) -> None:
        """Delete no more, as soon as what is under way is done."""
        self._stopping.set()
        if self._task:
            await self._task

    async def turn(self) -> int:
        """Delete all that can go by now; how many rows those were.

        Raises:
            Unavailable: the database does not answer.
        """
        at = self._clock()
        return sum([await self._take(step, at - step.kept) for step in self._steps])

    async def _take(self, step: _Step, before: int) -> int:
        gone = 0
        # Asked without the lock of writers, which most turns need for nothing.
        while not self._stopping.is_set() and await self._executor.fetch_one(step.some, before=before) is not None:
            async with self._executor.transaction() as tx:
                count = await tx.execute(step.delete, before=before)
            gone += count
            if count < AT_ONCE:
                break
            await self._rest(self._pause)
        return gone

    async def _run(self) -> None:
        await self._rest(_FIRST * self._chance())
        while not self._stopping.is_set():
            try:
                gone = await self.turn()
            except Unavailable as error:
                self._log.warning("purge waits", reason=str(error.__cause__))
            except Exception:  # noqa: BLE001 - nobody waits for this task, and the next turn may fare better
                self._log.exception("purge fails")
            else:
                if gone:
                    self._log.info("purged", rows=gone)
            await self._rest(EVERY * (0.9 + 0.2 * self._chance()))

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def _rows(rule: Rule, limit: int) -> Select[Any]:
    """The keys of rows that can go, those that have been over for longest first."""
    (key,) = rule.over.table.primary_key
    return select(key).where(rule.over <= bindparam("before"), *rule.needs).order_by(rule.over).limit(limit)


def _delete(rule: Rule) -> Any:
    (key,) = rule.over.table.primary_key
    return delete(rule.over.table).where(key.in_(_rows(rule, AT_ONCE)))

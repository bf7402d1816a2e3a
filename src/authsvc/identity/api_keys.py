"""API keys: one read of the store tells whether a key is usable, and what it may do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from authsvc.domain.clock import SECOND, Clock, now
from authsvc.domain.tokens import KeyRecord, token_hash
from authsvc.errors import PermissionDenied, TooMany, Unauthenticated
from authsvc.identity.bearer import bearer_token
from authsvc.identity.rate import Rate

USE_INTERVAL = 60 * SECOND  # the use of a key is recorded no more often
_UNLIMITED = Rate(0)


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """The holder of a usable API key. `name` is the key's, and `permissions` are values of `Permission`."""

    name: str
    permissions: frozenset[str]


class KeyReader(Protocol):
    """Where API keys are looked up."""

    async def key(self, key_hash: bytes) -> KeyRecord | None:
        """The API key with this hash, revoked or not."""


class UseRecorder(Protocol):
    """Where it is recorded that an API key has been used."""

    async def touch_key(self, key_id: int, at: int) -> None:
        """The key was last used at this time, in microseconds."""


class KeyAuthenticator:
    """Turns the request's API key into its holder. Nothing is remembered: a revocation counts at the next call.

    `rate` is how often one key may be used. The use of a key is recorded behind the call's back, at most once a
    minute, so that it costs the call no time; a failure of that is logged and fails no call.
    """

    def __init__(self, keys: KeyReader, uses: UseRecorder, rate: Rate = _UNLIMITED, clock: Clock = now) -> None:
        self._keys = keys
        self._uses = uses
        self._rate = rate
        self._clock = clock
        self._tried: dict[int, int] = {}  # by key: when a use was tried to be recorded that the store does not tell yet
        self._recording: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger("authsvc.identity")

    async def holder(self, authorization: Sequence[str], permission: str) -> KeyHolder:
        """The holder, from the values of the header `authorization`, for a method that wants `permission`.

        Raises:
            Unauthenticated: no usable API key.
            TooMany: the key is used more often than it may be.
            PermissionDenied: the key does not have the permission.
        """
        record = await self._record(authorization)
        self._note_use(record)
        wait = self._rate.take(record.id)
        if wait:
            raise TooMany("Too many requests.", wait)
        holder = KeyHolder(record.name, frozenset(record.permissions.split(" ")))
        if permission not in holder.permissions:
            raise PermissionDenied(f"The API key does not have the permission {permission}.")
        return holder

    async def close(self) -> None:
        """Wait until every use is recorded, or has failed to be."""
        if self._recording:
            await asyncio.wait(self._recording)

    async def _record(self, authorization: Sequence[str]) -> KeyRecord:
        try:
            key = bearer_token(authorization)
        except Unauthenticated as error:
            raise _unauthorized(token_sent=error.token_sent) from None
        record = await self._keys.key(token_hash(key))
        if record is None or record.revoked_at is not None:
            raise _unauthorized(token_sent=True)
        return record

    def _note_use(self, record: KeyRecord) -> None:
        at = self._clock()
        last = max(record.last_used_at or 0, self._tried.get(record.id, 0))
        if at - last >= USE_INTERVAL:
            self._tried[record.id] = at
            task = asyncio.create_task(self._record_use(record, at))
            self._recording.add(task)
            task.add_done_callback(self._recording.discard)

    async def _record_use(self, record: KeyRecord, at: int) -> None:
        try:
            await self._uses.touch_key(record.id, at)
            self._tried.pop(record.id, None)
        except Exception:  # noqa: BLE001 - nobody waits for this task; whatever happened belongs into the log
            self._log.warning("use of an API key not recorded", key=record.name, exc_info=True)


def _unauthorized(*, token_sent: bool) -> Unauthenticated:
    """The one answer to every key that cannot be used, so that nothing is learned about why."""
    return Unauthenticated("Unauthorized", token_sent=token_sent)

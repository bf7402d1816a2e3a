"""When sessions were last in use: written behind the calls' back, seldom, and for many sessions at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

import structlog

from authsvc.domain.accounts import ACTIVITY_PRECISION
from authsvc.domain.clock import Clock, now

PAUSE = 1.0
"""Seconds for which activity is gathered before it is written."""


class Use(Protocol):
    """A token that is in use: its session, and what the store tells of when that was in use. In microseconds."""

    @property
    def session_id(self) -> int | None:
        """The session, if there is one."""

    @property
    def session_active_at(self) -> int | None:
        """When it was in use last, as far as that is written down."""

    @property
    def session_idle_life(self) -> int | None:
        """How long it goes on without activity; None: that has no influence."""


class Recorder(Protocol):
    """Where it is written down that sessions are in use."""

    async def touch_sessions(self, uses: Mapping[int, int]) -> None:
        """These sessions, by id, were in use at these times, in microseconds."""


class Activity:
    """Gathers which sessions are in use, and has it written down at most once in two minutes for each.

    A session that would be over sooner without activity is written more often: twice in that time. A failure is
    logged and fails no call; what is not written is tried again when the session is used after the same time.
    """

    def __init__(self, recorder: Recorder, clock: Clock = now, pause: float = PAUSE) -> None:
        self._recorder = recorder
        self._clock = clock
        self._pause = pause
        self._noted: dict[int, int] = {}  # by session: a use that the store may not tell yet
        self._waiting: dict[int, int] = {}
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("authsvc.identity")

    def note(self, record: Use, at: int) -> None:
        """A token's session is in use at this time, in microseconds."""
        session_id = record.session_id
        if session_id is None:
            return
        last = max(record.session_active_at or 0, self._noted.get(session_id, 0))
        idle_life = record.session_idle_life
        if at - last < (ACTIVITY_PRECISION if idle_life is None else min(ACTIVITY_PRECISION, idle_life // 2)):
            return
        self._noted[session_id] = self._waiting[session_id] = at
        if self._task is None:
            self._task = asyncio.create_task(self._write_soon())
            self._task.add_done_callback(self._done)

    async def close(self) -> None:
        """Write down what there is, at once."""
        self._closing.set()
        while self._task:
            await asyncio.wait([self._task])

    def _done(self, _: asyncio.Task[None]) -> None:
        self._task = None

    async def _write_soon(self) -> None:
        while self._waiting:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._pause)
            uses, self._waiting = self._waiting, {}
            await self._write(uses)

    async def _write(self, uses: Mapping[int, int]) -> None:
        try:
            await self._recorder.touch_sessions(uses)
        except Exception:  # noqa: BLE001 - nobody waits for this task; whatever happened belongs into the log
            self._log.warning("activity of sessions not recorded", sessions=len(uses), exc_info=True)
            self._forget(self._clock() - ACTIVITY_PRECISION)
        else:
            for session_id, at in uses.items():
                if self._noted.get(session_id) == at:
                    del self._noted[session_id]

    def _forget(self, before: int) -> None:
        """Forget uses that could not be written for so long that they would be tried again anyway."""
        self._noted = {session_id: at for session_id, at in self._noted.items() if at > before}

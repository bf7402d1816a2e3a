from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from structlog.testing import capture_logs

from authsvc.domain.accounts import ACTIVITY_PRECISION
from authsvc.domain.clock import SECOND
from authsvc.domain.tokens import TokenRecord
from authsvc.errors import Unavailable
from authsvc.identity.activity import Activity

NOW = 1_800_000_000 * SECOND
RECORD = TokenRecord(1, 2, NOW * 2, None, 1, "en", 3, 1, 4, 1, NOW * 2, 5, None)


class Store:
    """Remembers what it was told, and may fail; time is what the test says."""

    def __init__(self) -> None:
        self.written: list[dict[int, int]] = []
        self.failure: Exception | None = None
        self.at = NOW

    async def touch_sessions(self, uses: Mapping[int, int]) -> None:
        """Some sessions were in use."""
        if self.failure:
            raise self.failure
        self.written.append(dict(uses))


async def _settle(activity: Activity) -> None:
    while activity._task:
        await asyncio.wait([activity._task])


def _activity(store: Store, pause: float = 0.0) -> Activity:
    return Activity(store, lambda: store.at, pause)


async def test_activity_is_written_behind_the_call() -> None:
    """The first use of a session is written soon, and not while the call goes on."""
    store = Store()
    activity = _activity(store)
    activity.note(RECORD, NOW)
    assert store.written == []
    await _settle(activity)
    assert store.written == [{4: NOW}]


async def test_activity_is_written_seldom() -> None:
    """However often a session is used, that is written at most once in two minutes, and its last use is known so well.

    What the store knows from another process counts too.
    """
    store = Store()
    activity = _activity(store)
    known = None
    for seconds in range(600):
        activity.note(RECORD._replace(session_active_at=known), NOW + seconds * SECOND)
        await _settle(activity)
        known = store.written[-1][4]
        assert NOW + seconds * SECOND - known < ACTIVITY_PRECISION
    assert [uses[4] - NOW for uses in store.written] == [ACTIVITY_PRECISION * number for number in range(5)]


async def test_calls_before_the_store_knows() -> None:
    """Calls that were read before an earlier use was written do not write it once more."""
    store = Store()
    activity = _activity(store, pause=60)
    for _ in range(100):
        activity.note(RECORD, NOW)
    await activity.close()
    assert store.written == [{4: NOW}]


@pytest.mark.parametrize(("idle", "between"), [(60, 30), (240, 120), (10**6, 120), (None, 120)])
async def test_a_session_that_would_soon_be_over(idle: int | None, between: int) -> None:
    """A session that is over after little idle time has its activity written twice in that time, so that it goes on."""
    store = Store()
    activity = _activity(store)
    record = RECORD._replace(session_active_at=NOW, session_idle_life=None if idle is None else idle * SECOND)
    activity.note(record, NOW + between * SECOND - 1)
    await _settle(activity)
    assert store.written == []
    activity.note(record, NOW + between * SECOND)
    await _settle(activity)
    assert store.written == [{4: NOW + between * SECOND}]


async def test_many_sessions_at_once() -> None:
    """Sessions that are used within a moment are written together; tokens without a session have nothing to write."""
    store = Store()
    activity = _activity(store, pause=60)
    for number in range(1, 100):
        activity.note(RECORD._replace(session_id=number), NOW + number)
    activity.note(RECORD._replace(session_id=None), NOW)
    await activity.close()
    assert store.written == [{number: NOW + number for number in range(1, 100)}]


async def test_close_writes_at_once() -> None:
    """At the end what there is is written without a pause, also what comes meanwhile; then nothing is left running."""
    store = Store()
    activity = _activity(store, pause=60)
    activity.note(RECORD, NOW)
    closing = asyncio.create_task(activity.close())
    await asyncio.sleep(0)
    activity.note(RECORD._replace(session_id=9), NOW)
    async with asyncio.timeout(5):
        await closing
    assert {session_id for uses in store.written for session_id in uses} == {4, 9}
    await activity.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_failure_fails_no_call() -> None:
    """A store that fails is told of in the log, and the use is tried again two minutes later; little is held for it."""
    store = Store()
    store.failure = Unavailable("Errors.Store.Unavailable", "AUTHSVC-DB001")
    activity = _activity(store)
    with capture_logs() as logs:
        activity.note(RECORD, NOW)
        await _settle(activity)
        activity.note(RECORD, NOW + ACTIVITY_PRECISION - 1)
        await _settle(activity)
    assert [(entry["event"], entry["sessions"]) for entry in logs] == [("activity of sessions not recorded", 1)]
    store.failure = None
    store.at = NOW + ACTIVITY_PRECISION
    activity.note(RECORD, store.at)
    await _settle(activity)
    assert store.written == [{4: store.at}]
    assert activity._noted == {}


async def test_what_cannot_be_written_is_forgotten() -> None:
    """While the store fails for long, uses that would be tried again anyway are held no longer."""
    store = Store()
    store.failure = RuntimeError()
    activity = _activity(store)
    with capture_logs():
        for number in range(1, 5):
            store.at = NOW + number * ACTIVITY_PRECISION
            activity.note(RECORD._replace(session_id=number), store.at)
            await _settle(activity)
    assert set(activity._noted) == {4}

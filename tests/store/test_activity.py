from __future__ import annotations

from typing import Any

import pytest

from authsvc import directory
from authsvc.domain.clock import SECOND
from authsvc.store.activity import SessionActivity
from authsvc.store.executor import Executor, Prepared
from authsvc.store.writes import Writes

pytestmark = pytest.mark.both_engines

AT = 1_800_000_000 * SECOND
DAY = 86_400 * SECOND
PEOPLE = b"""
orgs:
  - { id: 1, name: O, domains: [o.example], users: [{ id: 11, userName: u, human: { firstName: F, lastName: L } }] }
agents:
  - { id: 2, sessions: [{ id: 21, user: u@o.example }] }
  - { id: 3, sessions: [{ id: 31, user: u@o.example }] }
"""


class Desk:
    """A database with two sessions, 21 and 31, of which the test sets the first."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.activity = SessionActivity(executor)

    async def set(self, **values: Any) -> None:
        """Have session 21 hold these values."""
        assigned = ", ".join(f"{name} = {'NULL' if value is None else value}" for name, value in values.items())
        async with self.executor.transaction() as tx:
            await tx.execute(Prepared(f"UPDATE sessions SET {assigned} WHERE id = 21", (), {}))

    async def times(self, session_id: int = 21) -> tuple[object, ...]:
        """When a session was last in use, and when it is over."""
        sql = f"SELECT active_at, expires_at FROM sessions WHERE id = {session_id}"
        (row,) = await self.executor.fetch_all(Prepared(sql, (), {}))
        return row

    async def changes(self) -> object:
        """How many changes there have been."""
        ((count,),) = await self.executor.fetch_all(Prepared("SELECT count(*) FROM changes", (), {}))
        return count


@pytest.fixture
async def desk(executor: Executor) -> Desk:
    """The sessions, active, over in a day, or in an hour without activity."""
    await directory.apply(Writes(executor, lambda: AT - DAY), directory.parse(PEOPLE, "test.yaml"))
    desk = Desk(executor)
    await desk.set(expires_at=AT + 1000 * SECOND, ends_at=AT + DAY, idle_life=3600 * SECOND)
    return desk


async def test_activity_moves_the_end(desk: Desk) -> None:
    """A session in use goes on for its idle life from then; `changes` does not tell, as nothing about it changed."""
    changes, other = await desk.changes(), await desk.times(31)
    await desk.activity.touch_sessions({21: AT})
    assert await desk.times() == (AT, AT + 3600 * SECOND)
    assert await desk.times(31) == other
    assert await desk.changes() == changes


async def test_activity_moves_the_end_no_further_than_allowed(desk: Desk) -> None:
    """However much a session is used, it is over when it ends for good."""
    await desk.set(ends_at=AT + 1800 * SECOND)
    await desk.activity.touch_sessions({21: AT})
    assert await desk.times() == (AT, AT + 1800 * SECOND)


async def test_sessions_without_an_idle_life(desk: Desk) -> None:
    """A session that is over at a fixed time stays so, and its activity is known all the same."""
    await desk.set(idle_life=None, ends_at=None)
    await desk.activity.touch_sessions({21: AT})
    assert await desk.times() == (AT, AT + 1000 * SECOND)


async def test_sessions_without_a_last_end(desk: Desk) -> None:
    """A session with an idle life alone can go on for ever."""
    await desk.set(ends_at=None)
    await desk.activity.touch_sessions({21: AT})
    assert await desk.times() == (AT, AT + 3600 * SECOND)


@pytest.mark.parametrize(
    "ended", [{"state": 2}, {"expires_at": AT}, {"expires_at": AT - 1}], ids=["ended", "over now", "over before"]
)
async def test_what_has_ended_stays_ended(desk: Desk, ended: dict[str, int]) -> None:
    """Activity that was noted before a session ended, and is written after it, does not bring it back."""
    await desk.set(**ended)
    before = await desk.times()
    await desk.activity.touch_sessions({21: AT})
    assert await desk.times() == before


@pytest.mark.parametrize(("idle", "between"), [(3600, 120), (60, 30), (None, 120)])
async def test_activity_is_written_once(desk: Desk, idle: int | None, between: int) -> None:
    """What another process has written already, give or take two minutes or half the idle life, is left as it is."""
    await desk.set(active_at=AT, idle_life=None if idle is None else idle * SECOND)
    before = await desk.times()
    await desk.activity.touch_sessions({21: AT + between * SECOND - 1})
    assert await desk.times() == before
    await desk.activity.touch_sessions({21: AT - 10 * between * SECOND})
    assert await desk.times() == before
    await desk.activity.touch_sessions({21: AT + between * SECOND})
    assert (await desk.times())[0] == AT + between * SECOND


async def test_many_sessions_in_one_transaction(desk: Desk) -> None:
    """All sessions that were in use are written together; one that does not exist does no harm."""
    await desk.activity.touch_sessions({21: AT, 31: AT + 1, 99: AT})
    assert [(await desk.times(number))[0] for number in (21, 31)] == [AT, AT + 1]

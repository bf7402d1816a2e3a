from __future__ import annotations

import asyncio
from typing import Any

import pytest

from authsvc.store.connections import Connections, Held


class Raw:
    """A connection to nowhere."""

    def __init__(self) -> None:
        self.closed = False
        self.said: list[str] = []
        self._transport = self

    def get_extra_info(self, _: str) -> None:
        """There is no socket."""

    def is_closed(self) -> bool:
        """Whether it was ended."""
        return self.closed

    def terminate(self) -> None:
        """End it."""
        self.closed = True

    async def close(self, **_: float) -> None:
        """End it politely."""
        self.closed = True

    async def execute(self, sql: str) -> str:
        """Take a note."""
        self.said.append(sql)
        await asyncio.sleep(0)
        return sql


class Server:
    """Makes connections, or fails to, in its own time."""

    def __init__(self) -> None:
        self.made: list[Raw] = []
        self.error: Exception | None = None
        self.may = asyncio.Event()
        self.may.set()

    async def connect(self) -> Any:
        """Make one."""
        await self.may.wait()
        if self.error:
            raise self.error
        self.made.append(Raw())
        return self.made[-1]


@pytest.fixture
def server() -> Server:
    """Where to connect to."""
    return Server()


@pytest.fixture
def two(server: Server) -> Connections:
    """At most two connections."""
    return Connections(server.connect, 2)


def _ask(connections: Connections, count: int) -> list[asyncio.Task[Held]]:
    return [asyncio.ensure_future(connections.acquire()) for _ in range(count)]


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_last_one_used_is_the_first(server: Server, two: Connections) -> None:
    """A connection that has just been used is used next, so that the others can rest; none is made in vain."""
    first, second = await two.acquire(), await two.acquire()
    two.release(first)
    two.release(second)
    assert await two.acquire() is second
    assert (len(server.made), two.stats) == (2, (2, 1, 0))


async def test_first_come_first_served(two: Connections) -> None:
    """Calls that wait get the connections that are given back in the order in which they came."""
    held = [await two.acquire(), await two.acquire()]
    waiting = _ask(two, 3)
    await _turns()
    assert two.stats == (2, 0, 3)
    two.release(held[1])
    two.release(held[0])
    assert [await waiting[0], await waiting[1]] == [held[1], held[0]]
    late = _ask(two, 1)[0]
    await _turns()
    two.release(held[0])
    await _turns()
    assert (waiting[2].done(), late.done(), two.stats) == (True, False, (2, 0, 1))
    two.release(held[0])
    assert await late is held[0]


async def test_whoever_gives_up_leaves_the_queue(two: Connections) -> None:
    """A call whose time is over while it waits takes nothing, even if it is served at that very moment."""
    held = [await two.acquire(), await two.acquire()]
    first, second, third = _ask(two, 3)
    await _turns()
    first.cancel()
    await _turns()
    assert two.stats == (2, 0, 2)
    two.release(held[0])
    second.cancel()  # served already, but it has not heard of that
    await _turns()
    assert (second.cancelled(), await third) == (True, held[0])
    fourth = _ask(two, 1)[0]
    await _turns()
    two.lost(held[1])
    fourth.cancel()  # it was to open another
    await _turns()
    assert two.stats == (1, 0, 0)


async def test_a_lost_one_is_replaced(server: Server, two: Connections) -> None:
    """One that is lost makes room for a new one, which goes to who waits longest; those that rest are not trusted."""
    held = [await two.acquire(), await two.acquire()]
    waiting = _ask(two, 2)
    await _turns()
    two.lost(held[0])
    new = await waiting[0]
    raw: Any = new.raw
    assert (raw is server.made[2], waiting[1].done()) == (True, False)
    two.release(held[1])
    two.release(await waiting[1])
    two.lost(new)
    assert (two.stats, [raw.closed for raw in server.made]) == ((0, 0, 0), [True] * 3)


async def test_one_that_was_closed_while_it_rested(server: Server, two: Connections) -> None:
    """One whose server has ended it is not handed out."""
    two.release(await two.acquire())
    server.made[0].closed = True
    raw: Any = (await two.acquire()).raw
    assert raw is server.made[1]
    assert two.stats == (1, 0, 0)


async def test_failing_to_connect(server: Server, two: Connections) -> None:
    """Where none can be opened every call is told so, also those that wait, and later ones may succeed."""
    server.may.clear()
    server.error = ConnectionError("no")
    tasks = _ask(two, 4)
    await _turns()
    assert two.stats == (2, 0, 2)
    server.may.set()
    assert [str(error) for error in await asyncio.gather(*tasks, return_exceptions=True)] == ["no"] * 4
    assert two.stats == (0, 0, 0)
    server.error = None
    await two.acquire()
    assert two.stats == (1, 0, 0)


async def test_mending(server: Server, two: Connections) -> None:
    """One on which something was cancelled is rolled back before others get it."""
    held = await two.acquire()
    mending = two.mend(held)
    assert two.stats == (1, 0, 0)
    await mending
    assert (server.made[0].said, two.stats) == (["ROLLBACK"], (1, 1, 0))


async def test_closing(server: Server, two: Connections) -> None:
    """Closing waits for those in use, and none is opened any more."""
    two.release(await two.acquire())
    first, second = await two.acquire(), await two.acquire()
    two.release(first)
    closing = asyncio.ensure_future(two.close())
    await _turns()
    assert (server.made[0].closed, closing.done(), two.stats) == (True, False, (1, 0, 0))
    with pytest.raises(ConnectionError):
        await two.acquire()
    two.release(second)
    await closing
    assert (server.made[1].closed, two.stats) == (True, (0, 0, 0))

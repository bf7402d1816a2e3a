"""Connections to PostgreSQL that a process holds: opened when they are needed, and kept with their statements.

A plain stack, the one that was used last first. asyncpg's own pool sends RESET after each use, which costs more than
a query of ours; nothing here needs it, as no statement leaves anything behind on its connection.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from authsvc.store.executor import Stats

Raw: TypeAlias = "asyncpg.Connection[Any]"
_MENDING = 5.0  # seconds in which a connection must have given up what was cancelled on it
_CLOSING = 2.0  # seconds to say goodbye
# A peer that is silently gone, as behind a firewall that has forgotten it, is noticed within a minute.
_ALIVE = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))


class Held:
    """A connection, and the statements that are prepared on it. Used by one task at a time."""

    __slots__ = ("_statements", "raw")

    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        self._statements: dict[str, PreparedStatement[Any]] = {}

    async def fetch(self, sql: str, arguments: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        try:
            return list(map(tuple, await (await self._statement(sql)).fetch(*arguments)))
        except asyncpg.InterfaceError as error:
            raise self._known(error) from error

    async def execute(self, sql: str, arguments: Sequence[Any]) -> int:
        """The number of rows that a statement has changed."""
        try:
            statement = await self._statement(sql)
            await statement.fetch(*arguments)
        except asyncpg.InterfaceError as error:
            raise self._known(error) from error
        count = (statement.get_statusmsg() or "").rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement with the parameters of each row; they travel together."""
        try:
            await (await self._statement(sql)).executemany(rows)
        except asyncpg.InterfaceError as error:
            raise self._known(error) from error

    async def run(self, sql: str) -> str:
        """What the last of some statements without parameters did."""
        try:
            return await self.raw.execute(sql)
        except asyncpg.InterfaceError as error:
            raise self._known(error) from error

    def _known(self, error: asyncpg.InterfaceError) -> Exception:
        """What an error tells: a connection that is closed goes by the name of wrong use."""
        return ConnectionResetError(str(error)) if self.raw.is_closed() else error

    async def _statement(self, sql: str) -> PreparedStatement[Any]:
        # Where prepared statements are off, what is kept is what the parameters are; the text is sent each time.
        statement = self._statements.get(sql)
        if statement is None:
            statement = self._statements[sql] = await self.raw.prepare(sql)
        return statement


class Connections:
    """At most `most` connections, which `connect` makes. Belongs to one event loop."""

    def __init__(self, connect: Callable[[], Awaitable[Raw]], most: int) -> None:
        self._connect = connect
        self._most = most
        self._idle: list[Held] = []
        self._open = 0
        self._waiting: deque[asyncio.Future[Held | None]] = deque()
        self._mending: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Event | None = None

    @property
    def stats(self) -> Stats:
        """How busy they are."""
        return Stats(self._open, len(self._idle), len(self._waiting))

    async def acquire(self) -> Held:
        """A connection that rests, or a new one; where there are enough, the next that is given back, in turn.

        Raises whatever `connect` does.
        """
        if self._closing:
            raise ConnectionError("the database has been closed")
        while self._idle:
            held = self._idle.pop()
            if not held.raw.is_closed():
                return held
            self._leave()
        if self._open < self._most:
            self._open += 1
            return await self._new()
        return await self._wait() or await self._new()

    def release(self, held: Held) -> None:
        """Give back a connection on which nothing is under way."""
        if held.raw.is_closed() or self._closing:
            held.raw.terminate()
            self._leave()
        elif waiter := self._next():
            waiter.set_result(held)
        else:
            self._idle.append(held)

    def mend(self, held: Held) -> asyncio.Task[None]:
        """Give back a connection in a transaction, or on which a statement was cancelled; others get it once well.

        asyncpg has the server cancel the statement, and ROLLBACK waits for that.
        """
        task = asyncio.ensure_future(self._mend(held))
        self._mending.add(task)
        task.add_done_callback(self._mending.discard)
        return task

    def lost(self, held: Held) -> None:
        """Give back a connection that is of no use any more. Then those that rest are most likely none, either."""
        for each in (held, *self._idle):
            each.raw.terminate()
            self._leave()
        self._idle.clear()

    async def close(self) -> None:
        """Close those that rest, and wait until the others are given back."""
        self._closing = asyncio.Event()
        idle, self._idle = self._idle, []
        for held in idle:
            try:
                await held.raw.close(timeout=_CLOSING)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                held.raw.terminate()
            self._leave()
        if self._open:
            await self._closing.wait()

    async def _new(self) -> Held:
        try:
            raw = await self._connect()
        except BaseException:
            self._leave()
            raise
        _keep_alive(raw)
        return Held(raw)

    async def _wait(self) -> Held | None:
        """A connection that was given back, or None: one was lost, and its place is free for a new one."""
        waiter: asyncio.Future[Held | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if not waiter.done() or waiter.cancelled():
                self._waiting.remove(waiter)
            elif held := waiter.result():
                self.release(held)
            else:
                self._leave()
            raise

    def _leave(self) -> None:
        """Pass a connection's place on, or have one connection less."""
        if waiter := self._next():
            waiter.set_result(None)
            return
        self._open -= 1
        if self._closing and not self._open:
            self._closing.set()

    def _next(self) -> asyncio.Future[Held | None] | None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                return waiter
        return None

    async def _mend(self, held: Held) -> None:
        try:
            async with asyncio.timeout(_MENDING):
                await held.raw.execute("ROLLBACK")
        except Exception:  # noqa: BLE001 - whatever it is, nobody is to have this connection
            held.raw.terminate()
        except BaseException:
            held.raw.terminate()
            self.release(held)
            raise
        self.release(held)


def _keep_alive(raw: Raw) -> None:
    """Have a connection that rests probe its peer."""
    transport: asyncio.Transport = getattr(raw, "_transport")  # noqa: B009 - there is no other way to it
    connected = transport.get_extra_info("socket")
    if connected is not None and connected.family != socket.AF_UNIX:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, seconds in _ALIVE:
            connected.setsockopt(socket.IPPROTO_TCP, option, seconds)

"""The threads on which a call's synchronous servicer runs, and what it may have the event loop do meanwhile."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc

from authsvc.rpc.call import Call

T = TypeVar("T")


class CallOver(grpc.RpcError):
    """The call ended while its servicer still ran on a thread and waited for something of the call."""


class Threads:
    """One call's use of a pool: one thread at a time, in one copy of the context variables.

    It is a block: at its end the threads that wait for the loop are released with `CallOver`, and the callbacks run.
    A thread that does anything else cannot be interrupted; what it returns or raises then reaches nobody.
    """

    def __init__(self, call: Call, pool: concurrent.futures.Executor) -> None:
        self._call = call
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self._last: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self._running: asyncio.Future[Any] | None = None
        self._waits: set[asyncio.Task[Any] | None] = set()
        self._lock = threading.Lock()  # of the two that follow
        self._over = False
        self._callbacks: list[Callable[[], object]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._over = True
        for task in self._waits:
            if task:
                task.cancel()
        for callback in self._callbacks:
            self._loop.call_soon(callback)  # not on the pool: they may be what frees its threads

    @property
    def over(self) -> bool:
        """Whether the block has been left."""
        return self._over

    # For the loop.

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function on a thread. Raises what it raises."""
        self._last = self._pool.submit(self._context.run, _call, function, *arguments)
        self._running = asyncio.wrap_future(self._last)
        try:
            result: T = await self._running
        except asyncio.CancelledError:
            self._call.raise_if_aborted()  # by `stop`
            raise
        return result

    def run_later(self, function: Callable[[], object]) -> None:
        """Call a function on a thread as soon as the one under way has returned, and do not wait for it."""
        self._last.add_done_callback(lambda _: self._pool.submit(self._context.run, function))

    # For the threads.

    def wait(self, step: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Have the loop take an asynchronous step. Raises what it raises, or `CallOver`."""
        try:
            return asyncio.run_coroutine_threadsafe(self._take(step), self._loop).result()
        except concurrent.futures.CancelledError:
            raise CallOver("the call is over") from None

    async def _take(self, step: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if self._over:
            raise CallOver("the call is over")
        task = asyncio.current_task()
        self._waits.add(task)
        try:
            return await step()
        finally:
            self._waits.discard(task)

    def stop(self) -> None:
        """Do not wait any longer for the thread of a call that has been aborted."""
        self._loop.call_soon_threadsafe(self._stop)

    def _stop(self) -> None:
        if self._running:
            self._running.cancel()

    def at_end(self, callback: Callable[[], object]) -> bool:
        """Have a callback called on the loop when the call is over; False if it is already."""
        with self._lock:
            if not self._over:
                self._callbacks.append(callback)
            return not self._over


def _call(function: Callable[..., T], *arguments: Any) -> T:
    try:
        return function(*arguments)
    except StopIteration as error:  # a future cannot hold it
        raise RuntimeError("the servicer raised StopIteration") from error

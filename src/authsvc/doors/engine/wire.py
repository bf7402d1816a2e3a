"""What a connection writes: joined writes, back-pressure, and noticing a peer that takes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl

_ENOUGH = 64 * 1024  # bytes; more is not held back until the turn is over
_RATE = 1024  # bytes a second that a peer has to take of what waits for it
_LINGER = 1.0  # seconds in which a client that still sends may read our last words


class Progress:
    """Notices that something has hardly moved for a while."""

    def __init__(self) -> None:
        self._seen: int | None = None
        self._since = 0.0

    def stuck(self, position: int | None, now: float, limit: float) -> bool:
        """Whether `position`, in bytes, goes on slower than `_RATE` for `limit` seconds; None: nothing waits."""
        if position is None or self._seen is None or position - self._seen >= _RATE * limit:
            self._seen, self._since = position, now
            return False
        return now - self._since >= limit


def turn_away(transport: Any) -> None:
    """Close a connection that is one too many."""
    transport.set_protocol(asyncio.Protocol())
    transport.abort()


class Wire(asyncio.Transport):
    """A transport whose writes within one turn of the event loop leave as one.

    A response of head, body and trailers is then one segment: a split one costs system calls, and some clients a
    delayed acknowledgement of 40 ms.
    """

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, sends: Callable[[], bool]
    ) -> None:
        """`sends` tells whether the peer may be sending: closing would then take our last words away."""
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self._size = 0
        self._sends = sends
        self.written = 0
        self._closing = False
        self._progress = Progress()
        self._close_by: float | None = None

    def write(self, data: Any) -> None:
        """Send bytes, at the latest when this turn of the event loop is over."""
        if not data or self._closing:
            return
        if not self._parts:
            self._loop.call_soon(self.flush)
        self._parts.append(data)
        self._size += len(data)
        if self._size >= _ENOUGH:
            self.flush()

    def flush(self) -> None:
        """Send what was held back."""
        if self._parts:
            data = b"".join(self._parts)
            self._parts.clear()
            self._size = 0
            self.written += len(data)
            if not self._transport.is_closing():
                self._transport.write(data)

    def stuck(self, now: float, limit: float) -> bool:
        """Whether the peer has taken hardly anything for `limit` seconds, or not closed its side soon after ours."""
        waiting = self._transport.get_write_buffer_size()
        if self._close_by is not None:
            if not waiting:
                return now >= self._close_by
            self._close_by = now + _LINGER  # our last words are not yet out
        return self._progress.stuck(self.written - waiting if waiting else None, now, limit)

    def close(self) -> None:
        """Close when everything is sent; for a while only our side, if the peer may be sending."""
        self.flush()
        self._closing = True
        if self._transport.is_closing() or self._close_by is not None:
            return
        if not self._sends():
            self._transport.close()
            return
        self._close_by = self._loop.time() + _LINGER
        self._transport.resume_reading()  # what still comes is dropped
        if self._transport.can_write_eof():
            with suppress(OSError):  # the peer has just cut the connection; the transport does not know yet
                self._transport.write_eof()

    def abort(self) -> None:
        """Close now and drop what was not sent."""
        self._closing = True
        self._parts.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether nothing more is served here."""
        return self._closing or self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the transport knows about itself."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Take nothing more from the peer for now."""
        if not self.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take from the peer again."""
        if not self.is_closing():
            self._transport.resume_reading()


class Flow(FlowControl):
    """Reads while nothing speaks against it: the application lags behind, the peer is ahead, or does not read itself.

    A peer that does not take what was written to it would let the answers to its pings pile up.
    """

    _held = False

    def hold(self, full: bool) -> None:  # noqa: FBT001 - the only thing it says
        """Whether the peer is too far ahead."""
        if full != self._held:
            self._held = full
            self._consider()

    def pause_reading(self) -> None:
        """The application lags behind."""
        if not self.read_paused:
            self.read_paused = True
            self._consider()

    def resume_reading(self) -> None:
        """The application can take more."""
        if self.read_paused:
            self.read_paused = False
            self._consider()

    def pause_writing(self) -> None:
        """The transport holds enough."""
        super().pause_writing()
        self._consider()

    def resume_writing(self) -> None:
        """The transport can take more."""
        super().resume_writing()
        self._consider()

    def _consider(self) -> None:
        if self.read_paused or self.write_paused or self._held:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

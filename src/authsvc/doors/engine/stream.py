"""One request of an HTTP/2 connection: what waits for the peer's windows, and who waits for that."""

from __future__ import annotations

from typing import Any, Protocol

import zttp
from uvicorn.protocols.http.flow_control import FlowControl

from authsvc.doors.engine.frames import INTERNAL_ERROR
from authsvc.doors.engine.wire import Flow, Progress

_HELD_BACK = 64 * 1024  # bytes of an answer that may wait for the peer's windows before the application waits


class Connection(Protocol):
    """What a stream has to know of its connection."""

    conn: zttp.H2Connection
    flow: FlowControl
    waiting: dict[int, Stream]
    held: int  # bytes of all streams that wait for the peer's windows
    pieces: int  # given to zttp

    async def news(self) -> None:
        """Wait until something may have changed for those who wait to send."""


class Stream:
    """One request, as the `flow` and the `stream` of uvicorn's cycle.

    zttp is never given more than the peer's windows let through: what it holds back it moves at every update.
    """

    def __init__(self, connection: Connection, stream: zttp.Stream) -> None:
        self.stream_id = stream.stream_id
        self.gone = False  # whether nobody will take anything any more
        self._connection = connection
        self._zttp = stream
        self._rest = bytearray()
        self._end: tuple[Any, ...] | None = None
        self._pumped = 0
        self._progress = Progress()

    @property
    def waits(self) -> bool:
        """Whether something waits for the peer's windows."""
        return bool(self._rest)

    @property
    def write_paused(self) -> bool:
        """Whether the application has to wait before it sends more."""
        return self._connection.flow.write_paused or len(self._rest) > _HELD_BACK

    async def drain(self) -> None:
        """Wait until more can be sent, or the client is gone."""
        while self.write_paused and not self.gone:
            await self._connection.news()

    def send_response(self, status: int, headers: Any) -> None:
        """Send the head of the answer."""
        self._zttp.send_response(status, headers)

    def send_informational(self, status: int, headers: Any) -> None:
        """Send an interim head."""
        self._zttp.send_informational(status, headers)

    def send_data(self, data: bytes) -> None:
        """Send a piece of the answer's body, now or when there is room."""
        if not self._rest and len(data) <= self._room():
            self._connection.pieces += 1
            self._zttp.send_data(data)
        else:
            self._rest += data
            self._connection.held += len(data)
            self._connection.waiting[self.stream_id] = self
            self.pump(len(data))

    def end_message(self, *trailers: Any) -> None:
        """End the answer after everything that waits."""
        if self._rest:
            self._end = trailers
        else:
            self._zttp.end_message(*trailers)

    def reset(self, code: int = INTERNAL_ERROR) -> None:
        """Break the answer off."""
        self.drop()
        self._zttp.reset(code)

    def drop(self) -> None:
        """Nobody takes what waits."""
        self.gone = True
        self._connection.held -= len(self._rest)
        self._rest.clear()
        self._connection.waiting.pop(self.stream_id, None)

    def pump(self, most: int) -> int:
        """Send what there is room for now, at most so many bytes; how many there were."""
        size = max(0, min(self._room(), len(self._rest), most))
        if size:
            self._connection.pieces += 1
            self._connection.held -= size
            self._zttp.send_data(bytes(self._rest[:size]))
            del self._rest[:size]
            self._pumped += size
        if not self._rest:
            self._connection.waiting.pop(self.stream_id, None)
            if self._end is not None:
                self._zttp.end_message(*self._end)
        return size

    def _room(self) -> int:
        return min(self._zttp.send_window or 0, self._connection.conn.send_window)

    def stuck(self, now: float, limit: float) -> bool:
        """Whether the peer has taken hardly anything of what waits for `limit` seconds."""
        return self._progress.stuck(self._pumped if self._rest else None, now, limit)


class StreamsFlow(Flow):
    """The flow of a connection: an application that does not read one request must not hold up the others."""

    def pause_reading(self) -> None:
        """Nothing: the window of that one request stays closed; see `Http2.flush`."""

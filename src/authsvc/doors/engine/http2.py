"""HTTP/2 with limits: streams at once, what a peer may leave untaken, what it may send to no purpose, and age.

uvicorn writes as fast as the application sends, whatever window the peer gives; zttp keeps what the window holds back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Generator
from time import perf_counter
from typing import Any

import zttp

from authsvc.doors.engine.account import Account
from authsvc.doors.engine.closing import Closing
from authsvc.doors.engine.frames import ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, REFUSED_STREAM, settings
from authsvc.doors.engine.gone import tell_gone
from authsvc.doors.engine.stream import Stream, StreamsFlow
from authsvc.doors.engine.windows import Windows
from authsvc.doors.engine.wire import Wire

_UNREAD = 16 * 1024  # bytes of a request that may wait for the application before its window is closed
_OVERRUN = 160 * 1024  # bytes that no client sends that minds the window
# zttp breaks off a connection at its 4097th request, and at the 256th that was reset: it is retired before.
_REQUESTS, _RESETS = 3500, 128

_SLICE = 1024  # bytes between two looks at what they led to
_TURN = 0.0002  # seconds of one connection before others have their turn
_PER_REQUEST = 16 * 1024
_PER_BYTE_OF_BODY = 2
_PER_PIECE_OF_BODY = 64  # so that small messages may go to and fro
_SHARE = 16 * 1024  # bytes of one answer before the next has its turn
_SENT_PER_BYTE = 16  # who takes much has to update windows often
_PER_PIECE_SENT = 32  # as much as updates of its two windows
_MOST_HELD = 1024 * 1024  # bytes of answers that wait for the peer's windows before further requests wait


class Http2(Closing):
    """HTTP/2 by zttp."""

    def __init__(self, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._app, self.app = self.app, self._unless_gone
        self.timeout_keep_alive_task: Any = object()  # uvicorn would set its timer if there were none
        self.waiting: dict[int, Stream] = {}  # for the peer's windows; who was served longest ago comes first
        self._windows = Windows()
        self._news: set[asyncio.Event] = set()
        self.held = self.pieces = 0
        self._requests = self._resets = self._paid = 0
        self._waits_for_turn = False
        self._backlog = bytearray()
        self._account = Account(self._idle_since)

    def connection_made(self, transport: Any) -> None:
        """Begin to serve a connection."""
        self._wire = Wire(transport, self.loop, self._sends)
        super().connection_made(self._wire)
        self.flow = self._flow = StreamsFlow(self._wire)
        self._wire.write(settings({3: self.limits.streams, 6: self.limits.metadata}))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        super().connection_lost(exc)
        self._end_all()

    # What arrives.

    def data_received(self, data: bytes) -> None:
        """Serve what the client has sent, in turns with other connections if it is much."""
        if self.transport.is_closing():
            return
        self._heard = self.loop.time()
        self._backlog += data
        if not self._waits_for_turn:
            self._take_turn()

    def _take_turn(self) -> None:
        """Serve piece by piece until nothing is left, or others are to have their turn."""
        self._waits_for_turn = False
        ends = perf_counter() + _TURN
        while self._backlog and not self.transport.is_closing():
            piece = bytes(self._backlog[:_SLICE])
            del self._backlog[:_SLICE]
            super().data_received(piece)
            self._charge(len(piece))
            if perf_counter() > ends:
                break
        if self.transport.is_closing():
            self._backlog.clear()
            self._end_all()
            return
        self._drop_overrun()
        self._pump()
        self._tell()
        self._flow.hold(bool(self._backlog))
        if self._backlog:
            self._waits_for_turn = True
            self.loop.call_soon(self._take_turn)

    def _charge(self, size: int) -> None:
        """Give up a peer most of whose bytes lead to nothing."""
        sent = (self._wire.written - self._paid) / _SENT_PER_BYTE
        self._account.earn(sent + self.pieces * _PER_PIECE_SENT)
        self._paid, self.pieces = self._wire.written, 0
        if not self._account.spend(size, self._heard):
            self._give_up()

    def events(self) -> Generator[zttp.Event]:
        """The events of what has arrived."""
        for event in super().events():
            if isinstance(event, zttp.Data):
                self._account.earn(len(event.data) * _PER_BYTE_OF_BODY)
                self._mind(event)
            elif isinstance(event, zttp.Ping) and event.ack and self._retiring:
                self._last_orders()
            yield event

    def _mind(self, event: zttp.Data) -> None:
        """Close the window of a request whose application lags behind."""
        cycle = self.cycles.get(event.stream_id)
        if cycle is None:
            return
        self._account.earn(_PER_PIECE_OF_BODY)
        if len(cycle.body) + len(event.data) > _UNREAD:
            self._windows.close(event.stream_id)

    def handle_request(self, event: zttp.Request) -> None:
        """Begin to serve a request, unless there are too many, or no more are taken."""
        stream_id = event.stream_id
        self._requests += 1
        if self._requests == _REQUESTS:
            self._retire()
        if self.shutdown_requested or len(self._streams) >= self.limits.streams:
            self.conn.stream(stream_id).reset(REFUSED_STREAM)
            return
        self._last_stream = stream_id
        if not event.path.isascii():  # uvicorn would break off with a traceback
            self.conn.stream(stream_id).send_response(400, [(b"content-length", b"0")], end_stream=True)
            return
        super().handle_request(event)
        self._account.earn(_PER_REQUEST)
        cycle = self.cycles[stream_id]
        if event.end_stream:  # uvicorn overlooks it and would wait for a body for ever
            cycle.more_body = False
            cycle.message_event.set()
        stream = self._streams[stream_id] = Stream(self, cycle.stream)
        cycle.flow = cycle.stream = stream  # type: ignore[assignment]

    async def _unless_gone(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request, once its client has taken enough of others, unless it has cancelled it meanwhile."""
        cycle = receive.__self__
        # uvicorn keeps trailers from clients that do not announce that they read them, as not all gRPC clients do.
        cycle.scope = scope | {"headers": [(b"te", b"trailers")]}
        while self.held > _MOST_HELD and not cycle.disconnected:
            await self.news()
        if not cycle.disconnected:
            await self._app(scope, receive, send)

    def _unset_keepalive_if_required(self) -> None:
        """Nothing: uvicorn's timer is never set."""

    def handle_rst_stream(self, event: zttp.RstStream) -> None:
        """A client has cancelled a request, or zttp has refused one."""
        stream = self._streams.pop(event.stream_id, None)
        if stream:
            stream.drop()
        answered = event.stream_id not in self.cycles
        super().handle_rst_stream(event)
        if stream and answered:  # of which uvicorn knows nothing any more
            self.on_stream_closed()
        self._resets += 1
        if self._resets == _RESETS:
            self._retire()

    def flush(self) -> None:
        """Send what zttp has to say, but for what opens windows too early."""
        self.transport.write(self._windows.without_updates(self.conn.data_to_send()))

    def resume_reading_if_idle(self) -> None:
        """An application reads, or a request is over: open the windows of the requests whose bodies were taken."""
        self.transport.write(self._windows.open(self._is_read))

    def _is_read(self, stream_id: int) -> bool:
        # Also when it is answered: the client may have to finish before it looks.
        cycle = self.cycles.get(stream_id)
        return cycle is None or len(cycle.body) <= _UNREAD

    def _drop_overrun(self) -> None:
        """End the requests whose clients do not mind the closed windows; zttp would let them."""
        for stream_id in self._windows:
            if stream_id in self.cycles and len(self.cycles[stream_id].body) > _OVERRUN:
                self._drop(stream_id, FLOW_CONTROL_ERROR)

    # What leaves.

    def on_response_complete(self, stream_id: int) -> None:
        """A request is answered, but for what the peer's windows hold back."""
        stream = self._streams.get(stream_id)
        if stream and not stream.waits:
            del self._streams[stream_id]
        super().on_response_complete(stream_id)

    def on_stream_closed(self) -> None:
        """A request is over. uvicorn would set a timer each time; `sweep` knows how long the connection rests."""
        self._idle_since = self.loop.time()
        if not self.transport.is_closing():
            self.resume_reading_if_idle()
            if self.shutdown_requested and not self.cycles:
                self._close_connection()

    def resume_writing(self) -> None:
        """The transport can take more."""
        super().resume_writing()
        self._tell()

    async def news(self) -> None:
        """Wait until something may have changed for those who wait to send."""
        event = asyncio.Event()
        self._news.add(event)
        try:
            await event.wait()
        finally:
            self._news.discard(event)

    def _tell(self) -> None:
        for event in self._news:
            event.set()

    def _pump(self) -> None:
        """Send what the peer's windows hold back no longer, in turns, as the connection's window is for all."""
        if not self.waiting:
            return
        turns = deque(self.waiting.values())
        while turns:
            stream = turns.popleft()
            if not stream.pump(_SHARE):
                continue
            if stream.waits:
                turns.append(stream)
                self.waiting[stream.stream_id] = self.waiting.pop(stream.stream_id)
            elif stream.stream_id not in self.cycles:
                del self._streams[stream.stream_id]
                self.on_stream_closed()
        self.flush()

    # What ends.

    def sweep(self, now: float) -> None:
        """Cut off a client that makes us wait; `now` is the event loop's time."""
        if self._wire.stuck(now, self.limits.stall):
            self._wire.abort()
        if self._wire.is_closing():
            return
        for stream_id, stream in list(self._streams.items()):
            if stream.stuck(now, self.limits.stall):
                self._drop(stream_id, ENHANCE_YOUR_CALM)
        rests = not self._streams and now - self._idle_since >= self.limits.idle
        if rests or now >= self.retires:
            self._retire()
        if now >= self._ends:
            self._end_all()
            self.transport.close()

    def _drop(self, stream_id: int, code: int) -> None:
        """End one request whose client does not play its part."""
        self._streams.pop(stream_id).reset(code)
        cycle = self.cycles.pop(stream_id, None)
        if cycle:
            tell_gone(cycle)
        self.flush()
        self.on_stream_closed()
        self._tell()

    def _end_all(self) -> None:
        """Tell the applications that the client is gone, or as good as gone."""
        for stream in self._streams.values():
            stream.drop()
        for cycle in self.cycles.values():
            tell_gone(cycle)
        self._streams.clear()
        self._tell()

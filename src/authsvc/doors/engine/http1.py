"""HTTP/1.1 with limits on time: heads and bodies have to arrive, answers have to be taken, connections grow old.

uvicorn closes only connections that rest between requests. The rest is in `Patient`, for both of its parsers.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any

import zttp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.http.zttp_impl import ZttpProtocol

from authsvc.doors.engine.gone import tell_gone
from authsvc.doors.engine.wire import Flow, Wire, turn_away
from authsvc.doors.limits import Limits

_AHEAD = 64 * 1024  # bytes of further requests that are read while one is being answered
_QUEUE = 100  # requests that are read while one is being answered
_CLOSE = (b"connection", b"close")
_TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_IDLE, _HEAD = object(), object()


class Patient(asyncio.Protocol):
    """What is added to one of uvicorn's HTTP/1.1 protocols: patience that ends."""

    # uvicorn's.
    loop: asyncio.AbstractEventLoop
    cycle: Any  # the request being served, or the last one
    transport: Any
    flow: Any
    pipeline: Any = ()  # requests that are read, and wait until others are answered
    # Set by the engine.
    limits: Limits
    retires: float

    # What the client is waited for: any request, the rest of a head, the rest of the body of this cycle, or nothing.
    _awaited: object = None
    _due = math.inf
    _ends = math.inf  # when a connection that is retired is over, finished or not
    leaving = False  # whether the next request is the last one
    _ahead = 0
    _refused = False

    def connection_made(self, transport: Any) -> None:
        """Begin to serve a connection."""
        wire = Wire(transport, self.loop, self._sends)
        super().connection_made(wire)
        self.flow = Flow(wire)
        self._wait_for(_IDLE, self.limits.idle)

    def data_received(self, data: bytes) -> None:
        """Serve what the client has sent; what it sends after its refusal is dropped."""
        if self._refused or self.transport.is_closing():
            return
        ahead = self._awaited is None
        super().data_received(data)
        self._look(more=True)
        if self.leaving:
            self.leave()
        if ahead and self._awaited is None:
            self._ahead += len(data)
            self.flow.hold(self._ahead > _AHEAD)

    def on_response_complete(self) -> None:
        """Go on to the next request."""
        super().on_response_complete()  # type: ignore[misc]  # uvicorn's
        self._look(more=False)

    def _served(self) -> Any:
        """The request that is being served, or the last one."""
        return self.cycle

    def _look(self, *, more: bool) -> None:
        """See what the client owes now; `more` tells that it has just sent something."""
        cycle = self._served()
        if cycle is not None and cycle.more_body:
            self._wait_for(cycle, self.limits.body)
        elif cycle is not None and not cycle.response_complete:
            self._wait_for(None, math.inf)
        elif more and self._awaited is not cycle:
            self._wait_for(_HEAD, self.limits.head)
        else:
            self._wait_for(_IDLE, self.limits.idle)

    def _wait_for(self, awaited: object, limit: float) -> None:
        if awaited is not self._awaited:
            self._awaited, self._due = awaited, self.loop.time() + limit
        if awaited is not None:  # everything that was read ahead is used up
            self._ahead = 0
            self.flow.hold(False)

    def sweep(self, now: float) -> None:
        """Cut off a client that makes us wait; `now` is the event loop's time."""
        if self.transport.stuck(now, self.limits.stall) or now >= self._ends:
            self.transport.abort()
        elif self.transport.is_closing():
            return
        elif now >= self._due:
            self._due = math.inf
            self._time_out()
        elif now >= self.retires:
            self.retires, self._ends = math.inf, now + self.limits.grace
            self.shutdown()

    def _time_out(self) -> None:
        in_body = self._awaited not in {None, _IDLE, _HEAD}
        if self._awaited is _HEAD or (in_body and not self._served().response_started):
            self.transport.write(_TIMEOUT)
        if in_body:
            tell_gone(self._served())
        self.transport.close()

    def leave(self) -> None:
        """Let the answer being given, or else the next one, be the last: the client may just be sending a request."""
        self.leaving = self.cycle is None or self.cycle.response_complete
        if not self.leaving:
            self.shutdown()

    def shutdown(self) -> None:
        """Serve no further request on this connection."""
        if self.cycle is not None:
            _make_last(self.cycle)
        super().shutdown()  # type: ignore[misc]  # uvicorn's

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, behind the answer that is being given; uvicorn would write into it."""
        self._refused = True
        cycle = self._served()
        if cycle is not None and cycle.more_body:
            tell_gone(cycle)
            if cycle.response_started:
                self.transport.close()
                return
        elif cycle is not None and not cycle.response_complete:
            self.pipeline = ()
            _make_last(cycle)
            cycle.keep_alive = False
            return
        super().send_400_response(msg)  # type: ignore[misc]  # uvicorn's

    def _sends(self) -> bool:
        """Whether the client is in the middle of sending something."""
        return self._refused or self._awaited not in {None, _IDLE}


class Http1(Patient, ZttpProtocol):
    """HTTP/1.1 by zttp."""

    def handle_events(self, event: zttp.Event) -> None:
        """Serve what the client has sent; uvicorn breaks off with a traceback when the path is not ASCII."""
        try:
            super().handle_events(event)
        except UnicodeDecodeError:
            self.handle_remote_protocol_error()

    def _should_upgrade(self) -> bool:
        """No; but uvicorn asks before it serves a request, which is the place to refuse one."""
        if _is_ambiguous(self.headers, self.scope["http_version"]):
            raise zttp.RemoteProtocolError
        return False


class Conservative(Patient, HttpToolsProtocol):
    """HTTP/1.1 by httptools."""

    _serving: Any = None

    def connection_made(self, transport: Any) -> None:
        """Begin to serve a connection, unless there are too many."""
        if len(self.connections) >= self.limits.connections:
            turn_away(transport)
        else:
            super().connection_made(transport)

    def _served(self) -> Any:
        return self._serving

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._serving = cycle
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over; uvicorn tells only the request that was read last."""
        super().connection_lost(exc)
        if self._serving is not None:
            tell_gone(self._serving)

    def on_message_complete(self) -> None:
        """The request is over; uvicorn does not note it when it was answered before."""
        super().on_message_complete()
        self.cycle.more_body = False

    def on_headers_complete(self) -> None:
        """Begin to serve a request, or queue it behind others. httptools takes any error for that of a bad request."""
        version = self.parser.get_http_version()
        hosts = [name for name, _ in self.headers if name == b"host"]
        if version not in {"1.0", "1.1"} or len(hosts) > 1 or (version == "1.1" and not hosts):
            raise ValueError("version or host")
        if _is_ambiguous(self.headers, version):
            raise ValueError("transfer-encoding")
        super().on_headers_complete()
        if len(self.pipeline) > _QUEUE:
            raise ValueError("too many requests at once")

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing: a client may offer what it likes, and is answered over HTTP/1.1."""


def _make_last(cycle: Any) -> None:
    """Let the answer tell that it is the last one, if it has not begun."""
    if not cycle.response_started:
        cycle.default_headers = [*cycle.default_headers, _CLOSE]


def _is_ambiguous(headers: list[tuple[bytes, bytes]], version: str) -> bool:
    """Whether others may see another end of the body than we do (RFC 9112, section 6.1).

    Both parsers take what ends in `chunked` for chunked, whatever it was coded in before, and take it from HTTP/1.0.
    """
    codings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
    return bool(codings) and (codings != [b"chunked"] or version == "1.0")

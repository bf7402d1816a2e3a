"""What zttp 0.0.35 and uvicorn 0.54.0 get wrong, one short reproduction each; docs/grpc-web.md has the guards.

Each test states what would be right and is expected to fail. When one passes, it has been mended: the guard may go.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest
import zttp
from hostile.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    PREFACE,
    WINDOW_UPDATE,
    frame,
    reset,
    settings,
)
from hpack import Encoder

FAILURES = (AssertionError, pytest.fail.Exception, zttp.RemoteProtocolError)
BROKEN = pytest.mark.xfail(strict=True, reason="zttp 0.0.35", raises=FAILURES)


class Server:
    """A connection of zttp, and the client's side of its header compression."""

    def __init__(self) -> None:
        self.conn = zttp.Connection(zttp.SERVER, protocol=zttp.HTTP2)
        self.conn.initiate_connection()
        self._encoder = Encoder()
        self.feed(PREFACE + settings())

    def feed(self, data: bytes) -> list[Any]:
        """The events that the bytes lead to."""
        self.conn.receive_data(data)
        return list(iter(self.conn.next_event, zttp.NEED_DATA))

    def ask(self, stream_id: int, flags: int = END_STREAM) -> list[Any]:
        """A plain request."""
        head = [(":method", "POST"), (":path", "/"), (":scheme", "http"), (":authority", "a")]
        return self.feed(frame(HEADERS, END_HEADERS | flags, stream_id, self._encoder.encode(head)))

    def answer(self, stream_id: int, body: bytes = b"") -> None:
        """The whole answer to it."""
        stream = self.conn.stream(stream_id)
        stream.send_response(200, [])
        stream.send_data(body)
        stream.end_message()


@pytest.fixture
def server() -> Server:
    """A new connection."""
    return Server()


def stream_ids(count: int) -> Iterator[int]:
    """The numbers of so many requests."""
    return iter(range(1, 2 * count, 2))


@BROKEN
def test_a_connection_may_carry_any_number_of_requests(server: Server) -> None:
    """5000 requests, one after another and each answered, are no flood."""
    for stream_id in stream_ids(5000):
        server.ask(stream_id)
        server.answer(stream_id)


@BROKEN
def test_cancelled_requests_among_others_are_no_flood(server: Server) -> None:
    """300 cancelled requests among 3000 are what a proxy with impatient clients sends in its connection's life."""
    for stream_id in stream_ids(3000):
        server.ask(stream_id)
        if stream_id % 20 == 1:
            server.feed(reset(stream_id))
        else:
            server.answer(stream_id)


@BROKEN
def test_a_window_opens_when_the_application_has_read(server: Server) -> None:
    """DATA that is only parsed leaves the window of its stream closed (RFC 9113, section 5.2)."""
    server.ask(1, flags=0)
    for _ in range(4):
        server.feed(frame(DATA, 0, 1, bytes(16_000)))
    server.conn.receive_data(b"")
    assert struct.pack(">BBI", WINDOW_UPDATE, 0, 1) not in server.conn.data_to_send()


@BROKEN
def test_answers_to_pings_are_bounded(server: Server) -> None:
    """A peer that pings and does not read is given up."""
    server.conn.data_to_send()
    for _ in range(10_000):
        server.feed(frame(PING, 0, 0, bytes(8)))
    assert len(server.conn.data_to_send()) < 100_000


@BROKEN
def test_no_request_is_taken_after_goaway(server: Server) -> None:
    """Requests behind the last one that GOAWAY names are not served (RFC 9113, section 6.8)."""
    server.ask(1)
    server.conn.close(0, 1)
    assert not any(isinstance(event, zttp.Request) for event in server.ask(3))


@BROKEN
def test_what_crosses_a_reset_is_ignored(server: Server) -> None:
    """Trailers that were on their way when the server reset the request harm nobody (RFC 9113, section 5.1)."""
    server.ask(1, flags=0)
    server.conn.stream(1).reset(8)
    server.feed(frame(HEADERS, END_HEADERS | END_STREAM, 1, Encoder().encode([("a", "b")])))


@BROKEN
@pytest.mark.parametrize("coding", [b"gzip, chunked", b"identity, chunked", b"chunked,", b",chunked"])
def test_other_transfer_codings_are_refused(coding: bytes) -> None:
    """A body in a coding that is not decoded must not be taken for a chunked one (RFC 9112, section 6.1)."""
    conn = zttp.Connection(zttp.SERVER)
    with pytest.raises(zttp.RemoteProtocolError):
        conn.receive_event(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: " + coding + b"\r\n\r\n0\r\n\r\n")


@BROKEN
def test_http_1_0_has_no_transfer_codings() -> None:
    """`transfer-encoding` in HTTP/1.0 is faulty framing (RFC 9112, section 6.1)."""
    conn = zttp.Connection(zttp.SERVER)
    with pytest.raises(zttp.RemoteProtocolError):
        conn.receive_event(b"POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n")


def test_the_reproductions_are_sound(server: Server) -> None:
    """A request is an event and its answer has frames: the failures above are not those of this file."""
    (request,) = server.ask(1)
    assert isinstance(request, zttp.Request)
    server.conn.data_to_send()
    server.answer(1, b"body")
    assert server.conn.data_to_send().count(b"body") == 1

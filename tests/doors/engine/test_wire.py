"""What a connection writes: one segment for one answer, nothing held back for long, and noticing who takes nothing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from doors.engine.hand import hand, plain
from doors.peers import WEB, pack
from doors.stage import Engine, Line, path, playing

from authsvc.doors.engine.wire import Flow, Progress, Wire
from authsvc.doors.limits import Limits


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the connections of servers write, one item a write."""
    found: list[bytes] = []
    made = Wire.__init__

    def spied(self: Wire, transport: Any, *more: Any) -> None:
        made(self, transport, *more)
        write = transport.write

        class Spy:
            """The transport, and a note of what is written."""

            def __getattr__(self, name: str) -> Any:
                return getattr(transport, name)

            def write(self, data: bytes) -> None:
                found.append(bytes(data))
                write(data)

        self._transport = cast("Any", Spy())

    monkeypatch.setattr(Wire, "__init__", spied)
    return found


def _post(target: str, kind: str, body: bytes) -> bytes:
    head = f"POST {target} HTTP/1.1\r\nhost: a\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


HTTP1 = {
    "json": (_post("/auth/v1/say", "application/json", b'{"number":"5"}'), b'"5"}'),
    "web": (_post(path(), WEB, pack(Line(number=5))), b"grpc-status: 0\r\n"),
}


@pytest.mark.parametrize("door", HTTP1)
async def test_an_answer_is_one_write(http: str, writes: list[bytes], door: str) -> None:
    """Over HTTP/1.1 head, body and trailers leave together."""
    request, end = HTTP1[door]
    async with playing(http=cast("Engine", http)) as stage, plain(stage.port, request) as peer:
        async with asyncio.timeout(3):
            await peer.reader.readuntil(end)
    assert len(writes) == 1
    assert writes[0].startswith(b"HTTP/1.1 200")
    assert writes[0].endswith(end)


async def test_an_answer_is_one_write_over_http_2(writes: list[bytes]) -> None:
    """Over HTTP/2 head, body and trailers of a call leave together."""
    async with playing() as stage, hand(stage.port) as peer:
        peer.call(1, "Say", Line(number=5))
        await peer.over(1)
        peer.generous = False
        writes.clear()
        peer.call(3, "Say", Line(number=5))
        await peer.over(3)
        kinds = [one.kind for one in peer.frames if one.stream == 3]
    assert len(writes) == 1
    assert kinds == [1, 0, 1]


class Transport(asyncio.Transport):
    """A transport that notes what happens to it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []
        self.waiting = 0

    def write(self, data: Any) -> None:
        """Note the data."""
        self.seen.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        """As the test says."""
        return self.waiting

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return "close" in self.seen or "abort" in self.seen

    def can_write_eof(self) -> bool:
        """As a socket can."""
        return True

    def write_eof(self) -> None:
        """Note it."""
        self.seen.append("eof")

    def close(self) -> None:
        """Note it."""
        self.seen.append("close")

    def abort(self) -> None:
        """Note it."""
        self.seen.append("abort")

    def pause_reading(self) -> None:
        """Note it."""
        self.seen.append("pause")

    def resume_reading(self) -> None:
        """Note it."""
        self.seen.append("resume")


def _wire(transport: Transport, *, sends: bool = False) -> Wire:
    return Wire(transport, asyncio.get_running_loop(), lambda: sends)


async def test_little_waits_for_the_turn_to_end() -> None:
    """Writes of one turn are joined, and leave when it is over."""
    transport = Transport()
    wire = _wire(transport)
    for part in (b"a", b"b", b"", b"c"):
        wire.write(part)
    assert transport.seen == []
    await asyncio.sleep(0)
    assert transport.seen == [b"abc"]


async def test_much_is_not_held_back() -> None:
    """At 64 KiB what is held back leaves at once."""
    transport = Transport()
    wire = _wire(transport)
    wire.write(b"x" * 65_535)
    assert transport.seen == []
    wire.write(b"y")
    assert transport.seen == [b"x" * 65_535 + b"y"]


async def test_closing_sends_what_is_held_back() -> None:
    """Nothing is lost when a connection is closed, and nothing is written behind."""
    transport = Transport()
    wire = _wire(transport)
    wire.write(b"last words")
    wire.close()
    wire.write(b"more")
    await asyncio.sleep(0)
    assert transport.seen == [b"last words", "close"]


async def test_aborting_sends_nothing() -> None:
    """What is held back is dropped when a connection is cut."""
    transport = Transport()
    wire = _wire(transport)
    wire.write(b"words")
    wire.abort()
    await asyncio.sleep(0)
    assert transport.seen == ["abort"]


async def test_who_still_sends_is_waited_for() -> None:
    """While the peer may be sending only our side is closed, until a while after it has taken everything."""
    transport = Transport()
    wire = _wire(transport, sends=True)
    now = asyncio.get_running_loop().time()
    wire.write(b"refused")
    wire.close()
    wire.close()
    wire.pause_reading()
    assert transport.seen == [b"refused", "resume", "eof"]
    assert wire.is_closing()
    transport.waiting = 7
    assert not wire.stuck(now + 10, 30)
    transport.waiting = 0
    assert not wire.stuck(now + 10.1, 30)
    assert wire.stuck(now + 10.2, 30)


async def test_who_takes_nothing_is_noticed() -> None:
    """A peer is stuck when it has taken less than 1 KiB a second for long, not when it takes slowly."""
    transport = Transport()
    wire = _wire(transport)
    wire.write(b"x" * 100_000)
    transport.waiting = 50_000
    assert not wire.stuck(0, 10)
    wire.write(b"x" * 100_000)
    transport.waiting = 150_000 - 10_240
    assert not wire.stuck(9, 10)
    transport.waiting -= 10_239
    assert not wire.stuck(18, 10)
    assert wire.stuck(19, 10)
    transport.waiting = 0
    assert not wire.stuck(30, 10)


def test_progress() -> None:
    """Something is stuck that goes on at less than 1 KiB a second for so long; None is nothing to wait for."""
    progress = Progress()
    looks = [(1, 0.0), (1, 4.0), (5121, 5.0), (5121, 9.0), (None, 10.0), (5121, 11.0), (10_239, 15.0), (10_240, 16.0)]
    assert [progress.stuck(at, now, 5.0) for at, now in looks] == [*[False] * 7, True]


async def test_reading_waits_for_all() -> None:
    """A connection is read again only when nothing speaks against it any more."""
    transport = Transport()
    flow = Flow(_wire(transport))
    flow.pause_reading()
    flow.pause_writing()
    flow.hold(True)
    transport.seen.clear()
    flow.resume_writing()
    flow.resume_reading()
    assert "resume" not in transport.seen
    flow.hold(False)
    assert transport.seen[-1] == "resume"


async def _drained(port: int, request: bytes) -> int:
    """How much of an answer arrives at a client that reads a little now and then."""
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(peer, ("127.0.0.1", port))
        await loop.sock_sendall(peer, request)
        total = 0
        while data := await loop.sock_recv(peer, 300_000):
            total += len(data)
            await asyncio.sleep(0.001)
        return total


async def _slow_reader(http: Engine) -> None:
    async def recite(request: Any, context: Any) -> AsyncIterator[Any]:
        for _ in range(50):
            yield Line(text="x" * 30_000)

    request = _post(path("Recite"), WEB, pack(Line())).replace(b"host", b"connection: close\r\nhost")
    async with playing(http=http, limits=Limits(stall=1), Recite=recite) as stage:
        assert await _drained(stage.port, request) > 1_500_000


async def test_a_slow_reader_gets_everything(http: str) -> None:
    """Who reads slowly gets all of a large answer, though the connection ends behind it."""
    await _slow_reader(cast("Engine", http))

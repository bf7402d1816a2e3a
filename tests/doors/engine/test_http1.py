"""HTTP/1.1 with limits on time: who makes the server wait, and who does not."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from doors.engine.hand import Plain, plain
from doors.peers import WEB, pack, parse_http1
from doors.stage import Engine, Line, Sleeper, path, playing

from authsvc.doors.engine import wire
from authsvc.doors.limits import Limits

SHORT = 0.08  # seconds
GET = b"GET /debug/healthz HTTP/1.1\r\nhost: a\r\n\r\n"
SAY = b"POST /auth/v1/say HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
CLOSE = b"connection: close"


@pytest.fixture
def engine(http: str) -> Engine:
    """Each of the engines."""
    return cast("Engine", http)


def say(number: int) -> bytes:
    """A call by JSON."""
    body = b'{"number":"%d"}' % number
    return SAY + b"content-length: %d\r\n\r\n%b" % (len(body), body)


async def trickle(peer: Plain, data: bytes) -> None:
    """Send a byte at a time, for ever."""
    while True:
        for byte in data:
            peer.writer.write(bytes([byte]))
            await asyncio.sleep(SHORT / 10)


async def slow(request: Any, context: Any) -> Any:
    """A handler that takes longer than all limits of the tests."""
    await asyncio.sleep(3 * SHORT)
    return request


@pytest.mark.parametrize("bytewise", [False, True])
async def test_a_head_has_to_arrive(engine: Engine, *, bytewise: bool) -> None:
    """A head that is not complete in time is answered with 408, also when it comes byte by byte."""
    async with (
        playing(http=engine, limits=Limits(head=SHORT)) as stage,
        plain(stage.port, b"GET / HTTP/1.1\r\n") as peer,
    ):
        more = asyncio.ensure_future(trickle(peer, b"a: b\r\n")) if bytewise else None
        answer = parse_http1(await peer.rest())
        assert answer.status == 408
        assert answer.header("connection") == "close"
        if more:
            more.cancel()


@pytest.mark.parametrize("bytewise", [False, True])
async def test_a_body_has_to_arrive(engine: Engine, *, bytewise: bool) -> None:
    """A body that is not complete in time is answered with 408, also when it comes byte by byte."""
    begun = SAY + b"content-length: 1000\r\n\r\n{"
    async with playing(http=engine, limits=Limits(body=SHORT)) as stage, plain(stage.port, begun) as peer:
        more = asyncio.ensure_future(trickle(peer, b" ")) if bytewise else None
        answer = parse_http1(await peer.rest())
        assert answer.status == 408
        assert answer.header("connection") == "close"
        if more:
            more.cancel()


async def test_a_retired_connection_does_not_stay(engine: Engine) -> None:
    """A call that is not finished a while after its connection was retired ends with it."""
    sleeper = Sleeper()
    body = pack(Line())
    call = f"POST {path('Recite')} HTTP/1.1\r\nhost: a\r\ncontent-type: {WEB}\r\ncontent-length: {len(body)}\r\n\r\n"
    limits = Limits(age=SHORT, grace=3 * SHORT)
    async with (
        playing(http=engine, limits=limits, Recite=sleeper.stream) as stage,
        plain(stage.port, call.encode(), body) as peer,
    ):
        await asyncio.wait_for(sleeper.began.wait(), 2)
        await asyncio.sleep(2 * SHORT)
        assert not sleeper.ended.is_set()
        assert b"200 OK" in await peer.rest(2)
        await asyncio.wait_for(sleeper.ended.wait(), 1)


async def test_a_stream_whose_body_stops_is_ended(engine: Engine) -> None:
    """A request that has its answer's head but stops within its body is ended, its handler too."""
    sleeper = Sleeper()
    head = b"POST %b HTTP/1.1\r\nhost: a\r\ncontent-type: %b\r\ncontent-length: 1000\r\n\r\n"
    begun = head % (path("Talk").encode(), WEB.encode()) + pack(Line())
    limits = Limits(body=SHORT)
    async with playing(http=engine, limits=limits, Talk=sleeper.stream) as stage, plain(stage.port, begun) as peer:
        received = await peer.rest()
        assert received.startswith(b"HTTP/1.1 200")
        assert b" 408 " not in received
        await asyncio.wait_for(sleeper.ended.wait(), 2)


@pytest.mark.parametrize("sent", [b"", GET], ids=["at once", "after a request"])
async def test_a_resting_connection_ends_quietly(engine: Engine, sent: bytes) -> None:
    """A connection without a request ends after its time, without a word."""
    async with playing(http=engine, limits=Limits(idle=SHORT)) as stage, plain(stage.port, sent) as peer:
        if sent:
            await peer.answer()
        assert await peer.rest() == b""


async def test_rest_is_not_delay(engine: Engine) -> None:
    """A client may rest between requests, however soon it has to complete one."""
    limits = Limits(head=SHORT, body=SHORT, stall=SHORT)
    async with playing(http=engine, limits=limits) as stage, plain(stage.port, say(1)) as peer:
        await peer.answer()
        await asyncio.sleep(2 * SHORT)
        peer.writer.write(say(2))
        assert b'"2"' in await peer.answer()


async def test_a_slow_handler_is_not_the_clients_fault(engine: Engine) -> None:
    """While a complete request is being served, no limit runs but that of a peer that takes nothing."""
    limits = Limits(head=SHORT, body=SHORT, idle=SHORT, stall=SHORT)
    async with playing(http=engine, limits=limits, Say=slow) as stage, plain(stage.port, say(7)) as peer:
        assert b'"7"' in await peer.answer()


async def test_a_request_behind_a_slow_one_is_not_late(engine: Engine) -> None:
    """A begun request that is not read because another is being served has its time when it is its turn."""
    limits = Limits(head=2 * SHORT, body=2 * SHORT)
    one, two = say(1), say(2)
    async with playing(http=engine, limits=limits, Say=slow) as stage, plain(stage.port, one, two[:-5]) as peer:
        assert b'"1"' in await peer.answer()
        peer.writer.write(two[-5:])
        assert b'"2"' in await peer.answer()


@pytest.mark.parametrize("cut", [10, -3], ids=["head", "body"])
async def test_a_begun_request_behind_another(engine: Engine, cut: int) -> None:
    """A part of a request behind a whole one is served when it is complete; else it does not stay for ever."""
    limits = Limits(head=SHORT, body=SHORT, idle=SHORT)
    async with playing(http=engine, limits=limits) as stage, plain(stage.port, say(1), say(2)[:cut]) as peer:
        assert b'"1"' in await peer.answer()
        peer.writer.write(say(2)[cut:] + say(3)[:cut])
        assert b'"2"' in await peer.answer()
        assert (await peer.rest())[:12] in {b"", b"HTTP/1.1 408"}


async def test_requests_are_answered_in_order(engine: Engine) -> None:
    """Pipelined requests are answered one by one."""
    async with playing(http=engine) as stage, plain(stage.port, *map(say, range(1, 91))) as peer:
        for number in range(1, 91):
            assert b'"%d"' % number in await peer.answer()


async def test_few_requests_are_read_ahead(engine: Engine) -> None:
    """While a request is being served, those behind it stay with the client."""
    one = say(1)
    async with playing(http=engine, Say=Sleeper().unary) as stage, plain(stage.port, say(1)) as peer:
        await asyncio.sleep(0.1)
        peer.writer.write(one * (32_000_000 // len(one)))
        await asyncio.sleep(0.2)
        assert peer.writer.transport.get_write_buffer_size() > 10_000_000
        assert not peer.reader.at_eof()


async def test_an_old_connection_says_so(engine: Engine) -> None:
    """At its age a connection ends with the answer under way, which tells that it is the last one."""
    limits = Limits(age=SHORT)
    async with playing(http=engine, limits=limits, Say=slow) as stage, plain(stage.port, say(1)) as peer:
        answer = parse_http1(await peer.rest())
        assert answer.status == 200
        assert answer.header("connection") == "close"


async def test_an_old_connection_that_rests_ends(engine: Engine) -> None:
    """At its age a connection without a request just ends."""
    async with playing(http=engine, limits=Limits(age=SHORT)) as stage, plain(stage.port, say(1)) as peer:
        assert CLOSE not in await peer.answer()
        assert await peer.rest() == b""


REFUSED = {
    413: SAY,
    415: b"POST %b HTTP/1.1\r\nhost: a\r\ncontent-type: image/png\r\n" % path().encode(),
    405: b"DELETE /auth/v1/say HTTP/1.1\r\nhost: a\r\n",
}


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("status", REFUSED)
async def test_who_is_refused_can_read_why(engine: Engine, status: int, certificate: Any, *, tls: bool) -> None:
    """A client that sends all of a large body before it reads gets the whole refusal, though the connection closes."""
    body = b"x" * 3_000_000
    head = REFUSED[status] + CLOSE + b"\r\ncontent-length: %d\r\n\r\n" % len(body)
    files = certificate if tls else None
    async with playing(http=engine, tls=files) as stage, plain(stage.port, head, tls=tls) as peer:
        await asyncio.sleep(0.05)
        async with asyncio.timeout(2):
            peer.writer.write(body)
            await peer.writer.drain()
        answer = parse_http1(await peer.answer())
        assert answer.status == status
        assert answer.header("connection") == "close"


async def test_a_refused_client_has_to_stop(engine: Engine) -> None:
    """A client that goes on sending after its refusal is soon cut off."""
    head = REFUSED[405] + CLOSE + b"\r\ncontent-length: 1000000\r\n\r\n"
    async with playing(http=engine) as stage, plain(stage.port, head) as peer:
        assert b"405" in await peer.rest()
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(_send_on(peer), 3)


async def _send_on(peer: Plain) -> None:
    while True:
        peer.writer.write(b"x")
        await peer.writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("seen", ["stall", "abort"])
async def test_who_takes_nothing_is_cut_off(engine: Engine, seen: str) -> None:
    """The handler of a large answer of which nothing is taken ends, as when the client goes."""
    ended = asyncio.Event()

    async def recite(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            while True:
                yield Line(text="x" * 60_000)
        finally:
            ended.set()

    request = b"POST %b HTTP/1.1\r\nhost: a\r\ncontent-type: %b\r\ncontent-length: 5\r\n\r\n%b"
    limits = Limits(stall=4 * SHORT if seen == "stall" else 30)
    async with playing(http=engine, limits=limits, Recite=recite) as stage:
        with socket.create_connection(("127.0.0.1", stage.port)) as peer:
            peer.sendall(request % (path("Recite").encode(), WEB.encode(), pack(Line())))
            await asyncio.sleep(0.1)
            assert not ended.is_set()
            if seen == "abort":
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.close()
            await asyncio.wait_for(ended.wait(), 3)


CODINGS = [
    b"gzip, chunked",
    b"identity, chunked",
    b"chunked, chunked",
    b",chunked",
    b"gzip",
    b"chunked\r\ntransfer-encoding: chunked",
]


@pytest.mark.parametrize("coding", CODINGS)
async def test_other_codings_are_refused(engine: Engine, coding: bytes) -> None:
    """What others may frame differently is refused (RFC 9112, section 6.1)."""
    request = SAY + b"transfer-encoding: " + coding + b"\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    async with playing(http=engine) as stage, plain(stage.port, request) as peer:
        answer = parse_http1(await peer.rest())
        assert answer.status == 400
        assert answer.header("connection") == "close"


async def test_http_1_0_has_no_codings(engine: Engine) -> None:
    """A chunked body in HTTP/1.0 is faulty framing; over HTTP/1.1 it is served."""
    request = SAY + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    async with playing(http=engine) as stage:
        async with plain(stage.port, request) as peer:
            assert b"HTTP/1.1 200" in await peer.answer()
        async with plain(stage.port, request.replace(b"HTTP/1.1", b"HTTP/1.0")) as peer:
            assert parse_http1(await peer.rest()).status == 400


@pytest.mark.parametrize("answered", [False, True])
async def test_a_body_that_breaks(engine: Engine, *, answered: bool) -> None:
    """A broken chunk is refused if there was no answer yet, and ends the connection else; the handler is told."""
    head = (REFUSED[405] if answered else SAY) + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n"
    async with playing(http=engine) as stage, plain(stage.port, head) as peer:
        if answered:
            assert b"405" in await peer.answer()
        await asyncio.sleep(0.05)
        peer.writer.write(b"nonsense\r\n")
        assert (await peer.rest())[:12] == (b"" if answered else b"HTTP/1.1 400")


async def test_a_handler_hears_of_a_broken_body(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler whose request's body breaks is ended at once, not when the connection is over."""
    monkeypatch.setattr(wire, "_LINGER", 60)
    sleeper = Sleeper()
    head = b"POST %b HTTP/1.1\r\nhost: a\r\ncontent-type: %b\r\ntransfer-encoding: chunked\r\n\r\n"
    begun = head % (path("Collect").encode(), WEB.encode())
    async with playing(http=engine, Collect=sleeper.unary) as stage, plain(stage.port, begun) as peer:
        await asyncio.wait_for(sleeper.began.wait(), 2)
        peer.writer.write(b"nonsense\r\n")
        await asyncio.wait_for(sleeper.ended.wait(), 1)


async def test_nonsense_behind_a_request(engine: Engine) -> None:
    """The answer under way is not broken off by what comes behind its request."""
    async with playing(http=engine, Say=slow) as stage, plain(stage.port, say(1)) as peer:
        await asyncio.sleep(0.05)
        peer.writer.write(b"nonsense\r\n\r\n" * 2)
        assert b'"1"' in await peer.answer()
        assert (await peer.rest())[:12] in {b"", b"HTTP/1.1 400"}


async def test_who_leaves_with_requests_in_line(engine: Engine) -> None:
    """A client that goes ends the request being served, also when others wait behind it."""
    sleeper = Sleeper()
    async with playing(http=engine, Say=sleeper.unary) as stage:
        async with plain(stage.port, say(1), say(2)):
            await asyncio.wait_for(sleeper.began.wait(), 2)
            await asyncio.sleep(0.05)
        await asyncio.wait_for(sleeper.ended.wait(), 2)


async def test_a_path_that_is_not_ascii(engine: Engine) -> None:
    """A raw byte above 127 in the target is refused."""
    async with playing(http=engine) as stage, plain(stage.port, GET.replace(b"/debug", b"/\xff")) as peer:
        assert parse_http1(await peer.rest()).status == 400


async def test_an_offered_upgrade_is_passed_over(engine: Engine) -> None:
    """A client that offers to upgrade is answered over HTTP/1.1, this and the next request."""
    offer = b"GET /debug/healthz HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
    async with playing(http=engine) as stage, plain(stage.port, offer) as peer:
        assert b"HTTP/1.1 200" in await peer.answer()
        peer.writer.write(GET)
        assert b"HTTP/1.1 200" in await peer.answer()


async def test_draining_waits_for_the_answer(engine: Engine, connections: list[Any]) -> None:
    """A connection that is told to end does so with the answer under way."""
    sleeper = Sleeper()

    async def say_then(request: Any, context: Any) -> Any:
        sleeper.began.set()
        await asyncio.sleep(SHORT)
        return request

    async with playing(http=engine, Say=say_then) as stage, plain(stage.port, say(5)) as peer:
        await asyncio.wait_for(sleeper.began.wait(), 2)
        connections[-1].shutdown()
        answer = parse_http1(await peer.rest())
        assert (answer.status, answer.header("connection")) == (200, "close")

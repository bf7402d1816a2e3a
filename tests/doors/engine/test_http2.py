"""HTTP/2 with limits: what a connection may cost, how it ends, and what is no reason to end it."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest
from doors.engine.hand import Hand, hand
from doors.stage import Line, Sleeper, eventually, path, playing
from hostile.frames import (
    ACK,
    DATA,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    GOAWAY,
    GRPC,
    HEADERS,
    MAX_CONCURRENT_STREAMS,
    PING,
    PRIORITY,
    REFUSED_STREAM,
    RST_STREAM,
    SETTINGS,
    frame,
    message,
    request,
    reset,
    settings,
    window_update,
)

from authsvc.doors.engine import closing, http2, wire
from authsvc.doors.limits import Limits

SHORT = 0.08  # seconds
OK = "0"
_HOST = 1  # zttp shows `:authority` as a header


class Gate:
    """A handler that answers when it is let."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.began = 0

    async def say(self, request: Any, context: Any) -> Any:
        """As the behaviour of a unary method."""
        self.began += 1
        await self.open.wait()
        return request


async def _status(peer: Hand, stream: int) -> str:
    return (await peer.over(stream))["grpc-status"]


async def test_limits_are_announced() -> None:
    """SETTINGS tell how many requests at once and how much metadata are taken."""
    async with playing(limits=Limits(streams=7, metadata=5000)) as stage, hand(stage.port) as peer:
        peer.call(1, "Say", Line())
        assert await _status(peer, 1) == OK
        assert peer.settings()[MAX_CONCURRENT_STREAMS] == 7
        assert peer.settings()[6] == 5000


@pytest.mark.parametrize("tls", [False, True])
async def test_one_request_too_many(certificate: Any, *, tls: bool) -> None:
    """The request beyond the limit is refused, to be tried elsewhere; the others are served, and later ones."""
    gate = Gate()
    files = certificate if tls else None
    async with playing(limits=Limits(streams=2), tls=files, Say=gate.say) as stage, hand(stage.port, tls=tls) as peer:
        for stream in (1, 3, 5):
            peer.call(stream, "Say", Line(number=stream))
        assert await peer.reset(5) == REFUSED_STREAM
        gate.open.set()
        assert [await _status(peer, stream) for stream in (1, 3)] == [OK, OK]
        peer.call(7, "Say", Line())
        assert await _status(peer, 7) == OK
        assert gate.began == 3


async def test_a_request_may_end_with_its_headers() -> None:
    """A request without a body is answered at once."""
    async with playing() as stage, hand(stage.port) as peer:
        peer.write(request(1, "/debug/healthz", (), end=True, method="GET"))
        assert (await peer.over(1))[":status"] == "200"


async def test_a_path_that_is_not_ascii_is_refused() -> None:
    """A raw byte above 127 in the path is answered with 400, and the connection lives on."""
    async with playing() as stage, hand(stage.port) as peer:
        peer.write(request(1, "/\xff", (), end=True, method="GET"))
        assert (await peer.over(1))[":status"] == "400"
        peer.call(3, "Say", Line())
        assert await _status(peer, 3) == OK


# How a connection ends.


async def _last_orders(peer: Hand, gate: Gate) -> None:
    """The connection, on which call 1 waits at the gate, is told to end: that is finished, nothing else is taken."""
    await peer.until(lambda: 0 in peer.codes(GOAWAY))
    await peer.until(lambda: len(peer.codes(GOAWAY)) == 2)
    peer.call(99_999, "Say", Line())
    assert await peer.reset(99_999) == REFUSED_STREAM
    assert not peer.ended
    gate.open.set()
    assert await _status(peer, 1) == OK
    await peer.until(lambda: peer.ended)
    assert set(peer.codes(GOAWAY)) == {0}


def _lasts(peer: Hand) -> list[int]:
    return [int.from_bytes(one.payload[:4]) for one in peer.frames if one.kind == GOAWAY]


@pytest.mark.parametrize("tls", [False, True])
async def test_an_old_connection_is_retired(certificate: Any, *, tls: bool) -> None:
    """At its age a connection takes no more requests; those begun are finished, with their trailers."""
    gate = Gate()
    files = certificate if tls else None
    async with playing(limits=Limits(age=SHORT), tls=files, Say=gate.say) as stage, hand(stage.port, tls=tls) as peer:
        peer.call(1, "Say", Line())
        await _last_orders(peer, gate)
        assert _lasts(peer)[:2] == [2**31 - 1, 1]
        assert set(_lasts(peer)[1:]) == {1}


async def test_a_connection_with_many_requests_is_retired(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection is retired before zttp breaks it off for its many requests."""
    monkeypatch.setattr(http2, "_REQUESTS", 20)
    gate = Gate()
    async with playing(Whisper=gate.say, Say=gate.say) as stage, hand(stage.port) as peer:
        peer.call(1, "Say", Line())
        for stream in range(3, 41, 2):
            peer.write(request(stream, "/debug/healthz", (), end=True, method="GET"))
            assert (await peer.over(stream))[":status"] == "200"
        await _last_orders(peer, gate)
        assert _lasts(peer)[1] == 39


async def test_refused_requests_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also requests that are refused bring a connection's end nearer: zttp counts them too."""
    monkeypatch.setattr(http2, "_REQUESTS", 5)
    gate = Gate()
    async with playing(limits=Limits(streams=1), Say=gate.say) as stage, hand(stage.port) as peer:
        for stream in (1, 3, 5, 7, 9):
            peer.call(stream, "Say", Line())
        await _last_orders(peer, gate)


async def test_a_connection_with_many_resets_is_retired() -> None:
    """A connection is retired before zttp breaks it off for its many cancelled requests."""
    gate = Gate()
    async with playing(Say=gate.say) as stage, hand(stage.port) as peer:
        peer.call(1, "Say", Line())
        for stream in range(3, 259, 2):
            peer.call(stream, "Say", Line())
            peer.write(reset(stream))
        await _last_orders(peer, gate)


@pytest.mark.parametrize("why", ["age", "requests", "resets"])
async def test_a_retired_connection_does_not_stay(monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    """A call that is not finished a while after its connection was retired ends with it."""
    monkeypatch.setattr(http2, "_REQUESTS", 1 if why == "requests" else 3500)
    monkeypatch.setattr(http2, "_RESETS", 1)
    sleeper = Sleeper()
    limits = Limits(age=SHORT if why == "age" else 3600, grace=3 * SHORT)
    async with playing(limits=limits, Recite=sleeper.stream) as stage, hand(stage.port) as peer:
        peer.call(1, "Recite", Line())
        await asyncio.wait_for(sleeper.began.wait(), 2)
        if why == "resets":
            peer.call(3, "Say", Line(), end=False)
            peer.write(reset(3))
        await peer.until(lambda: 0 in peer.codes(GOAWAY))
        await asyncio.sleep(SHORT)
        assert not sleeper.ended.is_set()
        await asyncio.wait_for(sleeper.ended.wait(), 1)
        await peer.until(lambda: peer.ended)


async def test_a_retired_connection_of_grpcio_does_not_stay() -> None:
    """The same holds on grpcio's own port, however long a client may take nothing."""
    sleeper = Sleeper()
    limits = Limits(age=SHORT, grace=3 * SHORT, stall=60)
    async with playing(limits=limits, Recite=sleeper.stream) as stage, hand(stage.grpcio_port) as peer:
        peer.call(1, "Recite", Line())
        await asyncio.wait_for(sleeper.ended.wait(), 3)
        await peer.until(lambda: peer.ended)


async def test_draining_does_not_wait_where_nothing_is_owed(
    connections: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection without a call for a while ends as soon as its client knows."""
    monkeypatch.setattr(wire, "_LINGER", 60)
    async with playing() as stage, hand(stage.port) as peer:
        peer.call(1, "Say", Line())
        await _status(peer, 1)
        await asyncio.sleep(0.3)
        connections[-1].shutdown()
        await eventually(lambda: not connections[-1].connections)
        await peer.until(lambda: peer.ended)
        assert peer.codes(GOAWAY) == [0, 0]


async def test_uvicorn_keeps_no_time(connections: list[Any]) -> None:
    """The rest of a connection is measured once, not by a timer for each piece that arrives."""
    async with playing() as stage, hand(stage.port) as peer:
        peer.call(1, "Say", Line())
        await _status(peer, 1)
        peer.write(frame(PING, payload=b"anybody?"))
        await peer.until(lambda: any(one.kind == PING for one in peer.frames))
        assert not isinstance(connections[-1].timeout_keep_alive_task, asyncio.TimerHandle)


@pytest.mark.parametrize("te", [False, True])
async def test_trailers_need_no_announcement(*, te: bool) -> None:
    """A client without `te` gets trailers, and has as many headers as others."""
    head = [(b"content-type", b"application/grpc"), *([(b"te", b"trailers")] if te else [])]
    async with playing(limits=Limits(headers=20)) as stage, hand(stage.port) as peer:
        for stream, count, status in ((1, 20, OK), (3, 21, "8")):
            own = [(b"h-%d" % number, b"x") for number in range(count - len(head) - _HOST)]
            peer.write(request(stream, path(), [*head, *own]), frame(DATA, END_STREAM, stream, message(b"")))
            assert await _status(peer, stream) == status


async def test_real_requests_reach_the_limit_of_the_engine() -> None:
    """A client that makes 5000 calls, one connection after another, loses none."""
    done = connections = 0
    async with playing() as stage:
        while done < 5000:
            connections += 1
            async with hand(stage.port) as peer:
                stream = 1
                while done < 5000 and not peer.codes(GOAWAY):
                    streams = range(stream, stream + 160, 2)
                    peer.write(*(request(one, "/none", (), end=True, method="GET") for one in streams))
                    await peer.until(lambda: all(map(peer.is_over, streams)))  # noqa: B023 - at once
                    stream += 160
                    done += 80
                await asyncio.sleep(0)
    assert connections == 2


async def test_a_cancelled_call_is_not_begun(logs: list[Any]) -> None:
    """A call that is cancelled in the same breath never reaches the service."""
    gate = Gate()
    async with playing(Say=gate.say) as stage, hand(stage.port) as peer:
        body = frame(DATA, END_STREAM, 1, message(b""))
        peer.write(request(1, path()), body, reset(1))
        peer.call(3, "Say", Line())
        gate.open.set()
        assert await _status(peer, 3) == OK
        assert gate.began == 1
        assert [entry["event"] for entry in logs].count("call") == 1


@pytest.mark.parametrize("pings", [False, True])
async def test_a_resting_connection_ends(*, pings: bool) -> None:
    """A connection without a request ends after its time, also when the client pings."""
    async with playing(limits=Limits(idle=2 * SHORT)) as stage, hand(stage.port) as peer:
        peer.call(1, "Say", Line())
        assert await _status(peer, 1) == OK
        for _ in range(100):
            if pings and not peer.ended:
                peer.write(frame(PING, payload=b"anybody?"))
            await asyncio.sleep(0.02)
            if peer.ended:
                break
        assert peer.ended
        assert set(peer.codes(GOAWAY)) == {0}


async def test_a_connection_with_a_call_does_not_rest() -> None:
    """A connection whose call takes longer than the time to rest lives on."""
    limits = Limits(idle=SHORT, stall=SHORT, head=SHORT, body=SHORT)
    gate = Gate()
    async with playing(limits=limits, Say=gate.say) as stage, hand(stage.port) as peer:
        peer.call(1, "Say", Line())
        await asyncio.sleep(4 * SHORT)
        gate.open.set()
        assert await _status(peer, 1) == OK


async def test_draining_finishes_calls(connections: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is told to end finishes its calls, and waits no longer than until the client knows."""
    monkeypatch.setattr(closing, "_ROUND_TRIP", 60)
    gate = Gate()
    async with playing(Say=gate.say) as stage, hand(stage.port) as peer:
        peer.call(1, "Say", Line())
        await eventually(lambda: gate.began == 1)
        connections[-1].shutdown()
        await _last_orders(peer, gate)


async def test_a_client_that_answers_no_ping_is_drained_too(
    connections: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that does not tell that it knows has a moment to come to know."""
    monkeypatch.setattr(closing, "_ROUND_TRIP", SHORT)
    gate = Gate()
    async with playing(Say=gate.say) as stage, hand(stage.port) as peer:
        peer.polite = False
        peer.call(1, "Say", Line())
        await eventually(lambda: gate.began == 1)
        connections[-1].shutdown()
        peer.call(3, "Say", Line())
        gate.open.set()
        assert [await _status(peer, stream) for stream in (1, 3)] == [OK, OK]
        await peer.until(lambda: peer.ended)


async def test_a_client_that_says_goodbye() -> None:
    """A client's GOAWAY is answered with the end of the connection, as soon as its calls are finished."""
    gate = Gate()
    async with playing(Say=gate.say) as stage, hand(stage.port) as peer:
        peer.call(1, "Say", Line())
        peer.write(frame(GOAWAY, payload=bytes(8)))
        await eventually(lambda: gate.began == 1)
        gate.open.set()
        assert await _status(peer, 1) == OK
        await peer.until(lambda: peer.ended)


@pytest.mark.parametrize("tls", [False, True])
async def test_a_broken_rule_ends_the_calls(certificate: Any, *, tls: bool) -> None:
    """After an error of the connection the client is told, its calls end at once, and the connection soon."""
    sleeper = Sleeper()
    files = certificate if tls else None
    async with playing(tls=files, Say=sleeper.unary) as stage, hand(stage.port, tls=tls) as peer:
        peer.call(1, "Say", Line())
        await asyncio.wait_for(sleeper.began.wait(), 2)
        peer.write(frame(DATA, 0, 0, b"x"))
        await peer.until(lambda: peer.codes(GOAWAY) == [1])
        await asyncio.wait_for(sleeper.ended.wait(), 0.5)
        await peer.until(lambda: peer.ended, 2)


# What leads to nothing.

FLOODS = {
    "ping": frame(PING, payload=b"12345678"),
    "settings": settings(),
    "priority": frame(PRIORITY, 0, 1, b"\0\0\0\0\1"),
    "empty data": frame(DATA, 0, 1),
    "window updates": window_update(1),
    "unknown": frame(0x20, 0, 0, b"nothing"),
    "answers": frame(PING, ACK, payload=b"12345678"),
}


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_is_cut_off(name: str) -> None:
    """Who sends much that leads to nothing is told to be calm and cut off; its calls end."""
    sleeper = Sleeper()
    async with playing(Collect=sleeper.unary) as stage, hand(stage.port) as peer:
        peer.call(1, "Collect", Line(), end=False)
        await asyncio.wait_for(sleeper.began.wait(), 2)
        for _ in range(8):
            peer.write(FLOODS[name] * (16_000 // len(FLOODS[name])))
            await asyncio.sleep(0)
        await peer.until(lambda: peer.ended)
        assert peer.codes(GOAWAY) == [ENHANCE_YOUR_CALM]
        await asyncio.wait_for(sleeper.ended.wait(), 2)


async def test_a_flood_of_refused_requests_is_cut_off() -> None:
    """Requests beyond the limit lead to nothing, too."""
    async with playing(limits=Limits(streams=1), Say=Sleeper().unary) as stage, hand(stage.port) as peer:
        for stream in range(1, 6000, 2):
            peer.write(request(stream, path()))
        await peer.until(lambda: peer.ended)
        assert ENHANCE_YOUR_CALM in peer.codes(GOAWAY)


async def test_a_large_download_is_no_flood() -> None:
    """100 MB in a stream arrive, with an update of the windows for each frame."""
    size, count = 16_384, 6_100

    async def recite(request: Any, context: Any) -> AsyncIterator[Any]:
        line = Line(text="x" * (size - 20))
        for _ in range(count):
            yield line

    async with playing(Recite=recite) as stage, hand(stage.port) as peer:
        peer.call(1, "Recite", Line())
        await peer.until(lambda: peer.is_over(1), 10)
        assert peer.heads[1][-1]["grpc-status"] == OK
        assert len(peer.bodies[1]) > count * (size - 20)


async def test_a_stream_of_small_messages_is_no_flood() -> None:
    """20,000 small messages of one answer arrive, with an update of both windows for each."""
    async with playing() as stage, hand(stage.port) as peer:
        peer.call(1, "Recite", Line(number=20_000))
        await peer.until(lambda: peer.is_over(1) or peer.ended, 20)
        assert await _status(peer, 1) == OK


async def test_many_small_messages_are_no_flood() -> None:
    """10,000 messages to and fro on one stream, each with an update of the windows, arrive."""
    async with playing() as stage, hand(stage.port) as peer:
        one = message(Line(number=1).SerializeToString())
        peer.write(request(1, path("Talk"), GRPC))
        for _ in range(100):
            before = len(peer.bodies.get(1, b""))
            for _ in range(100):
                peer.write(frame(DATA, 0, 1, one))
            await peer.until(lambda: len(peer.bodies.get(1, b"")) == before + 100 * len(one))  # noqa: B023 - at once
        peer.write(frame(DATA, END_STREAM, 1))
        assert await _status(peer, 1) == OK


async def test_empty_connections_do_not_stay() -> None:
    """A client that sends a part of the preface, or nothing behind it, is cut off."""
    async with playing(limits=Limits(head=SHORT, idle=SHORT)) as stage:
        for sent in (b"PRI * HTTP/2.0", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
            writer.write(sent)
            async with asyncio.timeout(2 + SHORT):
                await reader.read()
            writer.close()


def test_frames_of_the_tests() -> None:
    """A reset tells its code, as the floods tell their kinds."""
    assert reset(1, 7)[3:] == bytes([RST_STREAM, 0]) + struct.pack(">II", 1, 7)
    assert {flood[3] for flood in FLOODS.values()} >= {DATA, PING, SETTINGS, PRIORITY}
    assert HEADERS not in {flood[3] for flood in FLOODS.values()}

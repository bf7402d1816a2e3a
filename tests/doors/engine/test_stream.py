"""The windows of HTTP/2: who does not take waits, who does not read makes wait, and nobody waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from doors.engine.hand import Hand, hand
from doors.stage import Line, eventually, path, playing
from hostile.frames import (
    DATA,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    GOAWAY,
    GRPC,
    INITIAL_WINDOW_SIZE,
    frame,
    message,
    request,
    reset,
    window_update,
)

from authsvc.doors.limits import Limits

SHORT = 0.08  # seconds
MUCH = 2**30
SIZE = 10_000


class Reciter:
    """A handler that yields messages of `SIZE` bytes and knows how many it got rid of, and that it ended."""

    def __init__(self) -> None:
        self.count = 0
        self.ended = 0

    async def recite(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """As the behaviour of a method with a response stream."""
        try:
            for _ in range(request.number):
                yield Line(text="x" * SIZE)
                self.count += 1
        finally:
            self.ended += 1


@pytest.mark.parametrize("tls", [False, True])
async def test_a_closed_window_makes_the_handler_wait(certificate: Any, *, tls: bool) -> None:
    """A handler gets rid of little more than the window holds; when that opens, all arrives, the trailers last."""
    reciter = Reciter()
    files = certificate if tls else None
    async with (
        playing(tls=files, Recite=reciter.recite) as stage,
        hand(stage.port, (INITIAL_WINDOW_SIZE, 0), tls=tls) as peer,
    ):
        peer.call(1, "Recite", Line(number=300))
        await eventually(lambda: reciter.count >= 6)
        await asyncio.sleep(SHORT)
        assert reciter.count <= 8
        assert not peer.bodies
        peer.write(window_update(MUCH), window_update(MUCH, 1))
        assert (await peer.over(1))["grpc-status"] == "0"
        assert len(peer.bodies[1]) > 300 * SIZE
        assert [one.kind for one in peer.frames if one.stream == 1][-1] == 1


async def test_many_streams_share_a_window() -> None:
    """Several answers share the window of their connection: all arrive whole, however it is opened."""
    reciter = Reciter()
    async with playing(Recite=reciter.recite) as stage, hand(stage.port, (INITIAL_WINDOW_SIZE, MUCH)) as peer:
        peer.generous = False
        streams = range(1, 17, 2)
        for stream in streams:
            peer.call(stream, "Recite", Line(number=20))
        await peer.until(lambda: sum(map(len, peer.bodies.values())) >= 65_535)
        await asyncio.sleep(SHORT)
        assert sum(map(len, peer.bodies.values())) == 65_535
        assert reciter.count < 8 * 10
        while not all(map(peer.is_over, streams)):
            peer.write(window_update(30_011))
            await asyncio.sleep(0.002)
        for stream in streams:
            assert len(peer.bodies[stream]) > 20 * SIZE
            assert peer.heads[stream][-1]["grpc-status"] == "0"


async def test_streams_take_turns() -> None:
    """A large answer does not keep a small one from the connection's window."""
    async with (
        playing(limits=Limits(), Recite=Reciter().recite) as stage,
        hand(stage.port, (INITIAL_WINDOW_SIZE, MUCH)) as peer,
    ):
        peer.generous = False
        peer.call(1, "Recite", Line(number=10_000))
        await peer.until(lambda: len(peer.bodies.get(1, b"")) == 65_535)
        peer.call(3, "Say", Line(text="y" * SIZE))
        await asyncio.sleep(0.05)
        for _ in range(6):
            peer.write(window_update(SIZE))
            await asyncio.sleep(0.01)
        assert (await peer.over(3))["grpc-status"] == "0"


async def test_an_answer_that_nobody_takes_is_broken_off() -> None:
    """A stream of which nothing is taken is reset after a while, its handler ends, and another may take its place."""
    reciter = Reciter()
    limits = Limits(stall=SHORT, streams=1)
    async with (
        playing(limits=limits, Recite=reciter.recite) as stage,
        hand(stage.port, (INITIAL_WINDOW_SIZE, 20)) as peer,
    ):
        peer.generous = False
        peer.call(1, "Recite", Line(number=100))
        assert await peer.reset(1) == ENHANCE_YOUR_CALM
        peer.call(3, "Say", Line())
        assert (await peer.over(3))["grpc-status"] == "0"
        assert reciter.ended == 1


async def test_an_answer_that_is_taken_byte_by_byte_is_broken_off() -> None:
    """Who takes less than 1 KiB a second for so long is as good as one who takes nothing."""
    limits = Limits(stall=8 * SHORT)
    async with playing(limits=limits) as stage, hand(stage.port, (INITIAL_WINDOW_SIZE, 0)) as peer:
        peer.generous = False
        peer.call(1, "Say", Line(text="x" * 1000))
        for _ in range(100):
            peer.write(window_update(1, 1))
            await asyncio.sleep(SHORT / 5)
            if peer.codes(3, 1):
                break
        assert peer.codes(3, 1) == [ENHANCE_YOUR_CALM]
        assert 10 < len(peer.bodies[1]) < 100


class Orator:
    """A handler of large answers that counts them."""

    def __init__(self) -> None:
        self.count = 0

    async def say(self, request: Any, context: Any) -> Any:
        """As the behaviour of a unary method."""
        self.count += 1
        return Line(text="x" * 400_000)


async def _ask(peer: Hand, orator: Orator, streams: range) -> None:
    """Call often, which is answered thrice: that much waits for the windows."""
    for stream in streams:
        peer.call(stream, "Say", Line())
    await eventually(lambda: orator.count == 3)
    await asyncio.sleep(SHORT)
    assert orator.count == 3


async def test_who_takes_no_answers_is_not_served_on() -> None:
    """While more than 1 MiB waits for the windows of a connection further requests wait; then they are answered."""
    orator = Orator()
    async with playing(limits=Limits(), Say=orator.say) as stage, hand(stage.port, (INITIAL_WINDOW_SIZE, 0)) as peer:
        streams = range(1, 21, 2)
        await _ask(peer, orator, streams)
        peer.write(window_update(MUCH), *(window_update(MUCH, stream) for stream in streams))
        for stream in streams:
            assert (await peer.over(stream))["grpc-status"] == "0"
            assert len(peer.bodies[stream]) > 400_000


async def test_what_waits_counts_no_longer_when_it_is_cancelled() -> None:
    """Answers that are cancelled hold up nobody, and requests that are cancelled while they wait are not begun."""
    orator = Orator()
    async with playing(limits=Limits(), Say=orator.say) as stage, hand(stage.port, (INITIAL_WINDOW_SIZE, 0)) as peer:
        await _ask(peer, orator, range(1, 21, 2))
        peer.write(*(reset(stream) for stream in range(1, 17, 2)))
        peer.write(window_update(MUCH), window_update(MUCH, 17), window_update(MUCH, 19))
        for stream in (17, 19):
            assert (await peer.over(stream))["grpc-status"] == "0"
        assert orator.count == 5


@pytest.mark.parametrize("end", ["stall", "leave"])
async def test_who_waits_to_be_served_ends(connections: list[Any], end: str) -> None:
    """Requests that wait are begun when what they wait for is broken off, and end with their connection."""
    orator = Orator()
    limits = Limits(stall=4 * SHORT if end == "stall" else 30)
    async with playing(limits=limits, Say=orator.say) as stage:
        async with hand(stage.port, (INITIAL_WINDOW_SIZE, 0)) as peer:
            await _ask(peer, orator, range(1, 9, 2))
            if end == "stall":
                assert await peer.reset(1) == ENHANCE_YOUR_CALM
                await eventually(lambda: orator.count == 4)
        await eventually(lambda: not connections[-1].tasks)
        assert orator.count == (4 if end == "stall" else 3)


async def test_a_finished_answer_that_nobody_takes_is_broken_off() -> None:
    """That holds also when the handler has done its part; until then the stream counts."""
    limits = Limits(stall=2 * SHORT, streams=1)
    async with playing(limits=limits) as stage, hand(stage.port, (INITIAL_WINDOW_SIZE, 20)) as peer:
        peer.generous = False
        peer.call(1, "Say", Line(text="x" * 100))
        await peer.until(lambda: 1 in peer.bodies)
        peer.call(3, "Say", Line())
        assert await peer.reset(3) == 7
        assert await peer.reset(1) == ENHANCE_YOUR_CALM
        peer.call(5, "Say", Line())
        assert (await peer.over(5))["grpc-status"] == "0"


async def test_a_finished_answer_may_be_cancelled() -> None:
    """A client may cancel what waits for its window: the place is free, and the connection can rest and end."""
    limits = Limits(idle=SHORT, streams=1)
    async with playing(limits=limits) as stage, hand(stage.port, (INITIAL_WINDOW_SIZE, 20)) as peer:
        peer.generous = False
        peer.call(1, "Say", Line(text="x" * 100))
        await peer.until(lambda: 1 in peer.bodies)
        await asyncio.sleep(3 * SHORT)
        assert not peer.ended
        peer.write(reset(1))
        peer.call(3, "Say", Line())
        assert (await peer.over(3))["grpc-status"] == "0"
        await peer.until(lambda: peer.ended)


async def test_the_last_answer_may_be_cancelled(connections: list[Any]) -> None:
    """A connection that only waits for its last answer to be taken ends when that is cancelled."""
    async with playing() as stage, hand(stage.port, (INITIAL_WINDOW_SIZE, 20)) as peer:
        peer.generous = False
        peer.call(1, "Say", Line(text="x" * 100))
        await peer.until(lambda: 1 in peer.bodies)
        connections[-1].shutdown()
        await peer.until(lambda: len(peer.codes(GOAWAY)) == 2)
        peer.write(reset(1))
        await peer.until(lambda: peer.ended)


async def test_a_slow_peer_is_not_stuck() -> None:
    """A peer that takes a little now and then is served, though what waits for it is always as much."""
    limits = Limits(stall=6 * SHORT)
    async with (
        playing(limits=limits, Recite=Reciter().recite) as stage,
        hand(stage.port, (INITIAL_WINDOW_SIZE, 0)) as peer,
    ):
        peer.generous = False
        peer.call(1, "Recite", Line(number=1000))
        prefixed = len(message(Line(text="x" * SIZE).SerializeToString()))
        for _ in range(24):
            await asyncio.sleep(SHORT / 2)
            peer.write(window_update(prefixed), window_update(prefixed, 1))
        await peer.until(lambda: len(peer.bodies[1]) == 24 * prefixed)
        assert not peer.codes(3, 1)


def _chunks(stream: int, count: int) -> list[bytes]:
    """Messages of `SIZE` bytes, a frame each."""
    one = message(Line(text="x" * SIZE).SerializeToString())
    return [frame(DATA, 0, stream, one)] * count


async def test_who_does_not_read_holds_up_nobody() -> None:
    """While a handler does not read, its request's window stays closed, and those beside it are served."""
    done = asyncio.Event()

    async def collect(requests: AsyncIterator[Any], context: Any) -> Any:
        await done.wait()
        return Line()

    async with playing(limits=Limits(), Collect=collect) as stage, hand(stage.port) as peer:
        peer.write(request(1, path("Collect"), GRPC))
        uploading = asyncio.ensure_future(_upload(peer, 1, 100))
        await asyncio.sleep(0.2)
        for stream in (3, 5):
            peer.call(stream, "Say", Line())
            assert (await peer.over(stream))["grpc-status"] == "0"
        assert not uploading.done()
        assert peer.opened(1) < 200_000
        done.set()
        assert (await peer.over(1))["grpc-status"] == "0"
        await uploading


async def _upload(peer: Hand, stream: int, count: int) -> None:
    """Send messages as the windows allow it, then the end."""
    sent = 0
    for chunk in _chunks(stream, count):
        size = len(chunk) - 9
        await peer.until(lambda: 65_535 + min(peer.opened(stream), peer.opened(0)) >= sent + size)  # noqa: B023 - at once
        peer.write(chunk)
        sent += size
    peer.write(frame(DATA, END_STREAM, stream))


@pytest.mark.parametrize("tls", [False, True])
async def test_a_large_upload_arrives(certificate: Any, *, tls: bool) -> None:
    """5 MB to a handler that reads slowly arrive complete, with calls beside."""

    async def collect(requests: AsyncIterator[Any], context: Any) -> Any:
        total = 0
        async for one in requests:
            total += len(one.text)
            if total % (50 * SIZE) == 0:
                await asyncio.sleep(0.03)
        return Line(number=total)

    files = certificate if tls else None
    async with playing(limits=Limits(), tls=files, Collect=collect) as stage, hand(stage.port, tls=tls) as peer:
        peer.write(request(1, path("Collect"), GRPC))
        uploading = asyncio.ensure_future(_upload(peer, 1, 500))
        for stream in (3, 5, 7):
            peer.call(stream, "Say", Line())
            peer.write(frame(6, payload=bytes(8)))
            assert (await peer.over(stream))["grpc-status"] == "0"
        await uploading
        assert (await peer.over(1))["grpc-status"] == "0"
        assert Line.FromString(bytes(peer.bodies[1])[5:]).number == 500 * SIZE


async def test_who_is_refused_can_finish_its_upload() -> None:
    """A client whose call is answered at once may send all the rest, which leads to nothing."""
    async with playing() as stage, hand(stage.port) as peer:
        peer.write(request(1, path("None"), GRPC))
        assert (await peer.over(1))["grpc-status"] == "12"
        await _upload(peer, 1, 100)
        peer.call(3, "Say", Line())
        assert (await peer.over(3))["grpc-status"] == "0"


async def test_who_overruns_a_window_is_reset() -> None:
    """A client that sends on through a closed window is stopped; calls beside it are served."""
    done = asyncio.Event()

    async def collect(requests: AsyncIterator[Any], context: Any) -> Any:
        await done.wait()
        return Line()

    async with playing(limits=Limits(), Collect=collect) as stage, hand(stage.port) as peer:
        peer.write(request(1, path("Collect"), GRPC))
        for _ in range(40):
            peer.write(*_chunks(1, 1))
            await asyncio.sleep(0.001)
        assert await peer.reset(1) == 3
        done.set()
        peer.call(3, "Say", Line())
        assert (await peer.over(3))["grpc-status"] == "0"

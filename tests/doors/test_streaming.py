"""Streams of messages in each direction, through every door that has them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from doors.peers import STREAM_DOORS, WEB, asgi, call, h2_peer, pack
from doors.stage import Line, path, playing, stage_service

H2_DOORS = ("grpc", "grpcio")


def numbers(reply: Any) -> list[int]:
    """The numbers in the messages."""
    return [message.number for message in reply.messages]


@pytest.mark.parametrize("door", STREAM_DOORS)
@pytest.mark.parametrize("count", [0, 1, 2, 200])
async def test_a_response_stream_arrives_whole(door: str, count: int) -> None:
    """No message, one or many: all arrive in order, then the status."""
    async with playing() as stage:
        reply = await call(stage, door, "Recite", [Line(number=count, text="x" * 100)])
    assert reply.code == 0
    assert numbers(reply) == list(range(count))


@pytest.mark.parametrize("door", STREAM_DOORS)
@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("how", ["abort", "raise", "set_code", "wrong message"])
async def test_an_error_follows_the_messages_before_it(door: str, count: int, how: str) -> None:
    """What was sent before an error arrives, and then the error, not OK and not a cut connection."""

    async def behaviour(request: Any, context: Any) -> AsyncIterator[Any]:
        for number in range(count):
            yield Line(number=number)
        if how == "abort":
            await context.abort(grpc.StatusCode.DATA_LOSS, "lost")
        if how == "set_code":
            context.set_code(grpc.StatusCode.DATA_LOSS)
            context.set_details("lost")
            return
        if how == "wrong message":
            yield "text"
        raise ValueError("secret")

    async with playing(Recite=behaviour) as stage:
        reply = await call(stage, door, "Recite")
    assert numbers(reply) == list(range(count))
    if how in {"raise", "wrong message"}:
        assert reply.code == 13
        assert reply.message.startswith("An internal error occurred (")
        assert b"secret" not in reply.raw
    else:
        assert (reply.code, reply.message) == (15, "lost")


@pytest.mark.parametrize("door", STREAM_DOORS)
async def test_a_servicer_may_write_its_messages(door: str) -> None:
    """A coroutine that calls `context.write` streams as well as a generator does."""

    async def behaviour(request: Any, context: Any) -> None:
        await context.send_initial_metadata((("x-a", "1"),))
        for number in range(3):
            await context.write(Line(number=number))
        context.set_trailing_metadata((("x-b", "2"),))

    async with playing(Recite=behaviour) as stage:
        reply = await call(stage, door, "Recite")
    assert (reply.code, numbers(reply)) == (0, [0, 1, 2])
    assert (reply.values("x-a"), reply.values("x-b")) == (["1"], ["2"])


@pytest.mark.parametrize("door", STREAM_DOORS)
@pytest.mark.parametrize("count", [1, 2, 50])
async def test_a_request_stream_arrives_whole(door: str, count: int) -> None:
    """All requests of a client's stream reach the servicer, also many in one piece."""
    async with playing() as stage:
        reply = await call(stage, door, "Collect", [Line(number=number) for number in range(count)])
        assert (reply.code, numbers(reply)) == (0, [sum(range(count))])
        reply = await call(stage, door, "Talk", [Line(number=number) for number in range(count)])
        assert (reply.code, numbers(reply)) == (0, list(range(count)))


@pytest.mark.parametrize("door", H2_DOORS)
@pytest.mark.parametrize("method", ["Collect", "Talk"])
async def test_a_request_stream_may_be_empty(door: str, method: str) -> None:
    """A client that sends no message at all has a stream of none."""
    async with playing() as stage, h2_peer(stage.port if door == "grpc" else stage.grpcio_port) as peer:
        reply = await peer.call(method).reply()
    assert (reply.code, numbers(reply)) == (0, [0] if method == "Collect" else [])


@pytest.mark.parametrize("door", H2_DOORS)
async def test_both_sides_may_talk_in_turn(door: str) -> None:
    """Over HTTP/2 each request is answered before the next is sent, with pauses long and short."""
    async with playing() as stage, h2_peer(stage.port if door == "grpc" else stage.grpcio_port) as peer:
        talk = peer.call("Talk", end=False)
        for number, pause in enumerate([0, 0.03, 0, 0.03, 0, 0]):
            await asyncio.sleep(pause)
            talk.send(pack(Line(number=number)))
            frames = await talk.frames(number + 1)
            assert Line.FromString(frames[-1][1]).number == number
        talk.send(b"", end=True)
        assert numbers(await talk.reply()) == [0, 1, 2, 3, 4, 5]


async def test_a_message_may_come_in_pieces_while_nobody_reads() -> None:
    """What arrives while the servicer is busy waits for it, in order and whole."""

    async def behaviour(requests: AsyncIterator[Any], context: Any) -> Any:
        await asyncio.sleep(0.06)
        return Line(text=",".join([request.text async for request in requests]))

    async with playing(Collect=behaviour) as stage, h2_peer(stage.port) as peer:
        running = peer.call("Collect", end=False)
        for byte in b"".join(pack(Line(text=text)) for text in "abc"):
            running.send(bytes([byte]))
            await asyncio.sleep(0.003)
        running.send(pack(Line(text="d")), end=True)
        assert (await running.reply()).messages[0].text == "a,b,c,d"


async def test_a_whole_stream_may_wait_for_its_reader() -> None:
    """A client may have sent everything, and its end, before the servicer begins to read."""

    async def behaviour(requests: AsyncIterator[Any], context: Any) -> Any:
        await asyncio.sleep(0.05)
        return Line(number=sum([request.number async for request in requests]))

    async with playing(Collect=behaviour) as stage:
        for door in STREAM_DOORS:
            reply = await call(stage, door, "Collect", [Line(number=number) for number in range(5)])
            assert (reply.code, numbers(reply)) == (0, [10]), door


async def test_a_large_request_stream_that_nobody_reads_waits() -> None:
    """More than can be read ahead is neither lost nor kept: the client is held up until the servicer reads."""
    go = asyncio.Event()

    async def behaviour(requests: AsyncIterator[Any], context: Any) -> Any:
        await go.wait()
        return Line(number=sum([len(request.text) async for request in requests]))

    text = "x" * 4000
    async with playing(Collect=behaviour) as stage, h2_peer(stage.port) as peer:
        running = peer.call("Collect", end=False)
        sent = 0
        while sent < 100:
            if peer.h2.local_flow_control_window(running.id) > 5000:
                running.send(pack(Line(text=text)))
                sent += 1
            else:
                go.set()
            await asyncio.sleep(0.001)
        running.send(b"", end=True)
        reply = await running.reply()
    assert go.is_set(), "the client was never held up"
    assert numbers(reply) == [100 * 4000]


async def test_a_servicer_may_answer_before_the_stream_ends() -> None:
    """A servicer that has seen enough answers; what the client still sends disturbs nobody."""

    async def behaviour(requests: AsyncIterator[Any], context: Any) -> Any:
        return await anext(aiter(requests))

    async with playing(Collect=behaviour) as stage, h2_peer(stage.port) as peer:
        running = peer.call("Collect", pack(Line(number=1)), end=False)
        assert numbers(await running.reply()) == [1]
        assert numbers(await peer.call("Say", pack(Line(number=2))).reply()) == [2]


@pytest.mark.parametrize("door", STREAM_DOORS)
async def test_a_bad_request_in_the_middle_ends_the_stream(door: str) -> None:
    """What a servicer has answered arrives; the bytes that are no message end the call INTERNAL."""

    class Junk:
        """Not a message of protobuf."""

        def SerializeToString(self) -> bytes:
            return b"\xff"

    async with playing() as stage:
        requests: Any = [Line(number=1), Line(number=2), Junk()]
        reply = await call(stage, door, "Talk", requests)
    assert (reply.code, reply.message) == (13, "the request message cannot be decoded")
    assert numbers(reply) == [1, 2]


async def test_a_generator_is_closed_before_the_call_is_over() -> None:
    """When a message cannot be sent, the generator's `finally` has run by the time the call is done."""
    seen: list[bool] = []

    async def behaviour(request: Any, context: Any) -> AsyncIterator[Any]:
        closed = False
        context.add_done_callback(lambda _: seen.append(closed))
        try:
            yield "no message"
        finally:
            closed = True

    async with playing(Recite=behaviour) as stage:
        for door in STREAM_DOORS:
            assert (await call(stage, door, "Recite")).code == 13
    assert seen == [True] * len(STREAM_DOORS)


async def test_messages_leave_one_by_one() -> None:
    """Each message of a stream is one body event, sent when it is yielded; text mode pads each by itself."""
    service = stage_service()
    body = pack(Line(number=3))
    reply = await asgi(service.one_address(), path("Recite"), [("content-type", WEB)], [body])
    assert [event["type"] for event in reply.events] == ["http.response.start", *["http.response.body"] * 4]
    assert [event["more_body"] for event in reply.events[1:]] == [True, True, True, False]
    assert [event["body"] for event in reply.events[1:4]] == [pack(Line(number=number)) for number in range(3)]


async def test_many_streams_share_a_connection() -> None:
    """Calls on one HTTP/2 connection run side by side and do not mix."""

    async def behaviour(request: Any, context: Any) -> AsyncIterator[Any]:
        for number in range(5):
            await asyncio.sleep(0.001 * (request.number % 3))
            yield Line(number=request.number, text=str(number))

    async with playing(Recite=behaviour) as stage, h2_peer(stage.port) as peer:
        streams = [peer.call("Recite", pack(Line(number=number))) for number in range(1, 41)]
        replies = await asyncio.gather(*(stream.reply() for stream in streams))
    for number, reply in zip(itertools.count(1), replies, strict=False):
        assert numbers(reply) == [number] * 5
        assert [message.text for message in reply.messages] == list("01234")

"""Deadlines: what the client allows, what the server allows without one, and what the handler notices."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from doors.peers import (
    DOORS,
    STREAM_DOORS,
    call,
    h2_peer,
    http1,
    json_reply,
    json_request,
    pack,
    web_reply,
    web_request,
)
from doors.stage import Line, Sleeper, eventually, playing

AFTER = 0.1  # seconds in which the handler of an expired call must have been stopped
EXPIRED = (4, "deadline exceeded")


@pytest.mark.alone
@pytest.mark.parametrize("door", DOORS)
async def test_a_sleeping_handler_is_cancelled_at_the_deadline(door: str, logs: list[Any]) -> None:
    """Within 100 ms of the deadline the handler is cancelled, its `finally` has run, and the client knows."""
    sleeper = Sleeper()
    async with playing(Say=sleeper.unary) as stage:
        started = asyncio.get_running_loop().time()
        reply = await call(stage, door, metadata=[("grpc-timeout", "50m")])
    assert (reply.code, reply.message.lower()) == EXPIRED
    assert reply.http_status == (504 if door == "json" else 200)
    await sleeper.ended.wait()
    assert sleeper.how == "cancelled"
    assert 0.04 < sleeper.at - started < 0.05 + AFTER
    # C-core has a timer of its own, which may come first and cancel the call.
    codes = {"DEADLINE_EXCEEDED", "CANCELLED"} if door == "grpcio" else {"DEADLINE_EXCEEDED"}
    await eventually(lambda: bool(logs))
    assert [entry["log_level"] for entry in logs] == ["info"]
    assert logs[0]["code"] in codes


@pytest.mark.parametrize("door", STREAM_DOORS)
async def test_a_stream_ends_at_the_deadline(door: str) -> None:
    """Messages sent before the deadline arrive; then the stream ends with DEADLINE_EXCEEDED."""
    sleeper = Sleeper()
    async with playing(Recite=sleeper.stream) as stage:
        reply = await call(stage, door, "Recite", metadata=[("grpc-timeout", "500m")])
    assert (reply.code, reply.message.lower()) == EXPIRED
    assert [message.number for message in reply.messages] == [1]
    await sleeper.ended.wait()
    assert sleeper.how == "cancelled"


@pytest.mark.parametrize("door", DOORS)
async def test_the_servers_own_timeout_bounds_unary_calls(door: str) -> None:
    """A unary call without a deadline gets the server's."""
    sleeper = Sleeper()
    async with playing(unary_timeout=0.5, Say=sleeper.unary) as stage:
        reply = await call(stage, door)
    assert (reply.code, reply.message) == EXPIRED
    assert sleeper.how == "cancelled"


@pytest.mark.parametrize("door", DOORS)
async def test_the_servers_timeout_bounds_the_clients_deadline(door: str) -> None:
    """A unary call ends after the server's timeout, also if its client allows more time."""

    async def behaviour(request: Any, context: Any) -> Any:
        await asyncio.sleep(5)

    async with playing(unary_timeout=0.05, Say=behaviour) as stage:
        reply = await call(stage, door, metadata=[("grpc-timeout", "100S")])
    assert (reply.code, reply.message) == EXPIRED


@pytest.mark.parametrize("door", STREAM_DOORS)
async def test_the_servers_timeout_does_not_bound_streams(door: str) -> None:
    """A stream without a deadline may last."""

    async def behaviour(request: Any, context: Any) -> AsyncIterator[Any]:
        assert context.time_remaining() is None
        await asyncio.sleep(0.08)
        yield Line(number=7)

    async with playing(unary_timeout=0.03, Recite=behaviour) as stage:
        reply = await call(stage, door, "Recite")
    assert reply.code == 0
    assert [message.number for message in reply.messages] == [7]


@pytest.mark.parametrize("door", DOORS)
async def test_no_time_left_means_no_handler(door: str) -> None:
    """A call that arrives with its time used up never reaches the servicer."""

    async def behaviour(request: Any, context: Any) -> Any:
        raise AssertionError

    async with playing(Say=behaviour) as stage:
        for timeout in ("0S", "0n", "1n"):
            reply = await call(stage, door, metadata=[("grpc-timeout", timeout)])
            assert reply.code == 4


@pytest.mark.parametrize("door", [door for door in DOORS if door != "grpcio"])
async def test_the_deadline_also_bounds_a_request_that_never_ends(door: str) -> None:
    """A client that does not finish its request is answered at the deadline."""
    async with playing(unary_timeout=0.05) as stage:
        if door == "grpc":
            async with h2_peer(stage.port) as peer:
                reply = await peer.call("Say", b"\0", end=False).reply()
        elif door == "json":
            reply = json_reply(await http1(stage.port, json_request("Say", Line(text="x" * 99))[:-5]))
        else:
            response = await http1(stage.port, web_request(door, "Say", [Line(text="x" * 99)])[:-5])
            reply = web_reply(response, text=door == "web-text")
    assert (reply.code, reply.message) == EXPIRED


@pytest.mark.parametrize("door", [door for door in STREAM_DOORS if door != "grpcio"])
@pytest.mark.parametrize("sent", [0, 3, 40])
async def test_the_one_request_of_a_stream_must_arrive_in_time(door: str, sent: int, logs: list[Any]) -> None:
    """A client that stalls within the request of a response stream is answered after the server's timeout."""
    request = pack(Line(text="x" * 100))
    async with playing(unary_timeout=0.05) as stage:
        if door == "grpc":
            async with h2_peer(stage.port) as peer:
                reply = await peer.call("Recite", request[:sent], end=False).reply()
        else:
            whole = web_request(door, "Recite", [Line(text="x" * 100)])
            response = await http1(stage.port, whole[: len(whole) - len(request) + sent])
            reply = web_reply(response, text=door == "web-text")
    assert (reply.code, reply.message) == EXPIRED
    assert [entry["code"] for entry in logs] == ["DEADLINE_EXCEEDED"]


class Busy:
    """Streams that never wait by themselves; they note how many messages they sent, and how and when they ended."""

    def __init__(self) -> None:
        self.sent = 0
        self.seen: list[str] = []
        self.at = 0.0

    def _end(self, context: Any) -> None:
        self.seen.append("done" if context.done() else "running")
        self.at = asyncio.get_running_loop().time()

    async def generator(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """Yields for ever."""
        try:
            while True:
                self.sent += 1
                yield Line(number=self.sent)
        finally:
            self._end(context)

    async def writer(self, request: Any, context: Any) -> None:
        """Writes for ever."""
        try:
            while True:
                self.sent += 1
                await context.write(Line(number=self.sent))
        finally:
            self._end(context)


@pytest.mark.alone
@pytest.mark.parametrize("door", STREAM_DOORS)
@pytest.mark.parametrize("kind", ["generator", "writer"])
async def test_a_busy_stream_ends_at_the_deadline(door: str, kind: str) -> None:
    """Messages without end stop within 100 ms of the deadline; `finally` has run before the call ended, once."""
    busy = Busy()
    async with playing(Recite=getattr(busy, kind)) as stage:
        started = asyncio.get_running_loop().time()
        reply = await call(stage, door, "Recite", metadata=[("grpc-timeout", "100m")])
        sent = busy.sent
        await asyncio.sleep(0.05)
    assert (reply.code, reply.message.lower()) == EXPIRED
    assert 0.09 < busy.at - started < 0.1 + AFTER
    assert [message.number for message in reply.messages] == list(range(1, len(reply.messages) + 1))
    assert busy.seen == ["running"]
    assert busy.sent == sent >= len(reply.messages) > 10


@pytest.mark.parametrize("door", STREAM_DOORS)
async def test_a_busy_stream_leaves_room_for_others(door: str) -> None:
    """While a stream is sent without pause, other calls are answered, long before it ends."""
    busy = Busy()
    async with playing(Recite=busy.generator) as stage:
        stream = asyncio.ensure_future(call(stage, door, "Recite", metadata=[("grpc-timeout", "2S")]))
        await asyncio.sleep(0.05)
        for other in DOORS:
            assert (await call(stage, other, "Whisper")).code == 16
        assert not stream.done()
        stream.cancel()
        await asyncio.wait([stream])


@pytest.mark.parametrize("unit", ["H", "M", "S", "m", "u", "n"])
async def test_every_unit_of_grpc_timeout_counts(unit: str) -> None:
    """`time_remaining` is what the header says, in each of the six units, also at eight digits."""
    seconds = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}[unit]
    remaining: list[float] = []

    async def behaviour(request: Any, context: Any) -> Any:
        remaining.append(context.time_remaining())
        return request

    async with playing(unary_timeout=1e12, Say=behaviour) as stage:
        for door in ("grpc", "web", "json"):
            assert (await call(stage, door, metadata=[("grpc-timeout", f"99999999{unit}")])).code == 0
    for left in remaining:
        assert 99999999 * seconds - 0.09 < left <= 99999999 * seconds


async def test_a_handler_that_blocks_the_loop_is_late_but_honest() -> None:
    """A handler that does not wait cannot be stopped: its answer is sent, not a second outcome."""

    async def behaviour(request: Any, context: Any) -> Any:
        time.sleep(0.03)  # noqa: ASYNC251 - the mistake itself
        return request

    async with playing(Say=behaviour) as stage:
        for door in ("grpc", "web", "json"):
            reply = await call(stage, door, metadata=[("grpc-timeout", "10m")])
            assert reply.code == 0

"""A client that goes away: its handler is cancelled soon, nobody else notices, and no error is logged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from doors.peers import DOORS, STREAM_DOORS, WEB, call, h2_peer, json_request, pack, web_request
from doors.stage import Engine, Line, Sleeper, Stage, eventually, path, playing
from grpc.aio import insecure_channel

from authsvc.doors.limits import Limits
from authsvc.rpc.status import StatusError

SOON = 0.1  # seconds, of which 0.02 pass before a call's client is watched
TRIES = 3  # a machine that does something else meanwhile may be late once

Leave = Callable[[], Awaitable[None]]


async def _nothing() -> None:
    pass


@asynccontextmanager
async def _socket(stage: Stage, request: bytes) -> AsyncIterator[Leave]:
    """A client of HTTP/1.1 that closes its connection."""
    _, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    writer.write(request)

    async def leave() -> None:
        writer.close()

    try:
        yield leave
    finally:
        writer.close()


@asynccontextmanager
async def _stream(stage: Stage, method: str, *, reset: bool) -> AsyncIterator[Leave]:
    """A client of HTTP/2 that resets its stream, or closes its connection."""
    async with h2_peer(stage.port) as peer:
        stream = peer.call(method, pack(Line()))

        async def leave() -> None:
            if reset:
                stream.cancel()
            else:
                peer._writer.close()

        yield leave


@asynccontextmanager
async def _grpcio(port: int, method: str) -> AsyncIterator[Leave]:
    """A client of grpcio that cancels its call."""
    async with insecure_channel(f"127.0.0.1:{port}") as channel:
        kind: Any = channel.unary_unary if method == "Say" else channel.unary_stream
        running = kind(path(method))(b"")
        reading = asyncio.ensure_future(running if method == "Say" else running.read())

        async def leave() -> None:
            running.cancel()

        try:
            yield leave
        finally:
            await asyncio.gather(reading, return_exceptions=True)


CLIENTS: dict[str, Callable[[Stage, str], Any]] = {
    "json over HTTP/1.1": lambda stage, method: _socket(stage, json_request(method, Line())),
    "web over HTTP/1.1": lambda stage, method: _socket(stage, web_request("web", method, [Line()])),
    "web-text over HTTP/1.1": lambda stage, method: _socket(stage, web_request("web-text", method, [Line()])),
    "stream reset": lambda stage, method: _stream(stage, method, reset=True),
    "HTTP/2 connection closed": lambda stage, method: _stream(stage, method, reset=False),
    "grpcio client": lambda stage, method: _grpcio(stage.port, method),
    "grpcio client and server": lambda stage, method: _grpcio(stage.grpcio_port, method),
}
CASES = [
    (client, method) for client in CLIENTS for method in ("Say", "Recite") if (client[:4], method) != ("json", "Recite")
]


@pytest.mark.parametrize(("client", "method"), CASES)
@pytest.mark.parametrize("after", [0.0, 0.05], ids=["at once", "later"])
async def test_the_handler_is_cancelled_soon(
    client: str, method: str, after: float, logs: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """An idle handler sees CancelledError, unary or streaming; the server goes on, and no error is logged."""
    delays = []
    caplog.set_level(logging.WARNING)
    for _ in range(TRIES):
        sleeper = Sleeper()
        async with playing(Say=sleeper.unary, Recite=sleeper.stream) as stage:
            async with CLIENTS[client](stage, method) as leave:
                async with asyncio.timeout(5):
                    await sleeper.began.wait()
                await asyncio.sleep(after)
                left = asyncio.get_running_loop().time()
                await leave()
                async with asyncio.timeout(5):
                    await sleeper.ended.wait()
            assert sleeper.how == "cancelled"
            for door in STREAM_DOORS:
                assert (await call(stage, door, "Collect", [Line(number=1)])).messages[0].number == 1
        delays.append(sleeper.at - left)
        if delays[-1] < SOON:
            break
    assert min(delays) < SOON
    assert [entry["code"] for entry in logs if entry["method"].endswith(method)] == ["CANCELLED"] * len(delays)
    assert {entry["log_level"] for entry in logs} == {"info"}
    assert caplog.records == []


@pytest.mark.parametrize("method", ["Collect", "Talk"])
@pytest.mark.parametrize("sent", [0, 1, 2])
async def test_a_handler_that_does_not_read_notices_too(method: str, sent: int) -> None:
    """A client that leaves before it has sent everything is noticed although nobody reads from it."""
    sleeper = Sleeper()

    async def unary(requests: Any, context: Any) -> Any:
        await sleeper.sleep()

    async def stream(requests: Any, context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            yield request
            await sleeper.sleep()

    async with playing(Collect=unary, Talk=stream) as stage, h2_peer(stage.port) as peer:
        running = peer.call(method, *[pack(Line())] * sent, end=False)
        if method == "Talk" and not sent:
            running.send(pack(Line()))
        async with asyncio.timeout(5):
            await sleeper.began.wait()
        running.send(b"")
        await asyncio.sleep(0.05)
        running.cancel()
        async with asyncio.timeout(1):
            await sleeper.ended.wait()
    assert sleeper.how == "cancelled"


@pytest.mark.alone
async def test_a_client_that_has_sent_much_is_missed_too() -> None:
    """Behind more of the request than is read ahead, a handler that does not read is cancelled all the same."""
    sleeper = Sleeper()

    async def behaviour(requests: Any, context: Any) -> Any:
        await sleeper.sleep()

    much = [pack(Line(text="x" * 4000))] * 40
    async with playing(limits=Limits(), Collect=behaviour) as stage, h2_peer(stage.port) as peer:
        running = peer.call("Collect", end=False)
        async with asyncio.timeout(5):
            await sleeper.began.wait()
        for message in much:
            if peer.h2.local_flow_control_window(running.id) < len(message):
                break
            running.send(message)
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.1)
        left = asyncio.get_running_loop().time()
        running.cancel()
        async with asyncio.timeout(1):
            await sleeper.ended.wait()
    assert sleeper.how == "cancelled"
    assert sleeper.at - left < SOON


@pytest.mark.parametrize("http", ["zttp", "httptools"])
async def test_a_body_that_takes_too_long_ends_its_call(http: Engine) -> None:
    """Over HTTP/1.1 the deadline of the body ends the handler that does not read it, however much has arrived."""
    sleeper = Sleeper()

    async def behaviour(requests: Any, context: Any) -> Any:
        await sleeper.sleep()

    async with playing(http=http, limits=Limits(body=0.3), Collect=behaviour) as stage:
        _, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        head = f"POST {path('Collect')} HTTP/1.1\r\nhost: a\r\ncontent-type: {WEB}\r\ncontent-length: 900000\r\n\r\n"
        writer.write(head.encode() + pack(Line(text="x" * 4000)) * 60)
        async with asyncio.timeout(2):
            await sleeper.ended.wait()
        writer.close()
    assert sleeper.how == "cancelled"


async def test_callbacks_learn_of_the_cancellation() -> None:
    """A call whose client went away is done and cancelled for its callbacks."""
    sleeper = Sleeper()
    seen: list[tuple[bool, bool]] = []

    async def behaviour(request: Any, context: Any) -> Any:
        context.add_done_callback(lambda call: seen.append((call.done(), call.cancelled())))
        await sleeper.sleep()

    async with playing(Say=behaviour) as stage:
        for client in CLIENTS.values():
            sleeper.began.clear()
            count = len(seen)
            async with client(stage, "Say") as leave:
                await sleeper.began.wait()
                await leave()
                await eventually(lambda count=count: len(seen) > count)  # type: ignore[misc]
    assert seen == [(True, True)] * len(CLIENTS)


@pytest.mark.parametrize("door", [door for door in DOORS if door != "grpcio"])
async def test_leaving_within_the_request_runs_no_handler(
    door: str, logs: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A client that goes while it sends its body costs nothing: no handler, no error, and the server goes on."""
    caplog.set_level(logging.WARNING)

    async def behaviour(request: Any, context: Any) -> Any:
        raise AssertionError

    long = Line(text="x" * 1000)
    async with playing(Say=behaviour) as stage:
        if door == "grpc":
            async with h2_peer(stage.port) as peer:
                stream = peer.call("Say", pack(long)[:500], end=False)
                await asyncio.sleep(0.03)
                stream.cancel()
                await eventually(lambda: bool(logs))
        else:
            request = json_request("Say", long) if door == "json" else web_request(door, "Say", [long])
            async with _socket(stage, request[:-500]) as leave:
                await asyncio.sleep(0.03)
                await leave()
                await eventually(lambda: bool(logs))
        assert [(entry["code"], entry["log_level"]) for entry in logs] == [("CANCELLED", "info")]
        assert (await call(stage, "grpc", "Collect")).code == 0
    assert caplog.records == []


@pytest.mark.alone
@pytest.mark.parametrize("client", [client for client in CLIENTS if not client.startswith("json")])
@pytest.mark.parametrize("kind", ["generator", "writer"])
async def test_a_busy_stream_ends_soon_too(client: str, kind: str, logs: list[Any]) -> None:
    """A handler that sends without waiting is cancelled as soon as any other, and has ended when that is logged."""
    delays: list[float] = []
    ended: list[float] = []

    async def generator(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            while True:
                yield Line(number=1)
        finally:
            ended.append(asyncio.get_running_loop().time())
            assert not logs[len(delays) :]

    async def writer(request: Any, context: Any) -> None:
        try:
            while True:
                await context.write(Line(number=1))
        finally:
            ended.append(asyncio.get_running_loop().time())
            assert not logs[len(delays) :]

    for _ in range(TRIES):
        behaviour = generator if kind == "generator" else writer
        async with playing(Recite=behaviour) as stage, CLIENTS[client](stage, "Recite") as leave:
            await asyncio.sleep(0.05)
            left = asyncio.get_running_loop().time()
            await leave()
            await eventually(lambda: len(logs) > len(delays), 2)
            assert len(ended) == len(logs)
        delays.append(ended[-1] - left)
        if delays[-1] < SOON:
            break
    assert min(delays) < SOON
    assert [entry["code"] for entry in logs] == ["CANCELLED"] * len(delays)


async def test_a_handler_may_finish_its_work_when_cancelled(caplog: pytest.LogCaptureFixture) -> None:
    """What a handler does in answer to its cancellation, even return or raise, reaches nobody and breaks nothing."""
    caplog.set_level(logging.WARNING)
    began, ended = asyncio.Event(), []

    async def behaviour(request: Any, context: Any) -> Any:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
            ended.append(request)
            if len(ended) % 2:
                raise ValueError from None
        return request

    async with playing(Say=behaviour) as stage:
        for client in list(CLIENTS)[:5]:
            for _ in range(2):
                began.clear()
                count = len(ended)
                async with CLIENTS[client](stage, "Say") as leave:
                    await began.wait()
                    await leave()
                    await eventually(lambda count=count: len(ended) > count)  # type: ignore[misc]
        assert (await call(stage, "json", "Whisper")).code == 16
    assert caplog.records == []


async def test_grpcio_stops_reading_a_cancelled_stream() -> None:
    """Behind grpcio a handler that waits for the next request is cancelled when the client cancels."""
    ended = asyncio.Event()

    async def behaviour(requests: Any, context: Any) -> AsyncIterator[Any]:
        try:
            while (request := await context.read()) is not grpc.aio.EOF:
                yield request
        finally:
            ended.set()

    async with playing(Talk=behaviour) as stage:
        for port in (stage.port, stage.grpcio_port):
            ended.clear()
            async with insecure_channel(f"127.0.0.1:{port}") as channel:
                running: Any = channel.stream_stream(path("Talk"))()
                await running.write(Line(number=1).SerializeToString())
                assert Line.FromString(await running.read()).number == 1
                running.cancel()
                async with asyncio.timeout(2):
                    await ended.wait()


@pytest.mark.parametrize("method", ["Collect", "Talk"])
async def test_reading_in_another_task_notices_too(method: str, caplog: pytest.LogCaptureFixture) -> None:
    """A task of the servicer's that reads requests is told that the client has gone, once, and does not spin."""
    caplog.set_level(logging.WARNING)
    how: list[str] = []

    async def read(context: Any) -> None:
        try:
            while await context.read() is not grpc.aio.EOF:
                how.append("request")
        except StatusError as error:
            how.append(error.status.message)

    async def unary(requests: Any, context: Any) -> Any:
        reading = asyncio.ensure_future(read(context))
        try:
            await asyncio.Event().wait()
        finally:
            async with asyncio.timeout(1):
                await reading

    async def stream(requests: Any, context: Any) -> AsyncIterator[Any]:
        yield await unary(requests, context)

    async with playing(Collect=unary, Talk=stream) as stage:
        for _ in range(3):
            async with h2_peer(stage.port) as peer:
                running = peer.call(method, pack(Line()), end=False)
                await eventually(lambda: bool(how))
                running.cancel()
                await eventually(lambda: len(how) > 1)
            assert how == ["request", "the client has gone"]
            how.clear()
        assert (await call(stage, "grpc", "Say")).code == 0
    assert caplog.records == []

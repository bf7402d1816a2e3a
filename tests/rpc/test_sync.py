"""Servicers made of plain functions, on threads: what they find, what they may do, and what becomes of them."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from doors.peers import DOORS, STREAM_DOORS, call, h2_peer, pack
from doors.stage import TOKEN, Line, eventually, path, playing
from grpc.aio import insecure_channel
from rpc.outcomes import assert_internal, through_all

NOT_FOUND = grpc.StatusCode.NOT_FOUND
DOUBLE_DOORS = ("grpc", "grpcio")


def echo(request: Any, context: Any) -> Any:
    """One request, one response."""
    return request


def count(request: Any, context: Any) -> Iterator[Any]:
    """A generator."""
    for number in range(request.number):
        yield Line(number=number)


def add(requests: Iterator[Any], context: Any) -> Any:
    """A request stream, used up by a loop."""
    return Line(number=sum(request.number for request in requests))


def parrot(requests: Iterator[Any], context: Any) -> Iterator[Any]:
    """A stream in both directions."""
    yield from requests


PLAIN: dict[str, Any] = {"Say": echo, "Whisper": echo, "Recite": count, "Collect": add, "Talk": parrot}


def numbers(reply: Any) -> list[int]:
    """The numbers in the messages."""
    return [message.number for message in reply.messages]


@pytest.mark.parametrize("door", STREAM_DOORS)
async def test_plain_functions_serve_all_four_kinds(door: str) -> None:
    """Functions, generators and request iterators do what coroutines and asynchronous generators do."""
    async with playing(**PLAIN) as stage:
        assert numbers(await call(stage, door, "Say", [Line(number=5)])) == [5]
        assert numbers(await call(stage, door, "Recite", [Line(number=4)])) == [0, 1, 2, 3]
        three = [Line(number=number) for number in (1, 2, 3)]
        assert numbers(await call(stage, door, "Collect", three)) == [6]
        assert numbers(await call(stage, door, "Talk", three)) == [1, 2, 3]


@pytest.mark.parametrize("door", DOORS)
async def test_the_caller_is_known_to_plain_functions(door: str) -> None:
    """A guarded method behaves as ever: without a token it is not reached, with one it knows its caller."""

    def behaviour(request: Any, context: Any) -> Any:
        return Line(text=f"{context.caller.preferred_language} {context.languages()[0]}")

    async with playing(Whisper=behaviour) as stage:
        assert (await call(stage, door, "Whisper")).code == 16
        reply = await call(stage, door, "Whisper", metadata=[("authorization", f"Bearer {TOKEN}")])
    assert reply.messages[0].text == "de-CH de-CH"


async def test_a_response_stream_may_be_any_iterable() -> None:
    """A function may return a list, an iterator, or an object that iterates."""
    for made in ([Line(number=1)], iter([Line(number=1)]), (Line(number=n) for n in (1,)), SimpleIterable()):
        async with playing(Recite=lambda request, context, made=made: made) as stage:
            assert numbers(await call(stage, "grpc", "Recite")) == [1]


class SimpleIterable:
    """Has `__iter__` only."""

    def __iter__(self) -> Iterator[Any]:
        return iter([Line(number=1)])


@pytest.mark.parametrize("door", DOUBLE_DOORS)
async def test_both_sides_may_talk_in_turn(door: str) -> None:
    """Each response leaves before the next request arrives."""
    async with playing(**PLAIN) as stage, h2_peer(stage.port if door == "grpc" else stage.grpcio_port) as peer:
        talk = peer.call("Talk", end=False)
        for number in range(4):
            talk.send(pack(Line(number=number)))
            frames = await talk.frames(number + 1)
            assert Line.FromString(frames[-1][1]).number == number
        talk.send(b"", end=True)
        assert numbers(await talk.reply()) == [0, 1, 2, 3]


async def test_requests_may_be_read_on_another_thread() -> None:
    """A servicer that reads on a thread of its own can send meanwhile, as many do."""

    def behaviour(requests: Iterator[Any], context: Any) -> Iterator[Any]:
        seen: list[int] = []
        reader = threading.Thread(target=lambda: seen.extend(request.number for request in requests))
        reader.start()
        yield Line(number=-1)
        reader.join(5)
        yield from (Line(number=number) for number in seen)

    async with playing(Talk=behaviour) as stage, h2_peer(stage.port) as peer:
        talk = peer.call("Talk", end=False)
        assert Line.FromString((await talk.frames(1))[0][1]).number == -1
        talk.send(pack(Line(number=1)) + pack(Line(number=2)), end=True)
        assert numbers(await talk.reply()) == [-1, 1, 2]


async def test_context_variables_go_along() -> None:
    """What is set for the call's task is seen on its threads, and stays from message to message."""
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)

    def behaviour(request: Any, context: Any) -> Iterator[Any]:
        for _ in range(3):
            variable.set(variable.get() + 1)
            yield Line(number=variable.get())

    variable.set(10)
    async with playing(Recite=behaviour) as stage:
        for _ in range(2):
            assert numbers(await call(stage, "grpcio", "Recite")) == [11, 12, 13]
    assert variable.get() == 10


@pytest.mark.alone
async def test_nothing_of_it_runs_on_the_loop() -> None:
    """A function that blocks holds up no other call; many run at once, up to the size of the pool."""
    running, most = 0, 0
    lock = threading.Lock()

    def behaviour(request: Any, context: Any) -> Any:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.05)
        with lock:
            running -= 1
        return request

    async with playing(threads=4, Say=behaviour) as stage, h2_peer(stage.port) as peer:
        slow = [peer.call("Say", pack(Line())) for _ in range(8)]
        started = asyncio.get_running_loop().time()
        await peer.call("Collect", pack(Line())).reply()
        assert asyncio.get_running_loop().time() - started < 0.05
        assert [(await one.reply()).code for one in slow] == [0] * 8
    assert most == 4


async def test_a_call_that_gets_no_thread_ends_at_its_deadline() -> None:
    """While every thread is busy calls wait; one whose time is over meanwhile never reaches the servicer."""
    go_on = threading.Event()
    seen: list[str] = []

    def behaviour(request: Any, context: Any) -> Any:
        seen.append(request.text)
        go_on.wait(5)
        return request

    async with playing(threads=1, Say=behaviour) as stage, h2_peer(stage.port) as peer:
        first = peer.call("Say", pack(Line(text="first")))
        await eventually(lambda: bool(seen))
        late = peer.call("Say", pack(Line(text="late")), metadata=[("grpc-timeout", "50m")])
        assert (await late.reply()).code == 4
        go_on.set()
        assert (await first.reply()).code == 0
        assert (await peer.call("Say", pack(Line(text="last"))).reply()).code == 0
    assert seen == ["first", "last"]


async def test_the_context_blocks_where_it_must() -> None:
    """Initial metadata arrives before the function goes on; all else of the context works as in a coroutine."""
    go_on = threading.Event()

    def behaviour(request: Any, context: Any) -> Any:
        assert isinstance(context, grpc.ServicerContext)
        context.send_initial_metadata((("x-a", "1"),))
        assert go_on.wait(5)
        context.set_trailing_metadata((("x-b", "2"),))
        assert context.trailing_metadata() == (("x-b", "2"),)
        return Line(text=f"{9 < context.time_remaining() <= 10} {context.is_active()} {context.peer()[:15]}")

    async with playing(Say=behaviour) as stage, h2_peer(stage.port) as peer:
        running = peer.call("Say", pack(Line()), metadata=[("grpc-timeout", "10S")])
        await eventually(lambda: ("x-a", "1") in running.headers, 2)
        go_on.set()
        reply = await running.reply()
    assert reply.messages[0].text == "True True ipv4:127.0.0.1:"
    assert reply.values("x-b") == ["2"]


def _raise(request: Any, context: Any) -> Any:
    raise ValueError("secret")


def _raise_late(request: Any, context: Any) -> Iterator[Any]:
    yield Line(number=1)
    raise ValueError("secret")


def _stop_iteration(request: Any, context: Any) -> Any:
    return next(iter(()))


def _nothing(request: Any, context: Any) -> None:
    return None


def _wrong(request: Any, context: Any) -> Any:
    return ["text"]


@pytest.mark.parametrize("behaviour", [_raise, _stop_iteration, _nothing, _wrong])
async def test_failures_are_internal(behaviour: Any, logs: list[Any]) -> None:
    """What a function raises, or returns in error, ends INTERNAL with an id, and the traceback is logged."""
    async with playing(Say=behaviour, Recite=behaviour) as stage:
        replies = list((await through_all(stage, "Say")).items()) + list((await through_all(stage, "Recite")).items())
    for door, reply in replies:
        assert_internal(door, reply)
        assert b"secret" not in reply.raw
    failures = [entry for entry in logs if entry["event"] == "call failed"]
    assert len(failures) == len(DOORS) + len(STREAM_DOORS)
    if behaviour is _raise:
        assert all("in _raise" in entry["exception"] for entry in failures)


@pytest.mark.parametrize("door", STREAM_DOORS)
async def test_what_was_sent_before_a_failure_arrives(door: str) -> None:
    """A generator that fails in the middle ends the stream, and does not take back what it has yielded."""
    async with playing(Recite=_raise_late) as stage:
        reply = await call(stage, door, "Recite")
    assert (reply.code, numbers(reply)) == (13, [1])


async def test_chosen_statuses_count() -> None:
    """`abort`, `set_code` and `cancel` end the call as they say, for single answers and for streams."""

    def abort(request: Any, context: Any) -> Any:
        context.abort(NOT_FOUND, "gone")

    def choose(request: Any, context: Any) -> Any:
        context.set_code(NOT_FOUND)
        context.set_details("gone")
        return []

    def cancel(request: Any, context: Any) -> Any:
        assert context.cancel()
        time.sleep(0.05)
        assert not context.cancel()
        return []

    for behaviour, ending in (
        (abort, (5, "gone")),
        (choose, (5, "gone")),
        (cancel, (1, "the server cancelled the call")),
    ):
        async with playing(Say=behaviour, Recite=behaviour) as stage:
            for method in ("Say", "Recite"):
                for door, reply in (await through_all(stage, method)).items():
                    assert (reply.code, reply.message) == ending, (door, method)


async def test_callbacks_run_when_the_call_is_over() -> None:
    """A callback is called once, without arguments, when the call is no longer active; after that none is taken."""
    seen: list[bool] = []
    kept: list[Any] = []

    def behaviour(request: Any, context: Any) -> Any:
        kept.append(context)
        assert context.add_callback(lambda: seen.append(context.is_active())) is True
        return request

    async with playing(Say=behaviour) as stage:
        for number, door in enumerate(DOORS, start=1):
            assert (await call(stage, door)).code == 0
            await eventually(lambda number=number: len(seen) == number)  # type: ignore[misc]
    assert seen == [False] * len(DOORS)
    assert not any(context.add_callback(print) for context in kept)


class Slow:
    """A generator that is closed, and notes on which message and whether its call was still active."""

    def __init__(self, pause: float) -> None:
        self.pause = pause
        self.sent = 0
        self.active: list[bool] = []
        self.closed = threading.Event()
        self.kept: Any = None
        self.on = ""

    def serve(self, request: Any, context: Any) -> Any:
        """A function that returns the generator, and keeps it from being closed for want of references."""
        self.kept = self.stream(request, context)
        return self.kept

    def stream(self, request: Any, context: Any) -> Iterator[Any]:
        """The generator function."""
        try:
            while True:
                self.sent += 1
                yield Line(number=self.sent)
                time.sleep(self.pause)
        finally:
            self.active.append(context.is_active())
            self.on = threading.current_thread().name
            self.closed.set()


@pytest.mark.alone
@pytest.mark.parametrize("door", STREAM_DOORS)
@pytest.mark.parametrize("pause", [0, 0.02], ids=["busy", "pausing"])
async def test_a_generator_is_closed_at_the_deadline(door: str, pause: float) -> None:
    """The client hears at the deadline; the generator is closed the next time it could go on, and sends no more."""
    slow = Slow(pause)
    async with playing(Recite=slow.serve) as stage:
        started = asyncio.get_running_loop().time()
        reply = await call(stage, door, "Recite", metadata=[("grpc-timeout", "100m")])
        assert 0.09 < asyncio.get_running_loop().time() - started < 0.3
        assert reply.code == 4
        assert await asyncio.to_thread(slow.closed.wait, 1)
        sent = slow.sent
        await asyncio.sleep(0.05)
    assert slow.sent == sent
    assert slow.active == [False]
    assert slow.on.startswith("servicer")


@pytest.mark.parametrize("door", DOUBLE_DOORS)
@pytest.mark.parametrize("pause", [0, 0.02], ids=["busy", "pausing"])
async def test_a_generator_is_closed_when_the_client_goes(door: str, pause: float, logs: list[Any]) -> None:
    """Nobody is sent anything after the client has left."""
    slow = Slow(pause)
    async with playing(Recite=slow.serve) as stage:
        port = stage.port if door == "grpc" else stage.grpcio_port
        async with insecure_channel(f"127.0.0.1:{port}") as channel:
            recite: Any = channel.unary_stream(path("Recite"))
            running = recite(b"")
            await running.read()
            running.cancel()
            assert await asyncio.to_thread(slow.closed.wait, 1)
    assert [entry["code"] for entry in logs] == ["CANCELLED"]


async def test_the_client_sets_the_pace() -> None:
    """A generator is not run ahead of a client that takes nothing."""
    slow = Slow(0)

    def behaviour(request: Any, context: Any) -> Iterator[Any]:
        for line in slow.stream(request, context):
            yield Line(text="x" * 60_000, number=line.number)

    async with playing(Recite=behaviour) as stage, insecure_channel(f"127.0.0.1:{stage.grpcio_port}") as channel:
        recite: Any = channel.unary_stream(path("Recite"))
        running = recite(b"")
        await running.read()
        sent = 0
        async with asyncio.timeout(5):
            while slow.sent > sent:
                sent = slow.sent
                await asyncio.sleep(0.2)
        assert sent < 200
        running.cancel()
        assert await asyncio.to_thread(slow.closed.wait, 1)


@pytest.mark.parametrize("how", ["deadline", "gone"])
@pytest.mark.parametrize("door", DOUBLE_DOORS)
async def test_a_thread_that_waits_for_requests_is_released(door: str, how: str) -> None:
    """When the call ends, a request iterator raises where it waits, so that no thread is lost."""
    released: list[str] = []
    ended = threading.Event()

    def behaviour(requests: Iterator[Any], context: Any) -> Any:
        try:
            released.append(f"got {next(requests).number}")
            released.append(f"got {next(requests).number}")
        except grpc.RpcError as error:
            released.append(str(error))
            with pytest.raises(grpc.RpcError):
                context.send_initial_metadata(())
            raise
        finally:
            ended.set()

    async with playing(threads=1, Collect=behaviour) as stage:
        port = stage.port if door == "grpc" else stage.grpcio_port
        async with insecure_channel(f"127.0.0.1:{port}") as channel:
            collect: Any = channel.stream_unary(path("Collect"))
            running = collect(timeout=0.5 if how == "deadline" else None)
            await running.write(Line(number=1).SerializeToString())
            await eventually(lambda: bool(released))
            if how == "gone":
                running.cancel()
            assert await asyncio.to_thread(ended.wait, 1)
    assert released[0] == "got 1"
    assert released[1:] == ["the call is over"]


async def test_a_function_that_cannot_be_stopped_hurts_nobody() -> None:
    """The client hears at the deadline; what the thread then does with its call reaches nobody."""
    go_on = threading.Event()
    doors = ["grpc", "grpcio", "web", "json"]
    outcomes: list[list[str]] = []

    def behaviour(request: Any, context: Any) -> Any:
        go_on.wait(10)
        context.set_code(NOT_FOUND)
        context.set_trailing_metadata((("x-late", "1"),))
        refused = []
        for late, argument in ((context.send_initial_metadata, ()), (context.abort, NOT_FOUND)):
            try:
                late(argument)
            except Exception as error:  # noqa: BLE001 - what it is does not matter
                refused.append(type(error).__name__)
        outcomes.append(refused)
        return request

    async with playing(Say=behaviour) as stage:
        deadline = [("grpc-timeout", "1S")]
        for reply in await asyncio.gather(*(call(stage, door, metadata=deadline) for door in doors)):
            assert reply.code == 4
            assert reply.values("x-late") == []
        go_on.set()
        await eventually(lambda: len(outcomes) == len(doors))
        for door in doors:
            assert (await call(stage, door, "Whisper" if door == "json" else "Collect")).code in {0, 16}
    assert outcomes == [["CallOver", "StatusError"]] * len(doors)


# The base class that grpc_tools generates for a service.


class Generated:
    """What it generates for every method."""

    def unimplemented(self, request: Any, context: Any) -> Any:
        """Not implemented."""
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        context.set_details("Method not implemented!")
        raise NotImplementedError("Method not implemented!")


GENERATED = Generated()


async def _unimplemented(request: Any, context: Any) -> Any:
    GENERATED.unimplemented(request, context)


@pytest.mark.parametrize("behaviour", [GENERATED.unimplemented, _unimplemented], ids=["sync", "async"])
async def test_what_is_not_implemented_says_so(behaviour: Any, logs: list[Any]) -> None:
    """The generated base class answers UNIMPLEMENTED for all four kinds, and that is no failure for the log."""
    async with playing(**dict.fromkeys(PLAIN, behaviour)) as stage:
        for method in ("Say", "Recite", "Collect", "Talk"):
            for door, reply in (await through_all(stage, method)).items():
                assert (reply.code, reply.message) == (12, "Method not implemented!"), (door, method)
                assert reply.messages == []
    assert {(entry["event"], entry["log_level"], entry["code"]) for entry in logs} == {
        ("call", "info", "UNIMPLEMENTED")
    }


async def test_a_status_chosen_before_a_failure_counts(logs: list[Any]) -> None:
    """As in grpc.aio a failure ends with the code that was set before it; the traceback is logged all the same."""

    def behaviour(request: Any, context: Any) -> Any:
        context.set_code(NOT_FOUND)
        context.set_details("gone")
        raise LookupError("secret")

    async with playing(Say=behaviour) as stage:
        for door, reply in (await through_all(stage)).items():
            assert (reply.code, reply.message) == (5, "gone"), door
            assert b"secret" not in reply.raw
    assert [entry["event"] for entry in logs] == ["call failed", "call"] * len(DOORS)

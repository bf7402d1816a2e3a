"""How many calls run at once, and what becomes of those beyond."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from doors.peers import DOORS, Reply, call, h2_peer, pack
from doors.stage import TOKEN, Line, Sleeper, eventually, playing
from google.rpc.error_details_pb2 import RetryInfo
from rpc.outcomes import through_all

BEARER = [("authorization", f"Bearer {TOKEN}")]


def assert_refused(door: str, reply: Reply) -> None:
    """The reply says that there is no room, and when to come again."""
    assert (reply.code, reply.message) == (8, "too many calls at once"), door
    detail = RetryInfo()
    assert [any_.Unpack(detail) for any_ in reply.status.details] == [True]
    assert detail.retry_delay.seconds == 1
    assert reply.http_status == (429 if door == "json" else 200)
    if door != "json":
        assert reply.values("retry-after") == ["1"]


@pytest.mark.parametrize("door", DOORS)
async def test_calls_beyond_the_limit_end_at_once(door: str, logs: list[Any]) -> None:
    """With every place taken a call is refused before anything of it is read, and logged like any other."""
    sleeper = Sleeper()
    async with playing(max_calls=2, Say=sleeper.unary) as stage, h2_peer(stage.port) as peer:
        for _ in range(2):
            peer.call("Say", pack(Line()))
        await eventually(sleeper.began.is_set)
        assert_refused(
            door, await call(stage, door, metadata=[("x-bad-bin", "*"), ("grpc-encoding", "br")][: door != "grpcio"])
        )
        assert [entry["code"] for entry in logs] == ["RESOURCE_EXHAUSTED"]
        assert logs[0]["method"] == "stage.v1.Stage/Say"


async def test_nothing_is_read_of_a_refused_call() -> None:
    """A call without a place is answered while its request still arrives."""
    sleeper = Sleeper()
    async with playing(max_calls=1, Recite=sleeper.stream) as stage, h2_peer(stage.port) as peer:
        peer.call("Recite", pack(Line()))
        await eventually(sleeper.began.is_set)
        for method in ("Say", "Recite", "Collect", "Talk"):
            assert_refused("grpc", await peer.call(method, end=False).reply())


async def test_public_calls_are_counted_apart() -> None:
    """Guarded calls in plenty leave room for public ones, such as health, and the other way round."""
    guarded, public = Sleeper(), Sleeper()
    async with playing(max_calls=1, Whisper=guarded.unary, Recite=public.stream) as stage, h2_peer(stage.port) as peer:
        peer.call("Whisper", pack(Line()), metadata=BEARER)
        await eventually(guarded.began.is_set)
        for door, reply in (await through_all(stage, "Say")).items():
            assert reply.code == 0, door
        for door, reply in (await through_all(stage, "Whisper", metadata=BEARER)).items():
            assert_refused(door, reply)
        peer.call("Recite", pack(Line()))
        await eventually(public.began.is_set)
        assert_refused("grpc", await peer.call("Say", pack(Line())).reply())


async def _fail(request: Any, context: Any) -> Any:
    raise ValueError


async def _forever(request: Any, context: Any) -> Any:
    await asyncio.Event().wait()


async def _fail_late(request: Any, context: Any) -> AsyncIterator[Any]:
    yield Line()
    raise ValueError


def _sync(request: Any, context: Any) -> Any:
    return request


@pytest.mark.parametrize("behaviour", [_fail, _forever, _sync])
async def test_every_ending_frees_its_place(behaviour: Any) -> None:
    """One place is enough for calls one after another, however each of them ends."""
    async with playing(max_calls=1, unary_timeout=0.02, Say=behaviour, Recite=_fail_late) as stage:
        for door in DOORS:
            for _ in range(2):
                assert (await call(stage, door, "Say")).code == {_fail: 13, _forever: 4, _sync: 0}[behaviour]
            for headers in ([("x-bad-bin", "*")], [("grpc-timeout", "0n")]):
                if door not in {"json", "grpcio"}:
                    assert (await call(stage, door, "Say", metadata=headers)).code in {4, 13}
        for door in DOORS[:-1]:
            assert (await call(stage, door, "Recite")).code == 13
            assert (await call(stage, door, "Collect")).code == 0


async def test_a_client_that_leaves_frees_its_place(logs: list[Any]) -> None:
    """A cancelled call gives its place back."""
    async with playing(max_calls=1, Say=_forever) as stage:
        for _ in range(3):
            async with h2_peer(stage.port) as peer:
                running = peer.call("Say", pack(Line()))
                await asyncio.sleep(0.05)
                assert_refused("grpc", await peer.call("Collect", pack(Line())).reply())
                count = len(logs)
                running.cancel()
                await eventually(lambda count=count: len(logs) > count)  # type: ignore[misc]
                assert (await peer.call("Collect", pack(Line())).reply()).code == 0

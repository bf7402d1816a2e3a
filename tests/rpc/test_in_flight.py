"""Which calls are counted as being in flight, and until when."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from doors.peers import DOORS, STREAM_DOORS, Headers, call, h2_peer, pack
from doors.stage import KEY, TOKEN, Line, Sleeper, Tokens, eventually, playing

from authsvc.telemetry.gauges import Kind

BEARER: Headers = [("authorization", f"Bearer {TOKEN}")]
NOTHING = [0] * len(Kind)
HELD = [
    (Kind.USERS, "Whisper", BEARER),
    (Kind.KEYS, "Announce", [("authorization", f"Bearer {KEY}")]),
    (Kind.PUBLIC, "Say", []),
    (Kind.STREAMS, "Collect", []),
]


class Held:
    """Behaviours that wait until they are let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def unary(self, request: Any, context: Any) -> Any:
        """As the behaviour of a method with one answer."""
        await self.go.wait()
        return Line()


def counted(kind: Kind, count: int) -> list[int]:
    """The counts when so many calls of one kind are in flight, and no other."""
    return [count if each is kind else 0 for each in Kind]


@pytest.mark.parametrize(("kind", "method", "metadata"), HELD, ids=[kind.name for kind, *_ in HELD])
async def test_calls_count_until_they_end(kind: Kind, method: str, metadata: Headers) -> None:
    """A call by any door counts as one of its kind while its servicer waits, and no more when it has ended."""
    held, counts = Held(), list(NOTHING)
    behaviours: dict[str, Any] = {method: held.unary}
    async with playing(in_flight=counts, **behaviours) as stage:
        doors = STREAM_DOORS if kind is Kind.STREAMS else DOORS
        calls = [asyncio.create_task(call(stage, door, method, metadata=metadata)) for door in doors]
        await eventually(lambda: sum(counts) == len(doors))
        assert counts == counted(kind, len(doors))
        held.go.set()
        assert [reply.code for reply in await asyncio.gather(*calls)] == [0] * len(doors)
        assert counts == NOTHING


async def test_who_waits_to_be_known_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call whose caller is still being looked up is in flight: that is what a slow database delays first."""
    go, counts, look_up = asyncio.Event(), list(NOTHING), Tokens.token

    async def slow(self: Tokens, *given: Any) -> Any:
        await go.wait()
        return await look_up(self, *given)

    monkeypatch.setattr(Tokens, "token", slow)
    async with playing(in_flight=counts) as stage:
        waiting = asyncio.create_task(call(stage, "grpc", "Whisper", metadata=BEARER))
        await eventually(lambda: counts == counted(Kind.USERS, 1))
        go.set()
        assert (await waiting).code == 0
        assert counts == NOTHING


async def test_a_request_that_still_arrives_counts() -> None:
    """A call whose request is not there yet is in flight, and no more when its client gives up."""
    counts = list(NOTHING)
    async with playing(in_flight=counts) as stage:
        async with h2_peer(stage.port) as peer:
            for method in ("Whisper", "Say"):
                peer.call(method, end=False)
            await eventually(lambda: counts == [1, 0, 1, 0])
        await eventually(lambda: counts == NOTHING)


async def test_a_call_that_is_cut_off_counts_no_more() -> None:
    """A call that ends by its deadline, or by a failure after it has waited, is taken off."""
    counts, sleeper = list(NOTHING), Sleeper()

    async def fail(request: Any, context: Any) -> Any:
        await asyncio.sleep(0)
        raise ValueError

    behaviours: dict[str, Any] = {"Say": sleeper.unary, "Paint": fail}
    async with playing(unary_timeout=0.5, in_flight=counts, **behaviours) as stage, h2_peer(stage.port) as peer:
        late = peer.call("Say", pack(Line()))
        await eventually(lambda: counts == counted(Kind.PUBLIC, 1))
        assert (await late.reply()).code == 4
        assert (await peer.call("Paint", pack(Line())).reply()).code == 13
        assert counts == NOTHING

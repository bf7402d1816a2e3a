"""Which protocol a connection speaks, how many there are, and the clock they share; also on the loop of production."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
import uvloop
from doors.engine import test_http1, test_http2, test_stream, test_wire
from doors.engine.hand import hand, plain
from doors.peers import http1, http1_request
from doors.stage import Engine, Line, eventually, playing

from authsvc.doors.engine import engine
from authsvc.doors.limits import Limits

SHORT = 0.08  # seconds
GET = b"GET /debug/healthz HTTP/1.1\r\nhost: a\r\n\r\n"


async def test_a_target_may_be_a_whole_url(http: str) -> None:
    """A request that names its target as for a proxy gets the path's answer (RFC 9112, section 3.2.2)."""
    async with playing(http=cast("Engine", http)) as stage:
        request = http1_request("GET", "http://localhost/debug/healthz")
        assert (await http1(stage.port, request)).status == 200


@pytest.mark.parametrize("tls", [False, True])
async def test_connections_beyond_the_limit_are_closed(http: str, certificate: Any, *, tls: bool) -> None:
    """A connection too many ends at once; when another has gone, there is room again."""
    files = certificate if tls else None
    async with playing(http=cast("Engine", http), tls=files, limits=Limits(connections=2)) as stage:
        async with plain(stage.port, GET, tls=tls) as first, plain(stage.port, GET, tls=tls) as second:
            assert b"200 OK" in await first.answer()
            assert b"200 OK" in await second.answer()
            async with plain(stage.port, GET, tls=tls) as third:
                assert b"200 OK" not in await third.rest()
        await asyncio.sleep(0.05)
        async with plain(stage.port, GET, tls=tls) as fourth:
            assert b"200 OK" in await fourth.answer()


@pytest.mark.parametrize("tls", [False, True])
async def test_connections_that_come_together_are_counted(http: str, certificate: Any, *, tls: bool) -> None:
    """Of connections that all arrive before one is made no more are served than are allowed."""
    files = certificate if tls else None

    async def ask(port: int, done: asyncio.Event) -> bytes:
        try:
            async with plain(port, GET, tls=tls) as peer:
                answer = await peer.answer()
                await done.wait()
                return answer
        except (OSError, EOFError):
            return b""

    async with playing(http=cast("Engine", http), tls=files, limits=Limits(connections=2)) as stage:
        done = asyncio.Event()
        asked = [asyncio.ensure_future(ask(stage.port, done)) for _ in range(8)]
        await eventually(lambda: sum(map(asyncio.Future.done, asked)) >= 6)
        await asyncio.sleep(SHORT)
        assert sum(map(asyncio.Future.done, asked)) == 6
        done.set()
        assert sum(b"200 OK" in answer for answer in await asyncio.gather(*asked)) == 2


async def test_a_handshake_has_to_arrive(http: str, certificate: Any) -> None:
    """Who does not finish its TLS handshake in the time for a head is cut off."""
    async with playing(http=cast("Engine", http), tls=certificate, limits=Limits(head=3 * SHORT)) as stage:
        async with plain(stage.port) as peer:
            assert await peer.rest(2) in {b"", b" (reset)"}
        async with plain(stage.port, b"\x16\x03\x01") as peer:
            assert await peer.rest(2) in {b"", b" (reset)"}


async def test_one_bad_connection_does_not_stop_the_clock(
    connections: list[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A connection whose look fails is cut and told of; the others are looked at."""

    def fail(now: float) -> None:
        raise RuntimeError("broken")

    async with playing(limits=Limits(idle=2 * SHORT)) as stage:
        for _ in range(4):
            async with plain(stage.port, GET) as bad, plain(stage.port, GET) as good:
                await asyncio.gather(bad.answer(), good.answer())
                monkeypatch.setattr(connections[-1], "sweep", fail)
                assert await bad.rest(2) == b""
                assert await good.rest(2) == b""
                assert [record.exc_info is not None for record in caplog.records] == [True]
                caplog.clear()


@pytest.mark.parametrize("field", ["head", "body", "stall", "idle", "age", "grace"])
async def test_the_clock_does_not_spin(monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    """However short a limit is, there are at most 100 looks a second."""
    looks = 0
    sweep = engine.Engine._sweep

    def counted(self: Any, *more: Any) -> None:
        nonlocal looks
        looks += 1
        sweep(self, *more)

    monkeypatch.setattr(engine.Engine, "_sweep", counted)
    async with playing(limits=Limits(**cast("Any", {field: 0.0001}))) as stage, plain(stage.port):
        began, before = asyncio.get_running_loop().time(), looks
        await asyncio.sleep(0.2)
        await eventually(lambda: looks > 2)
        took, seen = asyncio.get_running_loop().time() - began, looks - before
    assert seen <= 100 * took + 1


async def test_a_slow_preface() -> None:
    """A preface of HTTP/2 may come in pieces, after a rest, but has to come."""
    limits = Limits(head=2 * SHORT)
    async with playing(limits=limits) as stage:
        async with plain(stage.port) as peer:
            await asyncio.sleep(3 * SHORT)
            peer.writer.write(b"PRI * HTTP/2.0")
            await asyncio.sleep(SHORT / 4)
            peer.writer.write(b"\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
            assert await asyncio.wait_for(peer.reader.readexactly(4), 2)
        async with plain(stage.port, b"PRI *") as peer:
            assert await peer.rest(2) == b""


async def test_the_protocol_is_found_out(certificate: Any) -> None:
    """By TLS it is negotiated, without it the first bytes tell."""
    for tls in (False, True):
        async with playing(tls=certificate if tls else None) as stage:
            async with plain(stage.port, GET, tls=tls) as peer:
                assert b"HTTP/1.1 200" in await peer.answer()
            async with hand(stage.port, tls=tls) as two:
                two.call(1, "Say", Line())
                assert (await two.over(1))["grpc-status"] == "0"


ON_UVLOOP: dict[str, Callable[[Any], Awaitable[None]]] = {
    "head": lambda _: test_http1.test_a_head_has_to_arrive("zttp", bytewise=False),
    "head, httptools": lambda _: test_http1.test_a_head_has_to_arrive("httptools", bytewise=True),
    "refused by TLS": lambda files: test_http1.test_who_is_refused_can_read_why("zttp", 405, files, tls=True),
    "refused for good": lambda _: test_http1.test_a_refused_client_has_to_stop("httptools"),
    "takes nothing": lambda _: test_http1.test_who_takes_nothing_is_cut_off("zttp", "stall"),
    "read ahead": lambda _: test_http1.test_few_requests_are_read_ahead("zttp"),
    "slow reader": lambda _: test_wire.test_a_slow_reader_gets_everything("zttp"),
    "retired": lambda _: test_http2.test_an_old_connection_is_retired(None, tls=False),
    "handshake": lambda files: test_a_handshake_has_to_arrive("zttp", files),
    "together": lambda files: test_connections_that_come_together_are_counted("zttp", files, tls=False),
    "together by TLS": lambda files: test_connections_that_come_together_are_counted("httptools", files, tls=True),
    "retired by TLS": lambda files: test_http2.test_an_old_connection_is_retired(files, tls=True),
    "flood": lambda _: test_http2.test_a_flood_is_cut_off("ping"),
    "broken rule by TLS": lambda files: test_http2.test_a_broken_rule_ends_the_calls(files, tls=True),
    "closed window by TLS": lambda files: test_stream.test_a_closed_window_makes_the_handler_wait(files, tls=True),
    "upload": lambda _: test_stream.test_a_large_upload_arrives(None, tls=False),
}


@pytest.mark.parametrize("name", ON_UVLOOP)
def test_on_uvloop(certificate: Any, name: str) -> None:
    """What holds on the loop of the tests holds on that of the workers."""

    async def body() -> None:
        async with asyncio.timeout(10):
            await ON_UVLOOP[name](certificate)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(body())

"""Compressed responses: only where the servicer asks for them and the client takes them."""

from __future__ import annotations

import base64
import zlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from doors.peers import Headers, Response, h2_peer, http1, json_request, unpack, web_request
from doors.stage import Line, Stage, playing
from rpc.outcomes import assert_internal, through_all

LONG = "long " * 100
GZIP, DEFLATE, NONE = grpc.Compression.Gzip, grpc.Compression.Deflate, grpc.Compression.NoCompression
WINDOWS = {"gzip": 31, "deflate": 15}
DOORS = ("grpc", "grpcio", "web", "web-text")
ASGI_DOORS = ("grpc", "web", "web-text")


async def exchange(
    stage: Stage, door: str, method: str, accepts: Headers
) -> tuple[str | None, list[tuple[int, bytes]]]:
    """Call a method: the response's `grpc-encoding`, and its frames as they came, without those of trailers."""
    if door in {"grpc", "grpcio"}:
        async with h2_peer(stage.port if door == "grpc" else stage.grpcio_port) as peer:
            stream = peer.call(method, b"\0\0\0\0\0", metadata=accepts)
            await stream.over.wait()
            assert dict(stream.trailers)["grpc-status"] == "0"
            return dict(stream.headers).get("grpc-encoding"), unpack(bytes(stream.data))
    response = await http1(stage.port, web_request(door, method, [Line()], accepts))
    body = b"".join(map(base64.b64decode, _pieces(response.body))) if door == "web-text" else response.body
    *frames, (flags, trailers) = unpack(body)
    assert (flags, trailers[:14]) == (0x80, b"grpc-status: 0")
    return response.header("grpc-encoding"), frames


def _pieces(text: bytes) -> list[bytes]:
    return [text[start : start + 4] for start in range(0, len(text), 4)]


def texts(encoding: str | None, frames: list[tuple[int, bytes]]) -> list[tuple[bool, str]]:
    """For each frame whether it was compressed, and the text in its message."""
    found = []
    for flags, data in frames:
        assert flags in {0, 1}
        found.append(
            (bool(flags), Line.FromString(zlib.decompress(data, WINDOWS[encoding or ""]) if flags else data).text)
        )
    return found


def servicer(compression: grpc.Compression, *skip: int) -> dict[str, Any]:
    """Behaviours that answer a long text, the stream three times, and leave out the compression of some."""

    async def unary(request: Any, context: Any) -> Any:
        context.set_compression(compression)
        if skip:
            context.disable_next_message_compression()
        return Line(text=LONG)

    async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
        context.set_compression(compression)
        for number in range(3):
            if number in skip:
                context.disable_next_message_compression()
            yield Line(text=LONG)

    return {"Say": unary, "Recite": stream}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_messages_are_compressed_as_asked(door: str, encoding: str) -> None:
    """With an encoding that the client lists each message is compressed by itself, and the head names the encoding."""
    accepts = [("grpc-accept-encoding", "identity, deflate ,gzip")]
    async with playing(**servicer(GZIP if encoding == "gzip" else DEFLATE)) as stage:
        for method, count in (("Say", 1), ("Recite", 3)):
            chosen, frames = await exchange(stage, door, method, accepts)
            assert chosen == encoding
            assert texts(chosen, frames) == [(True, LONG)] * count
            assert all(len(data) < 50 for _, data in frames)


@pytest.mark.parametrize("door", DOORS)
async def test_a_message_may_be_left_out(door: str) -> None:
    """`disable_next_message_compression` counts for one message."""
    async with playing(**servicer(GZIP, 0, 2)) as stage:
        for method, compressed in (("Say", [False]), ("Recite", [False, True, False])):
            chosen, frames = await exchange(stage, door, method, [("grpc-accept-encoding", "gzip")])
            assert texts(chosen, frames) == [(flag, LONG) for flag in compressed]


@pytest.mark.parametrize("door", ASGI_DOORS)
@pytest.mark.parametrize(
    "accepts",
    [
        [],
        [("grpc-accept-encoding", "identity")],
        [("grpc-accept-encoding", "")],
        [("grpc-accept-encoding", "deflate,br")],
        [("grpc-accept-encoding", "GZIP")],
        [("grpc-accept-encoding", "gzipped")],
        [("accept-encoding", "gzip")],
    ],
    ids=str,
)
async def test_nothing_is_compressed_for_a_client_that_does_not_list_it(door: str, accepts: Headers) -> None:
    """Names of encodings are compared exactly; without the right one messages leave as they are."""
    async with playing(**servicer(GZIP)) as stage:
        for method in ("Say", "Recite"):
            chosen, frames = await exchange(stage, door, method, accepts)
            assert chosen is None
            assert {compressed for compressed, _ in texts(None, frames)} == {False}


@pytest.mark.parametrize("door", ASGI_DOORS)
@pytest.mark.parametrize(
    "accepts",
    [
        [("grpc-accept-encoding", "br\t, gzip;q=1 ,gzip")],
        [("grpc-accept-encoding", "br"), ("grpc-accept-encoding", "gzip")],
    ],
    ids=str,
)
async def test_the_list_may_be_loose_or_in_parts(door: str, accepts: Headers) -> None:
    """Space around commas does not matter, nor do several headers."""
    async with playing(**servicer(GZIP)) as stage:
        assert (await exchange(stage, door, "Say", accepts))[0] == "gzip"


@pytest.mark.parametrize("door", ASGI_DOORS)
async def test_nothing_is_compressed_unless_asked(door: str) -> None:
    """A client that takes compressed messages gets plain ones from a servicer that does not care."""
    async with playing(**servicer(NONE)) as stage:
        for method in ("Say", "Recite"):
            chosen, frames = await exchange(stage, door, method, [("grpc-accept-encoding", "gzip")])
            assert chosen is None
            assert {compressed for compressed, _ in texts(None, frames)} == {False}


@pytest.mark.parametrize("door", DOORS)
async def test_a_message_that_would_grow_stays_as_it_is(door: str) -> None:
    """An empty message is not made larger, as in C-core."""

    async def behaviour(request: Any, context: Any) -> Any:
        context.set_compression(GZIP)
        return Line()

    async with playing(Say=behaviour) as stage:
        _, frames = await exchange(stage, door, "Say", [("grpc-accept-encoding", "gzip")])
    assert frames == [(0, b"")]


async def test_it_is_too_late_once_the_head_is_sent() -> None:
    """To choose after the initial metadata is a mistake of the servicer's, behind every door."""

    async def behaviour(request: Any, context: Any) -> Any:
        await context.send_initial_metadata(())
        with pytest.raises(RuntimeError):
            context.set_compression(NONE)
        context.set_compression(GZIP)

    async with playing(Say=behaviour) as stage:
        for door, reply in (await through_all(stage)).items():
            assert_internal(door, reply)


async def test_json_has_content_encodings_of_its_own() -> None:
    """The JSON door compresses as HTTP does, whatever the servicer says."""

    async def length(headers: Headers) -> Response:
        return await http1(stage.port, json_request("Say", Line(), headers))

    async with playing(**servicer(GZIP)) as stage:
        plain = await length([("grpc-accept-encoding", "gzip")])
    assert (plain.status, plain.header("content-encoding"), plain.header("grpc-encoding")) == (200, None, None)
    assert LONG.encode() in plain.body


@pytest.mark.parametrize("encoding", [GZIP, DEFLATE])
async def test_a_client_of_grpcio_reads_it(encoding: grpc.Compression) -> None:
    """A standard client that compresses its requests too gets its answer through both native doors."""
    async with playing(**servicer(encoding)) as stage:
        for port in (stage.port, stage.grpcio_port):
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", compression=encoding) as channel:
                recite: Any = channel.unary_stream("/stage.v1.Stage/Recite", Line.SerializeToString, Line.FromString)
                assert [message.text async for message in recite(Line(text=LONG))] == [LONG] * 3


@pytest.mark.parametrize("door", ASGI_DOORS)
async def test_identity_may_be_named(door: str) -> None:
    """A request that says `grpc-encoding: identity`, as those of Java and Go do, is a plain one."""
    headers = [("grpc-encoding", "identity"), ("grpc-accept-encoding", "gzip,identity"), ("user-agent", "grpc-java")]
    async with playing(**servicer(NONE)) as stage:
        assert texts(*await exchange(stage, door, "Say", headers)) == [(False, LONG)]

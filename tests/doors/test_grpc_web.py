"""gRPC-Web: content types, frames, base64, compression, metadata and the trailers frame, byte by byte."""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

import grpc
import pytest
from doors.peers import REQUEST_ID, WEB, WEB_TEXT, AsgiReply, Headers, Reply, asgi, decode_bin, pack, unpack, web_reply
from doors.stage import LIMIT, Line, path, stage_service

HELLO = Line(text="hello", number=7)
FRAME = pack(HELLO)
BINARY_TYPES = ["application/grpc-web", "application/grpc-web+proto"]
TEXT_TYPES = ["application/grpc-web-text", "application/grpc-web-text+proto"]


async def post(
    body: bytes | Sequence[bytes], headers: Headers = (), kind: str = WEB, method: str = "Say", **behaviours: Any
) -> AsgiReply:
    """One request of gRPC-Web straight into the one address."""
    app = stage_service(**behaviours).one_address()
    return await asgi(
        app, path(method), [("content-type", kind), *headers], [body] if isinstance(body, bytes) else body
    )


async def reply_to(body: bytes | Sequence[bytes], headers: Headers = (), kind: str = WEB, **more: Any) -> Reply:
    """The same, understood; the answer is text if the request was."""
    return web_reply(await post(body, headers, kind, **more), text="text" in kind)


async def status_of(
    body: bytes | Sequence[bytes], headers: Headers = (), kind: str = WEB, **more: Any
) -> tuple[int, str]:
    """The same, only how it ended."""
    reply = await reply_to(body, headers, kind, **more)
    assert bool(reply.messages) == (reply.code == 0)
    return reply.code, reply.message


def _spellings(kinds: list[str]) -> list[str]:
    return [
        spelling
        for kind in kinds
        for spelling in (kind, f"{kind};charset=utf-8", f"{kind} ; x=y", kind.upper(), f" {kind.title()} ")
    ]


@pytest.mark.parametrize("kind", _spellings(BINARY_TYPES))
async def test_binary_types_are_served(kind: str) -> None:
    """Both names of the binary type work in any case and with parameters; the answer is typed grpc-web+proto."""
    response = await post(FRAME, kind=kind)
    assert response.header("content-type") == "application/grpc-web+proto"
    assert web_reply(response).messages == [HELLO]


@pytest.mark.parametrize("kind", _spellings(TEXT_TYPES))
async def test_text_types_are_served(kind: str) -> None:
    """Both names of the text type work in any case and with parameters; the answer is base64 and typed as text."""
    response = await post(base64.b64encode(FRAME), kind=kind)
    assert response.header("content-type") == "application/grpc-web-text+proto"
    assert web_reply(response, text=True).messages == [HELLO]


@pytest.mark.parametrize("accept", _spellings(TEXT_TYPES))
async def test_a_binary_request_may_ask_for_text(accept: str) -> None:
    """`Accept` with a text type turns the answer to a binary request into text."""
    response = await post(FRAME, [("accept", accept)])
    assert response.header("content-type") == "application/grpc-web-text+proto"
    assert web_reply(response, text=True).messages == [HELLO]


@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/grpc-web", "application/json", "garbage"])
async def test_accept_decides_nothing_else(accept: str) -> None:
    """Whatever else a client accepts, the answer is typed as what it is."""
    assert (await post(FRAME, [("accept", accept)])).header("content-type") == WEB
    text = await post(base64.b64encode(FRAME), [("accept", accept)], WEB_TEXT)
    assert text.header("content-type") == "application/grpc-web-text+proto"


@pytest.mark.parametrize(
    "kind",
    [
        "application/grpc-web+json",
        "application/grpc-web+thrift",
        "application/grpc-web-text+json",
        "application/grpc-web-",
        "application/grpc-webx",
    ],
)
async def test_other_codecs_are_refused(kind: str) -> None:
    """A codec that is not served is 415 with the types that are; the RPC does not run."""
    response = await post(FRAME, kind=kind, Say=_never)
    assert (response.status, response.body) == (415, b"")
    assert response.header("accept-post") == ", ".join(sorted(BINARY_TYPES + TEXT_TYPES))
    assert response.header("content-length") == "0"


async def _never(request: Any, context: Any) -> Any:
    raise AssertionError("the RPC ran")


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/x-www-form-urlencoded", "", None])
async def test_other_types_never_run_the_rpc(kind: str | None, logs: list[Any]) -> None:
    """A page may post `text/plain` anywhere without being asked: such a request reaches no RPC."""
    app = stage_service(Say=_never).one_address()
    response = await asgi(app, path(), [] if kind is None else [("content-type", kind)], [FRAME])
    assert response.status == 415
    assert logs == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "post", "BREW"])
@pytest.mark.parametrize("kind", [WEB, WEB_TEXT, "application/grpc-web+json"])
async def test_only_post_is_allowed(method: str, kind: str) -> None:
    """Any other HTTP method is 405 with `Allow: POST`."""
    app = stage_service(Say=_never).one_address()
    response = await asgi(app, path(), [("content-type", kind)], [FRAME], method=method)
    assert (response.status, response.header("allow"), response.body) == (405, "POST", b"")


@pytest.mark.parametrize("cut", range(len(FRAME) + 1))
async def test_a_frame_may_be_cut_anywhere(cut: int) -> None:
    """A binary frame arrives in two pieces, cut at any byte."""
    assert (await reply_to([FRAME[:cut], FRAME[cut:]])).messages == [HELLO]


@pytest.mark.parametrize("cut", range(len(base64.b64encode(FRAME)) + 1))
async def test_text_may_be_cut_anywhere(cut: int) -> None:
    """A text frame arrives in two pieces, cut at any character, also within a quantum or its padding."""
    text = base64.b64encode(FRAME)
    assert text.endswith(b"=")
    assert (await reply_to([text[:cut], text[cut:]], kind=WEB_TEXT)).messages == [HELLO]


@pytest.mark.parametrize("kind", [WEB, WEB_TEXT])
async def test_a_body_may_come_byte_by_byte(kind: str) -> None:
    """One byte an event, empty events between, and an empty last one."""
    body = FRAME if kind == WEB else base64.b64encode(FRAME)
    chunks = [bytes([byte]) for byte in body]
    assert (await reply_to([b"", *chunks, b"", b""], kind=kind)).messages == [HELLO]
    spread = [piece for chunk in chunks for piece in (chunk, b"")]
    assert (await reply_to(spread, kind=kind)).messages == [HELLO]


@pytest.mark.parametrize("size", range(1, len(FRAME)))
async def test_each_flush_may_be_padded(size: int) -> None:
    """A client that flushes pads each part: padding may stand anywhere, with the parts in one piece or in many."""
    parts = [base64.b64encode(FRAME[start : start + size]) for start in range(0, len(FRAME), size)]
    assert (await reply_to(b"".join(parts), kind=WEB_TEXT)).messages == [HELLO]
    assert (await reply_to(parts, kind=WEB_TEXT)).messages == [HELLO]


BAD_TEXT = {
    "no base64 at all": b"!!!!",
    "a character outside": base64.b64encode(FRAME)[:-4] + b"A*A=",
    "a line end": base64.b64encode(FRAME)[:8] + b"\r\n" + base64.b64encode(FRAME)[8:] + b"AA",
    "the URL alphabet": b"AAAAAAc-_w==",
    "padding first": b"====" + base64.b64encode(FRAME),
    "padding alone": b"=",
    "too much padding": b"AAAAA===",
    "padding off the quantum": b"A=AAAAA=",
    "not ASCII": "ÄÖÜß".encode(),
}


@pytest.mark.parametrize("text", BAD_TEXT.values(), ids=BAD_TEXT.keys())
async def test_bad_base64_is_internal(text: bytes) -> None:
    """Text that is no base64 ends INTERNAL; nothing of it is guessed."""
    code, message = await status_of(text, kind=WEB_TEXT, Say=_never)
    assert (code, message) in {(13, "the request body is not base64"), (13, "the request body is cut short")}


@pytest.mark.parametrize("cut", range(1, len(base64.b64encode(FRAME))))
async def test_text_cut_short_is_internal(cut: int) -> None:
    """A text body that ends early, within a quantum or between two, never runs the RPC."""
    code, _ = await status_of(base64.b64encode(FRAME)[:cut], kind=WEB_TEXT, Say=_never)
    assert code == 13


NOT_ONE = (12, "the method takes exactly one request message")
GZIP = [("grpc-encoding", "gzip")]
UNKNOWN_FLAGS = (13, "a request message has unknown flags")
BAD_FRAMES: dict[str, tuple[bytes, Headers, tuple[int, str]]] = {
    "empty body": (b"", [], NOT_ONE),
    "two messages": (FRAME + FRAME, [], NOT_ONE),
    "a message and half another": (FRAME + FRAME[:-1], [], (13, "the request ended within a message")),
    "a message and half a prefix": (FRAME + b"\0\0", [], (13, "the request ended within a message")),
    "half a prefix": (b"\0\0\0", [], (13, "the request ended within a message")),
    "truncated": (FRAME[:-1], [], (13, "the request ended within a message")),
    "a length beyond the body": (b"\0\0\0\0\x64" + b"x" * 10, [], (13, "the request ended within a message")),
    "trailers flag": (pack(HELLO, 0x80), [], UNKNOWN_FLAGS),
    "reserved flag": (pack(HELLO, 0x02), [], UNKNOWN_FLAGS),
    "all flags": (pack(HELLO, 0xFF), GZIP, UNKNOWN_FLAGS),
    "no protobuf": (pack(b"\xff\xff\xff"), [], (13, "the request message cannot be decoded")),
    "text that is not UTF-8": (pack(b"\x0a\x02\xc3\x28"), [], (13, "the request message cannot be decoded")),
    "compressed without encoding": (
        pack(b"", 1),
        [],
        (13, "a request message is compressed, but grpc-encoding names no way"),
    ),
    "compressed with identity": (
        pack(b"", 1),
        [("grpc-encoding", "identity")],
        (13, "a request message is compressed, but grpc-encoding names no way"),
    ),
    "not gzip": (pack(b"hello", 1), GZIP, (13, "a request message cannot be decompressed")),
    "deflate for gzip": (
        pack(zlib.compress(b"")[:], 1),
        GZIP,
        (13, "a request message cannot be decompressed"),
    ),
    "gzip cut short": (
        pack(gzip.compress(FRAME[5:])[:-1], 1),
        GZIP,
        (13, "a compressed request message is not one whole stream"),
    ),
    "gzip and more": (
        pack(gzip.compress(FRAME[5:]) * 2, 1),
        GZIP,
        (13, "a compressed request message is not one whole stream"),
    ),
    "empty gzip": (pack(b"", 1), GZIP, (13, "a compressed request message is not one whole stream")),
    "an encoding unknown here": (
        FRAME,
        [("grpc-encoding", "br")],
        (12, "grpc-encoding: not supported; see grpc-accept-encoding"),
    ),
    "4 GiB": (b"\0\xff\xff\xff\xff", [], (8, f"request message larger than {LIMIT} bytes")),
    "4 GiB compressed": (b"\1\xff\xff\xff\xff", GZIP, (8, f"request message larger than {LIMIT} bytes")),
    "one byte too large": (pack(bytes(LIMIT + 1))[:5], [], (8, f"request message larger than {LIMIT} bytes")),
    "a bomb": (pack(gzip.compress(bytes(2**21)), 1), GZIP, (8, f"request message larger than {LIMIT} bytes")),
    "a bomb by one byte": (
        pack(gzip.compress(bytes(LIMIT + 1)), 1),
        GZIP,
        (8, f"request message larger than {LIMIT} bytes"),
    ),
    "malformed timeout": (FRAME, [("grpc-timeout", "1")], (13, "grpc-timeout: must be one to eight digits and a unit")),
    "bad -bin": (FRAME, [("x-a-bin", "*")], (13, "x-a-bin: not base64")),
}


@pytest.mark.parametrize(("body", "headers", "status"), BAD_FRAMES.values(), ids=BAD_FRAMES.keys())
async def test_a_bad_request_never_runs_the_rpc(body: bytes, headers: Headers, status: tuple[int, str]) -> None:
    """Each way to break a request ends with a status of its own, and an HTTP status of 200, in binary and in text."""
    assert await status_of(body, headers, Say=_never) == status
    assert await status_of(base64.b64encode(body), headers, WEB_TEXT, Say=_never) == status


async def test_a_large_length_is_refused_at_once() -> None:
    """A length above the limit is answered when its prefix has come; the rest of the body is not waited for."""
    app = stage_service(Say=_never).one_address()
    response = await asgi(
        app, path(), [("content-type", WEB)], [b"\0\xff\xff\xff\xff", *[bytes(1000)] * 3], leaves=True
    )
    assert web_reply(response).code == 8


@pytest.mark.parametrize("method", ["Say", "Collect"])
@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT, LIMIT + 1])
@pytest.mark.parametrize("squeeze", [None, gzip.compress, zlib.compress])
async def test_the_limit_is_exact(method: str, size: int, squeeze: Any) -> None:
    """A message of exactly the limit is taken, one byte more is not, compressed or plain."""
    line = Line(text="x" * (size - 3))
    assert line.ByteSize() == size
    data = line.SerializeToString()
    headers = [("grpc-encoding", "gzip" if squeeze is gzip.compress else "deflate")] if squeeze else []
    body = pack(squeeze(data), 1) if squeeze else pack(data)
    assert (await status_of(body, headers, method=method))[0] == (8 if size > LIMIT else 0)


@pytest.mark.parametrize(("encoding", "squeeze"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_compressed_requests_are_read(encoding: str, squeeze: Any) -> None:
    """Gzip and deflate are understood; a message without the flag is plain all the same."""
    headers = [("grpc-encoding", encoding)]
    data = HELLO.SerializeToString()
    for body in (pack(squeeze(data), 1), pack(data)):
        assert (await reply_to(body, headers)).messages == [HELLO]
    mixed = pack(squeeze(data), 1) + pack(data) + pack(squeeze(data), 1)
    assert (await reply_to(mixed, headers, method="Collect")).messages == [Line(number=21)]


async def test_every_answer_says_which_encodings_are_read() -> None:
    """`grpc-accept-encoding` lists what may be sent, so a refused client can learn."""
    for headers in ([], [("grpc-encoding", "snappy")]):
        assert (await post(FRAME, headers)).header("grpc-accept-encoding") == "identity,deflate,gzip"


@pytest.mark.parametrize(
    "value",
    ["", "1", "S", "-1S", "+1S", "1.5S", "123456789S", "1s", "1 S", " 1S", "1SS", "\uff11S", "0x1S", "1M1S", "1D"],
)
async def test_a_malformed_timeout_is_internal(value: str) -> None:
    """Anything but one to eight digits and a unit is refused, as grpcio does."""
    code, message = await status_of(FRAME, [("grpc-timeout", value)], Say=_never)
    assert (code, message) == (13, "grpc-timeout: must be one to eight digits and a unit")


async def metadata_seen(headers: Headers) -> list[tuple[str, str | bytes]]:
    """What of these headers a servicer sees."""
    seen: list[Any] = []

    async def behaviour(request: Any, context: Any) -> Any:
        seen.extend((entry.key, entry.value) for entry in context.invocation_metadata())
        return request

    assert await status_of(FRAME, headers, Say=behaviour) == (0, "")
    return seen


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("AAE=", [b"\0\1"]),
        ("AAE", [b"\0\1"]),
        ("", [b""]),
        ("AAE=,AgM=", [b"\0\1", b"\2\3"]),
        ("AAE, AgM ,", [b"\0\1", b"\2\3", b""]),
        ("+/+/", [b"\xfb\xff\xbf"]),
    ],
)
async def test_binary_metadata_is_decoded(header: str, values: list[bytes]) -> None:
    """Padded, unpadded, joined by commas or empty: every value arrives as bytes."""
    assert await metadata_seen([("x-a-bin", header)]) == [("x-a-bin", value) for value in values]


@pytest.mark.parametrize("header", ["*", "A", "AAE=AAE=", "-_-_", "A A E", "ÄÄ", "AAE==="])
async def test_bad_binary_metadata_is_internal(header: str) -> None:
    """What is no base64 is refused instead of silently dropped."""
    assert await status_of(FRAME, [("x-a-bin", header)], Say=_never) == (13, "x-a-bin: not base64")


async def test_metadata_keeps_its_order_and_the_transport_its_headers() -> None:
    """Duplicates stay in order; headers that carry the call are no metadata; any byte is accepted in a value."""
    headers: Headers = [
        ("host", "h"),
        ("accept", "*/*"),
        ("accept-encoding", "gzip"),
        ("x-b", "1"),
        ("content-length", "9"),
        ("x-grpc-web", "1"),
        ("x-user-agent", "grpc-web-javascript/0.1"),
        ("x-b", "2, 3"),
        ("te", "trailers"),
        ("grpc-timeout", "1S"),
        ("grpc-accept-encoding", "gzip"),
        ("authorization", "Bearer t"),
        ("x-latin", b"\xfc\xff"),
        ("x-utf8", "ü".encode()),
        ("x-b", ""),
    ]
    assert await metadata_seen(headers) == [
        ("x-b", "1"),
        ("x-user-agent", "grpc-web-javascript/0.1"),
        ("x-b", "2, 3"),
        ("authorization", "Bearer t"),
        ("x-latin", "\xfc\xff"),
        ("x-utf8", "Ã¼"),
        ("x-b", ""),
    ]


async def test_the_trailers_frame_byte_by_byte() -> None:
    """Lower-case keys, `key: value` and CR LF for each, bytes as base64 without padding, duplicates in order."""

    async def behaviour(request: Any, context: Any) -> Any:
        context.set_trailing_metadata((("x-b", "1"), ("x-a-bin", b"\0"), ("x-b", "2"), ("x-c", "a: b")))
        return request

    response = await post(FRAME, Say=behaviour)
    (flags, message), (trailers_flags, block) = unpack(response.body)
    assert (flags, message) == (0, HELLO.SerializeToString())
    assert trailers_flags == 0x80
    assert block == b"grpc-status: 0\r\nx-b: 1\r\nx-a-bin: AA\r\nx-b: 2\r\nx-c: a: b\r\n"


@pytest.mark.parametrize(
    ("message", "encoded"),
    [
        ("plain  text", b"plain  text"),
        ("  padded ", b"%20%20padded%20"),
        (" ", b"%20"),
        ("Grüße", b"Gr%C3%BC%C3%9Fe"),
        ("100%", b"100%25"),
        ("%20", b"%2520"),
        ("two\r\nlines", b"two%0D%0Alines"),
        ("\x00\x1f\x7f", b"%00%1F%7F"),
        ("\U0001f992", b"%F0%9F%A6%92"),
        ("~!@#$^&*()_+`-={}|[]\\:\";'<>?,./", b"~!@#$^&*()_+`-={}|[]\\:\";'<>?,./"),
    ],
)
async def test_the_message_is_percent_encoded(message: str, encoded: bytes) -> None:
    """Printable ASCII but `%` stays, everything else becomes %XX of its UTF-8."""

    async def behaviour(request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.ABORTED, message)

    (_, block) = unpack((await post(FRAME, Say=behaviour)).body)[0]
    assert block == b"grpc-status: 10\r\ngrpc-message: " + encoded + b"\r\n"
    assert unquote_to_bytes(encoded).decode() == message


@pytest.mark.parametrize("kind", [WEB, WEB_TEXT])
@pytest.mark.parametrize("fails", [False, True])
async def test_a_unary_answer_is_one_write(kind: str, fails: bool) -> None:  # noqa: FBT001
    """Head with the right content-length, then message and trailers in one body event, also for an error."""

    async def behaviour(request: Any, context: Any) -> Any:
        if fails:
            await context.abort(grpc.StatusCode.ABORTED, "no")
        return request

    body = FRAME if kind == WEB else base64.b64encode(FRAME)
    response = await post(body, kind=kind, Say=behaviour)
    assert [event["type"] for event in response.events] == ["http.response.start", "http.response.body"]
    assert response.events[1]["more_body"] is False
    assert response.header("content-length") == str(len(response.body))
    assert response.header("cache-control") == "no-store"
    assert REQUEST_ID.fullmatch(response.header("x-request-id") or "")
    if kind == WEB_TEXT:
        base64.b64decode(response.body, validate=True)
        assert b"=" not in response.body[:-2]


async def test_rich_details_are_a_trailer() -> None:
    """google.rpc.Status travels in `grpc-status-details-bin`, with the same code and message."""
    response = await post(FRAME, kind=WEB, Say=_fail)
    reply = web_reply(response)
    assert decode_bin(reply.values("grpc-status-details-bin")[0]) == reply.status.SerializeToString()


async def _fail(request: Any, context: Any) -> Any:
    raise RuntimeError


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (path("Sing"), "unknown method Sing for service stage.v1.Stage"),
        (path("say"), "unknown method say for service stage.v1.Stage"),
        (path("Say") + "/", "unknown service stage.v1.Stage/Say"),
        ("/stage.v1.Other/Say", "unknown service stage.v1.Other"),
        ("/", "unknown service "),
        ("/gr%C3%BCn/%C3%BC", "unknown service gr%C3%BCn"),
        ("/auth/v1/say", "unknown service auth/v1"),
    ],
)
async def test_unknown_methods_are_unimplemented(target: str, message: str) -> None:
    """A path that is no method's is UNIMPLEMENTED in a trailers frame; the message names it."""
    for kind in (WEB, WEB_TEXT):
        app = stage_service().one_address()
        reply = web_reply(await asgi(app, target, [("content-type", kind)], [FRAME]), text=kind == WEB_TEXT)
        assert (reply.code, reply.message) == (12, message)


async def test_metadata_too_large_is_resource_exhausted() -> None:
    """Headers count with 32 bytes each on top; at the limit they pass, one byte more does not."""
    base = sum(len(key) + len(value) + 32 for key, value in [("content-type", WEB), ("x-a", "")])
    room = 16 * 1024 - base
    assert (await status_of(FRAME, [("x-a", "x" * room)]))[0] == 0
    assert await status_of(FRAME, [("x-a", "x" * (room + 1))]) == (8, "metadata larger than 16384 bytes")
    assert (await status_of(FRAME, [(f"x-{number}", "") for number in range(500)]))[0] == 8

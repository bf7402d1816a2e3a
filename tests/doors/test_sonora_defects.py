"""What sonora 0.2.3 gets wrong, one test a defect, against our door and against sonora itself.

Against sonora each test is expected to fail. When one passes, upstream has fixed it: ours may lean on it again.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import grpc
import pytest
from doors.peers import WEB, WEB_TEXT, AsgiReply, Headers, asgi, pack, web_reply
from doors.stage import NAME, Line, path, servicer, stage_service
from sonora.asgi import grpcASGI

from authsvc.doors.cors import Cors

PAGE = "https://app.example.com"
HELLO = Line(text="hello", number=7)
FRAME = pack(HELLO)
TEXT = base64.b64encode(FRAME)
KINDS = {
    "Say": grpc.unary_unary_rpc_method_handler,
    "Recite": grpc.unary_stream_rpc_method_handler,
    "Collect": grpc.stream_unary_rpc_method_handler,
    "Talk": grpc.stream_stream_rpc_method_handler,
}


class Door:
    """A server of gRPC-Web to which requests are put."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def app(self, **behaviours: Any) -> Any:
        """The application with these behaviours."""
        if self._kind == "ours":
            return replace(stage_service(**behaviours), cors=Cors(origins=(PAGE,))).one_address()
        app = grpcASGI()
        made = servicer(**behaviours)
        handlers = {
            name: kind(
                getattr(made, name), request_deserializer=Line.FromString, response_serializer=Line.SerializeToString
            )
            for name, kind in KINDS.items()
        }
        app.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(NAME, handlers)])
        return app

    async def post(
        self,
        body: bytes | Sequence[bytes],
        headers: Headers = (),
        kind: str | None = WEB,
        method: str = "Say",
        http_method: str = "POST",
        leaves: bool = False,  # noqa: FBT001, FBT002
        **behaviours: Any,
    ) -> AsgiReply:
        """One request."""
        chunks = [body] if isinstance(body, bytes) else body
        types = [] if kind is None else [("content-type", kind)]
        app = self.app(**behaviours)
        all_headers = [("host", "test"), *types, *headers]
        return await asgi(app, path(method), all_headers, chunks, method=http_method, leaves=leaves)


BROKEN = pytest.mark.xfail(strict=True, reason="sonora 0.2.3")


@pytest.fixture(params=["ours", pytest.param("sonora", marks=BROKEN)])
def door(request: pytest.FixtureRequest) -> Door:
    """Our door, and the one of sonora."""
    return Door(request.param)


async def _never(request: Any, context: Any) -> Any:
    raise AssertionError("the RPC ran")


async def _stream_then_fail(request: Any, context: Any) -> AsyncIterator[Any]:
    yield Line(number=1)
    await context.abort(grpc.StatusCode.DATA_LOSS, "lost")


async def test_unary_trailers_are_text(door: Door) -> None:
    """The trailers of a unary answer are `key: value`, not the repr of bytes objects."""
    reply = web_reply(await door.post(FRAME))
    assert (reply.code, reply.messages) == (0, [HELLO])


async def test_a_status_set_by_the_servicer_arrives(door: Door) -> None:
    """A unary answer whose servicer set an error is that error, without the message."""

    async def behaviour(request: Any, context: Any) -> Any:
        context.set_code(grpc.StatusCode.DATA_LOSS)
        context.set_details("lost")
        return request

    reply = web_reply(await door.post(FRAME, Say=behaviour))
    assert (reply.code, reply.message, reply.messages) == (15, "lost", [])


async def test_an_error_after_messages_is_a_trailer(door: Door) -> None:
    """An abort after the first message ends the stream with its status."""
    reply = web_reply(await door.post(FRAME, method="Recite", Recite=_stream_then_fail))
    assert (reply.code, [message.number for message in reply.messages]) == (15, [1])


async def test_a_stream_may_be_empty(door: Door) -> None:
    """A stream without messages is just a status."""
    assert web_reply(await door.post(pack(Line()), method="Recite")).code == 0


async def test_metadata_of_an_abort_arrives(door: Door) -> None:
    """Trailing metadata set before an abort is sent with it."""

    async def behaviour(request: Any, context: Any) -> Any:
        context.set_trailing_metadata((("x-a", "1"),))
        await context.abort(grpc.StatusCode.DATA_LOSS, "lost")

    assert web_reply(await door.post(FRAME, Say=behaviour)).values("x-a") == ["1"]


async def test_an_exception_is_a_status(door: Door) -> None:
    """A servicer that raises ends the call with a status, not the connection."""

    async def behaviour(request: Any, context: Any) -> Any:
        raise ValueError

    assert web_reply(await door.post(FRAME, Say=behaviour)).code == 13


async def test_rich_details_can_be_sent(door: Door) -> None:
    """`abort` takes its third argument as grpc.aio documents it."""

    async def behaviour(request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.DATA_LOSS, "lost", (("x-a", "1"),))

    assert web_reply(await door.post(FRAME, Say=behaviour)).values("x-a") == ["1"]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/json", "application/grpc", "application/grpc-web+json", None]
)
async def test_other_content_types_do_not_run_the_rpc(door: Door, kind: str | None) -> None:
    """Only requests typed gRPC-Web run an RPC; `text/plain` could come from any page."""
    ran = []

    async def behaviour(request: Any, context: Any) -> Any:
        ran.append(request)
        return request

    response = await door.post(FRAME, kind=kind, Say=behaviour)
    assert ran == []
    assert 400 <= response.status < 500


@pytest.mark.parametrize("kind", ["application/grpc-web-text+proto", "application/grpc-web-text; charset=utf-8"])
async def test_every_spelling_of_text_is_text(door: Door, kind: str) -> None:
    """The text type is recognized with suffix and parameters."""
    seen = []

    async def behaviour(request: Any, context: Any) -> Any:
        seen.append(request)
        return request

    await door.post(TEXT, kind=kind, Say=behaviour)
    assert seen == [HELLO]


@pytest.mark.parametrize("accept", ["*/*", "text/html"])
async def test_accept_does_not_decide_the_type_of_the_answer(door: Door, accept: str) -> None:
    """The answer is typed as what it is."""
    response = await door.post(FRAME, [("accept", accept)])
    types = [value for key, value in response.headers if key.lower() == "content-type"]
    assert types == ["application/grpc-web+proto"]


async def test_accept_text_means_text(door: Door) -> None:
    """An answer labelled text is text."""
    response = await door.post(FRAME, [("accept", "application/grpc-web-text")])
    assert base64.b64decode(response.body, validate=True)


@pytest.mark.parametrize("http_method", ["GET", "PUT", "DELETE"])
async def test_other_http_methods_are_not_allowed(door: Door, http_method: str) -> None:
    """405 with `Allow`."""
    response = await door.post(b"", http_method=http_method)
    assert (response.status, response.header("allow")) == (405, "POST")


BAD = {
    "truncated": FRAME[:-1],
    "a length beyond the body": b"\0\0\0\0\x64" + b"x" * 10,
    "empty body": b"",
    "two messages": FRAME + FRAME,
    "trailers flag": pack(HELLO, 0x80),
    "reserved flag": pack(HELLO, 0x40),
    "compressed flag": pack(HELLO, 1),
    "no protobuf": pack(b"\xff\xff\xff"),
    "too large": pack(Line(text="x" * 100_000)),
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD.keys())
async def test_a_broken_body_does_not_run_the_rpc(door: Door, body: bytes) -> None:
    """A body that is not one whole message ends with an error."""
    ran = []

    async def behaviour(request: Any, context: Any) -> Any:
        ran.append(request)
        return request

    reply = web_reply(await door.post(body, Say=behaviour))
    assert ran == []
    assert reply.code


async def test_two_messages_in_one_chunk_are_two(door: Door) -> None:
    """A client stream counts messages, not pieces of the body."""
    seen: list[Any] = []

    async def behaviour(requests: Any, context: Any) -> Any:
        seen.extend([request async for request in requests])
        return HELLO

    await door.post(FRAME + FRAME, method="Collect", Collect=behaviour)
    assert seen == [HELLO, HELLO]


@pytest.mark.parametrize("cut", [1, 2, 3, 5])
async def test_text_may_be_cut_within_a_quantum(door: Door, cut: int) -> None:
    """Base64 may arrive in pieces of any length."""
    seen = []

    async def behaviour(request: Any, context: Any) -> Any:
        seen.append(request)
        return request

    await door.post([TEXT[:cut], TEXT[cut:]], kind=WEB_TEXT, Say=behaviour)
    assert seen == [HELLO]


async def test_padding_may_stand_inside(door: Door) -> None:
    """Each flush of a client is padded by itself."""
    seen = []

    async def behaviour(request: Any, context: Any) -> Any:
        seen.append(request)
        return request

    text = base64.b64encode(FRAME[:5]) + base64.b64encode(FRAME[5:])
    await door.post(text, kind=WEB_TEXT, Say=behaviour)
    assert seen == [HELLO]


async def test_gzip_is_understood(door: Door) -> None:
    """A compressed message with `grpc-encoding: gzip` is read."""
    seen = []

    async def behaviour(request: Any, context: Any) -> Any:
        seen.append(request)
        return request

    await door.post(pack(gzip.compress(HELLO.SerializeToString()), 1), [("grpc-encoding", "gzip")], Say=behaviour)
    assert seen == [HELLO]


async def test_an_unknown_encoding_is_refused(door: Door) -> None:
    """UNIMPLEMENTED, and the answer lists what may be used."""
    response = await door.post(FRAME, [("grpc-encoding", "br")])
    assert web_reply(response).code == 12
    assert response.header("grpc-accept-encoding")


@pytest.mark.parametrize(
    ("value", "values"), [("AAE", [b"\0\1"]), ("AAE=,AgM=", [b"\0\1", b"\2\3"])], ids=["unpadded", "joined"]
)
async def test_binary_metadata_is_decoded(door: Door, value: str, values: list[bytes]) -> None:
    """Unpadded base64 and several values in one header are all read."""
    seen: list[Any] = []

    async def behaviour(request: Any, context: Any) -> Any:
        seen.extend(value for key, value in context.invocation_metadata() if key == "x-a-bin")
        return request

    await door.post(FRAME, [("x-a-bin", value)], Say=behaviour)
    assert seen == values


async def test_bad_binary_metadata_is_refused(door: Door) -> None:
    """Bad base64 is an error, not empty bytes."""
    assert web_reply(await door.post(FRAME, [("x-a-bin", "*")])).code == 13


async def test_any_byte_may_stand_in_a_header(door: Door) -> None:
    """A header value beyond ASCII does not fail the call."""
    seen = []

    async def behaviour(request: Any, context: Any) -> Any:
        seen.append(request)
        return request

    await door.post(FRAME, [("x-a", b"\xc3\xbc\xff")], Say=behaviour)
    assert seen == [HELLO]


async def test_metadata_of_the_servicer_cannot_add_trailers(door: Door) -> None:
    """A value with a line end is refused instead of becoming a trailer of its own."""

    async def behaviour(request: Any, context: Any) -> AsyncIterator[Any]:
        context.set_trailing_metadata((("x-a", "1\r\nx-injected: 2"),))
        yield request

    response = await door.post(FRAME, method="Recite", Recite=behaviour)
    assert b"x-injected" not in response.body


@pytest.mark.parametrize("value", ["abc", "-1S", "123456789S"])
async def test_a_malformed_timeout_is_refused(door: Door, value: str) -> None:
    """INTERNAL, as grpcio does."""
    assert web_reply(await door.post(FRAME, [("grpc-timeout", value)])).code == 13


async def test_a_deadline_within_a_stream_is_a_trailer(door: Door) -> None:
    """When the time is up after the first message, the stream ends with DEADLINE_EXCEEDED."""

    async def behaviour(request: Any, context: Any) -> AsyncIterator[Any]:
        yield request
        await asyncio.sleep(5)

    reply = web_reply(await door.post(FRAME, [("grpc-timeout", "500m")], method="Recite", Recite=behaviour))
    assert (reply.code, len(reply.messages)) == (4, 1)


async def test_a_client_that_leaves_within_its_request_is_no_error(door: Door) -> None:
    """The request is dropped quietly."""
    await door.post([FRAME[:3]], leaves=True, Say=_never)


async def test_a_missing_host_is_no_error(door: Door) -> None:
    """Requests of HTTP/1.0 have no Host."""
    response = await asgi(door.app(), path(), [("content-type", WEB)], [FRAME])
    assert response.status == 200


async def test_unknown_methods_are_unimplemented(door: Door) -> None:
    """An unknown method is a status that clients of gRPC-Web can read."""
    assert web_reply(await door.post(FRAME, method="Sing")).code == 12


async def test_a_page_of_another_origin_may_ask(door: Door) -> None:
    """The preflight that browsers send before a call from another origin is answered, for that origin."""
    asks = [("origin", PAGE), ("access-control-request-method", "POST")]
    response = await door.post(b"", asks, kind=None, http_method="OPTIONS")
    assert response.status in {200, 204}
    assert response.header("access-control-allow-origin") == PAGE


async def test_an_answer_may_be_read_by_a_page_of_another_origin(door: Door) -> None:
    """The answer itself names the origin, too."""
    assert (await door.post(FRAME, [("origin", PAGE)])).header("access-control-allow-origin") == PAGE


async def test_a_compressed_body_is_refused(door: Door) -> None:
    """`content-encoding` stands for something else than compressed messages: 415, and no RPC on half-read bytes."""
    response = await door.post(gzip.compress(FRAME), [("content-encoding", "gzip")], Say=_never)
    assert response.status == 415


async def test_no_message_is_an_error(door: Door) -> None:
    """A unary servicer that returns nothing has not answered."""

    async def behaviour(request: Any, context: Any) -> Any:
        return None

    assert web_reply(await door.post(FRAME, Say=behaviour)).code


async def test_a_servicers_own_rpc_error_is_an_error(door: Door) -> None:
    """A `grpc.RpcError` that the servicer got from elsewhere does not become a success."""

    async def behaviour(request: Any, context: Any) -> Any:
        raise grpc.RpcError

    assert web_reply(await door.post(FRAME, Say=behaviour)).code


async def test_abort_needs_only_a_code(door: Door) -> None:
    """`context.abort(code)` without a text."""

    async def behaviour(request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.DATA_LOSS)

    assert web_reply(await door.post(FRAME, Say=behaviour)).code == 15


async def test_a_status_object_ends_a_call(door: Door) -> None:
    """`context.abort_with_status` takes what grpc_status makes of a google.rpc.Status."""

    class Lost(grpc.Status):
        code, details, trailing_metadata = grpc.StatusCode.DATA_LOSS, "lost", (("x-a", "1"),)

    async def behaviour(request: Any, context: Any) -> Any:
        await context.abort_with_status(Lost())

    reply = web_reply(await door.post(FRAME, Say=behaviour))
    assert (reply.code, reply.message, reply.values("x-a")) == (15, "lost", ["1"])


async def test_the_context_is_the_one_of_grpc_aio(door: Door) -> None:
    """The methods of `grpc.aio.ServicerContext` are there and answer."""
    seen: list[Any] = []

    async def behaviour(request: Any, context: Any) -> Any:
        context.set_compression(grpc.Compression.Gzip)
        context.disable_next_message_compression()
        context.add_done_callback(seen.append)
        context.set_trailing_metadata((("x-a", "1"),))
        assert context.peer().startswith("ipv4:")
        assert (context.code(), context.details(), context.done(), context.cancelled()) == (None, "", False, False)
        assert dict(context.trailing_metadata()) == {"x-a": "1"}
        assert context.invocation_metadata()[0].key
        assert isinstance(context.auth_context(), dict)
        return request

    reply = web_reply(await door.post(FRAME, [("x-b", "2")], Say=behaviour))
    await asyncio.sleep(0)
    assert (reply.code, len(seen)) == (0, 1)


async def test_a_servicer_may_write_its_messages(door: Door) -> None:
    """`context.write` sends a message of a stream."""

    async def behaviour(request: Any, context: Any) -> AsyncIterator[Any]:
        await context.write(Line(number=1))
        yield Line(number=2)

    reply = web_reply(await door.post(FRAME, method="Recite", Recite=behaviour))
    assert (reply.code, [message.number for message in reply.messages]) == (0, [1, 2])


async def test_plain_functions_are_servicers(door: Door) -> None:
    """A servicer with `def` methods runs, beside the event loop."""

    def behaviour(request: Any, context: Any) -> Any:
        return request

    assert web_reply(await door.post(FRAME, Say=behaviour)).messages == [HELLO]


async def test_an_unwritten_stream_is_unimplemented(door: Door) -> None:
    """What a generated base class does for a method that nobody wrote, in a stream as well."""

    def behaviour(request: Any, context: Any) -> Any:
        context.set_code(grpc.StatusCode.UNIMPLEMENTED)
        raise NotImplementedError

    assert web_reply(await door.post(FRAME, method="Recite", Recite=behaviour)).code == 12


async def test_no_time_is_too_little(door: Door) -> None:
    """A deadline of no seconds is over."""
    assert web_reply(await door.post(FRAME, [("grpc-timeout", "0S")])).code == 4


async def test_a_client_that_leaves_ends_its_call(door: Door) -> None:
    """The handler is cancelled, not left to itself."""
    ended: list[str] = []

    async def behaviour(requests: Any, context: Any) -> Any:
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        ended.append("left to itself")

    await door.post([FRAME], leaves=True, method="Collect", Collect=behaviour)
    assert ended == ["cancelled"]


async def test_the_comparison_is_fair() -> None:
    """Stock sonora does answer a plain stream here: the failures above are its own, not those of the test."""
    reply = web_reply(await Door("sonora").post(FRAME, method="Recite"))
    assert (reply.code, [message.number for message in reply.messages]) == (0, list(range(7)))

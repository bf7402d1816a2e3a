"""gRPC-Web, binary and text, on sonora: its server class and framing, corrected.

sonora 0.2.3 gives the registration and look-up of methods, the frame prefix and the trailer block. How requests are
read and answers written is replaced, because standard clients cannot read what it sends: docs/architecture.md says why.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

import grpc
from grpc import StatusCode
from sonora.asgi import grpcASGI
from sonora.protocol import pack_trailers, wrap_message

from authsvc.doors.asgi_types import Headers, Receive, Scope, Send
from authsvc.doors.grpc import GrpcExchange, rpc_path, unknown_method
from authsvc.doors.http import refuse
from authsvc.doors.limits import Limits
from authsvc.doors.metadata import header, header_pairs, status_trailers
from authsvc.rpc.call import Metadata
from authsvc.rpc.method import Method
from authsvc.rpc.status import OK, Status, StatusError

_BINARY = frozenset({b"application/grpc-web", b"application/grpc-web+proto"})
_TEXT = frozenset({b"application/grpc-web-text", b"application/grpc-web-text+proto"})
GRPC_WEB = _BINARY | _TEXT
_FLUSH = re.compile(rb"[^=]+={0,2}|=+")
_QUANTUM = 4  # characters of base64 that stand for three bytes


class GrpcWeb(grpcASGI):  # type: ignore[misc]  # sonora is untyped
    """An ASGI application for requests whose type begins with `application/grpc-web`."""

    def __init__(self, methods: Mapping[str, Method], limits: Limits) -> None:
        super().__init__(application=None, enable_cors=False)
        self.add_generic_rpc_handlers([Registered(methods)])
        self._methods = methods
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        content_type = media_type(header(scope["headers"], b"content-type"))
        if scope["method"] != "POST":
            await refuse(send, 405, (b"allow", b"POST"))
        elif content_type not in GRPC_WEB or header(scope["headers"], b"content-encoding", b"identity") != b"identity":
            await refuse(send, 415, (b"accept-post", b", ".join(sorted(GRPC_WEB))))
        else:
            await self._call(content_type in _TEXT, scope, receive, send)

    async def _call(self, text: bool, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: FBT001
        path = rpc_path(scope)
        method = self._get_rpc_handler(path)
        exchange = GrpcWebExchange(scope, receive, send, self._limits)
        exchange.text_in = text
        exchange.text_out = text or media_type(header(scope["headers"], b"accept")) in _TEXT
        if method is None:
            await exchange.finish(unknown_method(path, self._methods), [], [], None)
        else:
            await exchange.run(method)


class Registered(grpc.GenericRpcHandler):
    """The methods, as sonora looks them up."""

    def __init__(self, methods: Mapping[str, Method]) -> None:
        self._methods = methods

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        """The method with this path, or None."""
        return self._methods.get(details.method)


def media_type(value: bytes) -> bytes:
    """The type of a `content-type` header without its parameters, in lower case."""
    return value.partition(b";")[0].strip().lower()


def decode_base64(text: bytes) -> bytes:
    """The bytes of whole base64 quanta; each flush of a client is padded by itself, so padding may stand inside."""
    try:
        return b"".join(base64.b64decode(part, validate=True) for part in _FLUSH.findall(text))
    except binascii.Error:
        raise StatusError(StatusCode.INTERNAL, "the request body is not base64") from None


class GrpcWebExchange(GrpcExchange):
    """A call whose status travels in a last frame of the body. In text mode the whole body is base64."""

    door = "grpc-web"
    text_in = False
    text_out = False
    _rest = b""

    def decode_chunk(self, chunk: bytes) -> bytes:
        """The frames in a piece of the body."""
        if not self.text_in:
            return chunk
        chunk = self._rest + chunk
        whole = len(chunk) - len(chunk) % _QUANTUM
        self._rest = chunk[whole:]
        if self._rest and not self.more_body:
            raise StatusError(StatusCode.INTERNAL, "the request body is cut short")
        return decode_base64(chunk[:whole])

    async def start(self, metadata: Metadata) -> None:
        """Send the response headers."""
        await self._head(metadata, [])

    async def send(self, message: bytes) -> None:
        """Send one framed message."""
        await self._body(message, more=True)

    async def finish(self, status: Status, initial: Metadata, trailing: Metadata, response: bytes | None) -> None:
        """Send the answer, if there is one, and the trailers in one write."""
        data = (response or b"") + _trailer_frame(status, trailing)
        if not self.started:
            length = 4 * ((len(data) + 2) // 3) if self.text_out else len(data)
            await self._head(initial, [(b"content-length", str(length).encode())])
        await self._body(data, more=False)

    async def _head(self, metadata: Metadata, headers: Headers) -> None:
        kind = b"application/grpc-web-text+proto" if self.text_out else b"application/grpc-web+proto"
        headers = [(b"content-type", kind), *headers, *self.head(), *header_pairs(metadata)]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        self.started = True  # not before: where a slow client makes it wait, a deadline may cancel it

    async def _body(self, data: bytes, *, more: bool) -> None:
        body = base64.b64encode(data) if self.text_out else data
        await self._send({"type": "http.response.body", "body": body, "more_body": more})


def _trailer_frame(status: Status, trailing: Metadata) -> bytes:
    return _SUCCESS if status is OK and not trailing else _packed(status, trailing)


def _packed(status: Status, trailing: Metadata) -> bytes:
    pairs = [(key.decode(), value.decode()) for key, value in status_trailers(status, trailing)]
    framed: bytes = wrap_message(trailers=True, compressed=False, message=pack_trailers(pairs))
    return framed


_SUCCESS = _packed(OK, ())

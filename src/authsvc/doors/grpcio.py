"""Native gRPC on a port of its own: grpcio's server (C-core), which frames, counts and limits by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc
from google.protobuf.message import Message
from grpc import StatusCode

from authsvc.doors.grpc import decode, unknown_method
from authsvc.doors.limits import Limits
from authsvc.doors.metadata import check_size
from authsvc.rpc.call import DETAILS_KEY, Call, Metadata
from authsvc.rpc.method import Method
from authsvc.rpc.status import Status

# grpcio 1.85 shows a request stream that the client has cancelled as one that is complete, and cancels the call's task
# only after that, within a fraction of this time. In seconds.
_LATE = 0.001

Context = grpc.aio.ServicerContext[bytes, bytes]


def grpcio_server(methods: Mapping[str, Method], limits: Limits) -> grpc.aio.Server:
    """A server for `methods`, still without a port."""
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", limits.message),
            ("grpc.max_metadata_size", limits.metadata),
            ("grpc.absolute_max_metadata_size", limits.metadata),
            ("grpc.max_concurrent_streams", limits.streams),
            ("grpc.max_connection_idle_ms", _milliseconds(limits.idle)),
            ("grpc.max_connection_age_ms", _milliseconds(limits.age)),  # give or take a tenth
            ("grpc.max_connection_age_grace_ms", _milliseconds(limits.grace)),
            ("grpc.so_reuseport", 1),  # with other workers; against others of their own the supervisor holds the port
        ]
    )
    server.add_generic_rpc_handlers([Handlers(methods, limits)])
    return server


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


class Handlers(grpc.GenericRpcHandler):
    """Looks methods up by path, known or not."""

    def __init__(self, methods: Mapping[str, Method], limits: Limits) -> None:
        self._methods = methods
        self._handlers = {path: _handler(method, limits) for path, method in methods.items()}

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        """The handler of a path; messages stay bytes."""
        return self._handlers.get(details.method) or _refusal(unknown_method(details.method, self._methods))


class GrpcioExchange:
    """One call; `next_request` gives the bytes of the next request message, or None."""

    door = "grpcio"
    compression = grpc.Compression.NoCompression
    compress_next = True

    def __init__(
        self, method: Method, limits: Limits, context: Context, next_request: Callable[[], Awaitable[bytes | None]]
    ) -> None:
        self.peer = context.peer()
        self.auth_context = context.auth_context()
        self._method = method
        self._limits = limits
        self._context = context
        self._next_request = next_request
        self._started = False

    def metadata(self) -> Metadata:
        """The metadata that the client sent; C-core itself does not limit what arrives before its settings do."""
        metadata = tuple(self._context.invocation_metadata() or ())
        check_size(metadata, self._limits)
        return metadata

    def timeout(self) -> float | None:
        """The seconds that the client allows."""
        return self._context.time_remaining()

    async def receive(self) -> Message | None:
        """The next request message."""
        data = await self._next_request()
        return None if data is None else decode(self._method.request_class, data)

    async def start(self, metadata: Metadata) -> None:
        """Send the initial metadata."""
        if self.compression is not grpc.Compression.NoCompression:
            self._context.set_compression(self.compression)
        await self._context.send_initial_metadata(tuple(metadata))
        self._started = True

    def encode(self, message: Message) -> bytes:
        """The bytes of a response message."""
        if not self.compress_next:
            self._context.disable_next_message_compression()
            self.compress_next = True
        return message.SerializeToString()

    async def send(self, message: bytes) -> None:
        """Send one message of a response stream."""
        await self._context.write(message)

    async def run(self) -> bytes | None:
        """Take the call through the pipeline; the answer of a unary method that ended well."""
        call = Call(self._method, self)
        status = await self._method.run(call)
        if not self._started:
            await self.start(call.initial_metadata)
        await _finish(self._context, status, call.trailing_metadata())
        return call.response


async def _finish(context: Context, status: Status, trailing: Metadata) -> None:
    """Hand the status to grpcio: it raises to end the call when the status is an error."""
    if status.code is StatusCode.OK:
        context.set_trailing_metadata(tuple(trailing))
        return
    details = ((DETAILS_KEY, status.proto().SerializeToString()),) if status.details else ()
    await context.abort(status.code, status.message, (*details, *trailing))


def _handler(method: Method, limits: Limits) -> grpc.RpcMethodHandler[bytes, bytes]:
    async def with_request(request: bytes, context: Context) -> bytes | None:
        requests = iter((request,))

        async def next_request() -> bytes | None:
            return next(requests, None)

        return await GrpcioExchange(method, limits, context, next_request).run()

    async def with_requests(_: Any, context: Context) -> bytes | None:
        async def next_request() -> bytes | None:
            request: Any = await context.read()
            if request is not grpc.aio.EOF:
                return bytes(request)
            await asyncio.sleep(_LATE)
            return None

        return await GrpcioExchange(method, limits, context, next_request).run()

    kind = f"{_arity(method.client_streaming)}_{_arity(method.server_streaming)}"
    factory = getattr(grpc, f"{kind}_rpc_method_handler")
    handler: grpc.RpcMethodHandler[bytes, bytes] = factory(with_requests if method.client_streaming else with_request)
    return handler


def _arity(streaming: bool) -> str:  # noqa: FBT001
    return "stream" if streaming else "unary"


def _refusal(status: Status) -> grpc.RpcMethodHandler[bytes, bytes]:
    async def refuse(_: Any, context: Context) -> None:
        await _finish(context, status, ())

    return grpc.stream_stream_rpc_method_handler(refuse)

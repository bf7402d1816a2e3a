"""What native gRPC and gRPC-Web have in common over ASGI: framed messages, trailers, unknown methods."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from google.protobuf.message import DecodeError, Message
from grpc import StatusCode

from authsvc.doors.asgi_types import Receive, Scope, Send
from authsvc.doors.frames import Frames, frame
from authsvc.doors.http import HttpExchange
from authsvc.doors.limits import Limits
from authsvc.doors.metadata import header
from authsvc.rpc.method import Method
from authsvc.rpc.status import Status, StatusError


def decode(message_class: type[Message], data: bytes) -> Message:
    """A request message from its bytes. Raises INTERNAL when they are no such message."""
    try:
        return message_class.FromString(data)
    except DecodeError:
        raise StatusError(StatusCode.INTERNAL, "the request message cannot be decoded") from None


def unknown_method(path: str, methods: Mapping[str, Method]) -> Status:
    """The status of a call to a method that is not served."""
    service, _, name = path.removeprefix("/").rpartition("/")
    if any(known.startswith(f"/{service}/") for known in methods):
        return Status(StatusCode.UNIMPLEMENTED, f"unknown method {name} for service {service}")
    return Status(StatusCode.UNIMPLEMENTED, f"unknown service {service}")


class GrpcExchange(HttpExchange):
    """A call whose request body is a row of frames."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, limits: Limits) -> None:
        super().__init__(scope, receive, send, limits)
        self._frames: Frames | None = None
        self._messages: deque[bytes] = deque()
        self.started = False

    def decode_chunk(self, chunk: bytes) -> bytes:
        """The frames in a piece of the body."""
        return chunk

    def encode(self, message: Message) -> bytes:
        """The framed bytes of a response message."""
        return frame(message.SerializeToString())

    async def receive(self) -> Message | None:
        """The next request message; a unary request is read to its end and must hold exactly one."""
        if self.method.client_streaming:
            return await self._next()
        message = await self._next()
        if message is None or await self._next() is not None:
            raise StatusError(StatusCode.UNIMPLEMENTED, "the method takes exactly one request message")
        return message

    async def _next(self) -> Message | None:
        if self._frames is None:
            self._frames = Frames(self.limits.message, header(self.headers, b"grpc-encoding"))
        while not self._messages and self.more_body:
            self._messages.extend(self._frames.feed(self.decode_chunk(await self.chunk())))
        if self._messages:
            return decode(self.method.request_class, self._messages.popleft())
        self._frames.end()
        return None

"""What native gRPC and gRPC-Web have in common over ASGI: framed messages, trailers, unknown methods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from google.protobuf.message import DecodeError, Message
from grpc import Compression, StatusCode

from authsvc.doors.asgi_types import Headers, Scope
from authsvc.doors.frames import ACCEPTED_ENCODINGS, Frames, frame
from authsvc.doors.http import HttpExchange
from authsvc.doors.metadata import accepted_encodings, header
from authsvc.rpc.method import Method
from authsvc.rpc.status import Status, StatusError

_ENCODINGS = {Compression.Gzip: b"gzip", Compression.Deflate: b"deflate"}


def decode(message_class: type[Message], data: bytes) -> Message:
    """A request message from its bytes. Raises INTERNAL when they are no such message."""
    try:
        return message_class.FromString(data)
    except DecodeError:
        raise StatusError(StatusCode.INTERNAL, "the request message cannot be decoded") from None


def rpc_path(scope: Scope) -> str:
    """The path that names the RPC, as it was sent: what is escaped is another path, for proxies and for us."""
    path: bytes = scope["raw_path"]
    return path.decode("latin-1")


def unknown_method(path: str, methods: Mapping[str, Method]) -> Status:
    """The status of a call to a method that is not served."""
    service, _, name = path.removeprefix("/").rpartition("/")
    if any(known.startswith(f"/{service}/") for known in methods):
        return Status(StatusCode.UNIMPLEMENTED, f"unknown method {name} for service {service}")
    return Status(StatusCode.UNIMPLEMENTED, f"unknown service {service}")


class GrpcExchange(HttpExchange):
    """A call whose request body is a row of frames."""

    started = False
    _frames: Frames | None = None
    _messages: Iterator[bytes] = iter(())
    _encoding: bytes | None = None

    def decode_chunk(self, chunk: bytes) -> bytes:
        """The frames in a piece of the body."""
        return chunk

    def encode(self, message: Message) -> bytes:
        """The framed bytes of a response message."""
        encoding = self.encoding() if self.compress_next else b""
        self.compress_next = True
        return frame(message.SerializeToString(), encoding)

    def encoding(self) -> bytes:
        """How messages are compressed: as the servicer wants it, if the client takes it; else not, which is empty."""
        if self._encoding is not None:
            return self._encoding
        wanted = _ENCODINGS.get(self.compression, b"")
        return wanted if wanted and wanted in accepted_encodings(self.headers) else b""

    def head(self) -> Headers:
        """The headers that tell how messages may be and are compressed."""
        self._encoding = encoding = self.encoding()  # which stays as it is from now on
        accepts = (b"grpc-accept-encoding", ACCEPTED_ENCODINGS)
        return [accepts, (b"grpc-encoding", encoding)] if encoding else [accepts]

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
        while True:
            if (message := next(self._messages, None)) is not None:
                return decode(self.method.request_class, message)
            if not self.more_body:
                self._frames.end()
                return None
            self._messages = self._frames.feed(self.decode_chunk(await self.chunk()))

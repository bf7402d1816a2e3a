"""Length-prefixed messages (gRPC over HTTP/2: "Length-Prefixed-Message"), read piece by piece, without I/O."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from grpc import StatusCode
from sonora.protocol import wrap_message

from authsvc.rpc.status import StatusError

ACCEPTED_ENCODINGS = b"identity,deflate,gzip"
_PREFIX = struct.Struct(">BI")
_COMPRESSED = 1
_WINDOW = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}


def frame(message: bytes, encoding: bytes = b"") -> bytes:
    """A message behind its prefix; with an encoding it is compressed, unless that makes it no smaller."""
    compressed = False
    if encoding:
        compressor = zlib.compressobj(wbits=_WINDOW[encoding])
        packed = compressor.compress(message) + compressor.flush()
        compressed = len(packed) < len(message)
        message = packed if compressed else message
    framed: bytes = wrap_message(trailers=False, compressed=compressed, message=message)
    return framed


class Frames:
    """Cuts a request body into messages of at most `limit` bytes. `encoding` is the value of `grpc-encoding`."""

    def __init__(self, limit: int, encoding: bytes) -> None:
        if encoding not in _WINDOW and encoding not in {b"", b"identity"}:
            raise StatusError(StatusCode.UNIMPLEMENTED, "grpc-encoding: not supported; see grpc-accept-encoding")
        self._limit = limit
        self._window = _WINDOW.get(encoding)
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages completed by `data`, to be used up before the next are fed.

        A message is decompressed only when it is asked for. One too large is refused as soon as its prefix is known.
        """
        if not self._buffer and len(data) >= _PREFIX.size:
            flags, length = _PREFIX.unpack_from(data)
            if not flags and len(data) == _PREFIX.size + length <= self._limit:
                return iter((data[_PREFIX.size :],))  # what nearly every request is: one message in one piece
        return self._cut(data)

    def _cut(self, data: bytes) -> Iterator[bytes]:
        self._buffer += data
        while len(self._buffer) >= _PREFIX.size:
            flags, length = _PREFIX.unpack_from(self._buffer)
            self._check(flags, length)
            end = _PREFIX.size + length
            if len(self._buffer) < end:
                return
            message = bytes(self._buffer[_PREFIX.size : end])
            del self._buffer[:end]
            yield self._inflate(message) if flags else message

    def end(self) -> None:
        """The body is over. Raises INTERNAL if it ended within a message."""
        if self._buffer:
            raise StatusError(StatusCode.INTERNAL, "the request ended within a message")

    def _check(self, flags: int, length: int) -> None:
        if flags & ~_COMPRESSED:
            raise StatusError(StatusCode.INTERNAL, "a request message has unknown flags")
        if flags and self._window is None:
            raise StatusError(StatusCode.INTERNAL, "a request message is compressed, but grpc-encoding names no way")
        if length > self._limit:
            raise self._too_large()

    def _inflate(self, message: bytes) -> bytes:
        inflater = zlib.decompressobj(self._window or 0)
        try:
            inflated = inflater.decompress(message, self._limit + 1)
        except zlib.error:
            raise StatusError(StatusCode.INTERNAL, "a request message cannot be decompressed") from None
        if len(inflated) > self._limit:
            raise self._too_large()
        if not inflater.eof or inflater.unused_data:
            raise StatusError(StatusCode.INTERNAL, "a compressed request message is not one whole stream")
        return inflated

    def _too_large(self) -> StatusError:
        return StatusError(StatusCode.RESOURCE_EXHAUSTED, f"request message larger than {self._limit} bytes")

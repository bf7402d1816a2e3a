"""HTTP/2 frame by frame, as a client that keeps no rule (RFC 9113, section 4), and header blocks byte by byte."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 1
END_HEADERS = 4
PADDED = 8
CANCEL, REFUSED_STREAM, ENHANCE_YOUR_CALM = 8, 7, 11
INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS = 4, 3
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_SIZE = 9

Field = tuple[bytes, bytes]
GRPC: tuple[Field, ...] = ((b"content-type", b"application/grpc"), (b"te", b"trailers"))


@dataclass(frozen=True)
class Frame:
    """One frame that came from the server."""

    kind: int
    flags: int
    stream: int
    payload: bytes


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"", *, length: int | None = None) -> bytes:
    """The bytes of a frame; `length` may lie."""
    size = len(payload) if length is None else length
    return struct.pack(">I", size)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def settings(*pairs: tuple[int, int]) -> bytes:
    """A SETTINGS frame."""
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", *pair) for pair in pairs))


def window_update(increment: int, stream: int = 0) -> bytes:
    """A WINDOW_UPDATE frame."""
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def reset(stream: int, code: int = CANCEL) -> bytes:
    """A RST_STREAM frame."""
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def literal(name: bytes, value: bytes, *, indexed: bool = False) -> bytes:
    """A header as HPACK literal, whatever its bytes; `indexed` puts it into the dynamic table."""
    return (b"\x40" if indexed else b"\x00") + _string(name) + _string(value)


def named_by_index(index: int, value: bytes) -> bytes:
    """A header whose name is that of an entry of the table, put into the table with its value."""
    return _integer(index, 6, 0x40) + _string(value)


def block(path: str, fields: Sequence[Field] = GRPC, method: str = "POST") -> bytes:
    """The header block of a request, without use of the dynamic table."""
    pseudo = [(b":method", method.encode()), (b":scheme", b"http"), (b":path", path.encode()), (b":authority", b"test")]
    return b"".join(literal(*field) for field in [*pseudo, *fields])


def request(
    stream: int, path: str, fields: Sequence[Field] = GRPC, *, end: bool = False, method: str = "POST"
) -> bytes:
    """A HEADERS frame that begins a request."""
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block(path, fields, method))


def message(payload: bytes = b"", flags: int = 0, *, length: int | None = None) -> bytes:
    """A gRPC message behind its prefix; `length` may lie."""
    return struct.pack(">BI", flags, len(payload) if length is None else length) + payload


def parse(data: bytes) -> tuple[list[Frame], bytes]:
    """The whole frames in some bytes, and the rest."""
    found = []
    while len(data) >= HEADER_SIZE and len(data) >= (end := HEADER_SIZE + int.from_bytes(data[:3], "big")):
        found.append(Frame(data[3], data[4], int.from_bytes(data[5:9], "big"), data[HEADER_SIZE:end]))
        data = data[end:]
    return found, data


def _string(text: bytes) -> bytes:
    return _integer(len(text), 7, 0) + text


def _integer(number: int, bits: int, first: int) -> bytes:
    """An integer of HPACK (RFC 7541, section 5.1)."""
    largest = (1 << bits) - 1
    if number < largest:
        return bytes([first | number])
    encoded = bytearray([first | largest])
    number -= largest
    while number >= 128:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number])

"""Frames of HTTP/2 (RFC 9113, sections 4 and 6), as far as ours are mixed with those of zttp."""

from __future__ import annotations

import struct
from collections.abc import Iterator

WINDOW_UPDATE = 8
_SETTINGS, _PING = 4, 6
_HEAD = 9
# Error codes (RFC 9113, section 7).
INTERNAL_ERROR, FLOW_CONTROL_ERROR, REFUSED_STREAM, ENHANCE_YOUR_CALM = 2, 3, 7, 11


def frames(data: bytes) -> Iterator[bytes]:
    """Whole frames, one by one (RFC 9113, section 4.1)."""
    start = 0
    while start < len(data):
        end = start + _HEAD + int.from_bytes(data[start : start + 3])
        yield data[start:end]
        start = end


def _frame(kind: int, stream_id: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, 0]) + struct.pack(">I", stream_id) + payload


def window_update(stream_id: int, size: int) -> bytes:
    """A frame that opens the window of a stream."""
    return _frame(WINDOW_UPDATE, stream_id, struct.pack(">I", size))


def settings(values: dict[int, int]) -> bytes:
    """A SETTINGS frame (RFC 9113, section 6.5); zttp announces its own limits, which are wider than ours."""
    return _frame(_SETTINGS, 0, b"".join(struct.pack(">HI", *item) for item in values.items()))


def ping() -> bytes:
    """A frame that the peer answers when it has read everything before it."""
    return _frame(_PING, 0, b"goodbye!")


def stream_of(frame: bytes) -> int:
    """The number of the stream that a frame belongs to."""
    return int.from_bytes(frame[5:9])


def increment_of(frame: bytes) -> int:
    """By how much a WINDOW_UPDATE opens a window."""
    return int.from_bytes(frame[9:13])

"""Server streams as HTTP bodies: a JSON array, newline-delimited JSON, or server-sent events.

The status of HTTP leaves with the first message. An error after that is told in the body, as its last item.
"""

from collections.abc import Mapping
from typing import Protocol

from ._accept import best

ARRAY = "application/json"
LINES = "application/x-ndjson"
EVENTS = "text/event-stream"
STREAM_TYPES = (ARRAY, LINES, EVENTS)


class Framing(Protocol):
    """Puts the messages of one stream into one body."""

    def item(self, data: bytes) -> bytes:
        """Frame one message."""

    def error(self, data: bytes) -> bytes | None:
        """Frame an error and end the body; None if this body cannot tell of errors but by breaking off."""

    def end(self) -> bytes:
        """End the body of a stream that ended well."""


class Array:
    """One JSON array; an error is its last element, `{"error": …}`."""

    def __init__(self) -> None:
        """Start before the first element."""
        self._joint = b"["

    def item(self, data: bytes) -> bytes:
        """Return the element, with what divides it from the one before."""
        joint, self._joint = self._joint, b",\n"
        return joint + data

    def error(self, data: bytes) -> bytes | None:
        """Return the error as the last element."""
        return self.item(data) + b"]"

    def end(self) -> bytes:
        """Close the array."""
        return b"]" if self._joint == b",\n" else b"[]"


class Lines:
    """One JSON value on each line; an error is the last line, `{"error": …}`."""

    def item(self, data: bytes) -> bytes:
        """Return the line."""
        return data + b"\n"

    def error(self, data: bytes) -> bytes | None:
        """Return the error as a line."""
        return data + b"\n"

    def end(self) -> bytes:
        """Add nothing."""
        return b""


class Events:
    """Server-sent events (HTML, section 9.2); an error is an event of the type `error`."""

    def item(self, data: bytes) -> bytes:
        """Return an event of the default type, `message`."""
        return b"".join([b"data: " + line + b"\n" for line in data.split(b"\n")]) + b"\n"

    def error(self, data: bytes) -> bytes | None:
        """Return an event of the type `error`."""
        return b"event: error\n" + self.item(data)

    def end(self) -> bytes:
        """Add nothing."""
        return b""


class Raw:
    """The pieces of a google.api.HttpBody stream, one after another."""

    def item(self, data: bytes) -> bytes:
        """Return the piece."""
        return data

    def error(self, data: bytes) -> bytes | None:
        """Return nothing: whatever is added would belong to the content."""
        return None

    def end(self) -> bytes:
        """Add nothing."""
        return b""


_FRAMINGS: Mapping[str, type[Array | Lines | Events]] = {ARRAY: Array, LINES: Lines, EVENTS: Events}


def choose(accept: str) -> tuple[str, Framing]:
    """Return the content type that an `Accept` header asks for, an array where it asks for none, and its framing."""
    content_type = best(STREAM_TYPES, accept)
    return content_type, _FRAMINGS[content_type]()

"""Between HTTP headers and the metadata of a call: explicit lists, as ZITADEL's gateway has them; `Grpc-Timeout`."""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from ._accept import Headers
from ._errors import BadHeader

Value = str | bytes  # bytes under names that end in -bin, as in gRPC
V = TypeVar("V", str, str | bytes)

_BINARY = b"-bin"
_TIMEOUT = re.compile(rb"([0-9]{1,8})([HMSmun])")
_UNITS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderRules:
    """Which headers are metadata; names in lower case.

    Attributes:
        incoming: headers of requests that become metadata under their own name.
        outgoing: metadata of responses that become headers under their own name; all other stays inside.
        prefix: a header of requests whose name begins so becomes metadata under the rest of the name; empty for none.
            One whose rest is in `incoming` is dropped: a proxy that checks `Authorization` would not know it.

    """

    incoming: frozenset[bytes] = frozenset({b"authorization", b"accept-language", b"user-agent"})
    outgoing: frozenset[str] = frozenset({"cache-control", "expires", "pragma", "www-authenticate"})
    prefix: bytes = b"grpc-metadata-"

    def metadata(self, headers: Headers) -> list[tuple[bytes, bytes]]:
        """Return the headers of a request that are metadata, under their names as metadata."""
        return [(key, value) for _, key, value in self._taken(headers)]

    def decoded(self, headers: Headers) -> list[tuple[str, Value]]:
        """Return the metadata of a request as gRPC gives it: text, and bytes under names that end in `-bin`.

        Raises:
            BadHeader: such a header is not base64, with padding or without; several may have been joined by commas.

        """
        found: list[tuple[str, Value]] = []
        for name, key, value in self._taken(headers):
            shown = key.decode("latin-1")
            if key.endswith(_BINARY):
                found.extend((shown, _unpacked(name, part.strip())) for part in value.split(b","))
            else:
                found.append((shown, value.decode("latin-1")))
        return found

    def headers(self, metadata: Iterable[tuple[str, V]]) -> list[tuple[str, V]]:
        """Return the metadata of a response that becomes headers."""
        return [(name, value) for name, value in metadata if name in self.outgoing]

    def _taken(self, headers: Headers) -> list[tuple[bytes, bytes, bytes]]:
        """Find metadata: its header, its own name, its value."""
        incoming, prefix = self.incoming, self.prefix
        taken = []
        for name, value in headers:
            if name in incoming:
                taken.append((name, name, value))
            elif prefix and name.startswith(prefix):
                key = name[len(prefix) :]
                if key and key not in incoming:
                    taken.append((name, key, value))
        return taken


def _unpacked(name: bytes, value: bytes) -> bytes:
    try:
        return decode_binary(value)
    except ValueError:
        raise BadHeader(name.decode("latin-1"), "must be base64") from None


def decode_binary(value: bytes) -> bytes:
    """Return the bytes in a header whose name ends in `-bin`: base64, padded or not.

    Raises:
        ValueError: it is not.

    """
    return base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)


def encode_binary(value: bytes) -> bytes:
    """Return bytes as the value of such a header: base64 without padding."""
    return base64.b64encode(value).rstrip(b"=")


def seconds_of(timeout: bytes) -> float:
    """Return the seconds of a `grpc-timeout` header (gRPC over HTTP/2, "Timeout").

    Raises:
        BadHeader: it is not one to eight digits and a unit.

    """
    match = _TIMEOUT.fullmatch(timeout)
    if not match:
        raise BadHeader("grpc-timeout", "must be one to eight digits and a unit")
    return int(match[1]) * _UNITS[match[2]]

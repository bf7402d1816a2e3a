"""Between HTTP headers and the metadata of a call: explicit lists, as ZITADEL's gateway has them; `Grpc-Timeout`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from ._accept import Headers
from ._errors import BadRequest

V = TypeVar("V", str, str | bytes)

_PREFIX = b"grpc-metadata-"
_TIMEOUT = re.compile(rb"([0-9]{1,8})([HMSmun])")
_UNITS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderRules:
    """Which headers are metadata; names in lower case.

    Attributes:
        incoming: headers of requests that become metadata under their own name. Every header
            `grpc-metadata-<name>` becomes `<name>` as well; all others stay outside.
        outgoing: metadata of responses that become headers under their own name; all other stays inside.

    """

    incoming: frozenset[bytes] = frozenset({b"authorization", b"accept-language", b"user-agent"})
    outgoing: frozenset[str] = frozenset({"cache-control", "expires", "pragma", "www-authenticate"})

    def metadata(self, headers: Headers) -> list[tuple[bytes, bytes]]:
        """Return the headers of a request that are metadata, under their names as metadata."""
        return [
            (name.removeprefix(_PREFIX), value)
            for name, value in headers
            if name in self.incoming or (name.startswith(_PREFIX) and name != _PREFIX)
        ]

    def headers(self, metadata: Iterable[tuple[str, V]]) -> list[tuple[str, V]]:
        """Return the metadata of a response that becomes headers."""
        return [(name, value) for name, value in metadata if name in self.outgoing]


def seconds_of(timeout: bytes) -> float:
    """Return the seconds of a `grpc-timeout` header (gRPC over HTTP/2, "Timeout").

    Raises:
        BadRequest: it is not one to eight digits and a unit.

    """
    match = _TIMEOUT.fullmatch(timeout)
    if not match:
        raise BadRequest("grpc-timeout", "must be one to eight digits and a unit")
    return int(match[1]) * _UNITS[match[2]]

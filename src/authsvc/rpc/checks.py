"""What servicers give to be sent, checked: nothing of it may break or split a response."""

from __future__ import annotations

import re
from collections.abc import Iterable

import grpc

Entry = tuple[str, str | bytes]

_KEY = re.compile(r"(?!grpc-|content-)[0-9a-z_.\-]+", re.ASCII)
_TEXT = re.compile(r"([\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?)?", re.ASCII)
# What HTTP keeps for itself beside `content-` (RFC 9110, section 6.5.1; RFC 9113, section 8.2.2).
_RESERVED = frozenset(
    {"connection", "host", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
_CODES = {code.value[0]: code for code in grpc.StatusCode}


def checked(metadata: Iterable[Entry]) -> tuple[Entry, ...]:
    """Metadata that a servicer sends. Raises `ValueError` for what HTTP cannot carry, or HTTP or gRPC keep."""
    metadata = tuple(metadata)
    for key, value in metadata:
        sound = isinstance(value, bytes) if key.endswith("-bin") else isinstance(value, str) and _TEXT.fullmatch(value)
        if not _KEY.fullmatch(key) or key in _RESERVED or not sound:
            raise ValueError(f"not metadata that can be sent: {key!r}")
    return metadata


def code_of(code: grpc.StatusCode | int) -> grpc.StatusCode:
    """A code that a servicer gives, perhaps as its number. Raises `KeyError` for a number that is none."""
    return _CODES[code] if isinstance(code, int) else code


def text_of(details: str | None) -> str:
    """A message that a servicer gives. Raises `UnicodeEncodeError` for what UTF-8 cannot hold."""
    details = details or ""
    details.encode()
    return details

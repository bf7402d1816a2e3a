"""What a client may send at most, the same behind every door."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes: of one request message, also after decompression, and of all metadata of a request."""

    message: int
    metadata: int

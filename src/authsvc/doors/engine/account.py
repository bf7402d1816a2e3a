"""What a peer of HTTP/2 may send that leads to nothing: pings, settings, window updates, empty frames."""

from __future__ import annotations

# Bytes.
_START = 64 * 1024  # as much as the largest head that zttp takes: it has to arrive before it counts
_MOST = 256 * 1024
_PER_SECOND = 16 * 1024


class Account:
    """How much a peer may still send to no purpose: all bytes count against it, requests and bodies count for it."""

    def __init__(self, now: float) -> None:
        self._credit = float(_START)
        self._since = now

    def earn(self, size: float) -> None:
        """The peer has sent or taken something that is worth `size` bytes."""
        self._credit = min(self._credit + size, _MOST)

    def spend(self, size: int, now: float) -> bool:
        """The peer has sent `size` bytes; False when that was too much."""
        self.earn((now - self._since) * _PER_SECOND)
        self._since = now
        self._credit -= size
        return self._credit >= 0

"""How a connection of HTTP/2 ends: the last requests are named, those begun are finished, but not for ever."""

from __future__ import annotations

import math
from typing import Any

from uvicorn.protocols.http.zttp_h2_impl import ZttpH2Protocol

from authsvc.doors.engine.frames import ENHANCE_YOUR_CALM, ping
from authsvc.doors.engine.stream import Stream
from authsvc.doors.limits import Limits

_ANY_STREAM = 2**31 - 1
_ROUND_TRIP = 1.0  # seconds, at most, until the client knows that no more requests are taken
_JUST_NOW = 1.0  # second


class Closing(ZttpH2Protocol):
    """What ends a connection of uvicorn's, in the order of RFC 9113, section 6.8."""

    # Set by the engine.
    limits: Limits
    retires: float

    def __init__(self, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._streams: dict[int, Stream] = {}
        self._last_stream = 0
        self._retiring = False
        self._ends = math.inf
        self._idle_since = self._heard = self.loop.time()

    def _retire(self) -> None:
        """Serve no further request; those begun have a while to finish."""
        self._ends = min(self._ends, self.loop.time() + self.limits.grace)
        self.shutdown()

    def leave(self) -> None:
        """Serve no further request, once the client knows: none is lost."""
        self.shutdown()

    def shutdown(self) -> None:
        """Serve no further request, once the client knows; those begun are finished.

        The first GOAWAY only asks for no more. What was on its way when it left arrives before the answer to a ping.
        """
        if not self._retiring and not self.transport.is_closing():
            self._retiring = True
            self.conn.close(0, _ANY_STREAM)
            self.flush()
            self.transport.write(ping())
            self.loop.call_later(_ROUND_TRIP, self._last_orders)

    def _last_orders(self) -> None:
        """Tell which request is the last one, and close when all are answered."""
        if self.shutdown_requested or self.transport.is_closing():
            return
        self.shutdown_requested = True
        self.conn.close(0, self._last_stream)
        self.flush()
        if not self._streams:
            if self.loop.time() - self._idle_since >= _JUST_NOW:
                self._heard = -math.inf  # no answer is on its way that the client could lose
            self.transport.close()

    def _sends(self) -> bool:
        """Whether the client may be sending: it has just done so."""
        return self.loop.time() - self._heard < _JUST_NOW

    def _give_up(self) -> None:
        self.conn.close(ENHANCE_YOUR_CALM, self._last_stream)
        self.flush()
        self.transport.close()

    def _close_connection(self) -> None:
        """Close when everything is sent; uvicorn would cut off what the peer's windows hold back."""
        if not self._streams and not self.transport.is_closing():
            self.conn.close(0, self._last_stream)
            self.flush()
            self.transport.close()

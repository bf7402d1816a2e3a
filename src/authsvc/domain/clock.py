"""Time as the service keeps it: whole microseconds since 1970-01-01T00:00:00Z, as `int`."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]
MILLISECOND = 1_000
SECOND = 1_000_000


def now() -> int:
    """The current time, in microseconds."""
    return time.time_ns() // 1_000

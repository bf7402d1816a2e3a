"""How often somebody may call: a bucket of calls for each, which fills at the rate that is allowed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

BURST = 10.0  # seconds; who has rested may make the calls of so long a time at once


class Rate:
    """At most `per_second` calls a second of each caller; 0 sets no limit. `clock` gives seconds."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._size = max(per_second * BURST, 1.0)
        self._clock = clock
        self._buckets: dict[int, tuple[float, float]] = {}  # by caller: the calls in it, and when that was so

    def take(self, caller: int) -> int:
        """Take a call out of the bucket of `caller`: 0, or after how many seconds to try again if there is none."""
        if not self._per_second:
            return 0
        now = self._clock()
        calls = self._calls(caller, now)
        if calls < 1:
            return math.ceil((1 - calls) / self._per_second)
        self._buckets[caller] = (calls - 1, now)
        return 0

    def _calls(self, caller: int, now: float) -> float:
        calls, then = self._buckets.get(caller, (self._size, now))
        return min(calls + (now - then) * self._per_second, self._size)

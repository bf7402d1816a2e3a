"""When a delivery that failed is tried again: six times over three days."""

from __future__ import annotations

import random
from collections.abc import Callable

from authsvc.domain.clock import SECOND

_MINUTE = 60 * SECOND
_HOUR = 60 * _MINUTE
PAUSES = (_MINUTE, 5 * _MINUTE, 30 * _MINUTE, 4 * _HOUR, 20 * _HOUR, 48 * _HOUR)
"""How long to wait before each retry, in microseconds."""
JITTER = 0.1
"""The part by which a pause is longer or shorter: what failed together does not come back together."""


def pause(attempts: int, chance: Callable[[], float] = random.random) -> int | None:
    """How long to wait after so many attempts, in microseconds; None when it was the last. `chance` is in [0, 1)."""
    if attempts > len(PAUSES):
        return None
    return round(PAUSES[attempts - 1] * (1 + JITTER * (2 * chance() - 1)))

"""How many made-up inputs a property is tried with: the same few in every run, many new ones in `make fuzz`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_FUZZING = "FUZZING" in os.environ
_TIMES = 20  # as many in `make fuzz`


def examples(number: int) -> settings:
    """Settings of a property that so many inputs are enough for, if they are the same in every run."""
    return settings(
        max_examples=number * _TIMES if _FUZZING else number,
        derandomize=not _FUZZING,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

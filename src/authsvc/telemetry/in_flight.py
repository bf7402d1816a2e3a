"""How many calls are in flight: counted by each process where all can read it, and told as Prometheus is told."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from mmap import mmap
from typing import Protocol


class Kind(IntEnum):
    """What a call is counted as: one of people, one with an API key, a public one, or one that streams."""

    USERS, KEYS, PUBLIC, STREAMS = range(4)


class Counts(Protocol):
    """The calls in flight of one process, by `Kind`: a row of the tally, or a list."""

    def __getitem__(self, kind: int, /) -> int: ...

    def __setitem__(self, kind: int, count: int, /) -> None: ...


_BYTES = 8  # of one number: written and read at once, so nobody sees a half of it
_NAME = "authsvc_calls_in_flight"
_HEAD = f"# HELP {_NAME} Calls that have begun and wait for something.\n# TYPE {_NAME} gauge\n"


class Tally:
    """The counts of so many processes, in memory that they share: made before they are forked, a row for each."""

    def __init__(self, rows: int) -> None:
        self._numbers = memoryview(mmap(-1, rows * len(Kind) * _BYTES)).cast("q")

    def row(self, number: int) -> memoryview[int]:
        """The counts of one process, for it alone to change."""
        return self._numbers[number * len(Kind) : (number + 1) * len(Kind)]

    def clear(self, number: int) -> None:
        """Forget what a process has counted that is no more."""
        self.row(number)[:] = memoryview(bytes(len(Kind) * _BYTES)).cast("q")

    def sums(self) -> dict[str, int]:
        """How many calls are in flight in all processes, by the name of their kind."""
        return {kind.name.lower(): sum(self._numbers[kind :: len(Kind)]) for kind in Kind}


def exposition(sums: Mapping[str, int]) -> str:
    """The sums in Prometheus' text format, version 0.0.4."""
    return _HEAD + "".join(f'{_NAME}{{kind="{kind}"}} {number}\n' for kind, number in sums.items())

"""What goes on right now: counted by each process where all can read it, and told as Prometheus is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from mmap import mmap
from typing import NamedTuple, Protocol


class Kind(IntEnum):
    """What a call is counted as: one of people, one with an API key, a public one, or one that streams."""

    USERS, KEYS, PUBLIC, STREAMS = range(4)


class Pool(IntEnum):
    """Connections to PostgreSQL that are at work, those that rest, and reads and writes that wait for one."""

    BUSY, IDLE, WAITING = range(len(Kind), len(Kind) + 3)


class Counts(Protocol):
    """The numbers of one process, by `Kind` and `Pool`: a row of the tally, or a list."""

    def __getitem__(self, number: int, /) -> int: ...

    def __setitem__(self, number: int, count: int, /) -> None: ...


class _Gauge(NamedTuple):
    """A gauge with a line for each of its numbers, told apart by a label, or with one line and no label."""

    name: str
    means: str
    label: str
    numbers: tuple[Kind | Pool, ...]

    def lines(self, sums: Mapping[str, int]) -> Iterator[str]:
        yield f"# HELP {self.name} {self.means}\n# TYPE {self.name} gauge\n"
        for name in (number.name.lower() for number in self.numbers):
            if name in sums:
                labels = f'{{{self.label}="{name}"}}' if self.label else ""
                yield f"{self.name}{labels} {sums[name]}\n"


_GAUGES = (
    _Gauge("authsvc_calls_in_flight", "Calls that have begun and wait for something.", "kind", tuple(Kind)),
    _Gauge("authsvc_database_connections", "Connections to PostgreSQL.", "state", (Pool.BUSY, Pool.IDLE)),
    _Gauge("authsvc_database_waiting", "Reads and writes that wait for a connection.", "", (Pool.WAITING,)),
)
_COLUMNS: tuple[Kind | Pool, ...] = (*Kind, *Pool)
_BYTES = 8  # of one number: written and read at once, so nobody sees a half of it


class Tally:
    """The numbers of so many processes, in memory that they share: made before they are forked, a row for each."""

    def __init__(self, rows: int) -> None:
        self._numbers = memoryview(mmap(-1, rows * len(_COLUMNS) * _BYTES)).cast("q")

    def row(self, number: int) -> memoryview[int]:
        """The numbers of one process, for it alone to change."""
        return self._numbers[number * len(_COLUMNS) : (number + 1) * len(_COLUMNS)]

    def clear(self, number: int) -> None:
        """Forget what a process has counted that is no more."""
        self.row(number)[:] = memoryview(bytes(len(_COLUMNS) * _BYTES)).cast("q")

    def sums(self) -> dict[str, int]:
        """Each number of all processes together, by its name."""
        return {column.name.lower(): sum(self._numbers[column :: len(_COLUMNS)]) for column in _COLUMNS}


def exposition(sums: Mapping[str, int]) -> str:
    """The sums in Prometheus' text format, version 0.0.4."""
    return "".join(line for gauge in _GAUGES for line in gauge.lines(sums))

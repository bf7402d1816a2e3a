"""What the service has to reach, each a line of the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bench.compare.contenders import ASGI, AUTHSVC, CONNECT, FASTAPI, GRPC_AIO
from bench.compare.databases import POSTGRES, SQLITE
from bench.compare.doors import Door
from bench.compare.measure import Cell, Measure, Results, Sample
from bench.compare.sections import (
    CROWDS,
    GRANTS,
    HALF,
    OFFSETS,
    SMALL,
    USER,
    at_offset,
    crew,
    of_many,
    sized,
)

_MEGA = 1_000_000


@dataclass(frozen=True)
class Bar:
    """What is measured, the least or the most it may be, and how it follows from the results: None if it does not."""

    name: str
    limit: float
    unit: str
    find: Callable[[Results], float | None]
    at_least: bool = True

    def met(self, found: float) -> bool:
        """Whether what was found is enough."""
        return found >= self.limit if self.at_least else found <= self.limit

    def wanted(self) -> str:
        """The bar in words."""
        return f"{'at least' if self.at_least else 'at most'} {show(self.limit, self.unit)}"


@dataclass(frozen=True)
class Verdict:
    """A bar and what was found; None if it was not measured."""

    bar: Bar
    found: float | None

    def word(self) -> str:
        """How it went."""
        if self.found is None:
            return "not measured"
        return "met" if self.bar.met(self.found) else "missed"

    def line(self) -> str:
        """All of it, for a terminal."""
        found = "-" if self.found is None else show(self.found, self.bar.unit)
        return f"{self.bar.name}: {self.bar.wanted()}, found {found}: {self.word()}"


def show(value: float, unit: str) -> str:
    """A number as people read it; `unit` is x, % or ms."""
    if unit == "%":
        return f"{value * 100:.0f} %"
    return f"{value * 1e3:.2f} ms" if unit == "ms" else f"{value:.2f}x"


def verdicts(results: Results, users: int = _MEGA) -> list[Verdict]:
    """All bars, in their order; `users` is how many there are in the large databases."""
    return [Verdict(bar, bar.find(results)) for bar in bars(users)]


def bars(users: int = _MEGA) -> Iterator[Bar]:
    """All bars."""
    yield from _against_others()
    for door in (Door.GRPC, Door.JSON):
        ours, theirs = (Cell("engines", engine, door, USER) for engine in (POSTGRES, SQLITE))
        yield Bar(f"GetMyUser, {door.value}, on PostgreSQL against SQLite", 0.5, "%", _ratio(ours, theirs))
    for engine in (SQLITE, POSTGRES):
        large, small = (Cell("size", sized(engine, count), Door.JSON, USER) for count in (users, SMALL))
        name = f"p50 of GetMyUser with {users:,} users against {SMALL:,}, {engine}"
        yield Bar(name, 1.2, "x", _ratio(large, small, _p50), at_least=False)
    for engine in (SQLITE, POSTGRES):
        for offset, limit in zip(OFFSETS[:2], (0.002, 0.005), strict=True):
            cell = Cell("depth", engine, Door.JSON, at_offset(offset))
            yield Bar(f"p50 of {cell.case}, {engine}", limit, "ms", _median(cell, _p50), at_least=False)
    yield from _rows()
    two, one = (Cell("workers", crew(count), Door.JSON, GRANTS) for count in (2, 1))
    yield Bar("2 workers against 1", 1.7, "x", _ratio(two, one, lambda sample: sample.per_busiest))
    half = Cell("latency", HALF, Door.GRPC, USER)
    yield Bar("p99 against p50 at half of full load", 5.0, "x", _median(half, _tail), at_least=False)


def _against_others() -> Iterator[Bar]:
    def calls(contender: str, door: Door, case: str = USER) -> Cell:
        return Cell("calls", contender, door, case)

    grpc, web, json = (calls(AUTHSVC, door) for door in (Door.GRPC, Door.WEB, Door.JSON))
    yield Bar("GetMyUser, gRPC, against an empty grpc.aio handler", 2.5, "x", _ratio(grpc, calls(GRPC_AIO, Door.GRPC)))
    yield Bar(f"GetMyUser, JSON, against {FASTAPI}", 12.0, "x", _ratio(json, calls(FASTAPI, Door.JSON)))
    yield Bar("GetMyUser, JSON, against connectrpc", 1.5, "x", _ratio(json, calls(CONNECT, Door.CONNECT)))
    name = "GetMyUser, JSON, against an empty ASGI application on the same engine"
    yield Bar(name, 0.4, "%", _ratio(json, calls(ASGI, Door.JSON)))
    ours, theirs = (calls(contender, Door.JSON, GRANTS) for contender in (AUTHSVC, FASTAPI))
    yield Bar(f"{GRANTS}, JSON, against {FASTAPI}", 5.0, "x", _ratio(ours, theirs))
    yield Bar("GetMyUser, gRPC-Web, against connectrpc", 1.4, "x", _ratio(web, calls(CONNECT, Door.WEB)))


def _rows() -> Iterator[Bar]:
    """The cost of one row of a long list against one of a list of ten."""
    for kind, counts in CROWDS.items():
        for door in (Door.GRPC, Door.JSON):
            few, *more = (Cell("rows", AUTHSVC, door, of_many(kind, count)) for count in counts)
            for count, cell in zip(counts[1:], more, strict=True):
                name = f"CPU for a row, {of_many(kind, count)} against {counts[0]}, {door.value}"
                yield Bar(name, 1.3, "x", _per_row(cell, few, count / counts[0]), at_least=False)


def _per_row(many: Cell, few: Cell, more: float) -> Callable[[Results], float | None]:
    def find(results: Results) -> float | None:
        ratio = results.ratio(many, few, lambda sample: sample.cost)
        return None if ratio is None else ratio / more

    return find


def _ratio(
    ours: Cell, theirs: Cell, measure: Measure = lambda sample: sample.per_core
) -> Callable[[Results], float | None]:
    return lambda results: results.ratio(ours, theirs, measure)


def _median(cell: Cell, measure: Measure) -> Callable[[Results], float | None]:
    return lambda results: results.median(cell, measure)


def _p50(sample: Sample) -> float:
    return sample.p50


def _tail(sample: Sample) -> float:
    return sample.p99 / sample.p50


def lines(found: Iterable[Verdict]) -> str:
    """All bars, for a terminal."""
    return "\n".join(verdict.line() for verdict in found)

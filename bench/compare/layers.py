"""Where the time of a call goes: what each layer of the service adds to the CPU of those below."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from bench.compare.contenders import ASGI, AUTHSVC, HANDLERS, REMEMBERED
from bench.compare.doors import Door
from bench.compare.measure import Cell, Results
from bench.compare.sections import GRANTS, USER

# From the outside in: who does all up to a layer, and what that layer is.
_LAYERS = (
    (ASGI, "HTTP engine, kernel included"),
    (HANDLERS, "door and pipeline"),
    (REMEMBERED, "check of the token, messages, encoding"),
    (AUTHSVC, "database"),
)
COLUMNS = ((USER, Door.JSON), (USER, Door.WEB), (USER, Door.GRPC), (GRANTS, Door.JSON), (GRANTS, Door.GRPC))


def rows(results: Results) -> Iterator[tuple[str, ...]]:
    """A row for each layer, and one for all: microseconds of CPU, by the columns."""
    columns = [_column(results, case, door) for case, door in COLUMNS]
    for name, words in _LAYERS:
        yield (words, *(column.get(name, "") for column in columns))
    yield ("in all", *(column.get("", "") for column in columns))


def _column(results: Results, case: str, door: Door) -> dict[str, str]:
    """What each layer adds, by who does all up to it; the sum under an empty name."""
    costs = {name: results.median(Cell("calls", name, door, case), lambda sample: sample.cost) for name, _ in _LAYERS}
    known = [(name, cost * 1e6) for name, cost in costs.items() if cost is not None]
    if not known:
        return {}
    added = {name: cost - before for (_, before), (name, cost) in pairwise([("", 0.0), *known])}
    return {name: f"{cost:,.0f}" for name, cost in (*added.items(), ("", known[-1][1]))}

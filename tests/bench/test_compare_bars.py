"""How `make bench` judges what it has measured."""

from __future__ import annotations

import pytest

from bench.compare.bars import Bar, Verdict, show, verdicts
from bench.compare.contenders import AUTHSVC, GRPC_AIO
from bench.compare.doors import Door
from bench.compare.measure import Cell, Results, Sample
from bench.compare.sections import GRANTS, USER, crew

OURS = Cell("calls", AUTHSVC, Door.GRPC, USER)
THEIRS = Cell("calls", GRPC_AIO, Door.GRPC, USER)


def sample(calls: int = 1_000, cpu: float = 1.0, p50: float = 0.001, **others: float) -> Sample:
    """A round of a second."""
    return Sample(calls, 1.0, p50, others.get("p99", 0.002), cpu, others.get("busiest", cpu))


def verdict(results: Results, name: str) -> Verdict:
    """What is said of the bar whose name begins so."""
    return next(each for each in verdicts(results) if each.bar.name.startswith(name))


def test_what_counts_is_the_cpu_of_the_service() -> None:
    """Calls per core are calls by the CPU used, whatever the load generator left idle."""
    assert sample(1_000, 0.25).per_core == 4_000
    assert sample(1_000, 0.25).cost == 0.00025


def test_ratios_are_medians_round_by_round() -> None:
    """A round in which everything was slow does not count against anybody."""
    samples = {
        OURS: [sample(3_000), sample(300), sample(9_000)],
        THEIRS: [sample(1_000), sample(100), sample(1_000)],
    }
    found = verdict(Results(samples), "GetMyUser, gRPC, against an empty grpc.aio")
    assert found.found == pytest.approx(3.0)
    assert found.word() == "met"


def test_a_bar_is_missed_by_a_hair() -> None:
    """There is no rounding in anybody's favour."""
    samples = {OURS: [sample(2_499)], THEIRS: [sample(1_000)]}
    found = verdict(Results(samples), "GetMyUser, gRPC, against an empty grpc.aio")
    assert (found.word(), found.line().rpartition(", ")[2]) == ("missed", "found 2.50x: missed")


def test_what_was_left_out_is_not_judged() -> None:
    """A bar without one of its sides is neither met nor missed."""
    assert {each.word() for each in verdicts(Results({OURS: [sample()]}))} == {"not measured"}


def test_rows_are_compared_by_their_cost() -> None:
    """A list of a hundred rows may cost ten times one of ten, so that is a ratio of one."""
    few, many = (Cell("rows", AUTHSVC, Door.JSON, case) for case in ("10 grants", "100 grants"))
    results = Results({few: [sample(cpu=1.0)], many: [sample(cpu=13.1)]})
    found = verdict(results, "CPU for a row, 100 grants against 10, JSON")
    assert found.found == pytest.approx(1.31)
    assert found.word() == "missed"


def test_workers_are_limited_by_the_busiest() -> None:
    """Two workers that share the work unevenly do not count as two."""
    one, two = (Cell("workers", crew(count), Door.JSON, GRANTS) for count in (1, 2))
    results = Results({one: [sample(1_000, 1.0)], two: [sample(2_000, 2.0, busiest=1.5)]})
    found = verdict(results, "2 workers")
    assert found.found == pytest.approx(4 / 3)
    assert found.word() == "missed"


@pytest.mark.parametrize(("unit", "shown"), [("x", "0.40x"), ("%", "40 %"), ("ms", "400.00 ms")])
def test_numbers_have_their_units(unit: str, shown: str) -> None:
    """Ratios, shares and times are written as such."""
    assert show(0.4, unit) == shown


def test_bars_have_a_direction() -> None:
    """What is to be small is met from below, what is to be large from above."""
    most = Bar("size", 1.2, "x", lambda _: None, at_least=False)
    assert (most.met(1.2), most.met(1.21), most.wanted()) == (True, False, "at most 1.20x")
    least = Bar("speed", 1.2, "x", lambda _: None)
    assert (least.met(1.2), least.met(1.19), least.wanted()) == (True, False, "at least 1.20x")

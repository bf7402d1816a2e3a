from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.identity.rate import BURST, Rate

ONE, OTHER = 1, 2


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        """The time."""
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


def _calls(rate: Rate, caller: int = ONE, most: int = 100_000) -> int:
    """How many calls may be made at this moment."""
    for number in range(most):
        if rate.take(caller):
            return number
    return most


def test_no_limit(clock: Clock) -> None:
    """A rate of 0 sets no limit, and remembers nobody."""
    rate = Rate(0, clock)
    assert _calls(rate) == 100_000
    assert not rate._buckets


@pytest.mark.parametrize(
    ("per_second", "burst"), [(100, 1000), (1, 10), (0.5, 5), (0.25, 2), (0.1, 1), (0.01, 1), (33.3, 333)]
)
def test_the_burst(clock: Clock, per_second: float, burst: int) -> None:
    """Who has rested may make ten seconds' worth of calls at once, and one in any case."""
    assert _calls(Rate(per_second, clock)) == burst


@pytest.mark.parametrize("seconds", [0.5, 1.0, 7.25, 10.0, 11.0, 1e6])
def test_the_bucket_fills(clock: Clock, seconds: float) -> None:
    """After a burst, calls come back at the rate, up to another burst."""
    rate = Rate(8, clock)
    _calls(rate)
    clock.seconds += seconds
    assert _calls(rate) == math.floor(8 * min(seconds, BURST))


@pytest.mark.parametrize("per_second", [0.01, 0.3, 1, 7, 1000])
def test_the_wait_is_long_enough(clock: Clock, per_second: float) -> None:
    """The wait is whole seconds, at least 1, and when it is over there is a call."""
    rate = Rate(per_second, clock)
    _calls(rate, most=10**5)
    wait = rate.take(ONE)
    assert isinstance(wait, int)
    assert wait == max(1, math.ceil(Fraction(1) / Fraction(str(per_second))))
    clock.seconds += wait
    assert rate.take(ONE) == 0


def test_a_refusal_costs_nothing(clock: Clock) -> None:
    """Calls that are refused do not put off the next one that is not."""
    rate = Rate(1, clock)
    _calls(rate)
    waits = []
    for _ in range(8):
        clock.seconds += 0.125
        waits.append(rate.take(ONE))
    assert waits == [1] * 7 + [0]


def test_callers_have_buckets_of_their_own(clock: Clock) -> None:
    """One caller's calls are not taken from another."""
    rate = Rate(1, clock)
    assert _calls(rate, ONE) == _calls(rate, OTHER) == 10


@given(
    per_second=st.sampled_from([0.2, 1.0, 3.0, 12.5]),
    steps=st.lists(st.tuples(st.floats(0, 20), st.integers(0, 30)), max_size=20),
)
def test_no_more_than_the_rate(per_second: float, steps: list[tuple[float, int]]) -> None:
    """Over any time, no more calls pass than the burst and what the rate gives in that time."""
    clock = Clock()
    rate = Rate(per_second, clock)
    size = max(1.0, per_second * BURST)
    passed: list[float] = []
    for pause, tries in steps:
        clock.seconds += pause
        passed += [clock.seconds for _ in range(tries) if rate.take(ONE) == 0]
    for first, start in enumerate(passed):
        for last in range(first, len(passed)):
            assert last - first + 1 <= size + per_second * (passed[last] - start) + 1e-6

from __future__ import annotations

import pytest

from authsvc.domain.clock import SECOND
from authsvc.webhooks.schedule import JITTER, PAUSES, pause

DAY = 24 * 3600 * SECOND


def test_six_retries_over_three_days() -> None:
    """There are six pauses, each longer than the one before, of three days together."""
    assert len(PAUSES) == 6
    assert sorted(set(PAUSES)) == list(PAUSES)
    assert 2.9 * DAY < sum(PAUSES) < 3.1 * DAY


@pytest.mark.parametrize("attempts", range(1, 7))
def test_pauses_have_jitter(attempts: int) -> None:
    """A pause is up to a tenth longer or shorter, by chance."""
    usual = PAUSES[attempts - 1]
    assert pause(attempts, lambda: 0.5) == usual
    assert pause(attempts, lambda: 0.0) == round(usual * (1 - JITTER))
    assert pause(attempts, lambda: 0.999_999) == pytest.approx(usual * (1 + JITTER), rel=1e-3)
    assert len({pause(attempts) for _ in range(20)}) > 1


def test_the_seventh_attempt_is_the_last() -> None:
    """After the first attempt and six retries there is no other."""
    assert pause(7) is None
    assert pause(100) is None

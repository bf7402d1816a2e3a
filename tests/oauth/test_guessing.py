"""Buckets of tries in the store."""

from __future__ import annotations

import pytest
from oauth.people import START

from authsvc.domain.clock import SECOND
from authsvc.oauth.guessing import Guessing, TooManyAttempts, account_bucket, address_buckets
from authsvc.store.attempts import Attempts
from authsvc.store.executor import Prepared
from authsvc.store.sqlite import SqliteExecutor


class _Watch:
    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> int:
        return self.at


@pytest.fixture
def watch() -> _Watch:
    """A clock that is set by hand."""
    return _Watch()


@pytest.fixture
def guessing(executor: SqliteExecutor, watch: _Watch) -> Guessing:
    """Counts in a database."""
    return Guessing(Attempts(executor, watch))


async def _rows(executor: SqliteExecutor) -> int:
    return len(await executor.fetch_all(Prepared("SELECT * FROM attempts", (), {})))


async def test_bucket_fills_at_its_rate(guessing: Guessing, watch: _Watch) -> None:
    """After ten tries there is one more each half minute, and after five minutes there are ten again."""
    for _ in range(10):
        await guessing.take(account_bucket(1))
    for passed, wait in ((0, 30), (29 * SECOND, 1), (SECOND - 1, 1)):
        watch.at += passed
        with pytest.raises(TooManyAttempts) as refused:
            await guessing.take(account_bucket(1))
        assert refused.value.retry_after == wait
    watch.at += 1
    await guessing.take(account_bucket(1))
    with pytest.raises(TooManyAttempts):
        await guessing.take(account_bucket(1))
    watch.at += 300 * SECOND
    for _ in range(10):
        await guessing.take(account_bucket(1))
    with pytest.raises(TooManyAttempts):
        await guessing.take(account_bucket(1))


async def test_nothing_is_taken_unless_all_have_something(guessing: Guessing) -> None:
    """A try that one bucket refuses leaves the others as they are."""
    for number in range(50):
        await guessing.take(account_bucket(number), *address_buckets("192.0.2.1"))
    for _ in range(20):
        with pytest.raises(TooManyAttempts):
            await guessing.take(account_bucket(99), *address_buckets("192.0.2.1"))
    for _ in range(10):
        await guessing.take(account_bucket(99))


async def test_no_more_comes_back_than_was_taken(guessing: Guessing, watch: _Watch) -> None:
    """A bucket that was full when a try came back holds no more than its size."""
    await guessing.take(account_bucket(1))
    watch.at += 3600 * SECOND
    for _ in range(3):
        await guessing.give_back(account_bucket(1))
    for _ in range(10):
        await guessing.take(account_bucket(1))
    with pytest.raises(TooManyAttempts):
        await guessing.take(account_bucket(1))


async def test_full_buckets_leave_nothing_behind(guessing: Guessing, watch: _Watch, executor: SqliteExecutor) -> None:
    """Rows that say nothing any more go as new ones come, ten at a time; the others stay."""
    for number in range(25):
        await guessing.take(account_bucket(number))
    watch.at += 31 * SECOND
    for kept, left in ((100, 25 - 10 + 1), (101, 25 - 20 + 2), (102, 3)):
        await guessing.take(account_bucket(kept))
        assert await _rows(executor) == left


async def test_wrong_order_of_clocks_locks_nobody_out_for_long(guessing: Guessing, watch: _Watch) -> None:
    """A clock that is put back makes people wait as long as it was put back, and never lets more through."""
    for _ in range(10):
        await guessing.take(account_bucket(1))
    watch.at -= 60 * SECOND
    with pytest.raises(TooManyAttempts) as refused:
        await guessing.take(account_bucket(1))
    assert refused.value.retry_after == 90

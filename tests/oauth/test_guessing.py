"""Buckets of tries in the store."""

from __future__ import annotations

import hashlib

import pytest
from oauth.people import START

from authsvc.domain.clock import SECOND
from authsvc.errors import TooMany
from authsvc.oauth.guessing import Guessing, TooManyAttempts, account_buckets, address_buckets, change_bucket
from authsvc.oauth.sealing import Sealing
from authsvc.store.attempts import Attempts
from authsvc.store.executor import Executor, Prepared

pytestmark = pytest.mark.both_engines


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
def guessing(executor: Executor, watch: _Watch) -> Guessing:
    """Counts in a database."""
    return Guessing(Attempts(executor, Sealing(bytes(32)), watch))


async def _rows(executor: Executor) -> int:
    return len(await executor.fetch_all(Prepared("SELECT * FROM attempts", (), {})))


async def test_bucket_fills_at_its_rate(guessing: Guessing, watch: _Watch) -> None:
    """After ten tries there is one more each half minute, and after five minutes there are ten again."""
    for _ in range(10):
        await guessing.take(change_bucket(1))
    for passed, wait in ((0, 30), (29 * SECOND, 1), (SECOND - 1, 1)):
        watch.at += passed
        with pytest.raises(TooManyAttempts) as refused:
            await guessing.take(change_bucket(1))
        assert refused.value.retry_after == wait
    watch.at += 1
    await guessing.take(change_bucket(1))
    with pytest.raises(TooManyAttempts):
        await guessing.take(change_bucket(1))
    watch.at += 300 * SECOND
    for _ in range(10):
        await guessing.take(change_bucket(1))
    with pytest.raises(TooManyAttempts):
        await guessing.take(change_bucket(1))


async def test_nothing_is_taken_unless_all_have_something(guessing: Guessing) -> None:
    """A try that one bucket refuses leaves the others as they are."""
    for number in range(50):
        await guessing.take(change_bucket(number), *address_buckets("192.0.2.1"))
    for _ in range(20):
        with pytest.raises(TooManyAttempts):
            await guessing.take(change_bucket(99), *address_buckets("192.0.2.1"))
    for _ in range(10):
        await guessing.take(change_bucket(99))


async def test_no_more_comes_back_than_was_taken(guessing: Guessing, watch: _Watch) -> None:
    """A bucket that was full when a try came back holds no more than its size."""
    await guessing.take(change_bucket(1))
    watch.at += 3600 * SECOND
    for _ in range(3):
        await guessing.give_back(change_bucket(1))
    for _ in range(10):
        await guessing.take(change_bucket(1))
    with pytest.raises(TooManyAttempts):
        await guessing.take(change_bucket(1))


async def test_full_buckets_leave_nothing_behind(guessing: Guessing, watch: _Watch, executor: Executor) -> None:
    """Rows that say nothing any more go as new ones come, ten at a time; the others stay."""
    for number in range(25):
        await guessing.take(change_bucket(number))
    watch.at += 31 * SECOND
    for kept, left in ((100, 25 - 10 + 1), (101, 25 - 20 + 2), (102, 3)):
        await guessing.take(change_bucket(kept))
        assert await _rows(executor) == left


async def test_wrong_order_of_clocks_locks_nobody_out_for_long(guessing: Guessing, watch: _Watch) -> None:
    """A clock that is put back makes people wait as long as it was put back, and never lets more through."""
    for _ in range(10):
        await guessing.take(change_bucket(1))
    watch.at -= 60 * SECOND
    with pytest.raises(TooManyAttempts) as refused:
        await guessing.take(change_bucket(1))
    assert refused.value.retry_after == 90


async def test_busy_server_takes_no_tries(guessing: Guessing) -> None:
    """A secret that nobody had the time to look at was not guessed."""
    for _ in range(30):
        await guessing.take(change_bucket(1))
        with pytest.raises(TooManyAttempts) as refused:
            async with guessing.unless_busy(change_bucket(1)):
                raise TooMany("Too many requests.", 2)
        assert refused.value.retry_after == 2


async def test_what_was_typed_cannot_be_tried_without_the_key(guessing: Guessing, executor: Executor) -> None:
    """The database tells no names, not even to somebody who has a list of all there are: its hashes are keyed."""
    (bucket, *_) = account_buckets(None, "correct horse")
    await guessing.take(bucket)
    ((key, _),) = await executor.fetch_all(Prepared("SELECT * FROM attempts", (), {}))
    assert key != hashlib.sha256(bucket.name.encode()).digest()
    assert key == Sealing(bytes(32)).digest("attempts", bucket.name)


@pytest.mark.parametrize(
    ("account", "name", "other", "shared"),
    [
        (None, "nobody@savanna.example", " Nobody@SAVANNA.example", 2),
        (1, "gigi@savanna.example", " Gigi@SAVANNA.example", 2),
        (1, "gigi@savanna.example", "gigi@zoo.example", 1),
        (None, "nobody@savanna.example", "nobody@zoo.example", 0),
    ],
)
def test_spellings_are_counted_together(account: int | None, name: str, other: str, shared: int) -> None:
    """All spellings of a name share their tries, whether anybody has it; an account's other names share its own."""
    first, second = set(account_buckets(account, name)), set(account_buckets(account, other))
    assert (len(first), len(second), len(first & second)) == (2, 2, shared)


def test_number_as_a_name_is_no_account() -> None:
    """Nobody can use up an account's tries by typing its id."""
    assert not set(account_buckets(1, "gigi")) & set(account_buckets(None, "1"))

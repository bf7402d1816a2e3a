"""What every engine does, see `Executor`."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest
from harness import environment
from store.bare import ADD, COUNT, DELETE, INSERT, REFER, REPLACE, VALUES, at_server, sqlite_file
from store.engines import url

from authsvc.domain.databases import Database
from authsvc.store.executor import Executor, Transaction
from authsvc.store.postgres import PostgresExecutor
from authsvc.store.sqlite import SqliteExecutor

# What breaks a rule of the schema is a mistake of ours.
MISTAKES = (sqlite3.IntegrityError, asyncpg.IntegrityConstraintViolationError)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A database with the table `t` of distinct numbers, and one that refers to it."""
    return at_server() if request.param == "postgresql" else sqlite_file(tmp_path / "test.db")


def _open(database: Database) -> Executor:
    return SqliteExecutor(database) if isinstance(database, Path) else PostgresExecutor(database)


@pytest.fixture
async def executor(database: Database) -> AsyncIterator[Executor]:
    """That database, open."""
    executor = _open(database)
    yield executor
    await executor.close()


async def _values(executor: Executor) -> list[int]:
    return [value for (value,) in await executor.fetch_all(executor.prepare(VALUES))]


async def _insert(executor: Executor, *values: int) -> None:
    insert = executor.prepare(INSERT)
    async with executor.transaction() as tx:
        for value in values:
            await tx.execute(insert, new=value)


async def test_foreign_keys_are_enforced(executor: Executor) -> None:
    """A row that refers to none is refused as the mistake of ours that it is."""
    with pytest.raises(MISTAKES):
        async with executor.transaction() as tx:
            await tx.execute(executor.prepare(REFER), new=99)
    await _insert(executor, 1)


async def test_answers(executor: Executor) -> None:
    """`fetch_one` gives the first row or None, `fetch_all` all, `execute` the number of rows changed."""
    assert await executor.fetch_one(executor.prepare(VALUES)) is None
    async with executor.transaction() as tx:
        assert await tx.fetch_one(executor.prepare(VALUES)) is None
        assert await tx.execute(executor.prepare(INSERT), new=2) == 1
        assert await tx.execute(executor.prepare(INSERT), new=1) == 1
        assert await tx.fetch_one(executor.prepare(VALUES)) == (1,)
        assert list(await tx.fetch_all(executor.prepare(VALUES))) == [(1,), (2,)]
        assert await tx.execute(executor.prepare(ADD)) == 2
        assert await tx.execute(executor.prepare(DELETE), above=99) == 0
    assert await executor.fetch_one(executor.prepare(VALUES)) == (11,)


async def test_readers_see_committed_data_only(executor: Executor) -> None:
    """What a transaction has written is seen by itself at once, and by others only when it is committed."""
    async with executor.transaction() as tx:
        await tx.execute(executor.prepare(INSERT), new=1)
        assert await tx.fetch_one(executor.prepare(COUNT)) == (1,)
        assert await executor.fetch_one(executor.prepare(COUNT)) == (0,)
    assert await executor.fetch_one(executor.prepare(COUNT)) == (1,)


async def test_transactions_take_turns(executor: Executor) -> None:
    """Of two transactions the second begins when the first has ended."""
    events: list[str] = []

    async def write(name: str) -> None:
        async with executor.transaction() as tx:
            events.append(f"{name} begins")
            await tx.execute(executor.prepare(INSERT), new=len(events))
            await asyncio.sleep(0.02)
            events.append(f"{name} ends")

    await asyncio.gather(write("a"), write("b"))
    assert events == ["a begins", "a ends", "b begins", "b ends"]


async def test_sixteen_writers_lose_nothing(executor: Executor) -> None:
    """Sixteen writers that read a counter and write it again lose no step, while readers never see it go back."""
    await _insert(executor, 0)
    seen: list[int] = []

    async def step() -> None:
        for _ in range(10):
            async with executor.transaction() as tx:
                row = await tx.fetch_one(executor.prepare(VALUES))
                assert row is not None
                await asyncio.sleep(0)
                await tx.execute(executor.prepare(REPLACE), new=row[0] + 1)
            seen.extend(await _values(executor))

    await asyncio.gather(*(step() for _ in range(16)))
    assert await _values(executor) == [160]
    assert seen == sorted(seen)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, asyncio.CancelledError, GeneratorExit])
async def test_an_exception_rolls_back(executor: Executor, error: type[BaseException]) -> None:
    """Any exception ends the transaction without a trace and goes on; the next transaction works."""

    async def fail() -> None:
        async with executor.transaction() as tx:
            await tx.execute(executor.prepare(INSERT), new=1)
            raise error

    with pytest.raises(error):
        await fail()
    await _insert(executor, 2)
    assert await _values(executor) == [2]


async def test_a_failed_statement_rolls_back(executor: Executor) -> None:
    """A statement that breaks a rule of the schema undoes those before it, and is no failure of the database."""
    with pytest.raises(MISTAKES):
        await _insert(executor, 1, 2, 1)
    assert await _values(executor) == []


@pytest.mark.parametrize("delay", [0, 0.0005, 0.002, 0.005, 0.01])
async def test_a_cancelled_writer_leaves_nothing(executor: Executor, delay: float) -> None:
    """Wherever a cancellation meets a transaction, it happens wholly or not at all, and the next one works."""

    async def write() -> None:
        await _insert(executor, *range(100, 150))

    for _ in range(5):
        task = asyncio.ensure_future(write())
        await asyncio.sleep(delay)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert len(await _values(executor)) in {0, 50}
        async with executor.transaction() as tx:
            await tx.execute(executor.prepare(DELETE), above=0)


async def test_cancelled_while_it_waits_for_its_turn(executor: Executor) -> None:
    """A writer that is cancelled before its turn takes no turn."""
    async with executor.transaction() as tx:
        waiting = asyncio.ensure_future(_insert(executor, 1))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await tx.execute(executor.prepare(INSERT), new=2)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await _insert(executor, 3)
    assert await _values(executor) == [2, 3]


_WRITER = """
import asyncio, sys
from store.bare import COUNT, INSERT
from store.test_transactions import _open
from authsvc.config import Settings

async def main(url, first):
    executor = _open(Settings(database_url=url).database_url)
    count, insert = map(executor.prepare, (COUNT, INSERT))
    for value in range(first, first + 40):
        async with executor.transaction() as tx:
            await tx.fetch_one(count)
            await asyncio.sleep(0.001)
            await tx.execute(insert, new=value)
    await executor.close()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


async def test_two_processes_write(executor: Executor, database: Database) -> None:
    """Writers of several processes that first read wait for each other, and no lock ever reaches the caller."""
    command = [sys.executable, "-c", _WRITER, url(database)]
    pipe, path = subprocess.PIPE, environment({"PYTHONPATH": str(Path(__file__).parent.parent)})
    others = [
        await asyncio.create_subprocess_exec(*command, first, stderr=pipe, env=path) for first in ("1000", "2000")
    ]
    mine = 0
    ends = asyncio.gather(*(other.communicate() for other in others))
    while not ends.done():
        mine += 1
        async with executor.transaction() as tx:
            await tx.fetch_one(executor.prepare(COUNT))
            await tx.execute(executor.prepare(INSERT), new=mine)
        await asyncio.sleep(0.002)
    assert [errors for _, errors in await ends] == [b"", b""]
    assert len(await _values(executor)) == mine + 80


async def test_closing_waits_for_the_writer(database: Database) -> None:
    """Closing waits until the transaction in hand has ended."""
    executor = _open(database)

    async def write(tx_began: asyncio.Event) -> None:
        async with executor.transaction() as tx:
            tx_began.set()
            await asyncio.sleep(0.02)
            await _two(tx)

    async def _two(tx: Transaction) -> None:
        await tx.execute(executor.prepare(INSERT), new=1)
        await tx.execute(executor.prepare(INSERT), new=2)

    began = asyncio.Event()
    writing = asyncio.ensure_future(write(began))
    await began.wait()
    await executor.close()
    await writing
    again = _open(database)
    assert await _values(again) == [1, 2]
    await again.close()

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from authsvc.errors import Unavailable
from authsvc.store import sqlite
from authsvc.store.executor import Prepared
from authsvc.store.sqlite import SqliteExecutor, connect

COUNT = Prepared("SELECT count(*) FROM t", (), {})
VALUES = Prepared("SELECT v FROM t ORDER BY v", (), {})
INSERT = Prepared("INSERT INTO t VALUES (?)", ("v",), {})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with the table `t` of distinct numbers, and one that refers to it."""
    path = tmp_path / "test.db"
    connection = connect(path)
    connection.execute("CREATE TABLE t (v INTEGER PRIMARY KEY)")
    connection.execute("CREATE TABLE u (v INTEGER REFERENCES t (v))")
    connection.close()
    return path


@pytest.fixture
async def executor(file: Path) -> AsyncIterator[SqliteExecutor]:
    """That database, open."""
    executor = SqliteExecutor(file)
    yield executor
    await executor.close()


async def _values(executor: SqliteExecutor) -> list[int]:
    return [value for (value,) in await executor.fetch_all(VALUES)]


async def _insert(executor: SqliteExecutor, *values: int) -> None:
    async with executor.transaction() as tx:
        for value in values:
            await tx.execute(INSERT, v=value)


async def test_pragmas(executor: SqliteExecutor) -> None:
    """Both connections use WAL, full synchronisation, foreign keys; the reader cannot write."""
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    async with executor.transaction() as tx:
        for name, value in expected.items():
            pragma = Prepared(f"PRAGMA {name}", (), {})
            assert await tx.fetch_one(pragma) == (value,)
            assert await executor.fetch_one(pragma) == (value,)
    with pytest.raises(Unavailable):
        await executor.fetch_all(INSERT, v=1)


async def test_one_turn_sees_one_state(executor: SqliteExecutor, file: Path) -> None:
    """What is committed during a turn of the event loop is seen from the next turn on, and not before."""
    other = connect(file)
    seen = [await _values(executor)]
    other.execute("INSERT INTO t VALUES (1)")
    seen.append(await _values(executor))
    await asyncio.sleep(0)
    seen.append(await _values(executor))
    other.close()
    assert seen == [[], [], [1]]


async def test_what_was_committed_before_a_turn_is_seen_in_it(executor: SqliteExecutor) -> None:
    """Whoever learns of a commit, be it from the task that made it or from one that waited for that, reads it."""
    committed = asyncio.Event()

    async def learn() -> list[int]:
        await committed.wait()
        return await _values(executor)

    async def read_all_the_time() -> None:
        while not committed.is_set():
            await _values(executor)
            await asyncio.sleep(0)

    others = [asyncio.create_task(work()) for work in (read_all_the_time, learn)]
    await _insert(executor, 1)
    mine = await _values(executor)
    committed.set()
    await asyncio.gather(*others)
    assert mine == await others[1] == [1]


async def test_many_rows_in_one_go(executor: SqliteExecutor) -> None:
    """A statement runs once with each of many parameters; if one of these fails, none of it stays."""
    async with executor.transaction() as tx:
        await tx.execute_many(INSERT, ({"v": value} for value in range(3)))
    with pytest.raises(sqlite3.IntegrityError):
        async with executor.transaction() as tx:
            await tx.execute_many(INSERT, ({"v": value} for value in (7, 8, 1)))
    assert await _values(executor) == [0, 1, 2]


async def test_a_failed_statement_may_be_survived(executor: SqliteExecutor) -> None:
    """A transaction that deals with the failure of a statement goes on."""
    async with executor.transaction() as tx:
        await tx.execute(INSERT, v=1)
        with suppress(sqlite3.IntegrityError):
            await tx.execute(INSERT, v=1)
        await tx.execute(INSERT, v=2)
    assert await _values(executor) == [1, 2]


async def test_cancelled_while_it_begins(executor: SqliteExecutor, file: Path) -> None:
    """A writer that is cancelled while it waits for another process leaves no transaction behind it."""
    other = connect(file)
    other.execute("BEGIN IMMEDIATE")
    task = asyncio.ensure_future(_insert(executor, 1))
    await asyncio.sleep(0.05)
    task.cancel()
    threading.Timer(0.1, other.rollback).start()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _insert(executor, 2)
    assert await _values(executor) == [2]
    other.close()


async def test_writes_do_not_hold_up_the_loop(executor: SqliteExecutor, file: Path) -> None:
    """While a writer waits for another process, reads are answered."""
    await _insert(executor, 1)
    other = connect(file)
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO t VALUES (7)")
    writing = asyncio.ensure_future(_insert(executor, 2))
    await asyncio.sleep(0.02)
    for _ in range(20):
        assert await _values(executor) == [1]
    assert not writing.done()
    other.execute("COMMIT")
    await writing
    assert await _values(executor) == [1, 2, 7]
    other.close()


async def test_a_lock_held_too_long(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer gives up on a lock after the busy timeout, as Unavailable, and may try again later."""
    monkeypatch.setattr(sqlite, "_BUSY_TIMEOUT", 0.05)
    executor = SqliteExecutor(file)
    other = connect(file)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            await _insert(executor, 1)
        assert "locked" in str(caught.value.__cause__)
    other.execute("ROLLBACK")
    await _insert(executor, 2)
    assert await _values(executor) == [2]
    await executor.close()
    other.close()


@pytest.mark.parametrize("sql", ["SELECT * FROM missing", "SELECT v FROM", "SELECT missing FROM t"])
async def test_a_read_that_fails(executor: SqliteExecutor, sql: str) -> None:
    """A failing read is Unavailable with its cause, and the next read works."""
    with pytest.raises(Unavailable) as caught:
        await executor.fetch_all(Prepared(sql, (), {}))
    assert (caught.value.key, caught.value.id) == ("Errors.Store.Unavailable", "AUTHSVC-DB001")
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    assert await _values(executor) == []


async def test_a_damaged_file(file: Path) -> None:
    """A file that is damaged while it is open makes reads Unavailable, not failures that nobody foresaw."""
    executor = SqliteExecutor(file)
    await _insert(executor, 1)
    await executor.close()
    executor = SqliteExecutor(file)
    _damage(file)
    with pytest.raises(Unavailable):
        await executor.fetch_all(VALUES)
    await executor.close()


def _damage(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[:100] + b"\xff" * (len(data) - 100))


def test_not_a_database(tmp_path: Path) -> None:
    """Opening a file that is no database, or cannot be one, is Unavailable."""
    text = tmp_path / "text"
    text.write_text("Not a database at all. " * 100)
    for path in (text, tmp_path, tmp_path / "no" / "such" / "folder"):
        with pytest.raises(Unavailable):
            SqliteExecutor(path)


async def test_a_mistake_of_ours_is_no_outage(executor: SqliteExecutor) -> None:
    """A wrong number of parameters is not told as an outage."""
    with pytest.raises(sqlite3.ProgrammingError):
        await executor.fetch_all(Prepared("SELECT ?", (), {}))


async def test_a_closed_executor_has_folded_its_log(file: Path) -> None:
    """Closing folds the write-ahead log into the file, so that the file alone can be copied."""
    executor = SqliteExecutor(file)
    await _insert(executor, 1, 2)
    await executor.close()
    assert [path.name for path in file.parent.iterdir()] == [file.name]


async def test_parameters_are_values(executor: SqliteExecutor) -> None:
    """A parameter is a value, whatever it looks like."""
    echo = Prepared("SELECT ?", ("v",), {})
    for value in ("'; DROP TABLE t; --", "?", "", "\0", "\u00e9\U0001f992", 2**63 - 1, -1, None, b"\xff"):
        assert await executor.fetch_one(echo, v=value) == (value,)
    assert await _values(executor) == []

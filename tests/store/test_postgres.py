"""What PostgreSQL does beside what every engine does, see test_transactions.py."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from postgresql import PASSWORD, emptied, server, with_password
from sqlalchemy import LargeBinary, Text, bindparam, select
from store.bare import COUNT, INSERT, VALUES, at_server

from authsvc.domain.databases import Postgres
from authsvc.errors import StartupError, Unavailable
from authsvc.store import connections, postgres
from authsvc.store.executor import Prepared
from authsvc.store.open import Pooling, open_store
from authsvc.store.postgres import PostgresExecutor
from authsvc.store.writes import Writes

SLEEP = Prepared("SELECT 1 FROM pg_sleep(30)", (), {})
ONE = Prepared("SELECT 1", (), {})
PID = Prepared("SELECT pg_backend_pid()", (), {})
SLEEPING = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT 1 FROM pg_sleep(30)'"


@pytest.fixture
def database() -> Postgres:
    """A database with the table `t` of distinct numbers."""
    return at_server()


@pytest.fixture
async def executor(database: Postgres) -> AsyncIterator[PostgresExecutor]:
    """That database, open."""
    executor = PostgresExecutor(database, 3)
    yield executor
    async with asyncio.timeout(5):
        await executor.close()


async def _values(executor: PostgresExecutor) -> list[int]:
    return [value for (value,) in await executor.fetch_all(executor.prepare(VALUES))]


async def _insert(executor: PostgresExecutor, value: int) -> None:
    async with executor.transaction() as tx:
        await tx.execute(executor.prepare(INSERT), new=value)


async def _until(sql: str, *, found: bool) -> None:
    """Wait until the server has, or has not, what a statement finds."""
    until = time.monotonic() + 5
    while bool(server().ask(sql)) != found:
        assert time.monotonic() < until, sql
        await asyncio.sleep(0.01)


def _throw_out(database: Postgres) -> None:
    """The server ends all connections to a database, as it does when it shuts down."""
    server().ask(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{database.name}'")


# Cancelling.


async def test_a_cancelled_statement_ends_on_the_server(executor: PostgresExecutor) -> None:
    """When a call's time is over, the server stops working for it; the connection is used again."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await executor.fetch_all(SLEEP)
    await _until(SLEEPING, found=False)
    await _rested(executor, open_=1)
    assert await executor.fetch_all(ONE) == [(1,)]
    assert executor.stats == (1, 1, 0)


async def _rested(executor: PostgresExecutor, *, open_: int) -> None:
    """Wait until every connection rests; there are `open_` of them."""
    for _ in range(500):
        if executor.stats == (open_, open_, 0):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(executor.stats)


async def test_a_cancelled_transaction_lets_others_write(executor: PostgresExecutor) -> None:
    """A writer that is cancelled in the middle of a statement leaves nothing, and its lock to the next."""

    async def write() -> None:
        async with executor.transaction() as tx:
            await tx.execute(executor.prepare(INSERT), new=1)
            await tx.fetch_all(SLEEP)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await write()
    async with asyncio.timeout(2):
        await _insert(executor, 2)
    assert await _values(executor) == [2]


async def test_cancelled_while_it_waits_for_the_lock(executor: PostgresExecutor, database: Postgres) -> None:
    """A writer that is cancelled while another process writes does not take the lock later."""
    other = PostgresExecutor(database)
    async with other.transaction():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await _insert(executor, 1)
    await _until("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'", found=False)
    await _insert(other, 2)
    assert await _values(executor) == [2]
    await other.close()


async def test_a_server_that_hangs(executor: PostgresExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection on which nothing can be cancelled is given up, so that it holds up no second call."""
    monkeypatch.setattr(connections, "_MENDING", 0.1)

    async def nothing(*_: object) -> None:
        await asyncio.sleep(30)

    (pid,) = (await executor.fetch_all(PID))[0]
    monkeypatch.setattr(asyncpg.Connection, "_cancel", nothing)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await executor.fetch_all(SLEEP)
    await _rested(executor, open_=0)
    assert await executor.fetch_all(PID) != [(pid,)]


# Lost connections.


async def test_a_read_finds_another_connection(executor: PostgresExecutor, database: Postgres) -> None:
    """A read whose connection is lost before or while it runs is answered all the same."""
    await asyncio.gather(executor.fetch_all(ONE), executor.fetch_all(ONE))
    _throw_out(database)
    assert await executor.fetch_all(ONE) == [(1,)]
    reading = asyncio.ensure_future(executor.fetch_all(Prepared("SELECT 2 FROM pg_sleep(0.3)", (), {})))
    await asyncio.sleep(0.1)
    _throw_out(database)
    assert await reading == [(2,)]
    assert executor.stats == (1, 1, 0)


async def test_a_read_is_tried_twice_and_no_more(executor: PostgresExecutor) -> None:
    """A read that costs each connection its life is given up."""
    suicide = Prepared("SELECT pg_terminate_backend(pg_backend_pid())", (), {})
    with pytest.raises(Unavailable) as caught:
        await executor.fetch_all(suicide)
    assert "terminating connection" in str(caught.value.__cause__)
    assert executor.stats == (0, 0, 0)


async def test_a_transaction_begins_on_another_connection(executor: PostgresExecutor, database: Postgres) -> None:
    """A transaction of which nothing has happened yet begins where it can."""
    await executor.fetch_all(ONE)
    _throw_out(database)
    await _insert(executor, 1)
    assert await _values(executor) == [1]


async def test_a_transaction_is_not_repeated(executor: PostgresExecutor, database: Postgres) -> None:
    """A transaction whose connection is lost is Unavailable, has left nothing, and the next one works."""

    async def write() -> None:
        async with executor.transaction() as tx:
            await tx.execute(executor.prepare(INSERT), new=1)
            _throw_out(database)
            await tx.execute(executor.prepare(INSERT), new=2)

    with pytest.raises(Unavailable):
        await write()
    await _insert(executor, 3)
    assert await _values(executor) == [3]


async def test_an_old_server_that_only_reads(executor: PostgresExecutor) -> None:
    """Where the server has become a standby, its connections are given up: a new one may lead to the primary."""
    (pid,) = (await executor.fetch_all(PID))[0]
    with pytest.raises(Unavailable):
        async with executor.transaction() as tx:
            await tx.execute(_failing("25006"))
    assert await executor.fetch_all(PID) != [(pid,)]


async def test_the_server_restarts(executor: PostgresExecutor) -> None:
    """While the server is away everything is Unavailable; when it is back, the next call works."""
    await _insert(executor, 1)
    with server().away():
        for work in (lambda: executor.fetch_all(ONE), lambda: _insert(executor, 2)):
            with pytest.raises(Unavailable) as caught:
                await work()
            assert "refused" in str(caught.value.__cause__) or "Connect call failed" in str(caught.value.__cause__)
    await _insert(executor, 3)
    assert await _values(executor) == [1, 3]


# What is the database's fault, and what is ours.


def _failing(state: str) -> Prepared:
    return Prepared(f"DO $$ BEGIN RAISE EXCEPTION 'told so' USING ERRCODE = '{state}'; END $$", (), {})


@pytest.mark.parametrize("state", ["08006", "40001", "40P01", "53100", "53200", "55P03", "57014", "58030", "XX001"])
async def test_outages(executor: PostgresExecutor, state: str) -> None:
    """A full disk, no memory, a timeout, a deadlock and the like are Unavailable, and the next call works."""
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            await executor.fetch_all(_failing(state))
        assert (caught.value.key, caught.value.id) == ("Errors.Store.Unavailable", "AUTHSVC-DB001")
        assert str(caught.value.__cause__).startswith("told so")
        with pytest.raises(Unavailable):
            async with executor.transaction() as tx:
                await tx.execute(_failing(state))
    await _insert(executor, 1)


@pytest.mark.parametrize("sql", ["SELECT * FROM missing", "SELECT v FROM", "SELECT 1 / 0", "SELECT $1::int"])
async def test_mistakes_of_ours(executor: PostgresExecutor, sql: str) -> None:
    """What is wrong with a statement is no outage, and leaves the connection as it was."""
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await executor.fetch_all(Prepared(sql, (), {}))
    await _rested(executor, open_=1)


async def test_a_transaction_that_has_failed_is_not_committed(executor: PostgresExecutor) -> None:
    """Whoever goes on after a statement has failed is told at the end, instead of believing that it was written."""

    async def write() -> None:
        async with executor.transaction() as tx:
            await tx.execute(executor.prepare(INSERT), new=1)
            with suppress(asyncpg.UndefinedTableError):
                await tx.execute(Prepared("DELETE FROM missing", (), {}))

    with pytest.raises(RuntimeError, match="after a statement had failed"):
        await write()
    assert await _values(executor) == []


async def test_a_lock_held_too_long(executor: PostgresExecutor, database: Postgres) -> None:
    """A writer gives up on another process after some time, as Unavailable, and may try again later."""
    other = PostgresExecutor(database)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgres, "_LOCK_TIMEOUT", 0.05)
        async with other.transaction():
            with pytest.raises(Unavailable) as caught:
                await _insert(executor, 1)
    assert "lock timeout" in str(caught.value.__cause__)
    await _insert(executor, 2)
    assert await _values(executor) == [2]
    await other.close()


async def test_a_writer_that_is_never_heard_of_again(
    executor: PostgresExecutor, database: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that has stopped in the middle of a transaction does not keep the lock for ever."""
    monkeypatch.setattr(postgres, "_FORSAKEN", 0.1)
    other = PostgresExecutor(database)

    async def stop_and_go_on() -> None:
        async with other.transaction() as tx:
            await _insert(executor, 1)
            await tx.execute(other.prepare(INSERT), new=2)

    with pytest.raises(Unavailable):
        await stop_and_go_on()
    assert await _values(executor) == [1]
    await other.close()


async def test_a_transaction_is_a_plain_one(executor: PostgresExecutor, database: Postgres) -> None:
    """Whatever the database has set for transactions, each statement sees what has been committed before it."""
    server().ask(f"ALTER DATABASE {database.name} SET default_transaction_isolation = 'serializable'")
    server().ask(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    try:
        async with executor.transaction() as tx:
            assert await tx.fetch_one(Prepared("SHOW transaction_isolation", (), {})) == ("read committed",)
            await tx.execute(executor.prepare(INSERT), new=1)
    finally:
        for name in ("default_transaction_isolation", "default_transaction_read_only"):
            server().ask(f"ALTER DATABASE {database.name} RESET {name}")


# Readers and writers.


async def test_writers_leave_connections_to_readers(executor: PostgresExecutor, database: Postgres) -> None:
    """While many writers of a process wait for one of another, one connection waits, and reads are answered."""
    other = PostgresExecutor(database)
    async with other.transaction():
        writing = [asyncio.ensure_future(_insert(executor, value)) for value in range(10)]
        await _until("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted", found=True)
        async with asyncio.timeout(2):
            assert await executor.fetch_all(executor.prepare(COUNT)) == [(0,)]
        assert executor.stats.open <= 2
        assert not any(task.done() for task in writing)
    await asyncio.gather(*writing)
    assert await _values(executor) == list(range(10))
    await other.close()


async def test_calls_wait_for_a_connection(database: Postgres) -> None:
    """More calls at once than connections are answered one after another; none opens one too many."""
    executor = PostgresExecutor(database, 2)
    reads = [asyncio.ensure_future(executor.fetch_all(Prepared("SELECT pg_sleep(0.01)", (), {}))) for _ in range(20)]
    await asyncio.sleep(0)
    assert executor.stats == (2, 0, 18)
    await asyncio.gather(*reads)
    assert executor.stats == (2, 2, 0)
    assert len(server().ask(f"SELECT 1 FROM pg_stat_activity WHERE datname = '{database.name}'")) >= 2
    await executor.close()
    assert executor.stats == (0, 0, 0)


async def test_numbers_of_what_was_rolled_back_are_not_used_again() -> None:
    """A change that never happened leaves a gap; the numbers of those that did still rise with their commits."""
    executor = PostgresExecutor(emptied())
    writes = Writes(executor)
    numbers = []
    for fails in (False, True, False):
        with suppress(RuntimeError):
            async with writes.transaction() as tx:
                change = await writes.record(tx, _Table, 1, "created", None)  # type: ignore[arg-type]
                if fails:
                    raise RuntimeError
                numbers.append(change.sequence)
    assert numbers == [1, 3]
    await executor.close()


class _Table:
    name = "things"


# Values and statements.


async def test_parameters_are_values(executor: PostgresExecutor) -> None:
    """A parameter is a value, whatever it looks like."""
    text = executor.prepare(select(bindparam("v", type_=Text)))
    for value in ("'; DROP TABLE t; --", "$1", "", "\u00e9\U0001f992", None):
        assert await executor.fetch_one(text, v=value) == (value,)
    binary = executor.prepare(select(bindparam("v", type_=LargeBinary)))
    assert await executor.fetch_one(binary, v=b"\0\xff") == (b"\0\xff",)
    assert await _values(executor) == []


async def test_texts_without_nul(executor: PostgresExecutor) -> None:
    """NUL, of which PostgreSQL's texts know nothing, is one character like another, and no failure."""
    text = executor.prepare(select(bindparam("v", type_=Text)))
    assert await executor.fetch_one(text, v="a\0b") == ("a\ufffdb",)
    async with executor.transaction() as tx:
        assert await tx.fetch_one(text, v="\0") == ("\ufffd",)


async def test_numbers_of_a_statement_are_not_sent(executor: PostgresExecutor) -> None:
    """Numbers that belong to a statement stand in it, and texts are parameters."""
    prepared = executor.prepare(VALUES.where(bindparam("a", type_=Text) != "x").limit(7))
    assert (prepared.names, "7" in prepared.sql) == (("a", "param_1"), True)
    assert prepared.constants == {"param_1": "x"}
    assert await executor.fetch_all(prepared, a="y") == []


@pytest.mark.parametrize("prepared", [True, False])
async def test_prepared_statements(database: Postgres, prepared: bool) -> None:  # noqa: FBT001 - a case
    """Each statement is prepared once on its connection; where that is off, none stays on the server."""
    executor = PostgresExecutor(database, 1, prepared=prepared)
    for _ in range(3):
        await executor.fetch_all(executor.prepare(COUNT))
        await _values(executor)
    ((count,),) = await executor.fetch_all(
        Prepared("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT t.v%'", (), {})
    )
    assert count == (1 if prepared else 0)
    await executor.close()


async def test_a_table_that_changes(executor: PostgresExecutor, database: Postgres) -> None:
    """A statement whose table another version has changed is prepared anew."""
    everything = Prepared("SELECT * FROM t", (), {})
    await executor.fetch_all(everything)
    server().run(lambda raw: raw.execute("ALTER TABLE t ADD COLUMN w int"), database)
    try:
        assert await executor.fetch_all(everything) == []
    finally:
        server().run(lambda raw: raw.execute("ALTER TABLE t DROP COLUMN w"), database)


# Opening.


async def test_the_password() -> None:
    """With the password of the role the database opens; with another it says so, and never which."""
    right = with_password(emptied())
    server().ask(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {right.user}", emptied())
    await (await open_store(right)).close()
    with pytest.raises(StartupError) as caught:
        await open_store(replace(right, password="wrong-pass"))
    assert str(caught.value).startswith(f"the database {right} cannot be read: ")
    assert "password authentication failed" in str(caught.value)
    assert not any(secret in f"{caught.value!r} {right!r} {right}" for secret in ("wrong-pass", PASSWORD))


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"name": "missing"}, 'database "missing" does not exist'),
        ({"hosts": "127.0.0.1:1"}, "Connect call failed"),
        ({"options": (("sslmode", "require"),)}, "SSL"),
    ],
)
async def test_a_database_that_cannot_be_reached(changed: dict[str, Any], text: str) -> None:
    """What is wrong is said in a sentence when the store opens."""
    with pytest.raises(StartupError, match=r"^the database postgresql://postgres@\S+ cannot be read: ") as caught:
        await open_store(replace(emptied(), **changed))
    assert text in str(caught.value)


async def test_a_database_without_a_schema(database: Postgres) -> None:
    """A database that was never migrated is told from one that cannot be reached."""
    with pytest.raises(StartupError, match="the database has no schema yet; run `authsvc migrate`"):
        await open_store(database, Pooling(connections=1))


async def test_too_many_connections(database: Postgres) -> None:
    """A server that takes no more connections is Unavailable."""
    server().ask(f"ALTER DATABASE {database.name} CONNECTION LIMIT 0")
    executor = PostgresExecutor(with_password(database))
    try:
        with pytest.raises(Unavailable) as caught:
            await executor.fetch_all(ONE)
        assert "too many connections" in str(caught.value.__cause__)
    finally:
        server().ask(f"ALTER DATABASE {database.name} CONNECTION LIMIT -1")
        await executor.close()


async def test_a_closed_database(database: Postgres) -> None:
    """Whoever comes too late is told that the database does not answer."""
    executor = PostgresExecutor(database)
    await executor.fetch_all(ONE)
    await executor.close()
    with pytest.raises(Unavailable):
        await executor.fetch_all(ONE)
    with pytest.raises(Unavailable):
        await _insert(executor, 1)

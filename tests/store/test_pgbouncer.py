"""PostgreSQL behind PgBouncer, which gives each transaction any of its connections and keeps nothing between them."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from postgresql import server
from store.bare import COUNT, INSERT, REPLACE, VALUES, at_server

from authsvc.domain.databases import Postgres
from authsvc.store.executor import Prepared
from authsvc.store.migrate import migrate
from authsvc.store.open import Pooling, open_store
from authsvc.store.postgres import PostgresExecutor
from authsvc.store.schema import REVISION

_SETTINGS = """
[databases]
* = host=127.0.0.1 port={server} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
logfile = {folder}/log
"""


@pytest.fixture(scope="module")
def pooler() -> Iterator[str]:
    """Where the pooler listens: HOST:PORT."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("this machine has no pgbouncer")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = server().folder / "pgbouncer"
    folder.mkdir()
    folder.chmod(0o777)
    settings = folder / "ini"
    settings.write_text(_SETTINGS.format(server=server().port, port=port, folder=folder))
    process = subprocess.Popen([program, "-q", str(settings)], **server().user)
    try:
        _await_port(process, port, folder / "log")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError(log.read_text() if log.exists() else "it does not listen")


@pytest.fixture
def database(pooler: str) -> Postgres:
    """A database with the table `t` of distinct numbers, through the pooler."""
    return replace(at_server(), hosts=pooler)


async def test_processes_share_few_connections(database: Postgres) -> None:
    """Many readers and writers of several processes lose nothing on the pooler's three connections."""
    executors = [PostgresExecutor(database, 4, prepared=False) for _ in range(3)]
    async with executors[0].transaction() as tx:
        await tx.execute(executors[0].prepare(INSERT), new=0)

    async def step(executor: PostgresExecutor) -> None:
        for _ in range(5):
            async with executor.transaction() as tx:
                row = await tx.fetch_one(executor.prepare(VALUES))
                assert row is not None
                await tx.execute(executor.prepare(REPLACE), new=row[0] + 1)
            assert await executor.fetch_all(executor.prepare(COUNT)) == [(1,)]

    await asyncio.gather(*(step(executor) for executor in executors * 3))
    assert await executors[0].fetch_one(executors[0].prepare(VALUES)) == (45,)
    for executor in executors:
        await executor.close()


async def test_nothing_is_left_behind(database: Postgres) -> None:
    """After a transaction the pooler's connections are as before: no lock, no setting, no statement."""
    executor = PostgresExecutor(database, 1, prepared=False)
    for fails in (False, True):
        with suppress(RuntimeError):
            async with executor.transaction() as tx:
                await tx.fetch_one(executor.prepare(COUNT))
                if fails:
                    raise RuntimeError
    for sql, expected in (
        ("SELECT current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout')", ("0", "0")),
        ("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", (0,)),
        ("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''", (0,)),
    ):
        for _ in range(3):
            assert await executor.fetch_one(Prepared(sql, (), {})) == expected
    await executor.close()


async def test_cancelling(database: Postgres) -> None:
    """A call's deadline ends its statement on the server behind the pooler, too."""
    executor = PostgresExecutor(database, 1, prepared=False)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await executor.fetch_all(Prepared("SELECT 7 FROM pg_sleep(20)", (), {}))
    async with asyncio.timeout(5):
        assert await executor.fetch_one(executor.prepare(COUNT)) == (0,)
    assert server().ask("SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT 7 %'") == []
    await executor.close()


def test_migrating(pooler: str) -> None:
    """A database can be migrated and opened through the pooler, however often."""
    new = server().create("template0")
    database = replace(new, hosts=pooler)
    assert [migrate(database) for _ in range(3)] == [(None, REVISION), (REVISION, REVISION), (REVISION, REVISION)]

    async def read() -> None:
        await (await open_store(database, Pooling(prepared=False))).close()

    asyncio.run(read())
    server().drop(new)

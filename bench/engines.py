"""How many reads and write transactions a second one process gets from the store, on SQLite and on PostgreSQL.

    python bench/engines.py sqlite:////tmp/bench.db postgresql://user:password@host/name

The databases are migrated, and get the demo data and some sessions. Each number is the median of five runs.
"""

# ruff: noqa: INP001 - a program, and no part of a package

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import uvloop

from authsvc import directory
from authsvc.config import load
from authsvc.domain.databases import Database
from authsvc.domain.paging import page
from authsvc.domain.tokens import token_hash
from authsvc.store.executor import Executor
from authsvc.store.migrate import migrate
from authsvc.store.open import open_store
from authsvc.store.reads import Reads
from authsvc.store.writes import Writes

DEMO = Path(__file__).parent.parent / "examples" / "demo.yaml"
USER, AGENT, LIFE = "gigi@zitadel.com", 69629023906488334, 10**12
RUNS, SECONDS = 5, 1.0
Work = Callable[[], Awaitable[object]]


async def rate(work: Work, at_once: int) -> float:
    """How often a second `work` is done by so many tasks."""
    done = 0
    end = time.perf_counter() + SECONDS

    async def go_on() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await work()
            done += 1

    started = time.perf_counter()
    await asyncio.gather(*(go_on() for _ in range(at_once)))
    return done / (time.perf_counter() - started)


async def works_on(executor: Executor) -> dict[str, tuple[Work, int, int]]:
    """What is measured: the work, by how many tasks at once, and how many of what is counted it does."""
    writes, reads = Writes(executor), Reads(executor)
    await directory.apply(writes, directory.read(DEMO))
    _, token = await writes.sign_in(USER, AGENT, LIFE)
    record = await reads.token(token_hash(token), None)
    if record is None:
        raise SystemExit(f"{USER} cannot sign in")
    user_id, hashed, whole = record.user_id, token_hash(token), page(0, 0, ascending=True)

    async def sign_in_and_out() -> None:
        await writes.end_session(await writes.open_session(user_id, AGENT))

    return {
        "look up a token, 1 task": (lambda: reads.token(hashed, None), 1, 1),
        "look up a token, 16 tasks": (lambda: reads.token(hashed, None), 16, 1),
        "read a user, 16 tasks": (lambda: reads.user(user_id), 16, 1),
        "list grants, 16 tasks": (lambda: reads.grants(user_id, whole), 16, 1),
        "write transactions, 1 task": (sign_in_and_out, 1, 2),
        "write transactions, 16 tasks": (sign_in_and_out, 16, 2),
    }


async def compare(databases: Sequence[Database]) -> None:
    """Print a table, with the ratio of the last to the first. Runs take turns, so that noise hits all."""
    executors = [await open_store(database) for database in databases]
    works = [await works_on(executor) for executor in executors]
    for name in works[0]:
        rates: list[list[float]] = [[] for _ in works]
        for _ in range(RUNS):
            for found, (work, at_once, each) in zip(rates, (known[name] for known in works), strict=True):
                found.append(each * await rate(work, at_once))
        medians = [statistics.median(found) for found in rates]
        print(f"| {name} |", " | ".join(f"{one:,.0f}" for one in medians), f"| {medians[-1] / medians[0]:.2f} |")
    for executor in executors:
        await executor.close()


def main(urls: Sequence[str]) -> None:
    """Bring the databases up to date, and compare them."""
    databases = [load({"database_url": url}, {}).database_url for url in urls]
    for database in databases:
        migrate(database)
    print("| per second |", " | ".join(url.partition(":")[0] for url in urls), "| ratio |")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(compare(databases))


if __name__ == "__main__":
    main(sys.argv[1:])

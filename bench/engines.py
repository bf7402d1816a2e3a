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
from authsvc.domain.paging import page
from authsvc.domain.tokens import token_hash
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


async def measure(url: str) -> dict[str, float]:
    """The medians of one database."""
    executor = await open_store(load({"database_url": url}, {}).database_url)
    writes, reads = Writes(executor), Reads(executor)
    await directory.apply(writes, directory.read(DEMO))
    _, token = await writes.sign_in(USER, AGENT, LIFE)
    record = await reads.token(token_hash(token), None)
    if record is None:
        raise RuntimeError("the token that was just made is not known")
    user_id, hashed, whole = record.user_id, token_hash(token), page(0, 0, ascending=True)

    async def sign_in_and_out() -> None:
        await writes.end_session(await writes.open_session(user_id, AGENT))

    works: dict[str, tuple[Work, int]] = {
        "look up a token, 1 task": (lambda: reads.token(hashed, None), 1),
        "look up a token, 16 tasks": (lambda: reads.token(hashed, None), 16),
        "read a user, 16 tasks": (lambda: reads.user(user_id), 16),
        "list grants, 16 tasks": (lambda: reads.grants(user_id, whole), 16),
        "write transactions, 1 task": (sign_in_and_out, 1),
        "write transactions, 16 tasks": (sign_in_and_out, 16),
    }
    found = {}
    for name, (work, at_once) in works.items():
        median = statistics.median([await rate(work, at_once) for _ in range(RUNS)])
        found[name] = median * 2 if work is sign_in_and_out else median  # it takes two transactions
    await executor.close()
    return found


def main(urls: Sequence[str]) -> None:
    """Print a table, with the ratios to the first database."""
    columns = []
    for url in urls:
        migrate(load({"database_url": url}, {}).database_url)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            columns.append(runner.run(measure(url)))
    print("| per second |", " | ".join(url.partition(":")[0] for url in urls), "| ratio |")
    for name, first in columns[0].items():
        numbers = [column[name] for column in columns]
        print(f"| {name} |", " | ".join(f"{number:,.0f}" for number in numbers), f"| {numbers[-1] / first:.2f} |")


if __name__ == "__main__":
    main(sys.argv[1:])

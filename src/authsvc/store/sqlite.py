"""SQLite: reads inline on the event loop, writes one after another on a thread of their own.

An indexed read takes some ten microseconds, less than handing it to a thread; every statement of the service is
indexed and bounded, so none holds up the loop. Writes wait for the disk and for other processes, so they may not
run on the loop. WAL lets readers and the writer work at the same time.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import ClauseElement
from sqlalchemy.dialects.sqlite import dialect

from authsvc.errors import Unavailable
from authsvc.store.executor import Prepared, Row, prepare

_BUSY_TIMEOUT = 5.0  # seconds that a writer waits for writers of other processes
_TABLE = Prepared("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", ("name",), {})
_OUR_MISTAKES = (sqlite3.IntegrityError, sqlite3.ProgrammingError)
_T = TypeVar("_T")


def connect(path: Path) -> sqlite3.Connection:
    """A connection to the database file, which is made if it is missing; every statement commits by itself."""
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


class SqliteExecutor:
    """The database in one file. Belongs to one event loop."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._dialect = dialect(paramstyle="qmark")
        with _answering():
            self._reader = connect(path)
            self._reader.execute("PRAGMA query_only = ON")
        self._read = self._reader.cursor().execute
        self._reading = False
        self._writer: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._turn = asyncio.Lock()

    @property
    def stats(self) -> None:
        """None: a read waits for nothing."""

    def prepare(self, statement: ClauseElement) -> Prepared:
        """`statement` for SQLite."""
        return prepare(statement, self._dialect)

    async def fetch_all(self, prepared: Prepared, /, **parameters: Any) -> Sequence[Row]:
        """All rows."""
        return self._rows(prepared, parameters)

    async def fetch_one(self, prepared: Prepared, /, **parameters: Any) -> Row | None:
        """The first row, or None."""
        rows = self._rows(prepared, parameters)
        return rows[0] if rows else None

    def _rows(self, prepared: Prepared, parameters: dict[str, Any]) -> list[Row]:
        """Rows as they were when the first of this turn of the event loop were read.

        To begin and end a transaction takes longer than to find a row in one. Who read nothing before the turn cannot
        tell the difference: what was committed by the time that a request arrived is seen.
        """
        try:
            if not self._reading:
                self._read("BEGIN")
                self._reading = True
                asyncio.get_running_loop().call_soon(self._end_reading)
            return self._read(prepared.sql, prepared.arguments(parameters)).fetchall()
        except _OUR_MISTAKES:
            raise
        except sqlite3.DatabaseError as error:
            raise _unavailable() from error

    def _end_reading(self) -> None:
        if self._reading:
            self._reading = False
            if self._reader.in_transaction:  # a disk that fails may have ended it
                self._read("COMMIT")

    async def has_table(self, name: str) -> bool:
        """Whether there is a table with this name."""
        return bool(await self.fetch_all(_TABLE, name=name))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqliteTransaction]:
        """Begin a transaction that may write from its first statement, so that it never fails for want of a lock."""
        async with self._turn:
            try:
                writer = await self._on_thread(self._begin)
                yield SqliteTransaction(writer, self._on_thread)
                await self._on_thread(partial(writer.execute, "COMMIT"))
            except BaseException:
                with suppress(Unavailable):
                    await asyncio.shield(self._on_thread(self._roll_back))
                raise

    async def close(self) -> None:
        """Close the connections; SQLite then folds the write-ahead log into the file."""
        async with self._turn:
            await self._on_thread(self._close_writer)
        self._thread.shutdown()
        self._end_reading()
        self._reader.close()

    def _begin(self) -> sqlite3.Connection:
        """On the thread, whose connection stays known even if the task that asked for it is cancelled meanwhile."""
        if self._writer is None:
            self._writer = connect(self._path)
        self._writer.execute("BEGIN IMMEDIATE")
        return self._writer

    def _roll_back(self) -> None:
        # There is nothing to undo if the transaction never began, or if a failed COMMIT has ended it.
        if self._writer is not None and self._writer.in_transaction:
            self._writer.execute("ROLLBACK")

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()

    async def _on_thread(self, work: Callable[[], _T]) -> _T:
        with _answering():
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)


class SqliteTransaction:
    """A write transaction; its statements run on the writer thread."""

    def __init__(self, connection: sqlite3.Connection, on_thread: Callable[..., Any]) -> None:
        self._execute = connection.execute
        self._execute_all = connection.executemany
        self._on_thread = on_thread

    async def fetch_all(self, prepared: Prepared, /, **parameters: Any) -> Sequence[Row]:
        """All rows."""
        arguments = prepared.arguments(parameters)
        rows: list[Row] = await self._on_thread(lambda: self._execute(prepared.sql, arguments).fetchall())
        return rows

    async def fetch_one(self, prepared: Prepared, /, **parameters: Any) -> Row | None:
        """The first row, or None."""
        rows = await self.fetch_all(prepared, **parameters)
        return rows[0] if rows else None

    async def execute(self, prepared: Prepared, /, **parameters: Any) -> int:
        """Run a statement; the number of rows it changed."""
        arguments = prepared.arguments(parameters)
        count: int = await self._on_thread(lambda: self._execute(prepared.sql, arguments).rowcount)
        return count

    async def execute_many(self, prepared: Prepared, rows: Iterable[dict[str, Any]], /) -> None:
        """Run a statement once with each of these parameters, all in one go."""
        arguments = [prepared.arguments(row) for row in rows]
        await self._on_thread(lambda: self._execute_all(prepared.sql, arguments))


@contextmanager
def _answering() -> Iterator[None]:
    """Failures of the database become `Unavailable`: a full disk, a lock held too long; our own mistakes do not."""
    try:
        yield
    except _OUR_MISTAKES:
        raise
    except sqlite3.DatabaseError as error:
        raise _unavailable() from error


def _unavailable() -> Unavailable:
    return Unavailable("Errors.Store.Unavailable", "AUTHSVC-DB001")

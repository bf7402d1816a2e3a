"""PostgreSQL: the same statements, prepared once on each of the connections that a process holds.

**One writer at a time.** As with SQLite, a write transaction begins when the one before has ended: its first statement
takes an advisory lock, which ends with it. What reads and then writes can rely on that, in all processes; and the
numbers of changes become visible in their order, on which cursors of webhooks, lists of events and
`processedSequence` rely: with several writers, number 8 could be committed, and read past, before number 7. It costs
that writers do not share the server's cores: a write transaction keeps the next one waiting for its round trips, and
for the flush of its commit to disk. Reads wait for nobody. What is rolled back leaves a gap in the numbers.

READ COMMITTED is enough then, and nothing has to be repeated because of others. Unlike with SQLite, a transaction in
which a statement has failed can only be rolled back.

**Nothing is left on a connection**: no SET but SET LOCAL, no lock but those that end with a transaction. So a pooler
may stand between that gives each transaction another connection.

Texts of PostgreSQL cannot hold NUL. In parameters U+FFFD takes its place, in what is written and what is looked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NoReturn, TypeVar, cast

import asyncpg
from sqlalchemy import BindParameter, ClauseElement, Dialect, literal_column
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.sql.visitors import replacement_traverse

from authsvc.domain.databases import Postgres
from authsvc.errors import Unavailable
from authsvc.store.connections import Connections, Held, Raw
from authsvc.store.executor import Prepared, Row, Stats, prepare

_T = TypeVar("_T")
CONNECTIONS = 8
WRITERS = 0x61757468737663  # "authsvc": the key of the lock that writers take, of which each database has its own
_LOCK_TIMEOUT = 5.0  # seconds that a writer waits for writers of other processes
_FORSAKEN = 60  # seconds after which the server ends a transaction of which it hears nothing, whose lock others want
_CONNECT_TIMEOUT = 10.0
_STATEMENT_TIMEOUT = 60.0  # of statements that no call is waiting for; a call's own deadline comes earlier
_HAS_TABLE = Prepared("SELECT to_regclass($1::text) IS NOT NULL", ("name",), {})

_FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
# Classes of SQLSTATE that tell that the database does not answer, rather than that it was asked a wrong question:
# connection, authorization, no such database, conflict, resources, operator, system, damage.
_OUTAGES = frozenset({"08", "28", "3D", "40", "53", "57", "58", "XX"})
# A standby, no lock, and a transaction that took too long.
_OUTAGE = frozenset({"25006", "55P03", "25P03", "25P04"})
# Those after which the connection is of no use: it is lost, or leads to a server that shuts down or writes no more;
# and where another version of us has changed a table, its statements are not.
_LOST = frozenset({"25006", "25P03", "57P01", "57P02", "57P03", "57P05"})
# All in one round trip. What a database or a role may have set otherwise is said, too.
_BEGIN = (
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; "
    "SET LOCAL lock_timeout = {lock}; SET LOCAL idle_in_transaction_session_timeout = {idle}; "
    "SELECT pg_advisory_xact_lock({key})"
)


async def connect(database: Postgres, *, prepared: bool = True, patient: bool = False) -> Raw:
    """A new connection, on which each statement commits by itself; a `patient` one lets it take its time.

    Raises:
        ConnectionError: there is none to be had, whatever the reason.
    """
    try:
        return await asyncpg.connect(
            database.dsn(),
            password=database.password,
            timeout=_CONNECT_TIMEOUT,
            command_timeout=None if patient else _STATEMENT_TIMEOUT,
            statement_cache_size=100 if prepared else 0,
            server_settings={"application_name": "authsvc"},
        )
    except (*_FAILURES, ValueError) as error:
        raise ConnectionError(str(error) or f"no answer within {_CONNECT_TIMEOUT:.0f} seconds") from error


class PostgresExecutor:
    """A database at a PostgreSQL server. Belongs to one event loop; connects when it is first asked.

    `prepared` says whether statements stay prepared on the server, which some poolers do not let them.
    """

    def __init__(self, database: Postgres, connections: int = CONNECTIONS, *, prepared: bool = True) -> None:
        self._dialect: Dialect = dialect()  # type: ignore[no-untyped-call]
        self._connections = Connections(partial(connect, database, prepared=prepared), connections)
        # So that of a process's writers one waits on a connection, and the others leave theirs to readers.
        self._turn = asyncio.Lock()

    @property
    def stats(self) -> Stats:
        """How busy the connections are."""
        return self._connections.stats

    def prepare(self, statement: ClauseElement) -> Prepared:
        """`statement` for PostgreSQL; numbers that are part of it stand there, so that plans can be kept."""
        return prepare(statement, self._dialect, _with_numbers)

    async def has_table(self, name: str) -> bool:
        """Whether there is a table with this name."""
        return await self.fetch_all(_HAS_TABLE, name=name) == [(True,)]

    async def fetch_all(self, prepared: Prepared, /, **parameters: Any) -> Sequence[Row]:
        """All rows. A connection that turns out to be lost is replaced by another, once."""
        sql, arguments = prepared.sql, _arguments(prepared, parameters)
        held, rows = await self._somewhere(lambda held: held.fetch(sql, arguments))
        self._connections.release(held)
        return rows

    async def fetch_one(self, prepared: Prepared, /, **parameters: Any) -> Row | None:
        """The first row, or None."""
        rows = await self.fetch_all(prepared, **parameters)
        return rows[0] if rows else None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresTransaction]:
        """Begin a transaction that may write, when the one before has ended. Only its beginning is tried twice."""
        async with self._turn:
            held, _ = await self._somewhere(lambda held: held.run(_begin()))
            try:
                yield PostgresTransaction(held)
                await _commit(held)
            except BaseException as error:
                await self._roll_back(held, error)
                raise
            self._connections.release(held)

    async def close(self) -> None:
        """Let go of all connections, when the transaction in hand has ended."""
        async with self._turn:
            await self._connections.close()

    async def _somewhere(self, work: Callable[[Held], Awaitable[_T]]) -> tuple[Held, _T]:
        """What `work` gives, and the connection on which; if that turns out to be lost, it is done on another, once."""
        for is_last in (False, True):
            try:
                held = await self._connections.acquire()
            except _FAILURES as error:
                _tell(error)
            try:
                return held, await work(held)
            except _FAILURES as error:
                if not self._give_back(held, error) or is_last:
                    _tell(error)
            except BaseException as error:
                self._give_back(held, error)
                raise
        raise AssertionError  # the last time returns or raises

    async def _roll_back(self, held: Held, error: BaseException) -> None:
        """End a failed transaction; whoever was cancelled need not wait for that, others find the lock free."""
        if _is_lost(held, error.__cause__ if isinstance(error, Unavailable) else error):
            self._connections.lost(held)
            return
        mending = self._connections.mend(held)
        if isinstance(error, Exception):
            await asyncio.wait([mending])

    def _give_back(self, held: Held, error: BaseException) -> bool:
        """Give a connection back on which something failed; whether it was lost, so that another may do better."""
        if _is_lost(held, error):
            self._connections.lost(held)
            return True
        if isinstance(error, asyncpg.PostgresError) and not held.raw.is_in_transaction():
            self._connections.release(held)
        else:
            self._connections.mend(held)
        return False


class PostgresTransaction:
    """A write transaction, on a connection of its own."""

    def __init__(self, held: Held) -> None:
        self._held = held

    async def fetch_all(self, prepared: Prepared, /, **parameters: Any) -> Sequence[Row]:
        """All rows."""
        try:
            return await self._held.fetch(prepared.sql, _arguments(prepared, parameters))
        except _FAILURES as error:
            _tell(error)

    async def fetch_one(self, prepared: Prepared, /, **parameters: Any) -> Row | None:
        """The first row, or None."""
        rows = await self.fetch_all(prepared, **parameters)
        return rows[0] if rows else None

    async def execute(self, prepared: Prepared, /, **parameters: Any) -> int:
        """Run a statement; the number of rows it changed."""
        try:
            return await self._held.execute(prepared.sql, _arguments(prepared, parameters))
        except _FAILURES as error:
            _tell(error)

    async def execute_many(self, prepared: Prepared, rows: Iterable[dict[str, Any]], /) -> None:
        """Run a statement once with each of these parameters, all in one go."""
        try:
            await self._held.execute_many(prepared.sql, [_arguments(prepared, row) for row in rows])
        except _FAILURES as error:
            _tell(error)


def _with_numbers(statement: ClauseElement) -> ClauseElement:
    return cast("ClauseElement", replacement_traverse(statement, {}, _as_it_is))


def _as_it_is(element: Any, **_: Any) -> Any:
    """A whole number that is part of a statement, as SQL; None for anything else."""
    if isinstance(element, BindParameter) and type(element.value) is int and not element.required:
        return literal_column(str(element.value), element.type)
    return None


def _arguments(prepared: Prepared, parameters: dict[str, Any]) -> list[Any]:
    return [
        value.replace("\0", "\ufffd") if type(value) is str and "\0" in value else value
        for value in prepared.arguments(parameters)
    ]


def _begin() -> str:
    return _BEGIN.format(lock=round(_LOCK_TIMEOUT * 1000), idle=_FORSAKEN * 1000, key=WRITERS)


async def _commit(held: Held) -> None:
    try:
        status = await held.run("COMMIT")
    except _FAILURES as error:
        _tell(error)
    if status != "COMMIT":  # the server has rolled it back, and does not call that an error
        raise RuntimeError("the transaction went on after a statement had failed")


def _is_lost(held: Held, error: BaseException | None) -> bool:
    if held.raw.is_closed() or isinstance(error, asyncpg.InvalidCachedStatementError):
        return True
    return isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "") in _LOST


def _tell(error: Exception) -> NoReturn:
    """Failures of the database become `Unavailable`: no connection, a lock held too long; our own mistakes do not."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        is_stale = isinstance(error, asyncpg.InvalidCachedStatementError)
        is_outage = state[:2] in _OUTAGES or state in _OUTAGE or is_stale
    else:
        is_outage = isinstance(error, OSError)
    if not is_outage:
        raise error
    cause = error if str(error) else TimeoutError(f"no answer within {_STATEMENT_TIMEOUT:.0f} seconds")
    raise Unavailable("Errors.Store.Unavailable", "AUTHSVC-DB001") from cause

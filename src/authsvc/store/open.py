"""Opening the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from authsvc.domain.databases import Database, Postgres
from authsvc.errors import StartupError, Unavailable
from authsvc.store.executor import Executor
from authsvc.store.revision import check_revision

if TYPE_CHECKING:
    from authsvc.store.replica import Replica


class Pooling(NamedTuple):
    """How PostgreSQL is connected to: by how many connections, and whether statements stay prepared on them."""

    connections: int = 8
    prepared: bool = True


async def open_store(database: Database, pooling: Pooling = Pooling()) -> Executor:  # noqa: B008 - a value
    """The database, ready for this version's statements.

    Raises:
        StartupError: there is none, it cannot be read, or it has another schema; the sentence says what to do.
    """
    if isinstance(database, Path) and not database.is_file():
        raise StartupError(f"the database {database} does not exist; run `authsvc migrate`")
    try:
        executor = _executor(database, pooling)
        try:
            await check_revision(executor)
        except BaseException:
            await executor.close()
            raise
    except Unavailable as error:
        raise StartupError(f"the database {database} cannot be read: {error.__cause__}") from None
    return executor


def open_replica(database: Postgres, primary: Executor, pooling: Pooling) -> Replica:
    """A copy of the database behind `primary`, for reads that may lag. Nobody needs it to be there."""
    from authsvc.store.replica import Replica  # noqa: PLC0415 - most have none

    return Replica(_executor(database, pooling), primary)


def _executor(database: Database, pooling: Pooling) -> Executor:
    # Whoever uses the one engine does not load the other.
    if isinstance(database, Path):
        from authsvc.store.sqlite import SqliteExecutor  # noqa: PLC0415

        return SqliteExecutor(database)
    from authsvc.store.postgres import PostgresExecutor  # noqa: PLC0415

    return PostgresExecutor(database, pooling.connections, prepared=pooling.prepared)

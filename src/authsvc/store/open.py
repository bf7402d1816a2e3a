"""Opening the store."""

from __future__ import annotations

from pathlib import Path

from authsvc.errors import StartupError, Unavailable
from authsvc.store.executor import Executor
from authsvc.store.revision import check_revision
from authsvc.store.sqlite import SqliteExecutor


async def open_store(path: Path) -> Executor:
    """The database at `path`, ready for this version's statements.

    Raises:
        StartupError: there is none, it cannot be read, or it has another schema; the sentence says what to do.
    """
    if not path.is_file():  # noqa: ASYNC240 - before anything else runs
        raise StartupError(f"the database {path} does not exist; run `authsvc migrate`")
    try:
        executor = SqliteExecutor(path)
        try:
            await check_revision(executor)
        except BaseException:
            await executor.close()
            raise
    except Unavailable as error:
        raise StartupError(f"the database {path} cannot be read: {error.__cause__}") from None
    return executor

"""Whether a database has the schema that this code needs; asked at every start, so without the migration library."""

from __future__ import annotations

from authsvc.errors import StartupError, Unavailable
from authsvc.store.executor import Executor, Prepared
from authsvc.store.schema import REVISION

_VERSION = Prepared("SELECT version_num FROM alembic_version", (), {})


async def check_revision(executor: Executor) -> None:
    """Make sure that the database has exactly the schema that this code needs.

    Raises:
        StartupError: it has another, or none; the sentence names both revisions.
    """
    row = await executor.fetch_one(_VERSION) if await executor.has_table("alembic_version") else None
    if row is None:
        raise StartupError("the database has no schema yet; run `authsvc migrate`")
    found = row[0]
    if found < REVISION:
        raise StartupError(f"the database is at revision {found}, this version needs {REVISION}; run `authsvc migrate`")
    if found > REVISION:
        raise too_new(found)


async def answers(executor: Executor) -> bool:
    """Whether the database can be read now: a row of it, not just its connection."""
    try:
        return await executor.fetch_one(_VERSION) is not None
    except Unavailable:
        return False


def too_new(found: str) -> StartupError:
    """What to tell of a database that a later version of this code has migrated."""
    return StartupError(f"the database is at revision {found}, newer than this version knows ({REVISION})")

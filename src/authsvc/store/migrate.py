"""Bringing a database to the schema that this code needs."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from authsvc.errors import StartupError
from authsvc.store.revision import too_new
from authsvc.store.schema import REVISION


def migrate(path: Path) -> tuple[str | None, str]:
    """Bring the SQLite database at `path` to the newest revision; the revisions before (None: empty) and after.

    The whole step is one transaction: it happens, or nothing does. Two that run at once wait for each other. A file
    that has to be made is for its owner only, and so are those that SQLite puts beside it.

    Raises:
        StartupError: the file cannot be made or is no database, or its revision is newer; the sentence says which.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):  # there is one; or SQLite says what is wrong
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, stat.S_IRUSR | stat.S_IWUSR))
        with _engine(path).begin() as connection:
            return _upgrade(connection)
    except OSError as error:
        raise StartupError(f"the folder {path.parent} cannot be made: {error.strerror}") from None
    except (DBAPIError, CommandError) as error:
        raise StartupError(f"the database {path} cannot be migrated: {getattr(error, 'orig', error)}") from None


def _upgrade(connection: Connection) -> tuple[str | None, str]:
    before = _revision(connection)
    if before is not None and before > REVISION:
        raise too_new(before)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return before, str(_revision(connection))


def _engine(path: Path) -> Engine:
    """An engine whose transactions hold DDL too: the driver by itself begins one only before a change of rows."""
    url = URL.create("sqlite", database=str(path))
    engine = create_engine(url, connect_args={"isolation_level": None}, poolclass=NullPool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()

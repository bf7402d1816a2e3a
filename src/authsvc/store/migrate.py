"""Bringing a database to the schema that this code needs."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine, event


def migrate(path: Path) -> tuple[str | None, str]:
    """Bring the SQLite database at `path` to the newest revision; the revisions before (None: empty) and after.

    The whole step is one transaction: it happens, or nothing does. Two that run at once wait for each other.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = _engine(path)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with engine.begin() as connection:
        before = _revision(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        after = _revision(connection)
    engine.dispose()
    return before, str(after)


def _engine(path: Path) -> Engine:
    """An engine whose transactions hold DDL too: the driver by itself begins one only before a change of rows."""
    engine = create_engine(f"sqlite:///{path}", connect_args={"isolation_level": None})
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, inspect

from authsvc.errors import StartupError
from authsvc.store import schema
from authsvc.store.migrate import migrate
from authsvc.store.open import open_store

VERSION_TABLE = {"alembic_version"}


def _sql(path: Path, statement: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute(statement).fetchall()
        connection.commit()
    finally:
        connection.close()
    return rows


@pytest.fixture
def migrated(tmp_path: Path) -> Path:
    """A migrated database without rows."""
    path = tmp_path / "authsvc.db"
    migrate(path)
    return path


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def test_from_nothing_and_twice(tmp_path: Path) -> None:
    """A new file, its folders made on the way, gets the newest revision; a second time nothing happens."""
    path = tmp_path / "some" / "folder" / "authsvc.db"
    assert migrate(path) == (None, schema.REVISION)
    before = path.read_bytes()
    assert migrate(path) == (schema.REVISION, schema.REVISION)
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*-journal"))


def test_the_revision_is_the_newest() -> None:
    """The revision that the code needs is the only head of the migrations."""
    assert ScriptDirectory.from_config(_config()).get_heads() == [schema.REVISION]


def test_migrations_and_tables_agree(migrated: Path) -> None:
    """A migrated database and the tables of the code differ in nothing that Alembic can tell."""
    engine = create_engine(f"sqlite:///{migrated}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, schema.metadata) == []
    engine.dispose()


def test_migrations_and_tables_make_the_same_database(migrated: Path, tmp_path: Path) -> None:
    """Tables made by the code and by the migrations have the same columns, keys, constraints and indexes."""
    made = create_engine(f"sqlite:///{tmp_path / 'made.db'}")
    schema.metadata.create_all(made)
    found = create_engine(f"sqlite:///{migrated}")
    one, other = inspect(made), inspect(found)
    assert set(one.get_table_names()) == set(other.get_table_names()) - VERSION_TABLE
    for table in one.get_table_names():
        for aspect in ("columns", "pk_constraint", "foreign_keys", "unique_constraints", "indexes"):
            ask = f"get_{aspect}"
            assert _comparable(getattr(one, ask)(table)) == _comparable(getattr(other, ask)(table)), (table, aspect)
    autoincrement = "SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'"
    assert _sql(tmp_path / "made.db", autoincrement) == _sql(migrated, autoincrement) == [("changes",)]
    made.dispose()
    found.dispose()


def _comparable(found: object) -> object:
    return sorted(map(str, found)) if isinstance(found, list) else str(found)


def test_down_and_up_again(migrated: Path) -> None:
    """Downgrading takes away every table, after which the database can be migrated once more."""
    engine = create_engine(f"sqlite:///{migrated}")
    with engine.begin() as connection:
        command.downgrade(_config(connection), "base")
        assert set(inspect(connection).get_table_names()) == VERSION_TABLE
    engine.dispose()
    assert migrate(migrated) == (None, schema.REVISION)
    assert {name for (name,) in _sql(migrated, "SELECT name FROM sqlite_master")} > set(schema.metadata.tables)


def test_data_survives_a_second_time(migrated: Path) -> None:
    """Migrating a database that is up to date keeps what is in it."""
    _sql(migrated, "INSERT INTO user_agents VALUES (1, 'x', 1, 2, 3)")
    migrate(migrated)
    assert _sql(migrated, "SELECT * FROM user_agents") == [(1, "x", 1, 2, 3)]


_MIGRATE = """
import sys, time
from pathlib import Path
from typing import Any
from authsvc.store.migrate import migrate
print("imported", flush=True)
sys.stdin.readline()
print(migrate(Path(sys.argv[1])))
"""


def test_two_processes_at_once(tmp_path: Path) -> None:
    """Of processes that migrate at the same time one does it, and the others find it done."""
    command = [sys.executable, "-c", _MIGRATE, str(tmp_path / "authsvc.db")]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "imported\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate() for process in processes]
    assert [errors for _, errors in answers] == ["", "", ""]
    done, found = "(None, '0001')\n", "('0001', '0001')\n"
    assert sorted(text for text, _ in answers) == [found, found, done]


def test_a_writer_that_does_not_end(migrated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that has waited for a writer long enough says so in a sentence."""

    def impatient(url: URL, connect_args: dict[str, Any], **rest: Any) -> Engine:
        return create_engine(url, connect_args={**connect_args, "timeout": 0.05}, **rest)

    monkeypatch.setattr("authsvc.store.migrate.create_engine", impatient)
    busy = sqlite3.connect(migrated, isolation_level=None)
    busy.execute("BEGIN IMMEDIATE")
    with pytest.raises(StartupError, match="cannot be migrated: database is locked"):
        migrate(migrated)
    busy.close()
    assert migrate(migrated) == (schema.REVISION, schema.REVISION)


@pytest.mark.parametrize("name", ["with space.db", "per%cent.db", "what?x=1.db", "h#sh.db", "\u00e9.db", "a:b@c.db"])
async def test_names_of_files(tmp_path: Path, name: str) -> None:
    """The file is made under exactly the name given, and can be opened by it."""
    migrate(tmp_path / name)
    assert _names(tmp_path) == [name]
    executor = await open_store(tmp_path / name)
    await executor.close()


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _text_file(folder: Path) -> Path:
    path = folder / "text"
    path.write_text("This is a text and not a database. " * 200)
    return path


def _foreign(folder: Path) -> Path:
    path = folder / "foreign"
    _sql(path, "CREATE TABLE users (id INTEGER)")
    return path


def _at(folder: Path, revision: str) -> Path:
    path = folder / "authsvc.db"
    path.unlink(missing_ok=True)
    migrate(path)
    _sql(path, f"UPDATE alembic_version SET version_num = '{revision}'")
    return path


def test_places_where_no_database_can_be(tmp_path: Path) -> None:
    """A place that cannot hold a database is named in one sentence, for whoever may do everything too."""
    text = _text_file(tmp_path)
    for path, sentence in {
        text: f"the database {text} cannot be migrated: file is not a database",
        tmp_path: f"the database {tmp_path} cannot be migrated: unable to open database file",
        text / "a.db": f"the folder {text} cannot be made: File exists",
        text / "b" / "a.db": f"the folder {text / 'b'} cannot be made: Not a directory",
        Path("/proc/none/a.db"): "the folder /proc/none cannot be made: No such file or directory",
        Path("/proc/a.db"): "the database /proc/a.db cannot be migrated: unable to open database file",
    }.items():
        with pytest.raises(StartupError) as caught:
            migrate(path)
        assert str(caught.value) == sentence
    assert _text_file(tmp_path).read_text() == text.read_text()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A folder without the right to write is named in one sentence."""
    tmp_path.chmod(0o500)
    with pytest.raises(StartupError, match="cannot be migrated: unable to open database file"):
        migrate(tmp_path / "authsvc.db")
    tmp_path.chmod(0o700)


def test_a_database_of_something_else(tmp_path: Path) -> None:
    """A database that holds tables of the same names is refused and left as it was."""
    path = _foreign(tmp_path)
    with pytest.raises(StartupError, match=r"cannot be migrated: table users already exists"):
        migrate(path)
    assert _sql(path, "SELECT name FROM sqlite_master") == [("users",)]


def test_a_newer_database(tmp_path: Path) -> None:
    """A database of a later version is refused and left as it was."""
    path = _at(tmp_path, "9999")
    with pytest.raises(StartupError) as caught:
        migrate(path)
    assert str(caught.value) == "the database is at revision 9999, newer than this version knows (0001)"
    assert _sql(path, "SELECT version_num FROM alembic_version") == [("9999",)]


def test_a_revision_that_nobody_knows(tmp_path: Path) -> None:
    """A database at an older revision that is none of ours is refused."""
    path = _at(tmp_path, "0000")
    with pytest.raises(StartupError, match="cannot be migrated: Can't locate revision identified by '0000'"):
        migrate(path)


async def test_opening_checks_the_revision(tmp_path: Path) -> None:
    """The store opens only at exactly the revision that the code needs, and says what to do otherwise."""
    path = tmp_path / "authsvc.db"
    migrate_it = "; run `authsvc migrate`"
    for revision, sentence in {
        "0000": f"the database is at revision 0000, this version needs 0001{migrate_it}",
        "0002": "the database is at revision 0002, newer than this version knows (0001)",
        "9999": "the database is at revision 9999, newer than this version knows (0001)",
    }.items():
        _at(tmp_path, revision)
        with pytest.raises(StartupError) as caught:
            await open_store(path)
        assert str(caught.value) == sentence
    _sql(path, "DELETE FROM alembic_version")
    for _ in range(2):
        with pytest.raises(StartupError) as caught:
            await open_store(path)
        assert str(caught.value) == f"the database has no schema yet{migrate_it}"
        _sql(path, "DROP TABLE IF EXISTS alembic_version")


async def test_opening_what_is_no_database(tmp_path: Path) -> None:
    """A file that does not exist is not made; one that is no database is named."""
    with pytest.raises(StartupError) as caught:
        await open_store(tmp_path / "none.db")
    assert str(caught.value) == f"the database {tmp_path / 'none.db'} does not exist; run `authsvc migrate`"
    assert _names(tmp_path) == []
    text = _text_file(tmp_path)
    with pytest.raises(StartupError) as caught:
        await open_store(text)
    assert str(caught.value) == f"the database {text} cannot be read: file is not a database"


async def test_opening_an_empty_file(tmp_path: Path) -> None:
    """An empty file is a database without a schema."""
    _sql(tmp_path / "empty.db", "SELECT 1")
    with pytest.raises(StartupError, match="has no schema yet; run `authsvc migrate`"):
        await open_store(tmp_path / "empty.db")
    assert migrate(tmp_path / "empty.db") == (None, schema.REVISION)

from __future__ import annotations

import os
import re
import sqlite3
import stat
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, inspect

from authsvc.domain.clock import now
from authsvc.domain.keyset import FIRST, LAST, Span
from authsvc.domain.sessions import LIFETIME
from authsvc.domain.tokens import Permission
from authsvc.errors import StartupError
from authsvc.store import schema
from authsvc.store.backends import BackendReads
from authsvc.store.migrate import migrate
from authsvc.store.open import open_store
from authsvc.store.writes import Writes

VERSION_TABLE = {"alembic_version"}
# SQLAlchemy cannot read such an index from SQLite; the statements that made the indexes are compared too.
expression_index = pytest.mark.filterwarnings("ignore:.*expression-based index")
INDEXES = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"


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


def _modes(path: Path) -> list[int]:
    """Those of a database's files."""
    return [stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob(f"{path.name}*")]


async def test_a_new_database_is_for_its_owner(tmp_path: Path) -> None:
    """What has people's data in it can be read by its owner only; the mode of a file that is there stays."""
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    old.touch()
    old.chmod(0o640)
    for path, mode in ((new, 0o600), (old, 0o640)):
        migrate(path)
        executor = await open_store(path)
        await Writes(executor).create_key("x", frozenset({Permission.USER_READ}))
        assert _modes(path) == [mode] * 3
        await executor.close()


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


@expression_index
def test_migrations_and_tables_agree(migrated: Path) -> None:
    """A migrated database and the tables of the code differ in nothing that Alembic can tell."""
    engine = create_engine(f"sqlite:///{migrated}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, schema.metadata) == []
    engine.dispose()


@expression_index
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
    given_once = [("changes",), ("deliveries",)]
    assert sorted(_sql(tmp_path / "made.db", autoincrement)) == sorted(_sql(migrated, autoincrement)) == given_once
    assert _indexes(tmp_path / "made.db") == _indexes(migrated)
    made.dispose()
    found.dispose()


def _comparable(found: object) -> object:
    return sorted(map(_text, found)) if isinstance(found, list) else str(found)


def _text(found: object) -> str:
    """A description without the addresses of objects, which are the conditions of indexes."""
    return re.sub(r"at 0x[0-9a-f]+", "", str(found))


def _indexes(path: Path) -> list[tuple[object, str]]:
    """The statements that made the indexes, without their spaces and quotes."""
    return [(name, re.sub(r'[\s"]', "", str(sql))) for name, sql in _sql(path, INDEXES)]


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
    columns = "id, description, cookie_hash, sequence, created_at, changed_at"
    _sql(migrated, f"INSERT INTO user_agents ({columns}) VALUES (1, 'x', NULL, 1, 2, 3)")
    migrate(migrated)
    assert _sql(migrated, f"SELECT {columns} FROM user_agents") == [(1, "x", None, 1, 2, 3)]


def _migrate_to(path: Path, revision: str) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        command.upgrade(_config(connection), revision)
    engine.dispose()


ROWS_OF_0001 = f"""
INSERT INTO orgs VALUES (1, 'Savanna', 1, 1, 10, 10);
INSERT INTO users VALUES (2, 1, 1, 1, 'gigi', 'gigi', 'Gigi', '', '', '', 'en', 0, '', 'gigi@a.example', 1, '', 0, NULL,
                          '', NULL, 0, 2, 20, 20);
INSERT INTO user_agents VALUES (3, 'Browser', 3, 30, 30);
INSERT INTO sessions VALUES (4, 3, 2, 1, 4, 40, 41);
INSERT INTO sessions VALUES (5, 3, 2, 2, 5, 50, 51);
INSERT INTO access_tokens VALUES (6, x'{"ab" * 32}', 2, 4, 60, 61, NULL);
INSERT INTO changes VALUES (5, 51, 'session', 5, 'terminated', 1);
"""


def _database_of_0001(folder: Path) -> Path:
    path = folder / "old.db"
    _migrate_to(path, "0001")
    connection = sqlite3.connect(path)
    connection.executescript(ROWS_OF_0001)
    connection.close()
    return path


def test_rows_of_0001(tmp_path: Path) -> None:
    """What was there stays; sessions are of an unknown sign-in, over in a year, and ended when they last changed."""
    path = _database_of_0001(tmp_path)
    earliest = now() + LIFETIME
    assert migrate(path) == ("0001", schema.REVISION)
    columns = "id, agent_id, user_id, state, sequence, created_at, changed_at, auth_method, ended_at, ulid, org_id"
    assert _sql(path, f"SELECT {columns}, ip_address, user_agent FROM sessions ORDER BY id") == [
        (4, 3, 2, 1, 4, 40, 41, 10, None, None, None, None, None),
        (5, 3, 2, 2, 5, 50, 51, 10, 51, None, None, None, None),
    ]
    ((expires_at,),) = _sql(path, "SELECT DISTINCT expires_at FROM sessions")
    assert earliest <= int(str(expires_at)) <= now() + LIFETIME
    assert _sql(path, "SELECT id, name, ulid FROM orgs") == [(1, "Savanna", None)]
    assert _sql(path, "SELECT id, email, changed_at, ulid, external_id FROM users") == [
        (2, "gigi@a.example", 20, None, None)
    ]
    assert _sql(path, "SELECT id, session_id FROM access_tokens") == [(6, 4)]
    assert _sql(path, "SELECT sequence, action FROM changes") == [(5, "terminated")]
    assert _sql(path, "PRAGMA foreign_key_check") == []
    assert _sql(path, "PRAGMA integrity_check") == [("ok",)]


def test_times_of_0001_rise(tmp_path: Path) -> None:
    """Where the clock had been put back, a change is as late as those before it."""
    path = _database_of_0001(tmp_path)
    connection = sqlite3.connect(path)
    rows = "(6, 30, 'user', 2, 'changed', 1), (7, 90, 'user', 2, 'changed', 1), (8, 80, 'org', 1, 'changed', 1)"
    connection.executescript(f"INSERT INTO changes VALUES {rows}")
    connection.close()
    ((first,),) = _sql(path, "SELECT at FROM changes WHERE sequence = 5")
    assert 30 < int(str(first)) < 80
    migrate(path)
    assert _sql(path, "SELECT at FROM changes ORDER BY sequence") == [(first,), (first,), (90,), (90,)]


async def test_sessions_of_0001_go_on(tmp_path: Path) -> None:
    """Whoever was signed in before the migration still is, and can be signed out."""
    path = _database_of_0001(tmp_path)
    migrate(path)
    executor = await open_store(path)
    reads, writes = BackendReads(executor), Writes(executor)
    everything = Span(FIRST, LAST, ascending=True, limit=10)
    assert [session.id for session in await reads.sessions(2, everything)] == [4]
    assert await writes.end_session(4)
    assert await reads.sessions(2, everything) == []
    await executor.close()


def test_back_to_0001(tmp_path: Path) -> None:
    """A downgrade leaves the rows as the first schema has them."""
    path = _database_of_0001(tmp_path)
    before = {table: _sql(path, f"SELECT * FROM {table}") for table in ("orgs", "users", "sessions", "access_tokens")}
    indexes = _indexes(path)
    migrate(path)
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        command.downgrade(_config(connection), "0001")
    engine.dispose()
    assert {table: _sql(path, f"SELECT * FROM {table}") for table in before} == before
    assert _indexes(path) == indexes
    assert _sql(path, "PRAGMA foreign_key_check") == []


def test_both_databases_can_be_made() -> None:
    """The migrations are valid for PostgreSQL too: its dialect writes all of their statements."""
    output = StringIO()
    options = {"as_sql": True, "output_buffer": output, "target_metadata": schema.metadata}
    context = MigrationContext.configure(dialect_name="postgresql", opts=options)
    with Operations.context(context):
        for script in reversed(list(ScriptDirectory.from_config(_config()).walk_revisions())):
            script.module.upgrade()
    text = output.getvalue()
    assert "CREATE INDEX ix_users_people_by_email ON users (lower(email), created_at, id) WHERE type = 1" in text
    assert "ALTER TABLE sessions ALTER COLUMN expires_at SET NOT NULL" in text
    assert "CREATE UNIQUE INDEX ix_api_keys_name ON api_keys (name) WHERE revoked_at IS NULL" in text


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
    done, found = f"{(None, schema.REVISION)}\n", f"{(schema.REVISION, schema.REVISION)}\n"
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
    assert str(caught.value) == "the database is at revision 9999, newer than this version knows (0004)"
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
        "0001": f"the database is at revision 0001, this version needs 0004{migrate_it}",
        "0005": "the database is at revision 0005, newer than this version knows (0004)",
        "9999": "the database is at revision 9999, newer than this version knows (0004)",
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

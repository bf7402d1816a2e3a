"""What fills databases for measurements."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from harness import ROOT, environment

from authsvc.domain.paging import Page
from authsvc.domain.tokens import token_hash
from authsvc.store.migrate import migrate
from authsvc.store.reads import Reads
from authsvc.store.sqlite import SqliteExecutor

USERS = 30


def generate(database: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run the program."""
    command = [sys.executable, str(ROOT / "bench" / "generate.py"), "--users", str(USERS), *flags]
    variables = environment({"AUTHSVC_DATABASE_URL": f"sqlite:///{database}"})
    return subprocess.run(command, check=False, capture_output=True, text=True, env=variables)


def indexes(database: Path) -> list[tuple[str, str]]:
    """The names of a database's indexes, and their statements."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' ORDER BY name").fetchall()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database that was filled, one that was only migrated, and the tokens."""
    folder = tmp_path_factory.mktemp("generated")
    migrate(folder / "authsvc.db")
    migrate(folder / "empty.db")
    done = generate(folder / "authsvc.db", "--tokens", str(folder / "tokens.txt"))
    assert done.returncode == 0, done.stderr
    assert " rows, " in done.stderr
    return folder


def count(database: Path, table: str) -> int:
    """How many rows a table has."""
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_there_is_what_was_asked_for(filled: Path) -> None:
    """N users have 3N sessions and 5N grants; the crowds come on top."""
    database = filled / "authsvc.db"
    found = {table: count(database, table) for table in ("users", "sessions", "user_grants")}
    assert found == {"users": USERS + 614, "sessions": 3 * USERS + 610, "user_grants": 5 * USERS + 51_110}


@pytest.mark.parametrize("grants", [5, 0, 7])
def test_the_numbers_of_grants(filled: Path, tmp_path: Path, grants: int) -> None:
    """Each user's number of grants is that of the rows there are, however many were asked for."""
    database = Path(shutil.copy(filled / "empty.db", tmp_path))
    assert generate(database, "--grants", str(grants)).returncode == 0
    wrong = "SELECT id FROM users WHERE grant_count <> (SELECT count(*) FROM user_grants WHERE user_id = users.id)"
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute(wrong).fetchall() == []
        assert connection.execute("SELECT grant_count FROM users WHERE id = 1").fetchall() == [(grants,)]


def test_the_database_is_whole(filled: Path) -> None:
    """No row points nowhere, and the indexes are those that the migrations made."""
    with closing(sqlite3.connect(filled / "authsvc.db")) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert indexes(filled / "authsvc.db") == indexes(filled / "empty.db") != []


async def test_the_tokens_are_good(filled: Path) -> None:
    """Each belongs to a user; half of them to a session as well; the crowds are seen through the last ones."""
    executor = SqliteExecutor(filled / "authsvc.db")
    reads = Reads(executor)
    tokens = (filled / "tokens.txt").read_text().split()
    records = [await reads.token(token_hash(token), None) for token in tokens]
    known = [record for record in records if record]
    assert len(known) == len(tokens) == USERS + 7
    assert [record.session_id is not None for record in known[:USERS]] == [bool(number % 2) for number in range(USERS)]
    grants = [(await reads.grants(record.user_id, Page(0, 1, ascending=True))).total for record in known]
    sessions = [len(await reads.sessions(record.agent_id)) for record in known if record.agent_id]
    await executor.close()
    assert grants[:USERS] == [5] * USERS
    assert grants[USERS : USERS + 4] == [10, 100, 1_000, 50_000]
    assert set(sessions[:-3]) == {3}
    assert sessions[-3:] == [10, 100, 500]


def test_nothing_is_written_over(filled: Path) -> None:
    """A database with people in it is left alone."""
    before = (filled / "authsvc.db").stat().st_mtime_ns
    done = generate(filled / "authsvc.db")
    assert (done.returncode, done.stderr) == (1, "the database is not empty\n")
    assert (filled / "authsvc.db").stat().st_mtime_ns == before

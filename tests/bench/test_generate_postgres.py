"""What fills databases for measurements, on PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from harness import ROOT, environment
from postgresql import server

from authsvc.domain.databases import Postgres
from authsvc.domain.tokens import token_hash
from authsvc.store.postgres import PostgresExecutor
from authsvc.store.reads import Reads

USERS = 30
INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
KEYS = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' ORDER BY 1"


def fill(database: Postgres, tokens: Path) -> None:
    """Run the program."""
    command = [sys.executable, str(ROOT / "bench" / "generate.py"), "--users", str(USERS), "--tokens", str(tokens)]
    variables = environment({"AUTHSVC_DATABASE_URL": database.dsn()})
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=variables)
    assert done.returncode == 0, done.stderr


async def test_a_server_is_filled_as_a_file_is(tmp_path: Path) -> None:
    """All rows are there, the tokens are good, and the indexes and foreign keys are those that there were before."""
    database = server().create()
    before = [server().ask(each, database) for each in (INDEXES, KEYS)]
    fill(database, tmp_path / "tokens.txt")
    assert [server().ask(each, database) for each in (INDEXES, KEYS)] == before
    executor = PostgresExecutor(database)
    reads = Reads(executor)
    tokens = (tmp_path / "tokens.txt").read_text().split()
    records = [await reads.token(token_hash(token), None) for token in tokens]
    await executor.close()
    assert len([record for record in records if record]) == USERS + 7

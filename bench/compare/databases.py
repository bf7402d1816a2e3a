"""Databases full of people for the services to answer from, made by bench/generate.py."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.compare.load import ROOT
from bench.compare.questions import Tokens, crowd
from bench.compare.services import clean_environment

TOKENS = 1_000
_FOLDER = ROOT / "build" / "bench"
_GENERATE = ROOT / "bench" / "generate.py"
_MIGRATIONS = ROOT / "src" / "authsvc" / "store" / "migrations"
_SERVER_CORES = {0}
# As on a small server of its own; what is measured only reads.
_POSTGRES = {"shared_buffers": "1GB", "maintenance_work_mem": "512MB", "max_wal_size": "8GB"}


@dataclass(frozen=True)
class Filled:
    """A database: how many users it has, and the tokens of those who are like everybody else."""

    url: str
    users: int
    beside: tuple[int, ...] = ()  # the processes of its server

    @property
    def tokens(self) -> Tokens:
        """A token each of so many people all over the database."""
        return Tokens(1, min(TOKENS, self.users), max(1, self.users // TOKENS))

    def crowd(self, kind: str, size: int) -> Tokens:
        """The token of those with so many `grants` or `sessions`."""
        return crowd(kind, size, self.tokens.last)

    @property
    def path(self) -> str:
        """The file, of SQLite."""
        return self.url.removeprefix("sqlite:///")


def sqlite(users: int, grants: int = 5) -> Filled:
    """A file with so many users with so many grants each. It is kept, as a million takes minutes."""
    path = _FOLDER / f"{users}-users-{grants}-grants-{_digest()}.db"
    if not path.exists():
        _FOLDER.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        _fill(f"sqlite:///{unfinished}", users, grants)
        unfinished.rename(path)
    return Filled(f"sqlite:///{path}", users)


class Server:
    """A PostgreSQL server, from the wheel that the tests use, on the core of the services."""

    def __init__(self) -> None:
        from postgresql import PostgresServer  # noqa: PLC0415 - not for every section

        self._server = PostgresServer(_POSTGRES)
        os.sched_setaffinity(self._server.pid, _SERVER_CORES)

    def filled(self, users: int, grants: int = 5) -> Filled:
        """A new database with so many users."""
        name = f"bench_{users}_{grants}"
        self._server.ask(f"CREATE DATABASE {name}")
        url = self._server.database(name).dsn()
        _fill(url, users, grants)
        self._server.ask("CHECKPOINT")
        return Filled(url, users, (self._server.pid,))

    def close(self) -> None:
        """End it, and forget what it holds."""
        self._server.remove()


@contextmanager
def postgres() -> Iterator[Server]:
    """A server of PostgreSQL, to the end of the block."""
    server = Server()
    try:
        yield server
    finally:
        server.close()


def _fill(url: str, users: int, grants: int) -> None:
    environment = clean_environment({"AUTHSVC_DATABASE_URL": url})
    generate = [str(_GENERATE), "--users", str(users), "--grants", str(grants), "--token-count", str(TOKENS)]
    for command in (["-m", "authsvc", "migrate"], generate):
        done = subprocess.run([sys.executable, *command], check=False, env=environment, cwd=ROOT, stdout=sys.stderr)
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed")


def _digest() -> str:
    """Tells files apart that another version of the service or of the generator has made."""
    files = [_GENERATE, *sorted(_MIGRATIONS.rglob("*.py"))]
    return hashlib.sha256(b"".join(Path(file).read_bytes() for file in files)).hexdigest()[:10]

"""Databases full of people for the services to answer from, made by bench/generate.py."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.compare.load import ROOT
from bench.compare.questions import Tokens, crowd
from bench.compare.services import clean_environment

TOKENS = 1_000
SQLITE, POSTGRES = "SQLite", "PostgreSQL"
BUILD = ROOT / "build" / "bench"
_GENERATE = ROOT / "bench" / "generate.py"
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


class Databases:
    """Databases of one run, each made when it is first asked for, in `folder` or at a server that is started then."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: Server | None = None
        self._filled: dict[tuple[str, int, int], Filled] = {}

    def filled(self, engine: str, users: int, grants: int = 5) -> Filled:
        """A database of an engine, with so many users who have so many grants each."""
        key = (engine, users, grants)
        if key not in self._filled:
            self._filled[key] = self._file(users, grants) if engine == SQLITE else self._at_server(users, grants)
        return self._filled[key]

    def _file(self, users: int, grants: int) -> Filled:
        url = f"sqlite:///{self._folder}/{users}-users-{grants}-grants.db"
        _fill(url, users, grants)
        return Filled(url, users)

    def _at_server(self, users: int, grants: int) -> Filled:
        if self._server is None:
            self._server = Server()
        return self._server.filled(users, grants)

    def close(self) -> None:
        """End the server, if there is one."""
        if self._server is not None:
            self._server.close()


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
def databases() -> Iterator[Databases]:
    """Databases to the end of the block."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as folder, closing(Databases(Path(folder))) as made:
        yield made


def _fill(url: str, users: int, grants: int) -> None:
    environment = clean_environment({"AUTHSVC_DATABASE_URL": url})
    generate = [str(_GENERATE), "--users", str(users), "--grants", str(grants), "--token-count", str(TOKENS)]
    for command in (["-m", "authsvc", "migrate"], generate):
        done = subprocess.run([sys.executable, *command], check=False, env=environment, cwd=ROOT, stdout=sys.stderr)
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed")

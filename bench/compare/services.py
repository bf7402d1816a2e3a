"""Programs that answer calls: started, looked at from outside, and ended."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil
from processes import end

ROOT = Path(__file__).parent.parent.parent
SERVER_CORE = "0"
_START_TIMEOUT = 60.0
_STOP_TIMEOUT = 30.0
_MEGABYTE = 1 << 20


class ServiceError(Exception):
    """A program did not start."""


@dataclass(frozen=True)
class Service:
    """A running program: its addresses, HOST:PORT, and all processes that take part in its answers.

    `pids` are the roots; what they have started counts with them. `beside` are processes whose CPU is told apart:
    those of a database server.
    """

    address: str
    pids: tuple[int, ...]
    grpcio: str = ""
    beside: tuple[int, ...] = ()

    @property
    def url(self) -> str:
        """The one address as a URL."""
        return f"http://{self.address}"

    def cpu(self) -> dict[int, float]:
        """Seconds of CPU that each of its processes has used so far."""
        return {pid: cpu_seconds(pid) for pid in family(self.pids)}

    def cpu_beside(self) -> float:
        """Seconds of CPU that the processes beside have used so far, those that have ended included."""
        ended = sum(cpu_seconds(pid, ended=True) for pid in self.beside)
        return ended + sum(cpu_seconds(pid) for pid in family(self.beside))

    def memory(self) -> float:
        """Megabytes of all its processes; what several share is counted once (PSS)."""
        return sum(megabytes(pid) for pid in family(self.pids))


def family(pids: Sequence[int]) -> list[int]:
    """Processes and all that they have started; those that have ended have nobody."""
    found = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            found += [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    return found


def cpu_seconds(pid: int, *, ended: bool = False) -> float:
    """What a process has used so far, or what those of its children had used that have ended."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.children_user + times.children_system if ended else times.user + times.system)


def megabytes(pid: int) -> float:
    """The PSS of a process."""
    try:
        return float(psutil.Process(pid).memory_full_info().pss) / _MEGABYTE
    except psutil.NoSuchProcess:
        return 0.0


def free_address() -> str:
    """An address of this machine where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without settings of authsvc's, and with compiled code kept."""
    unwanted = ("AUTHSVC_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return {**kept, **(extra or {})}


class Program(NamedTuple):
    """A running program: its process id, and the lines that it has printed before it was ready."""

    pid: int
    lines: list[str]


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str] | None = None, *, pinned: bool = True
) -> Iterator[Program]:
    """A program, from the line `ready` on its standard output to the end of the block.

    Raises:
        ServiceError: it ended before, or took too long.
    """
    pin = ["taskset", "-c", SERVER_CORE] if pinned else []
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [*pin, *command],
            cwd=ROOT,
            env=clean_environment(environment),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        guard = threading.Timer(_START_TIMEOUT, process.kill)
        guard.start()
        try:
            lines = _until_ready(process)
            if lines is None:
                errors.seek(0)
                raise ServiceError(f"{' '.join(command)} did not start: {errors.read()[-2000:]}")
            guard.cancel()
            yield Program(process.pid, lines)
        finally:
            guard.cancel()
            end(process, _STOP_TIMEOUT)


def _until_ready(process: subprocess.Popen[str]) -> list[str] | None:
    """The lines before `ready`; None if it never comes."""
    lines: list[str] = []
    for line in process.stdout or ():
        if line.strip() == "ready":
            return lines
        lines.append(line.strip())
    return None


@contextmanager
def authsvc(
    database_url: str, *, workers: int = 1, pinned: bool = True, beside: tuple[int, ...] = ()
) -> Iterator[Service]:
    """The service itself, at both of its addresses."""
    address, grpcio = free_address(), free_address()
    settings = {
        "database_url": database_url,
        "listen": address,
        "grpc_listen": grpcio,
        "workers": str(workers),
        "log_level": "warning",
    }
    environment = {f"AUTHSVC_{name.upper()}": value for name, value in settings.items()}
    with running([sys.executable, "-m", "authsvc", "serve"], environment, pinned=pinned) as program:
        yield Service(address, (program.pid,), grpcio, beside)

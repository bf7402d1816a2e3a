"""How soon a service answers, and how much memory its workers take.

    python bench/start.py        # or `make bench-start`

The real `authsvc serve` on the demo data, each time a new process. Memory is looked at after 1,000 calls a worker, and
is the operating system's word: RSS counts what workers share in each of them, PSS divides it among them. The processor
time until all workers serve tells more than the seconds do where a machine has something else to do. structlog would
load rich, which is only there for development and takes a tenth of the start: it is kept from finding it.
"""

# ruff: noqa: INP001, S603 - a program, and no part of a package; its commands are its own

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import NamedTuple

import grpc
import psutil

ROOT = Path(__file__).parent.parent
ROUNDS, CALLS, CONNECTIONS = 5, 1000, 8
MEGABYTE = 1 << 20
METHOD = "/zitadel.auth.v1.AuthService/GetMyUser"


class Start(NamedTuple):
    """What was seen of one service: seconds, and megabytes of each worker on average."""

    answers: float
    ready: float
    processor: float
    web_rss: float
    web_pss: float
    grpcio_rss: float
    grpcio_pss: float
    supervisor_pss: float


def authsvc(*arguments: str, database_url: str) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "authsvc", *arguments]
    environment = {**os.environ, "AUTHSVC_DATABASE_URL": database_url}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()


def free_ports() -> tuple[int, int]:
    """Two ports that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


def measure(database_url: str, token: str, workers: int, modules: Path) -> Start:
    """Start a service, call it, look at its memory, and end it; `modules` stand before those that are installed."""
    web, grpcio = free_ports()
    settings = {"listen": f"127.0.0.1:{web}", "grpc_listen": f"127.0.0.1:{grpcio}", "workers": str(workers)}
    settings |= {"database_url": database_url, "log_level": "warning"}
    environment = {**os.environ, **{f"AUTHSVC_{name.upper()}": value for name, value in settings.items()}}
    environment["PYTHONPATH"] = str(modules)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # nobody compiles the code anew at each start
    began = time.perf_counter()
    with running([sys.executable, "-m", "authsvc", "serve"], environment) as process:
        while not answers(web):
            time.sleep(0.002)
        answered = time.perf_counter() - began
        for line in process.stdout or ():
            if line == "ready\n":
                break
        ready = time.perf_counter() - began
        supervisor = psutil.Process(process.pid)
        children = sorted(supervisor.children(), key=lambda child: child.pid)
        processor = sum(map(processor_time, [supervisor, *children]))
        call_web(web, token, workers)
        call_grpcio(grpcio, token, workers)
        web_memory, grpcio_memory = memory(children[:workers]), memory(children[workers:])
        return Start(answered, ready, processor, *web_memory, *grpcio_memory, memory([supervisor])[1])


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A process, to the end of the block."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate()


def answers(port: int) -> bool:
    """Whether a call is answered."""
    try:
        with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
            connection.request("GET", "/auth/v1/healthz")
            return connection.getresponse().status == 200  # noqa: PLR2004
    except OSError:
        return False


def call_web(port: int, token: str, workers: int) -> None:
    """Make the calls as JSON, over so many connections that each worker has some."""
    for _ in range(CONNECTIONS * workers):
        with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
            for _ in range(CALLS // CONNECTIONS):
                connection.request("GET", "/auth/v1/users/me", headers={"authorization": f"Bearer {token}"})
                connection.getresponse().read()


def call_grpcio(port: int, token: str, workers: int) -> None:
    """Make the calls by native gRPC, likewise."""
    metadata = (("authorization", f"Bearer {token}"),)
    for _ in range(CONNECTIONS * workers):
        own = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=own) as channel:
            get: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)
            for _ in range(CALLS // CONNECTIONS):
                get(b"", metadata=metadata, timeout=20)


def processor_time(process: psutil.Process) -> float:
    """Seconds for which a process has had a processor, for itself and for calls to the operating system."""
    times = process.cpu_times()
    return times.user + times.system


def memory(processes: list[psutil.Process]) -> tuple[float, float]:
    """RSS and PSS of processes, in megabytes, on average."""
    told = [process.memory_full_info() for process in processes]
    rss, pss = sum(each.rss for each in told), sum(each.pss for each in told)
    return rss / len(told) / MEGABYTE, pss / len(told) / MEGABYTE


def main() -> None:
    """Print a table of medians."""
    times, memories = ("answers, s", "ready, s", "processor, s"), ("web RSS", "PSS, MB", "grpcio RSS", "PSS, MB")
    head = ("workers", *times, *memories, "supervisor PSS, MB")
    with tempfile.TemporaryDirectory() as folder:
        url, modules = f"sqlite:///{folder}/authsvc.db", Path(folder, "modules")
        modules.mkdir()
        (modules / "rich.py").write_text("raise ImportError\n")
        authsvc("migrate", database_url=url)
        authsvc("apply", str(ROOT / "examples" / "demo.yaml"), database_url=url)
        token = authsvc("token", "create", "--user", "gigi@zitadel.com", database_url=url)
        print("| " + " | ".join(head) + " |")
        print("|---" * len(head) + "|")
        for workers in (1, 2):
            starts = [measure(url, token, workers, modules) for _ in range(ROUNDS)]
            middle = Start(*map(median, zip(*starts, strict=True)))
            cells = [f"{middle.answers:.2f}", f"{middle.ready:.2f}", f"{middle.processor:.2f}"]
            cells += [f"{each:.0f}" for each in middle[3:]]
            print(f"| {workers} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()

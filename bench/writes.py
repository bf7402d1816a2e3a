"""What joining the writes of a response saves: wrk and h2load against the service, with and without, in one run.

    python bench/writes.py        # or `make bench-writes`; needs wrk and h2load (Debian: wrk, nghttp2-client)

Both servers are the real one address on the demo data and one core; the load comes from the other core. They take
turns, so that whatever else the machine does hits both. CPU is the server's own, from the operating system.
"""

# ruff: noqa: INP001, S603 - a program, and no part of a package; its commands are its own

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, cast

import psutil
import uvicorn
import uvloop

from authsvc.app import open_service
from authsvc.config import Settings
from authsvc.doors.engine.wire import Wire
from authsvc.telemetry import logs
from authsvc.workers import uvicorn_config

ROOT = Path(__file__).parent.parent
METHOD = "zitadel.auth.v1.AuthService/GetMyUser"
ROUNDS, SECONDS, CONNECTIONS = 5, 3, 16
EMPTY_MESSAGE = bytes(5)
KINDS = ("split", "joined")


def serve(kind: str, database_url: str, port: int) -> None:
    """Serve until terminated; `split` hands every piece of a response to the operating system by itself."""
    if kind == "split":
        wire = cast("Any", Wire)
        wire.write = lambda self, data: self._transport.write(data) if data and not self._closing else None

    logs.configure("error")

    async def run() -> None:
        settings = Settings(database_url=cast("Any", database_url))
        service = await open_service(settings)
        with socket.create_server(("127.0.0.1", port)) as listener:
            await uvicorn.Server(uvicorn_config(settings, service)).serve([listener])

    uvloop.run(run())


@dataclass
class Contender:
    """A server, and what was measured of it: requests a second and CPU microseconds a request, by door."""

    url: str
    pid: int
    rates: dict[str, list[float]] = field(default_factory=dict)
    costs: dict[str, list[float]] = field(default_factory=dict)

    def cpu(self) -> float:
        """Seconds that the server has used so far."""
        times = psutil.Process(self.pid).cpu_times()
        return times.user + times.system

    def measure(self, door: str, command: list[str], count: str) -> None:
        """Run a load generator; `count` finds in its output how many requests were answered well."""
        before = self.cpu()
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = re.search(count, output)
        if not found or "Non-2xx" in output or not int(found[1]):
            sys.exit(f"{command[0]} was not answered as it should be:\n{output}")
        self.rates.setdefault(door, []).append(int(found[1]) / SECONDS)
        self.costs.setdefault(door, []).append((self.cpu() - before) / int(found[1]) * 1e6)


@contextmanager
def contender(kind: str, database_url: str) -> Iterator[Contender]:
    """A running server of that kind."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        ["taskset", "-c", "0", sys.executable, __file__, "--serve", kind, database_url, str(port)],  # noqa: S607
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(100):
            with socket.socket() as client:
                if not client.connect_ex(("127.0.0.1", port)):
                    break
            asyncio.run(asyncio.sleep(0.1))
        yield Contender(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        process.wait()


def authsvc(*arguments: str, database_url: str) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "authsvc", *arguments]
    environment = {**os.environ, "AUTHSVC_DATABASE_URL": database_url}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()


def commands(url: str, token: str, folder: Path) -> dict[str, tuple[list[str], str]]:
    """A load for each door, and how its count of good answers is read."""
    (folder / "empty").write_bytes(EMPTY_MESSAGE)
    (folder / "web.lua").write_text(
        f'wrk.method = "POST"\nwrk.body = string.rep("\\0", {len(EMPTY_MESSAGE)})\n'
        'wrk.headers["content-type"] = "application/grpc-web+proto"\n'
    )
    authorization = f"authorization: Bearer {token}"
    pinned = ["taskset", "-c", "1"]
    wrk = [*pinned, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-H", authorization]
    h2load = [*pinned, "h2load", f"-c{CONNECTIONS}", "-m1", f"-D{SECONDS}", "-d", str(folder / "empty")]
    head = ["-H", "content-type: application/grpc", "-H", "te: trailers", "-H", authorization]
    return {
        "JSON": ([*wrk, f"{url}/auth/v1/users/me"], r"(\d+) requests in"),
        "gRPC-Web": ([*wrk, "-s", str(folder / "web.lua"), f"{url}/{METHOD}"], r"(\d+) requests in"),
        "gRPC": ([*h2load, *head, f"{url}/{METHOD}"], r"(\d+) succeeded"),
    }


def main() -> None:
    """Measure in turn, then print a table."""
    missing = [tool for tool in ("wrk", "h2load", "taskset") if shutil.which(tool) is None]
    if missing:
        sys.exit(f"this needs {' and '.join(missing)}; on Debian: apt install wrk nghttp2-client util-linux")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        database_url = f"sqlite:///{folder}/authsvc.db"
        authsvc("migrate", database_url=database_url)
        authsvc("apply", str(ROOT / "examples" / "demo.yaml"), database_url=database_url)
        token = authsvc("token", "create", "--user", "gigi@zitadel.com", database_url=database_url)
        servers = {kind: stack.enter_context(contender(kind, database_url)) for kind in KINDS}
        for _ in range(ROUNDS):
            for server in servers.values():
                for door, (command, count) in commands(server.url, token, folder).items():
                    server.measure(door, command, count)
        report(servers["split"], servers["joined"])


def report(split: Contender, joined: Contender) -> None:
    """Medians of the rounds, and the ratio round by round."""
    print(f"{'door':<10}{'split':>18}{'joined':>18}{'CPU split / joined':>22}")
    for door, costs in split.costs.items():
        row = [f"{median(one.rates[door]):,.0f}/s {median(one.costs[door]):.0f} us" for one in (split, joined)]
        ratios = [ours / theirs for ours, theirs in zip(costs, joined.costs[door], strict=True)]
        print(f"{door:<10}{row[0]:>18}{row[1]:>18}{median(ratios):>12.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main()

"""A client that means well beside the bad ones, in a process of its own: how long its calls take.

Run as a program it calls the server over HTTP/1.1, without a token and with one, and over HTTP/2 in turn where that is
spoken. A line on its standard
input ends a window; it answers with the window's latencies in milliseconds as a JSON array, or with the word `failed`
and the reason. The time for which it or the server only waited for a processor is left out: on a small machine others
take those too.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import statistics
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from hostile.peers import H2, Reply

_PAUSE = 0.001


class Neighbour:
    """The client, seen from the tests."""

    def __init__(self, address: str, worker: int, token: str, *, grpc: bool = True) -> None:
        paths = os.pathsep.join(filter(None, sys.path))
        self._quiet: float | None = None
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__), address, str(worker), token, str(int(grpc))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": paths},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def begin(self) -> None:
        """Begin a window."""
        self.end()

    def end(self) -> list[float]:
        """The latencies since the window began. Fails the test if a call was not answered well."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line.startswith("["), f"the client beside the bad one: {line or 'ended'}"
        return sorted(json.loads(line))

    def window(self, seconds: float) -> list[float]:
        """The latencies of some time in which nothing else happens."""
        self.begin()
        time.sleep(seconds)
        return self.end()

    def quiet(self) -> float:
        """The p99 when nothing else happens; measured once, until it is forgotten."""
        if self._quiet is None:
            self.window(0.2)  # for both sides to get going
            self._quiet = statistics.median(p99(self.window(0.3)) for _ in range(3))
        return self._quiet

    def forget(self) -> None:
        """The machine is not what it was: measure again what is quiet."""
        self._quiet = None


def p99(latencies: list[float]) -> float:
    """The latency that one call in a hundred exceeds."""
    return latencies[min(len(latencies) - 1, len(latencies) * 99 // 100)]


class _Calls:
    """Both connections of the client; one that the server retires between two calls is opened again."""

    def __init__(self, address: str, token: str) -> None:
        self._address = address
        self._token = token
        self._json = http.client.HTTPConnection(address)
        self._grpc: H2 | None = None
        self._stream = 1

    def rest(self) -> None:
        """A call over HTTP/1.1."""
        self._get("/debug/healthz")

    def user(self) -> None:
        """GetMyUser with a token, over HTTP/1.1."""
        self._get("/auth/v1/users/me", authorization=f"Bearer {self._token}")

    def _get(self, target: str, **headers: str) -> None:
        self._json.request("GET", target, headers=headers)
        response = self._json.getresponse()
        body = response.read()
        assert response.status == 200, (target, response.status, body)

    def grpc(self) -> None:
        """A call of native gRPC; one that the server left to another connection is made there."""
        reply, goaway = self._check()
        if goaway and self._stream > goaway[0]:
            reply, _ = self._check()
        assert reply.status == 0, reply

    def _check(self) -> tuple[Reply, tuple[int, int] | None]:
        peer = self._grpc = self._grpc or H2(self._address)
        self._stream += 2
        reply, goaway = peer.check(self._stream), peer.goaway
        if goaway:
            peer.socket.close()
            self._grpc, self._stream = None, 1 if self._stream <= goaway[0] else self._stream
        return reply, goaway


class _Waiting:
    """How long processes that are ready to run have waited for a processor, in milliseconds, since they began."""

    def __init__(self, *processes: int) -> None:
        self._files = [os.open(f"/proc/{process}/schedstat", os.O_RDONLY) for process in processes]

    def total(self) -> float:
        """All of it."""
        return sum(int(os.pread(file, 100, 0).split()[1]) for file in self._files) / 1e6


def _main(address: str, worker: str, token: str, grpc: str) -> None:
    calls, latencies, failed = _Calls(address, token), [], ""
    kinds = (calls.rest, calls.user, calls.grpc) if int(grpc) else (calls.rest, calls.user)
    waiting = _Waiting(os.getpid(), int(worker))
    turn = 0
    while True:
        waited, began = waiting.total(), time.perf_counter()
        try:
            kinds[turn % len(kinds)]()
        except (AssertionError, OSError, http.client.HTTPException) as error:
            failed = failed or f"failed {error!r}"
        took = (time.perf_counter() - began) * 1000
        latencies.append(max(0.0, took - (waiting.total() - waited)))
        turn += 1
        if select.select([sys.stdin], [], [], _PAUSE)[0]:
            if not sys.stdin.readline():
                return
            print(failed or json.dumps(latencies), flush=True)
            latencies, failed = [], ""


if __name__ == "__main__":
    _main(*sys.argv[1:])

"""Programs of other people's clients that run for a whole test session: they are told what to do, a line at a time."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

import orjson
import pytest
from interop.support import HERE, NODE, direct_environment

_TIMEOUT = 60.0


class DriverError(Exception):
    """What a client raised: the name of its class, its message, and of an OAuth error the code and the HTTP status."""

    def __init__(self, outcome: dict[str, Any]) -> None:
        super().__init__(str(outcome))
        self.kind: str = outcome["class"]
        self.message: str = outcome["message"]
        self.error: str | None = outcome.get("error")
        self.status: int | None = outcome.get("status")


def exchanged(process: subprocess.Popen[bytes], call: dict[str, Any], timeout: float) -> Any:
    """What a program answers, in a line, to a call in a line; it is killed if that takes longer, in seconds."""
    assert process.stdin
    assert process.stdout
    guard = threading.Timer(timeout, process.kill)
    guard.start()
    try:
        # In ASCII: Node sees the end of a line in U+2028.
        process.stdin.write(json.dumps(call).encode() + b"\n")
        process.stdin.flush()
        answer = process.stdout.readline()
    finally:
        guard.cancel()
    assert answer, f"{call['operation']} did not end in {timeout:.0f} s"
    return orjson.loads(answer)


class Driver:
    """A running script."""

    def __init__(self, script: Path, *arguments: str) -> None:
        if not (HERE / "node_modules").is_dir():
            pytest.fail("tests/interop/node_modules is missing: `make test` installs it", pytrace=False)
        command: list[str | Path] = [NODE, script, *arguments]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=direct_environment()
        )

    def __call__(self, operation: str, **arguments: Any) -> Any:
        """What an operation of the script gives. Raises `DriverError` for what it raises."""
        outcome = exchanged(self._process, {"operation": operation, "arguments": arguments}, _TIMEOUT)
        if "error" in outcome:
            raise DriverError(outcome["error"])
        return outcome["value"]

    def close(self) -> None:
        """Let it end by itself, so that it can close what it has open."""
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()

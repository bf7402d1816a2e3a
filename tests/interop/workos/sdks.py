"""WorkOS's SDKs as they are released, each in a process of its own where nothing but it is installed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from harness import ROOT
from interop.driver import exchanged
from interop.support import HERE, NODE, direct_environment

DRIVERS = Path(__file__).parent / "drivers"
PYTHON = ("python-10", "python-5")
NODES = ("node-11", "node-8")
NAMES = PYTHON + NODES
_TIMEOUT = 30.0


class SdkError(Exception):
    """What an SDK raised: the name of its class, and what it says of the answer; None is what it does not say."""

    def __init__(self, outcome: dict[str, Any]) -> None:
        super().__init__(str(outcome))
        self.kind: str = outcome["class"]
        self.message: str = outcome["message"]
        self.status: int | None = outcome.get("status")
        self.code: str | None = outcome.get("code")
        self.request_id: str | None = outcome.get("request_id")
        self.errors: Any = outcome.get("errors")
        self.entity_id: str | None = outcome.get("entity_id")
        self.raw: Any = outcome.get("raw")


class Driver:
    """A running SDK."""

    def __init__(self, name: str) -> None:
        self._process = subprocess.Popen(
            _command(name), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment(name)
        )

    def call(self, server: str, key: str, operation: str, arguments: dict[str, Any]) -> Any:
        """What an operation gives; see `drivers` for their names. Raises `SdkError` for what it raises."""
        call = {"operation": operation, "server": server, "key": key, "arguments": arguments}
        outcome = exchanged(self._process, call, _TIMEOUT)
        if "error" in outcome:
            raise SdkError(outcome["error"])
        return outcome["value"]

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    @property
    def over(self) -> bool:
        """Whether it has ended, as it does when a call takes too long."""
        return self._process.poll() is not None


@dataclass(frozen=True)
class Client:
    """An SDK, connected to a server with an API key."""

    name: str
    driver: Driver
    server: str
    key: str

    def __call__(self, operation: str, **arguments: Any) -> Any:
        """What an operation gives."""
        return self.driver.call(self.server, self.key, operation, arguments)

    def refusal(self, operation: str, **arguments: Any) -> SdkError:
        """What an operation raises."""
        with pytest.raises(SdkError) as caught:
            self(operation, **arguments)
        return caught.value

    def using(self, key: str) -> Client:
        """The same with another key."""
        return replace(self, key=key)

    @property
    def is_node(self) -> bool:
        """Whether it keeps JSON as it comes; the others know every field."""
        return self.name in NODES


def _command(name: str) -> list[str | Path]:
    if name in NODES:
        _must_exist(HERE / "node_modules" / f"workos-{name}")
        return [NODE, DRIVERS / "node.mjs", f"workos-{name}"]
    # Without the packages of this virtual environment: the SDKs bring their own.
    return [sys.executable, "-S", DRIVERS / f"{name.replace('-', '_')}.py"]


def _environment(name: str) -> dict[str, str]:
    variables = direct_environment()
    if name in PYTHON:
        folder = ROOT / ".venv" / f"workos-{name.removeprefix('python-')}"
        _must_exist(folder)
        variables["PYTHONPATH"] = str(folder)
    return variables


def _must_exist(folder: Path) -> None:
    if not folder.is_dir():
        pytest.fail(f"{folder.relative_to(ROOT)} is missing: `make test` installs it", pytrace=False)

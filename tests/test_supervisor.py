"""What the supervisor is made of; tests/test_lifecycle.py shows what it does."""

from __future__ import annotations

import subprocess
import sys

import pytest

from authsvc.children import Child
from authsvc.config import Settings


def test_commands_load_no_server() -> None:
    """The command line, and with it the supervisor until it forks workers, loads neither a server nor a database."""
    code = "import sys; import authsvc.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "authsvc.supervisor" in loaded
    assert not {"grpc", "uvicorn", "uvloop", "sqlalchemy", "alembic", "yaml"} & set(loaded)
    assert not {"argon2", "cryptography", "httpx2", "jinja2", "joserfc", "starlette"} & set(loaded)


_BEFORE_THE_FORK = """
import os, warnings
from authsvc import supervisor
before = os.listdir("/proc/self/fd")
supervisor._import_what_workers_need()
print(len(os.listdir("/proc/self/task")), os.listdir("/proc/self/fd") == before, "authsvc.workers" in os.sys.modules)
"""


def test_what_is_imported_before_the_fork_has_not_begun_to_work() -> None:
    """The workers' code is imported once, before the fork, and then has started no thread and opened nothing."""
    run = subprocess.run([sys.executable, "-c", _BEFORE_THE_FORK], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["1", "True", "True"]


def test_a_worker_that_keeps_dying_early_is_started_ever_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause before the next start doubles up to half a minute, and begins anew after a life that was not short."""
    child = Child("web", Settings(), lambda _: None)
    clock = [1000.0]
    monkeypatch.setattr("authsvc.children.time.monotonic", lambda: clock[0])
    child._began = 1000.0
    assert [child.start_later() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert child.due == 1030.0
    clock[0] += 3600
    assert child.start_later() == 1


_ISSUER = """
from authsvc import supervisor
from authsvc.config import load
def web(self, settings, number, link):
    link.send(f"{settings.issuer} at {self._ports.web[0].getsockname()[1]}")
supervisor.Supervisor._web = web
settings = load({"listen": "0.0.0.0:0", "grpc_listen": "off", "workers": "1"}, {})
raise SystemExit(supervisor.Supervisor(settings, print, lambda: settings).run())
"""


def test_the_workers_know_the_issuer() -> None:
    """Where no issuer is set it is the address that has been taken, before a worker starts."""
    run = subprocess.run([sys.executable, "-c", _ISSUER], capture_output=True, text=True, check=False, timeout=20)
    issuer, _, port = run.stderr.removeprefix("authsvc: ").strip().partition(" at ")
    assert (run.returncode, issuer) == (1, f"http://localhost:{port}")

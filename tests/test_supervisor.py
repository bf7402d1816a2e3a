"""What the supervisor is made of; tests/test_lifecycle.py shows what it does."""

from __future__ import annotations

import subprocess
import sys


def test_the_supervisor_loads_no_server() -> None:
    """Before it forks, the serving command has loaded neither a server nor a database library."""
    code = "import sys; import authsvc.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "authsvc.supervisor" in loaded
    assert not {"grpc", "uvicorn", "uvloop", "sqlalchemy", "alembic", "yaml"} & set(loaded)
    assert not {"argon2", "cryptography", "httpx2", "jinja2", "joserfc", "starlette"} & set(loaded)


_ISSUER = """
from authsvc import supervisor
from authsvc.config import load
supervisor._web = lambda settings, link, listener: link.send(f"{settings.issuer} at {listener.getsockname()[1]}")
flags = {"listen": "0.0.0.0:0", "grpc_listen": "off"}
raise SystemExit(supervisor.Supervisor(load(flags, {}), print).run())
"""


def test_the_workers_know_the_issuer() -> None:
    """Where no issuer is set it is the address that has been taken, before a worker starts."""
    run = subprocess.run([sys.executable, "-c", _ISSUER], capture_output=True, text=True, check=False, timeout=20)
    issuer, _, port = run.stderr.removeprefix("authsvc: ").strip().partition(" at ")
    assert (run.returncode, issuer) == (1, f"http://localhost:{port}")

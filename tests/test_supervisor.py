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

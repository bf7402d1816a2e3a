"""What the tests of this folder share: running the tools that work on proto files."""

from __future__ import annotations

import os
import subprocess
import sysconfig

from harness import ROOT, environment

_TIMEOUT = 60


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a tool of the virtual environment in the root of the project, as `make` does."""
    path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command,
        check=False,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        env=environment({"PATH": path}),
    )

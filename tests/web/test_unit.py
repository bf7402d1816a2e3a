"""The tests of the page's own modules, which run in Node."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from harness import ROOT
from interop.support import NODE, run

UNIT = Path(__file__).parent / "unit"
WEB = ROOT / "src" / "authsvc" / "web"


def test_units() -> None:
    """Every rule of the page's modules holds."""
    if not (WEB / "node_modules").is_dir():
        pytest.fail(f"{WEB / 'node_modules'} is missing: `make test` installs it", pytrace=False)
    files = sorted(UNIT.glob("*.test.ts"))
    done = run(NODE, "--test", "--test-reporter=tap", *files, check=False)
    if done.returncode:
        pytest.fail(done.stdout + done.stderr, pytrace=False)
    counts = dict(re.findall(r"^# (\w+) (\d+)$", done.stdout, re.MULTILINE))
    assert int(counts["pass"]) == int(counts["tests"]) >= len(files) > 0

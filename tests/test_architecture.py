"""Rules about the project itself."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import ROOT

from authsvc import __version__

SOURCES = sorted((ROOT / "src").rglob("*.py"))
TESTS = sorted((ROOT / "tests").glob("*.py")) + sorted(
    path for path in (ROOT / "tests").glob("*/**/*.py") if "node_modules" not in path.parts
)
LONGEST = 500
# Where the projects and homes of developers lie: in front of a name, so that a mere mention of a folder is none.
_MACHINE = re.compile(rb"(?<![\w./-])/(home|root|Users)/[\w.-]+/|[A-Z]:\\Users\\")


def _tracked() -> list[str]:
    command = ["git", "-C", str(ROOT), "ls-files", "-z"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip("not a git checkout")
    return [name for name in found.stdout.split("\0") if name]


def test_rooms_import_only_what_they_may() -> None:
    """Every import contract is kept."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_version_is_that_of_the_newest_changes() -> None:
    """The newest entry of the changelog is about the version in the code."""
    entries = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert entries[0] == __version__
    assert len(set(entries)) == len(entries)


@pytest.mark.parametrize("folder", ["src", "tests"])
def test_no_module_is_too_long(folder: str) -> None:
    """A module has at most 500 lines."""
    modules = SOURCES if folder == "src" else TESTS
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in modules}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def _test_functions() -> Iterator[tuple[str, str | None]]:
    for path in TESTS:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield f"{path.relative_to(ROOT)}::{node.name}", ast.get_docstring(node)


def test_every_test_states_its_rule() -> None:
    """Each test function has a docstring that is a sentence."""
    functions = dict(_test_functions())
    assert len(functions) > 100
    assert {name: text for name, text in functions.items() if not text or not text.endswith(".")} == {}


def test_nobody_tells_where_they_work() -> None:
    """No tracked file holds an absolute path of a developer's machine, the path of this checkout included."""
    here = str(ROOT).encode()
    told = {}
    for name in _tracked():
        path = ROOT / name
        data = path.read_bytes() if path.is_file() else b""
        if (here in data and len(ROOT.parts) > 2) or _MACHINE.search(data):
            told[name] = [match.group().decode() for match in _MACHINE.finditer(data)]
    assert told == {}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("see ~home~gigi~authsvc~x.py", 1),
        ('"~Users~gigi~x"', 1),
        ("~auth~v1~users~me", 0),
        ("https:~~a.example~home~page~", 0),
        ("sqlite:~~~~var~lib~authsvc.db", 0),
    ],
)
def test_what_counts_as_such_a_path(text: str, count: int) -> None:
    """A path into a home folder tells, a path of the API does not."""
    assert len(_MACHINE.findall(text.replace("~", "/").encode())) == count


def test_nothing_is_marked_to_be_done() -> None:
    """No source holds a note of unfinished work, or a stop for a debugger."""
    marks = re.compile(r"\b(TO[D]O|FIX[M]E|X[X]X|break[p]oint\(\))")
    found = {str(path.relative_to(ROOT)): marks.findall(path.read_text()) for path in SOURCES + TESTS}
    assert {name: notes for name, notes in found.items() if notes} == {}

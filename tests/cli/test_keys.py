"""The commands for signing keys: what they print, and what stands in the database."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from harness import command, query

TIME = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"
KEY = r"[A-Za-z0-9_-]{43}"
HEADINGS = ["ALGORITHM", "KEY", "STATE", "CREATED", "SIGNS FROM", "PUBLISHED UNTIL"]


@pytest.fixture
def url(new_database: Path) -> str:
    """The URL of an empty database."""
    return f"sqlite:///{new_database}"


def _keys(url: str, *arguments: str) -> list[list[str]]:
    """The lines of the table that a command prints."""
    done = command("keys", *arguments, database_url=url)
    assert done.stderr == ""
    first, *rest = (re.split(r"  +", line) for line in done.stdout.splitlines())
    assert first == HEADINGS
    return rest


def test_no_keys_yet(url: str) -> None:
    """Before the first use there are no keys, and no key file is made to say so."""
    assert _keys(url, "list") == []
    assert not list(Path(url.removeprefix("sqlite:///")).parent.glob("*.key"))


def test_rotate(url: str) -> None:
    """`keys rotate` prints all keys: those that sign, until the new ones, which wait, do; nothing of it is secret."""
    rows = _keys(url, "rotate")
    assert [(row[0], row[2]) for row in rows] == [
        (algorithm, state) for state in ("signs", "waits") for algorithm in ("RS256", "EdDSA")
    ]
    for _, key, state, created, signs, until in rows:
        assert re.fullmatch(KEY, key)
        assert re.fullmatch(TIME, created)
        assert re.fullmatch(TIME, signs)
        assert re.fullmatch(TIME if state == "signs" else "-", until)
    assert _keys(url, "list") == rows


def test_rotate_now(url: str) -> None:
    """`keys rotate --now` withdraws all keys there have been, and the new ones sign at once."""
    before = [row[1] for row in _keys(url, "rotate")]
    rows = _keys(url, "rotate", "--now")
    assert [row[1] for row in rows if row[2] == "withdrawn"] == before
    assert [(row[0], row[2], row[5]) for row in rows if row[1] not in before] == [
        ("RS256", "signs", "-"),
        ("EdDSA", "signs", "-"),
    ]


def test_the_key_file(url: str, tmp_path: Path) -> None:
    """Private keys are sealed with the key file that is named; without it, or with another, nothing is rotated."""
    path = tmp_path / "some.key"
    command("keys", "rotate", "--secret-key-file", str(path), database_url=url)
    assert len(path.read_bytes()) == 32
    count = "SELECT count(*) FROM signing_keys"
    for content in (None, bytes(32)):
        path.unlink()
        if content:
            path.write_bytes(content)
            path.chmod(0o600)
        done = command("keys", "rotate", "--secret-key-file", str(path), database_url=url, check=False)
        assert done.returncode == 1
        assert re.fullmatch(r"authsvc: secret_key_file: .*some\.key .*bring .*\n", done.stderr)
        assert path.exists() == bool(content)
        assert query(url, count) == [(4,)]
        path.touch()

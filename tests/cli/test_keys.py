"""The commands for signing keys: what they print, and what stands in the database."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from harness import DEMO, GIGI, command, query

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


def test_rotate_twice(url: str) -> None:
    """While new keys wait there is no sense in still newer ones: that is refused, and changes nothing."""
    rows = _keys(url, "rotate")
    done = command("keys", "rotate", database_url=url, check=False)
    assert done.returncode == 1
    assert re.fullmatch(f"authsvc: new keys wait already, and sign from {TIME}; --now .*\n", done.stderr)
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


def test_a_lost_key_file(url: str) -> None:
    """`keys forget` says what goes with a lost file, does it with `--yes`, and then new keys can be made."""
    folder = Path(url.removeprefix("sqlite:///")).parent
    command("apply", str(DEMO), database_url=url)
    command("keys", "rotate", database_url=url)
    command("user", "totp", GIGI, database_url=url)
    path = folder / "authsvc.key"
    refused = command("keys", "forget", "--yes", database_url=url, check=False)
    assert (refused.returncode, refused.stderr) == (
        1,
        f"authsvc: nothing is lost: {path} is the key with which things are sealed\n",
    )
    path.chmod(0o644)
    assert "chmod 600" in command("keys", "forget", "--yes", database_url=url, check=False).stderr
    path.unlink()
    told = f"4 signing keys, so that no token they signed can be verified any more; the second factors of {GIGI}"
    asked = command("keys", "forget", database_url=url, check=False)
    assert (asked.returncode, asked.stderr) == (1, f"authsvc: this would delete {told}. With --yes it does\n")
    assert query(url, "SELECT count(*) FROM signing_keys") == [(4,)]
    assert command("keys", "forget", "--yes", database_url=url).stdout == f"deleted {told}\n"
    assert query(url, "SELECT count(*) FROM users WHERE totp IS NOT NULL") == [(0,)]
    assert query(url, "SELECT count(*) FROM changes WHERE kind = 'signing_key' AND action = 'deleted'") == [(4,)]
    assert len(_keys(url, "rotate")) == 4
    assert path.exists()


def test_nothing_to_forget(url: str) -> None:
    """Where nothing is sealed nothing is lost."""
    done = command("keys", "forget", "--yes", database_url=url, check=False)
    assert (done.returncode, done.stderr) == (1, "authsvc: nothing in the database is sealed\n")

"""The commands for API keys: what they print, where, and what stands in the database."""

from __future__ import annotations

import io
import re
import sqlite3
from pathlib import Path

import pytest
from harness import command, query

from authsvc.cli import main
from authsvc.domain.tokens import Permission, token_hash

KEY = re.compile(r"sk_[A-Za-z0-9_-]{43}")
TIME = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"
Capture = pytest.CaptureFixture[str]


def _run(capsys: Capture, database: str, *arguments: str) -> tuple[int, str, str]:
    status = main(["apikey", *arguments, "--database-url", database])
    return status, *capsys.readouterr()


def _create(capsys: Capture, database: str, name: str, *more: str) -> str:
    status, output, _ = _run(capsys, database, "create", "--name", name, *more)
    assert status == 0
    assert KEY.fullmatch(output.removesuffix("\n"))
    return output.strip()


def test_create_prints_the_key_alone(database: str) -> None:
    """`apikey create` prints the key and nothing else on standard output; the store keeps only its hash."""
    run = command("apikey", "create", "--name", "back end", database_url=database)
    key = run.stdout.removesuffix("\n")
    assert KEY.fullmatch(key)
    ((key_id, name, key_hash, permissions, used, revoked),) = query(
        database, "SELECT id, name, key_hash, permissions, last_used_at, revoked_at FROM api_keys"
    )
    assert (name, key_hash, used, revoked) == ("back end", token_hash(key), None, None)
    assert str(permissions).split(" ") == sorted(Permission)
    assert run.stderr == f"API key {key_id} (back end): {', '.join(sorted(Permission))}\n"
    for file in Path(database.removeprefix("sqlite:///")).parent.glob("authsvc.db*"):
        assert key.encode() not in file.read_bytes()


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("user.read", "user.read"),
        ("session.write,session.read", "session.read session.write"),
        (" event.read , event.read ", "event.read"),
    ],
)
def test_create_with_permissions(database: str, capsys: Capture, text: str, stored: str) -> None:
    """A key gets the permissions that are listed, and no others."""
    _create(capsys, database, "some", "--permissions", text)
    assert query(database, "SELECT permissions FROM api_keys") == [(stored,)]


NAME = (
    "a key's name has 1 to 200 characters that can be printed, no space at its beginning or end, is no number and does "
    "not begin with sk_\n"
)
REFUSED = {
    "no permission": ("x", "", "--permissions: '' is not one of "),
    "an unknown permission": ("x", "user.read,user.write", "--permissions: 'user.write' is not one of "),
    "the permission of users": ("x", "authenticated", "--permissions: 'authenticated' is not one of "),
    "capitals": ("x", "User.Read", "--permissions: 'User.Read' is not one of "),
    "control characters": ("x", "\x1b[31m", "--permissions: '\\x1b[31m' is not one of "),
    "no name": ("", "user.read", NAME),
    "a name of spaces": (" ", "user.read", NAME),
    "a name with a line end": ("a\nb", "user.read", NAME),
    "a name that is an id": ("123", "user.read", NAME),
    "a name like a key": ("sk_x", "user.read", NAME),
}


@pytest.mark.parametrize(("name", "permissions", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_create_refuses(database: str, capsys: Capture, name: str, permissions: str, sentence: str) -> None:
    """What cannot be made is refused in one sentence with status 1, and nothing is made."""
    status, output, errors = _run(capsys, database, "create", "--name", name, "--permissions", permissions)
    assert (status, output) == (1, "")
    assert errors.startswith(f"authsvc: {sentence}")
    assert errors.count("\n") == 1
    assert query(database, "SELECT * FROM api_keys") == []


def test_names_are_unique_among_the_usable(database: str, capsys: Capture) -> None:
    """A second key of the same name is refused until the first is revoked."""
    _create(capsys, database, "one")
    sentence = "authsvc: there is an API key with the name one\n"
    assert _run(capsys, database, "create", "--name", "one") == (1, "", sentence)
    assert _run(capsys, database, "revoke", "one") == (0, "", "")
    _create(capsys, database, "one")


def test_list(database: str, capsys: Capture) -> None:
    """`apikey list` shows every key with what is known of it, the oldest first, and neither keys nor hashes."""
    keys = [
        _create(capsys, database, "first"),
        _create(capsys, database, "grün \u4f60", "--permissions", "user.read,event.read"),
    ]
    assert _run(capsys, database, "revoke", "first")[0] == 0
    query(database, "SELECT 1")
    connection = sqlite3.connect(database.removeprefix("sqlite:///"))
    connection.execute("UPDATE api_keys SET last_used_at = 1768478400000000 WHERE name != 'first'")
    connection.commit()
    connection.close()
    status, output, errors = _run(capsys, database, "list")
    assert (status, errors) == (0, "")
    heading, first, second = output.splitlines()
    assert re.split(r"  +", heading) == ["ID", "NAME", "PERMISSIONS", "CREATED", "LAST USED", "REVOKED"]
    (first_id,), (second_id,) = query(database, "SELECT id FROM api_keys ORDER BY created_at")
    every = ",".join(sorted(Permission))
    assert re.fullmatch(rf"{first_id} +first +{every} +{TIME} +- +{TIME}", first)
    assert re.fullmatch(rf"{second_id} +grün \u4f60 +event.read,user.read +{TIME} +2026-01-15T12:00:00Z +-", second)
    for key in keys:
        assert key not in output
        assert token_hash(key).hex() not in output


def test_list_of_none(database: str, capsys: Capture) -> None:
    """Without keys there is only the heading."""
    status, output, errors = _run(capsys, database, "list")
    assert (status, len(output.splitlines()), errors) == (0, 1, "")


def test_revoke(database: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is revoked by itself, its id or its name, or from standard input; twice is as good as once."""
    keys = [_create(capsys, database, name) for name in ("a", "b", "c", "d")]
    (key_id,) = query(database, "SELECT id FROM api_keys WHERE name = 'b'")[0]
    monkeypatch.setattr("sys.stdin", io.StringIO(f" {keys[3]} \n"))
    for how, revoked in ((keys[0], "a"), (str(key_id), "b"), ("c", "c"), ("-", "d"), (keys[0], "a")):
        assert _run(capsys, database, "revoke", how) == (0, "", "")
        sql = f"SELECT revoked_at IS NOT NULL FROM api_keys WHERE name = '{revoked}'"
        assert query(database, sql) == [(1,)], how
    at = "SELECT name, revoked_at FROM api_keys ORDER BY name"
    before = query(database, at)
    assert _run(capsys, database, "revoke", keys[1]) == (0, "", "")
    assert query(database, at) == before


@pytest.mark.parametrize("key", ["nothing", "0", "5", "sk_", "sk_" + "a" * 43, "\u00e9", "", "x" * 10_000])
def test_revoke_of_none(database: str, capsys: Capture, key: str) -> None:
    """What is no key gives status 1, and revokes nothing."""
    _create(capsys, database, "one")
    assert _run(capsys, database, "revoke", key) == (1, "", "authsvc: there is no such API key\n")
    assert query(database, "SELECT revoked_at FROM api_keys") == [(None,)]

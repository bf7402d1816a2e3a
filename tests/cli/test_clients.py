"""The commands for clients: what they print, where, and what stands in the database."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from pathlib import Path

import pytest
from harness import query

from authsvc.cli import main

SECRET = re.compile(r"client_secret=(cs_[A-Za-z0-9_-]{43})\n")
USER = "69629023906488334"  # and their organization
TV = "(SELECT id FROM clients WHERE client_id = 'tv')"
DEMO = ("cli", "map", "waterhole")
Capture = pytest.CaptureFixture[str]


def _run(capsys: Capture, database: str, *arguments: str) -> tuple[int, str, str]:
    status = main(["client", *arguments, "--database-url", database])
    return status, *capsys.readouterr()


def _columns(database: str, names: str) -> list[tuple[object, ...]]:
    """Of the clients that the demo's file does not list."""
    return list(query(database, f"SELECT {names} FROM clients WHERE client_id NOT IN {DEMO} ORDER BY client_id"))


def test_create_with_a_secret(database: str, capsys: Capture) -> None:
    """`client create` prints the id and the secret; the store keeps only the secret's hash."""
    status, output, errors = _run(capsys, database, "create", "The map", "--redirect-uri", "https://a.example/in")
    assert (status, errors) == (0, "the secret is shown only this once\n")
    line, rest = output.split("\n", 1)
    found = SECRET.fullmatch(rest)
    assert found
    digest = hashlib.sha256(found[1].encode()).digest()
    client_id = line.removeprefix("client_id=")
    assert _columns(database, "CAST(id AS TEXT), client_id, name, state, secret_hash, native, trusted") == [
        (client_id, client_id, "The map", 1, digest, 0, 0)
    ]
    assert _columns(database, "redirect_uris, post_logout_uris, grant_types, access_token_type, project_id") == [
        ("https://a.example/in", "", "authorization_code refresh_token", 0, None)
    ]
    for file in Path(database.removeprefix("sqlite:///")).parent.glob("authsvc.db*"):
        assert found[1].encode() not in file.read_bytes()


def test_create_with_everything(database: str, capsys: Capture) -> None:
    """Every flag has its effect; a native client has no secret, which nobody is shown."""
    arguments = (
        *("create", "App", "--client-id", "app", "--native", "--trusted", "--jwt"),
        *("--grant", "device_code, authorization_code"),
        *("--redirect-uri", "http://127.0.0.1/in", "--redirect-uri", "com.example.app:/in"),
        *("--post-logout-uri", "https://a.example/"),
    )
    assert _run(capsys, database, *arguments) == (0, "client_id=app\n", "")
    assert _columns(database, "client_id, secret_hash, native, trusted, access_token_type, post_logout_uris") == [
        ("app", None, 1, 1, 1, "https://a.example/")
    ]
    grants = "authorization_code urn:ietf:params:oauth:grant-type:device_code"
    assert _columns(database, "redirect_uris, grant_types") == [("http://127.0.0.1/in\ncom.example.app:/in", grants)]
    assert _run(capsys, database, "create", "Page", "--public", "--redirect-uri", "https://a.example/")[2] == ""


REFUSED = {
    "no redirect URI": ((), "--redirect-uri: must not be empty: authorization_code sends people there"),
    "http": (("--redirect-uri", "http://a.example"), "--redirect-uri 1: must be an https address without user"),
    "an id with a space": (("--client-id", "a b", "--grant", "device_code"), "a client id has 1 to 200 visible"),
    "an unknown grant": (
        ("--grant", "password"),
        "--grant: 'password' is not one of authorization_code, ",
    ),
    "refresh alone": (("--grant", "refresh_token"), "--grant: needs authorization_code or device_code"),
    "a project that is no id": (("--grant", "device_code", "--project", "x"), "--project: must be the id of a project"),
    "an unknown project": (("--grant", "device_code", "--project", "7"), "there is no project 7"),
}


@pytest.mark.parametrize(("arguments", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_create_refused(database: str, capsys: Capture, arguments: tuple[str, ...], sentence: str) -> None:
    """What cannot be registered is told in a sentence, and nothing is written."""
    status, output, errors = _run(capsys, database, "create", "x", *arguments)
    assert (status, output) == (1, "")
    assert errors.startswith(f"authsvc: {sentence}")
    assert _columns(database, "id") == []


def test_ids_are_unique(database: str, capsys: Capture) -> None:
    """An id that is taken is refused, and so is a name that cannot be printed."""
    device = ("--grant", "device_code", "--client-id", "tv")
    assert _run(capsys, database, "create", "TV", *device)[0] == 0
    assert _run(capsys, database, "create", "TV", *device)[2] == "authsvc: there is a client with this client id\n"
    assert "can be printed" in _run(capsys, database, "create", "a\nb", "--grant", "device_code")[2]
    assert len(_columns(database, "id")) == 1


def test_list(database: str, capsys: Capture) -> None:
    """`client list` shows every client and nothing secret."""
    _run(capsys, database, "create", "TV", "--client-id", "tv", "--grant", "device_code", "--trusted")
    _run(capsys, database, "create", "App", "--client-id", "app", "--native", "--redirect-uri", "http://127.0.0.1/in")
    _run(capsys, database, "disable", "tv")
    status, output, errors = _run(capsys, database, "list")
    assert (status, errors) == (0, "")
    lines = [re.split(r"  +", line) for line in output.splitlines()]
    assert [line for line in lines if line[0] not in DEMO] == [
        ["CLIENT ID", "NAME", "KIND", "GRANTS", "STATE", "REDIRECT URIS"],
        ["app", "App", "native", "authorization_code,refresh_token", "active", "http://127.0.0.1/in"],
        ["tv", "TV", "confidential, trusted", "device_code", "inactive", "-"],
    ]


def test_disable(database: str, capsys: Capture) -> None:
    """Disabling ends a client with all that it has been given, at once; twice is the same, an unknown one is told."""
    _run(capsys, database, "create", "TV", "--client-id", "tv", "--grant", "device_code")
    connection = sqlite3.connect(database.removeprefix("sqlite:///"))
    with connection:
        connection.execute(
            "INSERT INTO authorizations (id, client_id, user_id, scope, amr, sequence, created_at, changed_at, "
            f"ends_at) SELECT id, id, {USER}, 'openid', '', 1, 1, 1, 9000000000000000 "
            "FROM clients WHERE client_id IN ('tv', 'map')"
        )
        connection.execute(
            "INSERT INTO access_tokens (id, token_hash, user_id, client_id, created_at, expires_at, scope) "
            f"SELECT id, client_id, {USER}, id, 1, 9000000000000000, 'openid' "
            "FROM clients WHERE client_id IN ('tv', 'map')"
        )
    connection.close()
    for _ in range(2):
        assert _run(capsys, database, "disable", "tv") == (0, "", "")
    assert _columns(database, "state") == [(2,)]
    for table in ("authorizations", "access_tokens"):
        assert query(database, f"SELECT client_id IN {TV} FROM {table} WHERE revoked_at > 0") == [(1,)]
    told = query(database, f"SELECT max(sequence) FROM changes WHERE kind = 'client' AND entity_id IN {TV}")
    assert query(database, f"SELECT sequence FROM authorizations WHERE client_id IN {TV}") == told
    assert _run(capsys, database, "disable", "x") == (1, "", "authsvc: there is no such client\n")


def test_enable(database: str, capsys: Capture) -> None:
    """A client that was disabled goes on; twice is the same, an unknown one is told."""
    _run(capsys, database, "create", "TV", "--client-id", "tv", "--grant", "device_code")
    _run(capsys, database, "disable", "tv")
    for _ in range(2):
        assert _run(capsys, database, "enable", "tv") == (0, "", "")
    assert _columns(database, "state") == [(1,)]
    assert _run(capsys, database, "enable", "x") == (1, "", "authsvc: there is no such client\n")


def test_secret(database: str, capsys: Capture) -> None:
    """A new secret takes the place of the old one; a public client gets none."""
    _run(capsys, database, "create", "TV", "--client-id", "tv", "--grant", "device_code")
    _run(capsys, database, "create", "App", "--client-id", "app", "--public", "--grant", "device_code")
    status, output, _ = _run(capsys, database, "secret", "tv")
    assert status == 0
    found = query(database, "SELECT secret_hash FROM clients WHERE client_id = 'tv'")
    assert found == [(hashlib.sha256(output.strip().encode()).digest(),)]
    assert _run(capsys, database, "secret", "app")[2] == "authsvc: this is a public client, which has no secret\n"
    assert _run(capsys, database, "secret", "x")[2] == "authsvc: there is no such client\n"

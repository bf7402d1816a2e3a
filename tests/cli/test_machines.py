"""The commands for machine users: what they print proves who the machine user is."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from harness import query

from authsvc.cli import main
from authsvc.domain.clock import SECOND
from authsvc.identity.passwords import Passwords

BIRDS = "weaver-birds@zitadel.com"
ID = 28746028909593990
Capture = pytest.CaptureFixture[str]


def _run(capsys: Capture, database: str, *arguments: str) -> tuple[int, str, str]:
    status = main(["machine", *arguments, "--database-url", database])
    return status, *capsys.readouterr()


@pytest.mark.parametrize("name", [BIRDS, str(ID)])
def test_secret(database: str, capsys: Capture, name: str) -> None:
    """`machine secret` prints a secret, which from then on is the right one; the store has its hash only."""
    status, output, errors = _run(capsys, database, "secret", name)
    assert (status, errors) == (0, "")
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}\n", output)
    ((held,),) = query(database, f"SELECT secret_hash FROM users WHERE id = {ID}")
    assert asyncio.run(Passwords().verify(str(held), output.strip())).is_right
    for file in Path(database.removeprefix("sqlite:///")).parent.glob("authsvc.db*"):
        assert output.strip().encode() not in file.read_bytes()
    assert _run(capsys, database, "secret", name, "--remove") == (0, "", "")
    assert query(database, f"SELECT secret_hash FROM users WHERE id = {ID}") == [(None,)]


def test_key(database: str, capsys: Capture) -> None:
    """`machine key` prints a private key with its id and owner; the store has its public half and its end."""
    for life in ((), ("--ttl", "90d")):
        status, output, errors = _run(capsys, database, "key", BIRDS, *life)
        assert (status, errors) == (0, "")
        printed = json.loads(output)
        assert (printed["type"], printed["userId"]) == ("serviceaccount", str(ID))
        public = load_pem_private_key(printed["key"].encode(), None).public_key()
        ((held, expires_at, made),) = query(
            database, f"SELECT public_key, expires_at, created_at FROM machine_keys WHERE id = {printed['keyId']}"
        )
        assert held == public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode().strip()
        expected = pytest.approx(int(str(made)) + 90 * 86_400 * SECOND, abs=10 * SECOND) if life else None
        assert expires_at == expected
    assert query(database, f"SELECT count(*) FROM machine_keys WHERE user_id = {ID}") == [(2,)]


@pytest.mark.parametrize("action", ["secret", "key"])
@pytest.mark.parametrize("name", ["nobody@zitadel.com", "gigi@zitadel.com"])
def test_nobody(database: str, capsys: Capture, action: str, name: str) -> None:
    """People, and names that are nobody's, are refused in a sentence."""
    assert _run(capsys, database, action, name) == (1, "", f"authsvc: no machine user has the login name {name}\n")


def test_a_life_that_cannot_be(database: str, capsys: Capture) -> None:
    """A key must count for some time, and not beyond all numbers."""
    for life in ("0s", "999999999d", "soon"):
        status, output, errors = _run(capsys, database, "key", BIRDS, "--ttl", life)
        assert (status, output) == (1, "")
        assert errors.startswith("authsvc: --ttl: must be ")

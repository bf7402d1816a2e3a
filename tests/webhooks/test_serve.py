"""Webhooks of the real service."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import BROWSER, GIGI, Server, command, serving
from webhooks.endpoints import Endpoint
from webhooks.stage import is_signed

from authsvc.domain.ulid import Ulid, parse_public_id
from authsvc.store.backends import BackendReads
from authsvc.store.open import open_store
from authsvc.store.writes import Writes

Make = Callable[..., Endpoint]
# Somebody who is not signed in on this browser.
MARA = "mara@foocorp.com"


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    """Where the key file is to be."""
    return str(tmp_path / "webhooks.key")


def _create(database: str, key_file: str, url: str) -> str:
    return command("webhook", "create", "--url", url, database_url=database, webhook_key_file=key_file).stdout.strip()


def _end_session(database: str, event: bytes) -> None:
    """End the session that an event is about, by the store, as another process has it."""
    ulid = parse_public_id("session", json.loads(event)["data"]["id"])
    assert ulid is not None
    asyncio.run(_end(Path(database.removeprefix("sqlite:///")), ulid))


async def _end(path: Path, ulid: Ulid) -> None:
    executor = await open_store(path)
    session_id = await BackendReads(executor).session_id(ulid)
    assert session_id is not None
    assert await Writes(executor).end_session(session_id)
    await executor.close()


def test_a_sign_in_and_its_end_are_told(database: str, key_file: str, tmp_path: Path, endpoint: Make) -> None:
    """A running service tells a webhook, soon and signed, what other processes do to sessions, and logs no secret."""
    back_end = endpoint()
    secret = _create(database, key_file, f"{back_end.url}?token=hidden")
    with serving(database, tmp_path / "log", webhook_key_file=key_file, log_level="debug", grpc_listen="off") as server:
        server.token(MARA, BROWSER)
        (created,) = back_end.wait_for(1)
        _end_session(database, created.body)
        created, revoked = back_end.wait_for(2)
        assert all(is_signed(secret, request) for request in (created, revoked))
        first, second = (json.loads(request.body) for request in (created, revoked))
        assert second["event"] == "session.revoked"
        assert second["data"]["id"] == first["data"]["id"]
        assert [event["data"]["status"] for event in (first, second)] == ["active", "revoked"]
        assert server.stop() == 0
        logged = server.logged()
    assert sum(json.loads(line)["event"] == "delivery" for line in logged.splitlines()) == 2
    assert "Traceback" not in logged
    for hidden in (secret, secret[6:], Path(key_file).read_bytes().hex(), "hidden"):
        assert hidden not in logged


def test_an_endpoint_that_hangs_does_not_hold_up_the_end(
    database: str, key_file: str, tmp_path: Path, endpoint: Make
) -> None:
    """The service ends in time, with status 0, while an attempt is under way; calls are answered all along."""
    hanging = endpoint(hang=60)
    _create(database, key_file, hanging.url)
    with serving(
        database, tmp_path / "log", webhook_key_file=key_file, drain_timeout="0.3", grpc_listen="off"
    ) as server:
        server.token(MARA, BROWSER)
        assert len(hanging.wait_for(1)) == 1
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 5
        assert "Traceback" not in server.logged()


def test_a_lost_key_does_not_stop_the_service(database: str, key_file: str, tmp_path: Path, endpoint: Make) -> None:
    """Without the key file calls are answered all the same; the log says once that webhooks wait."""
    _create(database, key_file, endpoint().url)
    Path(key_file).unlink()
    with serving(database, tmp_path / "log", webhook_key_file=key_file, grpc_listen="off") as server:
        _wait_for_log(server, "webhooks wait")
        time.sleep(1.2)  # for another look
        assert server.token(GIGI)
        entries = [json.loads(line) for line in server.logged().splitlines()]
        assert [entry["reason"] for entry in entries] == [f"webhook_key_file: {key_file} does not exist"]


def test_without_webhooks_nothing_is_loaded_or_said(database: str, key_file: str, tmp_path: Path) -> None:
    """A service that has no webhooks needs no key and logs nothing about them."""
    with serving(database, tmp_path / "log", webhook_key_file=key_file, grpc_listen="off") as server:
        time.sleep(0.3)  # for the first look
        assert server.stop() == 0
        assert server.logged() == ""
    assert not Path(key_file).exists()


def _wait_for_log(server: Server, text: str) -> None:
    limit = time.monotonic() + 10
    while text not in server.logged() and time.monotonic() < limit:
        time.sleep(0.05)

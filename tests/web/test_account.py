"""The account page as the server has it: its files, and the client that it is."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from doors.peers import AsgiReply, asgi
from doors.stage import stage_service

from authsvc.app import open_service
from authsvc.config import Settings
from authsvc.domain.account_page import CLIENT_ID
from authsvc.domain.clients import ClientState
from authsvc.errors import Refused, StartupError
from authsvc.store.client_writes import ClientWrites, NewClient
from authsvc.store.clients import Clients
from authsvc.store.sqlite import SqliteExecutor
from authsvc.store.writes import Writes
from authsvc.web.account import account_client, account_page

ISSUER = "https://auth.example.com"
PATHS = sorted(account_page().paths)


async def ask(path: str) -> AsgiReply:
    """One request to the one address, without a token."""
    return await asgi(stage_service().one_address(), path, method="GET")


@pytest.mark.parametrize("path", PATHS)
async def test_the_policy_lets_in_nothing_but_pictures(path: str) -> None:
    """Scripts, styles and calls come from and go to this server, and no script can make markup of a text."""
    header = (await ask(path)).header("content-security-policy") or ""
    policy = {name: value for name, _, value in (each.strip().partition(" ") for each in header.split(";"))}
    assert policy.pop("img-src") == "'self' https: data:"
    assert (policy.pop("require-trusted-types-for"), policy.pop("trusted-types")) == ("'script'", "'none'")
    assert set(policy.values()) == {"'none'", "'self'"}
    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"


async def test_no_other_page_holds_it() -> None:
    """A page that opened it has no hand on its window, in which there are tokens."""
    assert (await ask("/account")).header("cross-origin-opener-policy") == "same-origin"


async def test_it_names_only_files_of_ours() -> None:
    """Every address in the page is that of a file that is served, and no script or style stands in it."""
    page = (await ask("/account")).body.decode()
    found = re.findall(r'(?:src|href)="([^"#]+)"', page)
    # Who has no JavaScript is led to the sign-in pages.
    assert sorted(set(found) - {"/login"}) == sorted(set(PATHS) - {"/account", "/account/"})
    assert re.findall(r"<style|<script(?![^>]*src=)|\bon\w+=|style=", page) == []


@pytest.mark.parametrize("path", PATHS)
async def test_it_can_be_turned_off(path: str) -> None:
    """A service without the page knows none of its paths."""
    service = replace(stage_service(), account=False)
    assert (await asgi(service.one_address(), path, method="GET")).status == 404


def test_the_client_has_one_place() -> None:
    """Codes go to the page at the issuer's own address and nowhere else; nobody is asked, and it has no secret."""
    client = account_client(ISSUER)
    assert (client.client_id, client.redirect_uris) == (CLIENT_ID, (f"{ISSUER}/account",))
    assert (client.public, client.trusted, client.native) == (True, True, False)


ELSEWHERE = "https://elsewhere.example.com"
ACTIVE, INACTIVE = ClientState.ACTIVE, ClientState.INACTIVE


async def start(database: Path, **settings: Any) -> tuple[str, int] | None:
    """What there is of the client after a start: its redirect URI and its state."""
    service = await open_service(Settings(database_url=database, **settings))
    client = await Clients(service.executor).by_client_id(CLIENT_ID)
    await service.close()
    assert service.account == (client is not None and client.state == ACTIVE)
    return (client.redirect_uris, client.state) if client else None


async def test_the_start_keeps_the_client(new_database: Path) -> None:
    """It follows the issuer, and is there and active just as the page is served."""
    assert await start(new_database, account=False, issuer=ISSUER) is None
    assert await start(new_database, issuer=ISSUER) == (f"{ISSUER}/account", ACTIVE)
    assert await start(new_database, issuer=ELSEWHERE) == (f"{ELSEWHERE}/account", ACTIVE)
    assert await start(new_database, account=False, issuer=ELSEWHERE) == (f"{ELSEWHERE}/account", INACTIVE)
    assert await start(new_database, issuer=ELSEWHERE) == (f"{ELSEWHERE}/account", ACTIVE)


async def test_where_browsers_would_not_let_it_work(new_database: Path) -> None:
    """At an issuer without TLS that is not this machine there is no page, and everything else is served."""
    assert await start(new_database, listen="192.0.2.1:8080") is None


async def test_a_later_start_waits_for_nobody(new_database: Path) -> None:
    """Where the client is as it should be, the start does not ask for the right to write."""
    await start(new_database, issuer=ISSUER)
    with closing(sqlite3.connect(new_database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert await start(new_database, issuer=ISSUER) == (f"{ISSUER}/account", ACTIVE)


async def test_nobody_elses_client_is_taken(new_database: Path) -> None:
    """Nobody can make a client of this name, and one that has a secret all the same stops the start as it is."""
    executor = SqliteExecutor(new_database)
    clients = ClientWrites(Writes(executor))
    new = NewClient(
        "Mine", CLIENT_ID, redirect_uris=(f"{ISSUER}/mine",), grant_types=account_client(ISSUER).grant_types
    )
    with pytest.raises(Refused, match="the account page"):
        await clients.create(new)
    _, secret = await clients.create(new._replace(client_id="mine"))
    await executor.close()
    with closing(sqlite3.connect(new_database)) as connection, connection:
        connection.execute("UPDATE clients SET client_id = ?", (CLIENT_ID,))
    assert secret
    with pytest.raises(StartupError, match=CLIENT_ID):
        await start(new_database, issuer=ISSUER)

"""The account page as the server has it: its files, and the client that it is."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from doors.peers import AsgiReply, asgi
from doors.stage import stage_service

from authsvc.app import open_service
from authsvc.config import Settings
from authsvc.store.clients import Clients
from authsvc.store.migrate import migrate
from authsvc.web.account import CLIENT_ID, account_client, account_page

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
    assert sorted(found) == sorted(set(PATHS) - {"/account", "/account/"})
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


async def test_the_start_makes_the_client(tmp_path: Path) -> None:
    """It is there once the service is open, unless the page is turned off, and follows the issuer."""
    database = tmp_path / "authsvc.db"
    migrate(database)
    found = []
    for settings in (
        Settings(database_url=database, account=False, issuer=ISSUER),
        Settings(database_url=database, issuer=ISSUER),
        Settings(database_url=database, issuer="https://elsewhere.example.com"),
    ):
        service = await open_service(settings)
        client = await Clients(service.executor).by_client_id(CLIENT_ID)
        await service.close()
        found.append(client.redirect_uris if client else None)
    assert found == [None, f"{ISSUER}/account", "https://elsewhere.example.com/account"]

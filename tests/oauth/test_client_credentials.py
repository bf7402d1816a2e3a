from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from oauth.machine_stage import ISSUER, ORG, ROBOT, SECRET, SIGNER, Stage, ask, staged

from authsvc.domain.users import UserState
from authsvc.errors import Unauthenticated
from authsvc.identity import jws
from authsvc.oauth.errors import OAuthError
from authsvc.store import schema


@pytest.fixture
async def stage(empty_database: Path, tmp_path: Path) -> AsyncIterator[Stage]:
    """Machine users, each with a secret."""
    async with staged(empty_database, tmp_path) as stage:
        yield stage


def _basic(name: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{quote_plus(name)}:{quote_plus(secret)}".encode()).decode()


@pytest.mark.parametrize("name", [str(ROBOT), f"user-{ROBOT}@savanna.example", f"user-{ROBOT}@Zoo.example"])
async def test_machine_gets_a_token_that_every_door_knows(stage: Stage, name: str) -> None:
    """A machine user goes by its id or any of its login names; its token is its own, without a session."""
    answer = await ask(stage.client_credentials, _basic(name, SECRET))
    caller = await stage.caller(answer.access_token)
    assert (caller.user_id, caller.session_id) == (ROBOT, None)
    assert answer._replace(access_token="") == ("", 3600, "openid", None, None, None)


async def test_secret_in_the_form_is_as_good(stage: Stage) -> None:
    """Name and secret may stand in the form instead; the scope is what was asked for and exists."""
    project = "urn:zitadel:iam:org:project:id:7:aud"
    await stage.put(schema.projects, id=7, org_id=ORG, name="Map")
    scope = f"openid offline_access {project} {project.replace('7', '8')} unheard-of"
    answer = await ask(stage.client_credentials, client_id=str(ROBOT), client_secret=SECRET, scope=scope)
    assert (answer.scope, answer.refresh_token) == (f"openid {project}", None)


async def test_machine_that_wants_a_jwt_gets_one(stage: Stage) -> None:
    """The machine user's access token type says what its tokens are; both sorts are known by their hash."""
    answer = await ask(stage.client_credentials, _basic(str(SIGNER), SECRET))
    read = jws.read(answer.access_token)
    assert read is not None
    assert (read.typ, read.claims["iss"], read.claims["sub"]) == ("at+jwt", ISSUER, str(SIGNER))
    assert (await stage.caller(answer.access_token)).user_id == SIGNER


async def test_tokens_of_a_machine_that_is_disabled_are_dead(stage: Stage) -> None:
    """Who disables a machine user needs to do no more: its tokens are refused at the next call."""
    answer = await ask(stage.client_credentials, _basic(str(ROBOT), SECRET))
    await stage.put(schema.users, id=ROBOT, state=UserState.INACTIVE.value)
    with pytest.raises(Unauthenticated):
        await stage.caller(answer.access_token)


@pytest.mark.parametrize("scope", ["offline_access", "unheard-of", 'open"id', "openid\n"])
async def test_scope_of_which_nothing_is_left_is_refused(stage: Stage, scope: str) -> None:
    """A scope that is none, or from which nothing can be had, is said to be invalid."""
    with pytest.raises(OAuthError, match=r"^invalid_scope"):
        await ask(stage.client_credentials, _basic(str(ROBOT), SECRET), scope=scope)

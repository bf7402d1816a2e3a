"""Introspection: what a token is worth, and who is told."""

from __future__ import annotations

from typing import Any

import pytest
from oauth.people import GIGI, ORG, TERMS
from oauth.realm import API, APP, ISSUER, OTHER, PROJECT, SCOPE, SPA, Realm, asking

from authsvc.domain.authorizations import Holder
from authsvc.domain.clock import SECOND
from authsvc.oauth.errors import OAuthError

INACTIVE = {"active": False}
_PROJECT_SCOPE = f"openid urn:zitadel:iam:org:project:id:{PROJECT}:aud"


async def _ask(realm: Realm, token: str | None, client: str = APP, **form: str) -> dict[str, Any]:
    return await realm.introspection.answer(asking(client, token=token or "", **form))


async def test_access_token_is_told_in_full(realm: Realm) -> None:
    """The client itself learns scope, user, times and audience of its access token."""
    answer = await realm.tokens()
    at = realm.at // SECOND
    ((token_id,),) = await realm.ask("SELECT id FROM access_tokens")
    assert await _ask(realm, answer.access_token, token_type_hint="refresh_token") == {
        "active": True,
        "scope": SCOPE,
        "client_id": APP,
        "username": "gigi@savanna.example",
        "token_type": "Bearer",
        "exp": at + 3600,
        "iat": at,
        "nbf": at,
        "sub": str(GIGI),
        "aud": [APP],
        "iss": ISSUER,
        "jti": str(token_id),
    }


async def test_refresh_token_is_told_to_its_client_only(realm: Realm) -> None:
    """A refresh token that can be used is active for its own client, not for others of the project."""
    answer = await realm.tokens()
    told = await _ask(realm, answer.refresh_token)
    assert (told["active"], told["client_id"], told["exp"]) == (True, APP, (realm.at + TERMS.refresh_idle) // SECOND)
    await realm.put_client(1, APP, project_id=PROJECT)
    assert await _ask(realm, answer.refresh_token, API) == INACTIVE
    await realm.refresh(answer.refresh_token)
    assert await _ask(realm, answer.refresh_token) == INACTIVE


@pytest.mark.parametrize(
    ("owner", "scope", "asker", "is_told"),
    [
        (APP, "openid", APP, True),
        (APP, "openid", OTHER, False),
        (APP, "openid", API, False),
        (APP, _PROJECT_SCOPE, API, True),
        (APP, _PROJECT_SCOPE, OTHER, False),
        (SPA, "openid", API, True),
        (SPA, "openid", OTHER, False),
        (API, "openid", APP, False),
    ],
)
async def test_only_those_concerned_are_told(
    realm: Realm, owner: str, scope: str, asker: str, *, is_told: bool
) -> None:
    """A token is told to its client, to clients of the same project, and to those of a project that its scope names."""
    answer = await realm.tokens(client=owner, scope=scope)
    told = await _ask(realm, answer.access_token, asker)
    assert told["active"] is is_told
    assert is_told or told == INACTIVE


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE sessions SET state = 2",
        "UPDATE sessions SET expires_at = 0",
        f"UPDATE users SET state = 2 WHERE id = {GIGI}",
        f"UPDATE users SET state = 3 WHERE id = {GIGI}",
        f"UPDATE orgs SET state = 2 WHERE id = {ORG}",
        "UPDATE access_tokens SET revoked_at = 1; UPDATE refresh_tokens SET used_at = 1",
        "UPDATE access_tokens SET expires_at = 1; UPDATE refresh_tokens SET expires_at = 1",
        "UPDATE access_tokens SET revoked_at = 1; UPDATE authorizations SET revoked_at = 1",
    ],
)
async def test_token_that_cannot_be_used_is_inactive(realm: Realm, sql: str) -> None:
    """Whatever ends a token makes it inactive at once, and no more is said."""
    answer = await realm.tokens()
    for statement in sql.split("; "):
        await realm.run(statement)
    assert await _ask(realm, answer.access_token) == INACTIVE
    assert await _ask(realm, answer.refresh_token) == INACTIVE


async def test_tokens_of_a_client_that_was_switched_off_are_inactive(realm: Realm) -> None:
    """Others of the project no longer take the tokens of an inactive client."""
    answer = await realm.tokens(client=SPA, scope="openid")
    await realm.put_client(2, SPA, secret_hash=None, project_id=PROJECT, state=2)
    assert await _ask(realm, answer.access_token, API) == INACTIVE


async def test_programs_own_token_is_told_to_its_project(realm: Realm) -> None:
    """A token that a program got without a client is told to the project that its scope names, by the program's id."""
    async with realm.issuing.transaction() as tx:
        token, _ = await realm.issuing.access_token(
            tx,
            Holder(GIGI, ORG, None, None, ""),
            _PROJECT_SCOPE,
            client=None,
            authorization_id=None,
            as_jwt=False,
        )
    told = await _ask(realm, token, API)
    assert (told["client_id"], told["aud"]) == (str(GIGI), [ISSUER, str(PROJECT)])
    assert await _ask(realm, token, APP) == INACTIVE


async def test_token_of_the_operator_is_nobodys_business(realm: Realm) -> None:
    """A token that the operator made is active for no client."""
    _, token = await realm.writes.create_token(GIGI, None, 3600 * SECOND)
    assert await _ask(realm, token, API) == INACTIVE


@pytest.mark.parametrize("token", ["x" * 43, "x", "é", "x.y.z"])
async def test_unknown_token_is_inactive(realm: Realm, token: str) -> None:
    """What is no token of ours is inactive, like those that are not for the asker."""
    assert await _ask(realm, token) == INACTIVE


async def test_only_confidential_clients_may_ask(realm: Realm) -> None:
    """Public clients, wrong secrets and requests without a token are refused."""
    answer = await realm.tokens(client=SPA)
    with pytest.raises(OAuthError, match="invalid_client"):
        await _ask(realm, answer.access_token, SPA)
    with pytest.raises(OAuthError, match="invalid_request"):
        await _ask(realm, "")

"""Revocation: what a client can end, and what it cannot."""

from __future__ import annotations

import pytest
from oauth.realm import APP, OTHER, SPA, Realm, asking

from authsvc.oauth.errors import OAuthError


async def _revoke(realm: Realm, token: str | None, client: str = APP, **form: str) -> None:
    await realm.revocation.revoke(asking(client, token=token or "", **form))


@pytest.mark.parametrize("client", [APP, SPA])
async def test_refresh_token_takes_everything_with_it(realm: Realm, client: str) -> None:
    """With a refresh token end its successors and all access tokens of the authorization."""
    first = await realm.tokens(client=client)
    second = await realm.refresh(first.refresh_token, client=client)
    await _revoke(realm, first.refresh_token, client, token_type_hint="access_token")
    for answer in (first, second):
        assert not await realm.is_good(answer.access_token)
        with pytest.raises(OAuthError, match="invalid_grant"):
            await realm.refresh(answer.refresh_token, client=client)


async def test_access_token_goes_alone(realm: Realm) -> None:
    """With an access token ends nothing else."""
    answer = await realm.tokens()
    await _revoke(realm, answer.access_token, token_type_hint="refresh_token")
    assert not await realm.is_good(answer.access_token)
    assert await realm.is_good((await realm.refresh(answer.refresh_token)).access_token)


async def test_twice_is_the_same_as_once(realm: Realm) -> None:
    """What is revoked already, or was never known, is no mistake and leaves no trace."""
    answer = await realm.tokens()
    for token in (answer.access_token, answer.refresh_token):
        await _revoke(realm, token)
    before = await realm.ask("SELECT max(sequence) FROM changes")
    for token in (answer.access_token, answer.refresh_token, "x" * 43, "é"):
        await _revoke(realm, token)
    assert await realm.ask("SELECT max(sequence) FROM changes") == before


@pytest.mark.parametrize("client", [OTHER, SPA])
async def test_tokens_of_others_stay(realm: Realm, client: str) -> None:
    """A client that has got hold of another's token is refused, and the token stays good."""
    answer = await realm.tokens()
    for token in (answer.access_token, answer.refresh_token):
        with pytest.raises(OAuthError, match="invalid_grant"):
            await _revoke(realm, token, client)
    assert await realm.is_good(answer.access_token)
    await realm.refresh(answer.refresh_token)


async def test_client_must_say_who_it_is(realm: Realm) -> None:
    """Without client authentication, or without a token, nothing is revoked."""
    answer = await realm.tokens()
    with pytest.raises(OAuthError, match="invalid_client"):
        await realm.revocation.revoke(asking(SPA, token=answer.access_token, client_secret="x"))
    with pytest.raises(OAuthError, match="invalid_request"):
        await _revoke(realm, "")
    assert await realm.is_good(answer.access_token)


async def test_what_nobody_knows_keeps_no_writer_waiting(realm: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Revoking what is not known begins no transaction."""
    token = "x" * 43
    monkeypatch.setattr(realm.executor, "transaction", None)
    await _revoke(realm, token, SPA)

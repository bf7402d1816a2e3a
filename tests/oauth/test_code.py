"""The code grant: what a code is bound to, and that it is good once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from oauth.people import GIGI, ORG
from oauth.realm import API, APP, CALLBACK, OTHER, SPA, VERIFIER, Realm, asking

from authsvc.domain.authorizations import CODE_LIFE
from authsvc.domain.clock import SECOND
from authsvc.domain.tokens import token_hash
from authsvc.oauth.code import s256
from authsvc.oauth.errors import OAuthError
from authsvc.oauth.exchange import TokenAnswer


async def _refused(realm: Realm, code: str, **form: str) -> str:
    with pytest.raises(OAuthError) as caught:
        await realm.exchange(code, **form)
    return caught.value.code


async def test_code_gives_the_tokens_that_scope_and_client_allow(realm: Realm) -> None:
    """A code gives an access token, an ID token and, for `offline_access`, a refresh token."""
    answer = await realm.tokens()
    assert await realm.is_good(answer.access_token)
    assert (answer.expires_in, answer.scope) == (3600, "openid offline_access")
    assert answer.refresh_token
    assert answer.id_token


@pytest.mark.parametrize(
    ("scope", "has_refresh", "has_id"),
    [("openid", False, True), ("email", False, False), ("offline_access", True, False)],
)
async def test_scope_decides_which_tokens_there_are(
    realm: Realm, scope: str, *, has_refresh: bool, has_id: bool
) -> None:
    """There is no ID token without `openid`, and no refresh token without `offline_access`."""
    answer = await realm.tokens(scope=scope)
    assert (answer.refresh_token is not None, answer.id_token is not None) == (has_refresh, has_id)


async def test_client_without_the_refresh_grant_gets_no_refresh_token(realm: Realm) -> None:
    """A client that may not refresh is not even granted the scope for it."""
    await realm.put_client(1, APP, grant_types="authorization_code")
    answer = await realm.tokens()
    assert (answer.refresh_token, answer.scope) == (None, "openid")


async def test_public_client_needs_no_secret(realm: Realm) -> None:
    """A public client exchanges its code by the verifier alone."""
    assert await realm.is_good((await realm.tokens(client=SPA)).access_token)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"code_verifier": s256(VERIFIER)}, "invalid_grant"),
        ({"redirect_uri": CALLBACK + "/"}, "invalid_grant"),
        ({"redirect_uri": "https://app.example/other?tab=1"}, "invalid_grant"),
        ({"client": OTHER}, "invalid_grant"),
        ({"client": SPA}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"code_verifier": "v" * 42}, "invalid_request"),
        ({"code_verifier": "v" * 129}, "invalid_request"),
        ({"code_verifier": "v" * 42 + "é"}, "invalid_request"),
        ({"code_verifier": "v" * 43 + "\n"}, "invalid_request"),
        ({"redirect_uri": ""}, "invalid_request"),
    ],
)
async def test_code_is_bound(realm: Realm, form: Mapping[str, str], code: str) -> None:
    """A code is good only for its client with its redirect URI and the verifier; a mistake does not use it up."""
    granted = await realm.granted()
    assert await _refused(realm, granted, **form) == code
    await realm.exchange(granted)


async def test_unknown_code_is_refused(realm: Realm) -> None:
    """A code that was never given is refused like any other bad one."""
    assert await _refused(realm, "c" * 43) == "invalid_grant"
    assert await _refused(realm, "") == "invalid_request"


@pytest.mark.parametrize(("later", "is_good"), [(CODE_LIFE - 1, True), (CODE_LIFE, False)])
async def test_code_lives_for_a_minute(realm: Realm, later: int, *, is_good: bool) -> None:
    """A code can be exchanged for 60 seconds, and not at the end of them."""
    code = await realm.granted()
    realm.at += later
    if is_good:
        await realm.exchange(code)
    else:
        assert await _refused(realm, code) == "invalid_grant"
    assert CODE_LIFE == 60 * SECOND


async def test_second_use_revokes_what_the_first_gave(realm: Realm) -> None:
    """Whoever exchanges a code again, even late, ends the tokens of the first exchange."""
    code = await realm.granted()
    answer = await realm.exchange(code)
    realm.at += CODE_LIFE
    assert await _refused(realm, code) == "invalid_grant"
    assert not await realm.is_good(answer.access_token)
    with pytest.raises(OAuthError, match="invalid_grant"):
        await realm.refresh(answer.refresh_token)
    assert await realm.ask("SELECT kind, action FROM changes ORDER BY sequence DESC LIMIT 1") == [
        ("authorization", "revoked"),
    ]


@pytest.mark.parametrize("form", [{"code_verifier": "w" * 43}, {"redirect_uri": CALLBACK + "/"}])
async def test_who_could_not_have_used_a_code_cannot_revoke_by_it(realm: Realm, form: Mapping[str, str]) -> None:
    """A used code without its verifier, or with another redirect URI, is refused and signs nobody out."""
    code = await realm.granted()
    answer = await realm.exchange(code)
    assert await _refused(realm, code, **form) == "invalid_grant"
    assert await realm.is_good(answer.access_token)
    await realm.refresh(answer.refresh_token)


async def test_other_client_cannot_revoke_by_a_used_code(realm: Realm) -> None:
    """A used code in the hands of another client is refused and harms nobody."""
    code = await realm.granted()
    answer = await realm.exchange(code)
    assert await _refused(realm, code, client=OTHER) == "invalid_grant"
    assert await realm.is_good(answer.access_token)


async def test_parallel_exchanges_have_one_winner_whose_tokens_die(realm: Realm) -> None:
    """Of 32 exchanges of one code at once exactly one gives tokens, and the others have then revoked them."""
    code = await realm.granted()
    results = await asyncio.gather(*(realm.exchange(code) for _ in range(32)), return_exceptions=True)
    won = [each for each in results if isinstance(each, TokenAnswer)]
    lost = [each.code for each in results if isinstance(each, OAuthError)]
    assert (len(won), lost) == (1, ["invalid_grant"] * 31)
    assert await realm.ask("SELECT count(*), count(revoked_at) FROM access_tokens") == [(1, 1)]
    assert not await realm.is_good(won[0].access_token)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE sessions SET state = 2",
        "UPDATE sessions SET expires_at = 0",
        f"UPDATE users SET state = 2 WHERE id = {GIGI}",
        f"UPDATE users SET state = 3 WHERE id = {GIGI}",
        f"UPDATE orgs SET state = 2 WHERE id = {ORG}",
        "UPDATE authorizations SET revoked_at = 1",
    ],
)
async def test_code_dies_with_what_it_rests_on(realm: Realm, sql: str) -> None:
    """A code is worth nothing once session, user or organization have ended, or its authorization is revoked."""
    code = await realm.granted()
    await realm.run(sql)
    assert await _refused(realm, code) == "invalid_grant"


async def test_client_needs_the_grant_type(realm: Realm) -> None:
    """A client that has lost the grant type cannot exchange what it got before."""
    code = await realm.granted()
    await realm.put_client(1, APP, trusted=True, grant_types="refresh_token")
    assert await _refused(realm, code) == "unauthorized_client"


async def test_code_is_kept_as_its_hash(realm: Realm) -> None:
    """The store knows a code by its SHA-256, and no token at all."""
    code = await realm.granted()
    answer = await realm.exchange(code)
    assert await realm.ask("SELECT code_hash FROM authorizations") == [(token_hash(code),)]
    rows = await realm.ask("SELECT * FROM authorizations JOIN refresh_tokens JOIN access_tokens")
    assert not {code, answer.access_token, answer.refresh_token} & {value for row in rows for value in row}


async def test_introspecting_client_cannot_exchange(realm: Realm) -> None:
    """Another client of the same project does not get the tokens of a code either."""
    code = await realm.granted(client=SPA)
    with pytest.raises(OAuthError, match="invalid_grant"):
        await realm.codes.tokens(
            asking(API, grant_type="authorization_code", code=code, redirect_uri=CALLBACK, code_verifier=VERIFIER)
        )


def test_challenge_is_that_of_the_specification() -> None:
    """The method S256 gives the challenge of RFC 7636, appendix B."""
    assert s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


async def test_what_nobody_knows_keeps_no_writer_waiting(realm: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    """A code that is unknown, or another client's, is refused without a transaction."""
    code = await realm.granted()
    monkeypatch.setattr(realm.executor, "transaction", None)
    for junk in ("x" * 43, code):
        with pytest.raises(OAuthError, match="invalid_grant"):
            await realm.exchange(junk, client=SPA)

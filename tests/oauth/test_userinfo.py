"""Userinfo: who may ask, and what each scope shows."""

from __future__ import annotations

import pytest
from oauth.people import GIGI, ORG
from oauth.realm import Realm

from authsvc.domain.accounts import ACTIVITY_PRECISION
from authsvc.domain.clock import SECOND
from authsvc.oauth.errors import OAuthError
from authsvc.oauth.userinfo import CLAIMS

PROFILE = {
    "name": "Gigi",
    "given_name": "Gigi",
    "family_name": "Giraffe",
    "nickname": "gi",
    "gender": "female",
    "picture": "https://a.example/gigi.png",
    "locale": "de",
    "preferred_username": "gigi@savanna.example",
}
EMAIL = {"email": "gigi@savanna.example", "email_verified": True}
PHONE = {"phone_number": "+49301234567", "phone_number_verified": False}


async def _fill(realm: Realm) -> int:
    """Gigi in full; when she was changed last, in seconds."""
    await realm.run(
        "UPDATE users SET first_name = 'Gigi', last_name = 'Giraffe', nick_name = 'gi', gender = 1,"
        " avatar_url = 'https://a.example/gigi.png', preferred_language = 'de', email = 'gigi@savanna.example',"
        f" email_verified = 1, phone = '+49301234567' WHERE id = {GIGI}"
    )
    ((changed_at,),) = await realm.ask(f"SELECT changed_at FROM users WHERE id = {GIGI}")
    return int(changed_at) // SECOND


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ("openid", set()),
        ("openid profile", PROFILE.keys() | {"updated_at"}),
        ("openid email", EMAIL.keys()),
        ("openid phone", PHONE.keys()),
        ("openid profile email phone", PROFILE.keys() | {"updated_at"} | EMAIL.keys() | PHONE.keys()),
    ],
)
async def test_scopes_decide_what_is_shown(realm: Realm, scope: str, names: set[str]) -> None:
    """A token always shows whose it is, and beyond that the claims of its scopes."""
    everything = {**PROFILE, **EMAIL, **PHONE, "updated_at": await _fill(realm), "sub": str(GIGI)}
    answer = await realm.tokens(scope=scope)
    shown = await realm.user_info.claims(answer.access_token)
    assert shown == {name: everything[name] for name in names | {"sub"}}
    assert set(shown) <= set(CLAIMS)


async def test_unknown_is_left_out(realm: Realm) -> None:
    """Claims without a value are left out rather than empty."""
    shown = await realm.user_info.claims((await realm.tokens(scope="openid profile email phone")).access_token)
    assert shown.keys() == {"sub", "name", "preferred_username", "updated_at"}


async def test_token_of_the_operator_shows_everything(realm: Realm) -> None:
    """A token without a scope shows all claims."""
    await _fill(realm)
    _, token = await realm.writes.create_token(GIGI, None, 3600 * SECOND)
    assert (await realm.user_info.claims(token)).keys() == set(CLAIMS)


async def test_scope_openid_is_demanded(realm: Realm) -> None:
    """A token without the scope `openid` is refused for its scope."""
    with pytest.raises(OAuthError, match="insufficient_scope"):
        await realm.user_info.claims((await realm.tokens(scope="email")).access_token)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE sessions SET state = 2",
        f"UPDATE users SET state = 2 WHERE id = {GIGI}",
        f"UPDATE users SET state = 3 WHERE id = {GIGI}",
        f"UPDATE orgs SET state = 2 WHERE id = {ORG}",
        "UPDATE access_tokens SET revoked_at = 1",
        "UPDATE access_tokens SET expires_at = 1",
    ],
)
async def test_token_that_cannot_be_used_shows_nothing(realm: Realm, sql: str) -> None:
    """Whatever ends a token ends what it shows."""
    answer = await realm.tokens()
    await realm.run(sql)
    with pytest.raises(OAuthError, match="invalid_token"):
        await realm.user_info.claims(answer.access_token)


async def test_other_tokens_show_nothing(realm: Realm) -> None:
    """An ID token, a refresh token or a made-up one is no access token."""
    answer = await realm.tokens()
    for token in (answer.id_token, answer.refresh_token, "x" * 43, ""):
        with pytest.raises(OAuthError, match="invalid_token"):
            await realm.user_info.claims(token or "")


async def test_it_is_activity(realm: Realm) -> None:
    """Whoever is answered is active, and their session goes on for as long as after a call of the API."""
    answer = await realm.tokens(scope="openid")
    where = "WHERE id = (SELECT session_id FROM access_tokens)"
    ((before,),) = await realm.ask(f"SELECT expires_at FROM sessions {where}")
    realm.at += ACTIVITY_PRECISION
    await realm.user_info.claims(answer.access_token)
    await realm.activity.close()
    rows = await realm.ask(f"SELECT active_at, expires_at FROM sessions {where}")
    assert rows == [(realm.at, before + ACTIVITY_PRECISION)]

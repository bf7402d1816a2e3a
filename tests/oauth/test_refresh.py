"""The refresh grant: rotation, the grace for a lost answer, and what reuse costs."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oauth.people import DAY, GIGI, ORG, TERMS
from oauth.realm import APP, OTHER, SPA, Realm

from authsvc.domain.authorizations import REUSE_GRACE
from authsvc.domain.clock import SECOND
from authsvc.domain.tokens import token_hash
from authsvc.oauth.errors import OAuthError
from authsvc.oauth.exchange import TokenAnswer
from authsvc.oauth.refresh import successor

HOUR = 3600 * SECOND


async def _refused(realm: Realm, token: str | None, **form: str) -> str:
    with pytest.raises(OAuthError) as caught:
        await realm.refresh(token, **form)
    return caught.value.code


async def test_refresh_token_gives_fresh_tokens_and_its_successor(realm: Realm) -> None:
    """A refresh gives another access token, a successor, and an ID token without nonce and with the old `auth_time`."""
    first = await realm.tokens()
    realm.at += HOUR
    second = await realm.refresh(first.refresh_token)
    assert len({first.access_token, second.access_token, first.refresh_token, second.refresh_token}) == 4
    assert await realm.is_good(second.access_token)
    assert not await realm.is_good(first.access_token)
    old, new = [(await realm.decoded(each.id_token)).claims for each in (first, second)]
    assert "nonce" in old
    assert "nonce" not in new
    same = ("iss", "sub", "aud", "azp", "auth_time", "sid")
    assert [old[name] for name in same] == [new[name] for name in same]
    assert new["iat"] == old["iat"] + 3600


async def test_lost_answer_can_be_had_again(realm: Realm) -> None:
    """Within the grace a used token gives the same successor again, and another access token."""
    first = await realm.tokens()
    second = await realm.refresh(first.refresh_token)
    realm.at += REUSE_GRACE
    again = await realm.refresh(first.refresh_token)
    assert again.refresh_token == second.refresh_token
    assert again.access_token != second.access_token
    assert await realm.ask("SELECT count(*) FROM refresh_tokens") == [(2,)]


async def test_reuse_after_the_grace_revokes_the_family(realm: Realm) -> None:
    """A used token that comes back late ends its successors and every access token of the authorization."""
    first = await realm.tokens()
    second = await realm.refresh(first.refresh_token)
    third = await realm.refresh(second.refresh_token)
    realm.at += REUSE_GRACE + 1
    assert await _refused(realm, first.refresh_token) == "invalid_grant"
    assert await _refused(realm, third.refresh_token) == "invalid_grant"
    for answer in (first, second, third):
        assert not await realm.is_good(answer.access_token)


async def test_reuse_leaves_other_authorizations_alone(realm: Realm) -> None:
    """Reuse costs one family, not the other sign-ins of the person."""
    session = await realm.session()
    first, other = await realm.tokens(session), await realm.tokens(session)
    await realm.refresh(first.refresh_token)
    realm.at += REUSE_GRACE + 1
    assert await _refused(realm, first.refresh_token) == "invalid_grant"
    assert await realm.is_good(other.access_token)
    await realm.refresh(other.refresh_token)


async def test_parallel_refreshes_have_one_successor(realm: Realm) -> None:
    """Of 32 refreshes with one token at once all get the same successor, and the store knows one."""
    first = await realm.tokens()
    answers = await asyncio.gather(*(realm.refresh(first.refresh_token) for _ in range(32)))
    assert len({answer.refresh_token for answer in answers}) == 1
    assert len({answer.access_token for answer in answers}) == 32
    assert await realm.ask("SELECT count(*) FROM refresh_tokens") == [(2,)]
    await realm.refresh(answers[0].refresh_token)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.lists(st.sampled_from((0, 4, 11)), min_size=12))
async def test_any_history_keeps_to_the_rules(realm: Realm, uses: list[int], waits: list[int]) -> None:
    """Whatever tokens of a family come in whatever order, each has one successor, and late reuse ends them all."""
    first = await realm.tokens()
    family, used_at, access = [first.refresh_token], dict[int, int](), [first.access_token]
    for use, wait in zip(uses, waits, strict=False):
        realm.at += wait * SECOND
        place = use % len(family)
        if realm.at - used_at.get(place, realm.at) > REUSE_GRACE:
            assert await _refused(realm, family[place]) == "invalid_grant"
            for token in family:
                assert await _refused(realm, token) == "invalid_grant"
            assert not any([await realm.is_good(token) for token in access])
            break
        answer = await realm.refresh(family[place])
        if place == len(family) - 1:
            family.append(answer.refresh_token)
        assert answer.refresh_token == family[place + 1]
        used_at.setdefault(place, realm.at)
        access.append(answer.access_token)
        assert all([await realm.is_good(token) for token in access])
    assert len(set(family)) == len(family)


async def test_revocation_beside_refreshes_leaves_no_live_token(realm: Realm) -> None:
    """Whatever refreshes run beside it, once a session is ended no token of it can be used or refreshed."""
    session = await realm.session()
    first = await realm.tokens(session)
    answers = await asyncio.gather(
        *(realm.refresh(first.refresh_token) for _ in range(8)),
        realm.writes.end_session(session.id),
        *(realm.refresh(first.refresh_token) for _ in range(8)),
        return_exceptions=True,
    )
    given = [first, *(each for each in answers if isinstance(each, TokenAnswer))]
    assert [await realm.is_good(each.access_token) for each in given] == [False] * len(given)
    assert await _refused(realm, given[-1].refresh_token) == "invalid_grant"


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("openid", "openid"),
        ("email openid", "email openid"),
        ("", "openid offline_access email"),
        ("openid phone", None),
        ("admin", None),
        ('"', None),
    ],
)
async def test_scope_may_only_narrow(realm: Realm, asked: str, given: str | None) -> None:
    """A refresh may ask for less than was granted, and the next one for all of it again; never for more."""
    first = await realm.tokens(scope="openid offline_access email")
    if given is None:
        assert await _refused(realm, first.refresh_token, scope=asked) == "invalid_scope"
        answer = first
    else:
        answer = await realm.refresh(first.refresh_token, scope=asked)
        assert answer.scope == given
    assert (await realm.refresh(answer.refresh_token)).scope == "openid offline_access email"


async def test_narrowed_away_openid_gives_no_id_token(realm: Realm) -> None:
    """Without `openid` in the narrowed scope there is no ID token."""
    first = await realm.tokens(scope="openid offline_access email")
    assert (await realm.refresh(first.refresh_token, scope="email")).id_token is None


@pytest.mark.parametrize("client", [OTHER, SPA])
async def test_token_is_bound_to_its_client(realm: Realm, client: str) -> None:
    """A refresh token in the hands of another client is refused and stays good for its own."""
    first = await realm.tokens()
    assert await _refused(realm, first.refresh_token, client=client) == "invalid_grant"
    await realm.refresh(first.refresh_token)


async def test_unknown_token_is_refused(realm: Realm) -> None:
    """A token that was never given is refused, and so is an access token."""
    first = await realm.tokens()
    assert await _refused(realm, "r" * 43) == "invalid_grant"
    assert await _refused(realm, first.access_token) == "invalid_grant"
    assert await _refused(realm, "") == "invalid_request"


async def test_client_needs_the_grant_type(realm: Realm) -> None:
    """A client that has lost the grant type cannot refresh what it got before."""
    first = await realm.tokens()
    await realm.put_client(1, APP, grant_types="authorization_code")
    assert await _refused(realm, first.refresh_token) == "unauthorized_client"


async def test_unused_token_expires(realm: Realm) -> None:
    """A token that lies around for its idle life is dead at the end of it, the first one and those that follow."""
    first, other = await realm.tokens(), await realm.tokens()
    await realm.run("UPDATE sessions SET expires_at = ends_at")
    realm.at += TERMS.refresh_idle - 1
    second = await realm.refresh(first.refresh_token)
    realm.at += 1
    assert await _refused(realm, other.refresh_token) == "invalid_grant"
    await realm.run("UPDATE sessions SET expires_at = ends_at")
    realm.at += TERMS.refresh_idle - 1
    assert await _refused(realm, second.refresh_token) == "invalid_grant"


async def test_refreshing_lasts_no_longer_than_its_whole_life(realm: Realm) -> None:
    """However often it is rotated, a family ends when its first token said that it would."""
    session = await realm.session()
    answer = await realm.tokens(session)
    for _ in range(5):
        realm.at += 6 * DAY - 1
        await realm.run(f"UPDATE sessions SET expires_at = {realm.at + DAY}, ends_at = {realm.at + 9 * DAY}")
        answer = await realm.refresh(answer.refresh_token)
    realm.at += 4
    assert (await realm.refresh(answer.refresh_token)).refresh_token
    realm.at += 1
    assert await _refused(realm, answer.refresh_token) == "invalid_grant"


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
async def test_token_dies_with_what_it_rests_on(realm: Realm, sql: str) -> None:
    """A refresh token is worth nothing once session, user or organization have ended, or all was revoked."""
    first = await realm.tokens()
    await realm.run(sql)
    assert await _refused(realm, first.refresh_token) == "invalid_grant"


async def test_refresh_is_activity_of_the_session(realm: Realm) -> None:
    """A refresh moves the end of the session, as far as its whole life goes."""
    first = await realm.tokens()
    realm.at += 6 * DAY
    await realm.refresh(first.refresh_token)
    assert await realm.ask("SELECT active_at, expires_at FROM sessions") == [(realm.at, realm.at + TERMS.session_idle)]


async def test_tokens_are_kept_as_hashes_and_the_salt_does_not_tell_the_next(realm: Realm) -> None:
    """The store holds no refresh token; a successor follows from the token and the salt together."""
    first = await realm.tokens()
    ((hash_, salt),) = await realm.ask("SELECT token_hash, salt FROM refresh_tokens")
    assert first.refresh_token is not None
    assert hash_ == token_hash(first.refresh_token)
    second = await realm.refresh(first.refresh_token)
    assert second.refresh_token == successor(first.refresh_token, salt)
    assert len(second.refresh_token) == 43


async def test_what_nobody_knows_keeps_no_writer_waiting(realm: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refresh token that is unknown, another client's or revoked is refused without a transaction."""
    others, revoked = await realm.tokens(), await realm.tokens(client=SPA)
    await realm.run("UPDATE authorizations SET revoked_at = 1 WHERE client_id = 2")
    monkeypatch.setattr(realm.executor, "transaction", None)
    for junk in ("x" * 43, others.refresh_token, revoked.refresh_token):
        assert await _refused(realm, junk, client=SPA) == "invalid_grant"

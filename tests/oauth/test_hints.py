"""ID token hints: only what we signed, for what it is."""

from __future__ import annotations

import pytest
from oauth.people import GIGI
from oauth.realm import APP, ISSUER, Realm

from authsvc.domain.clock import SECOND
from authsvc.oauth.hints import Hint, Hints


async def test_old_id_token_still_tells_whose_it_is(realm: Realm) -> None:
    """An ID token tells user, session and client, also after it has expired."""
    session = await realm.session()
    answer = await realm.tokens(session)
    realm.at += 7200 * SECOND
    assert await Hints(realm.keyring, ISSUER).read(answer.id_token or "") == Hint(GIGI, session.id, APP)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.example", "sub": "10", "aud": APP},
        {"sub": "10", "aud": APP},
        {"iss": ISSUER, "sub": "gigi", "aud": APP},
        {"iss": ISSUER, "aud": APP},
        {"iss": ISSUER, "sub": "10", "aud": [APP]},
        {"iss": ISSUER, "sub": "10"},
    ],
)
async def test_other_claims_are_no_hint(realm: Realm, claims: dict[str, object]) -> None:
    """A token of another issuer, or without user and client, is none even if our key has signed it."""
    token = await realm.keyring.sign(claims, typ="JWT", algorithm="RS256")
    assert await Hints(realm.keyring, ISSUER).read(token) is None


async def test_access_token_is_no_hint(realm: Realm) -> None:
    """A token that was made for something else does not pass for an ID token."""
    claims = {"iss": ISSUER, "sub": "10", "aud": APP}
    token = await realm.keyring.sign(claims, typ="at+jwt", algorithm="RS256")
    assert await Hints(realm.keyring, ISSUER).read(token) is None
    for text in ("", "x", "x.y.z", "x" * 9_000):
        assert await Hints(realm.keyring, ISSUER).read(text) is None

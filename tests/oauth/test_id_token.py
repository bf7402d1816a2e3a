"""ID tokens: what they say, and that clients can verify it."""

from __future__ import annotations

import pytest
from oauth.people import GIGI, START
from oauth.realm import APP, ISSUER, Realm

from authsvc.domain.authorizations import Holder
from authsvc.domain.clock import SECOND
from authsvc.oauth.id_token import ONE_FACTOR, TWO_FACTORS, at_hash, authentication


@pytest.mark.parametrize("algorithm", ["RS256", "EdDSA"])
async def test_client_can_verify_who_signed_in_and_how(realm: Realm, algorithm: str) -> None:
    """The ID token is signed by the client's algorithm, and names issuer, person, client, session, times and nonce."""
    await realm.put_client(1, APP, signing_algorithm=algorithm)
    session = await realm.session()
    realm.at += 5 * SECOND
    answer = await realm.tokens(session)
    token = await realm.decoded(answer.id_token)
    assert (token.header["alg"], token.header["typ"]) == (algorithm, "JWT")
    at = realm.at // SECOND
    assert token.claims == {
        "iss": ISSUER,
        "sub": str(GIGI),
        "aud": APP,
        "azp": APP,
        "iat": at,
        "exp": at + 3600,
        "auth_time": START // SECOND,
        "nonce": "n-1",
        "at_hash": at_hash(answer.access_token, algorithm),
        "acr": ONE_FACTOR,
        "amr": ["pwd"],
        "sid": str(session.id),
    }


async def test_request_without_nonce_gets_none(realm: Realm) -> None:
    """There is a nonce only if the request had one."""
    answer = await realm.tokens(nonce="")
    assert "nonce" not in (await realm.decoded(answer.id_token)).claims


def test_hash_is_that_of_the_specification() -> None:
    """`at_hash` is the left half of SHA-256, in base64url without padding: OIDC Core, appendix A.3."""
    assert at_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "RS256") == "77QmUPtjPfzWtF2AnpK9RQ"
    assert len(at_hash("x", "EdDSA")) == 43


@pytest.mark.parametrize(
    ("holder", "claims"),
    [
        (Holder(1, 1, None, None, ""), {}),
        (Holder(1, 1, 7, None, ""), {"sid": "7"}),
        (Holder(1, 1, 7, 5 * SECOND, "pwd"), {"sid": "7", "auth_time": 5, "acr": ONE_FACTOR, "amr": ["pwd"]}),
        (
            Holder(1, 1, 7, 5 * SECOND, "pwd otp mfa"),
            {"sid": "7", "auth_time": 5, "acr": TWO_FACTORS, "amr": ["pwd", "otp", "mfa"]},
        ),
    ],
)
def test_authentication_is_told_as_far_as_it_is_known(holder: Holder, claims: dict[str, object]) -> None:
    """What nobody knows is left out; two factors are more than one."""
    assert authentication(holder) == claims

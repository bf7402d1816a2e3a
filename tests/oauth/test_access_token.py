"""Access tokens as JWTs: what other resource servers read in them."""

from __future__ import annotations

from oauth.people import GIGI, START
from oauth.realm import APP, ISSUER, PROJECT, Realm

from authsvc.domain.authorizations import Holder
from authsvc.domain.clock import SECOND
from authsvc.domain.users import AccessTokenType
from authsvc.oauth.access_token import access_token_claims
from authsvc.oauth.id_token import ONE_FACTOR

_PROJECT_SCOPE = f"openid urn:zitadel:iam:org:project:id:{PROJECT}:aud"


async def test_resource_server_can_verify_the_token(realm: Realm) -> None:
    """It is an `at+jwt` with all that RFC 9068 demands, meant for the client and the projects of its scope."""
    await realm.put_client(1, APP, access_token_type=AccessTokenType.JWT.value)
    session = await realm.session()
    answer = await realm.tokens(session, scope=_PROJECT_SCOPE)
    token = await realm.decoded(answer.access_token)
    assert (token.header["alg"], token.header["typ"]) == ("RS256", "at+jwt")
    at = realm.at // SECOND
    ((token_id,),) = await realm.ask("SELECT id FROM access_tokens")
    assert token.claims == {
        "iss": ISSUER,
        "sub": str(GIGI),
        "aud": [APP, str(PROJECT)],
        "client_id": APP,
        "iat": at,
        "exp": at + 3600,
        "jti": str(token_id),
        "scope": _PROJECT_SCOPE,
        "auth_time": at,
        "acr": ONE_FACTOR,
        "amr": ["pwd"],
        "sid": str(session.id),
    }
    assert await realm.is_good(answer.access_token)


def test_program_without_client_goes_by_its_user() -> None:
    """A token that no client got is meant for the issuer, and says that the user is its client."""
    claims = access_token_claims(ISSUER, 5, Holder(GIGI, 1, None, None, ""), "openid", None, at=START, expires_at=START)
    assert (claims["aud"], claims["client_id"]) == ([ISSUER], str(GIGI))
    assert not {"sid", "auth_time", "acr", "amr", "act"} & claims.keys()


def test_impersonator_is_named() -> None:
    """A token of an impersonated session says who really acts."""
    holder = Holder(GIGI, 1, 7, None, "", "ops@example.com")
    claims = access_token_claims(ISSUER, 5, holder, "openid", None, at=START, expires_at=START)
    assert claims["act"] == {"sub": "ops@example.com"}

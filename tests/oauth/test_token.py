"""The token endpoint: which grant a request goes to."""

from __future__ import annotations

import pytest
from oauth.people import VISITOR
from oauth.realm import CALLBACK, VERIFIER, Realm, asking

from authsvc.oauth.errors import OAuthError
from authsvc.oauth.exchange import TokenRequest
from authsvc.oauth.token import TokenEndpoint


async def test_request_goes_to_its_grant(realm: Realm) -> None:
    """The value of `grant_type` decides who answers."""
    endpoint = TokenEndpoint({"authorization_code": realm.codes, "refresh_token": realm.refreshing})
    code = await realm.granted()
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    first = await endpoint.answer(asking(**form))
    second = await endpoint.answer(asking(grant_type="refresh_token", refresh_token=first.refresh_token or ""))
    assert second.access_token != first.access_token
    assert endpoint.grant_types == ("authorization_code", "refresh_token")


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({"grant_type": "Authorization_code"}, "unsupported_grant_type"),
    ],
)
async def test_other_grant_types_do_not_exist(realm: Realm, form: dict[str, str], code: str) -> None:
    """A grant type that is missing or unknown is refused before anything else is looked at."""
    endpoint = TokenEndpoint({"authorization_code": realm.codes})
    with pytest.raises(OAuthError) as caught:
        await endpoint.answer(TokenRequest(form, [], VISITOR))
    assert caught.value.code == code

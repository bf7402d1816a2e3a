"""The claims about whoever a token stands for, over HTTP."""

from __future__ import annotations

import pytest
from oauth.people import GIGI
from oauth.realm import Realm
from oidc.stage import Person

PATH = "/oidc/v1/userinfo"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_claims(realm: Realm, person: Person, method: str, scheme: str) -> None:
    """Whoever holds the token gets the claims of its scope, by either method."""
    token = (await realm.tokens(scope="openid profile")).access_token
    response = await person.http.request(method, PATH, headers={"authorization": f"{scheme} {token}"})
    assert response.status_code == 200
    assert (response.json()["sub"], response.json()["name"]) == (str(GIGI), "Gigi")
    assert "email" not in response.json()
    assert response.headers["cache-control"] == "no-store"


async def test_no_token(person: Person) -> None:
    """Whoever sent none is told the scheme, and of no error (RFC 6750, section 3.1)."""
    answer = await person.get(PATH)
    assert (answer.status, answer.text) == (401, "")
    assert answer.headers["www-authenticate"] == 'Bearer realm="authsvc"'


@pytest.mark.parametrize("token", ["x", "a.b.c", "ä", "x y", "A" * 9000])
async def test_a_bad_token(person: Person, token: str) -> None:
    """A token that cannot be used gets one answer, whatever is wrong with it."""
    response = await person.http.get(PATH, headers=[(b"authorization", b"Bearer " + token.encode())])
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="authsvc", error="invalid_token"'


async def test_two_headers(realm: Realm, person: Person) -> None:
    """Two of them are none."""
    header = (b"authorization", f"Bearer {(await realm.tokens()).access_token}".encode())
    assert (await person.http.get(PATH, headers=[header, header])).status_code == 401


async def test_a_token_of_the_wrong_sort(realm: Realm, person: Person) -> None:
    """One without the scope `openid` is known, but not for this; an ID token is none at all."""
    tokens = await realm.tokens()
    await realm.run("UPDATE access_tokens SET scope = 'profile'")
    answer = await person.get(PATH, authorization=f"Bearer {tokens.access_token}")
    assert (answer.status, answer.json["error"]) == (403, "insufficient_scope")
    challenge = 'Bearer realm="authsvc", error="insufficient_scope", scope="openid"'
    assert answer.headers["www-authenticate"] == challenge
    assert (await person.get(PATH, authorization=f"Bearer {tokens.id_token}")).status == 401


async def test_a_token_counts_in_the_header_only(realm: Realm, person: Person) -> None:
    """One in the address or in a form is not looked at."""
    token = (await realm.tokens()).access_token
    assert (await person.get(f"{PATH}?access_token={token}")).status == 401
    assert (await person.post(PATH, {"access_token": token})).status == 401

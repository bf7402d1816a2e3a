"""Client authentication: every way in which a client can say who it is, and cannot."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import pytest
from oauth.people import VISITOR
from oauth.realm import APP, OTHER, SECRET, SPA, Realm, basic

from authsvc.domain.accounts import Visitor
from authsvc.domain.tokens import token_hash
from authsvc.oauth.errors import OAuthError
from authsvc.oauth.exchange import TokenRequest
from authsvc.oauth.guessing import TooManyAttempts


def _raw(pair: bytes) -> str:
    return "Basic " + base64.b64encode(pair).decode()


@pytest.mark.parametrize(
    ("headers", "form", "client_id"),
    [
        ([basic(APP, SECRET)], {}, APP),
        ([basic(APP, SECRET)], {"client_id": APP}, APP),
        ([basic(APP, SECRET).replace("Basic", "bAsIc")], {}, APP),
        ([], {"client_id": APP, "client_secret": SECRET}, APP),
        ([], {"client_id": SPA}, SPA),
        ([], {"client_id": SPA, "client_secret": ""}, SPA),
        ([basic(SPA, "")], {}, SPA),
    ],
)
async def test_ways_in(realm: Realm, headers: list[str], form: Mapping[str, str], client_id: str) -> None:
    """A client shows its secret in the header or in the form; a public one only says its name."""
    client = await realm.authentication.client(TokenRequest(form, headers, VISITOR))
    assert client.client_id == client_id


@pytest.mark.parametrize(
    ("headers", "form", "code"),
    [
        ([], {}, "invalid_client"),
        ([], {"client_id": ""}, "invalid_client"),
        ([], {"client_secret": SECRET}, "invalid_client"),
        ([], {"client_id": APP}, "invalid_client"),
        ([], {"client_id": APP, "client_secret": ""}, "invalid_client"),
        ([], {"client_id": APP, "client_secret": SECRET + "x"}, "invalid_client"),
        ([], {"client_id": APP.upper(), "client_secret": SECRET}, "invalid_client"),
        ([], {"client_id": "nobody", "client_secret": SECRET}, "invalid_client"),
        ([], {"client_id": "nobody"}, "invalid_client"),
        ([], {"client_id": SPA, "client_secret": SECRET}, "invalid_client"),
        ([basic(SPA, SECRET)], {}, "invalid_client"),
        ([basic(APP, "")], {}, "invalid_client"),
        ([basic(APP, "wrong")], {}, "invalid_client"),
        ([basic("", SECRET)], {}, "invalid_client"),
        ([_raw(f"{APP}{SECRET}".encode())], {}, "invalid_client"),
        ([_raw(b"\xff:\xff")], {}, "invalid_client"),
        ([_raw(b"%ff:%ff")], {}, "invalid_client"),
        (["Basic !!!"], {}, "invalid_client"),
        (["Basic "], {}, "invalid_client"),
        (["Basic"], {}, "invalid_client"),
        ([basic(APP, SECRET), basic(APP, SECRET)], {}, "invalid_client"),
        (["Bearer " + SECRET], {"client_id": SPA}, "invalid_client"),
        ([basic(APP, SECRET)], {"client_id": APP, "client_secret": SECRET}, "invalid_request"),
        ([basic(APP, SECRET)], {"client_id": OTHER}, "invalid_request"),
        ([basic(APP, SECRET)], {"client_secret": SECRET}, "invalid_request"),
    ],
)
async def test_no_way_in(realm: Realm, headers: list[str], form: Mapping[str, str], code: str) -> None:
    """No or two credentials, unknown names, wrong secrets, and secrets of public clients are refused."""
    with pytest.raises(OAuthError) as caught:
        await realm.authentication.client(TokenRequest(form, headers, VISITOR))
    assert caught.value.code == code
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", ["a:b c%/ü+&", "100%"])
async def test_credentials_in_the_header_are_percent_decoded(realm: Realm, name: str) -> None:
    """Names and secrets of any characters go through the header, each encoded as in a form."""
    secret = name + "+s"
    await realm.put_client(9, name, secret_hash=token_hash(secret))
    assert (await realm.authentication.client(TokenRequest({}, [basic(name, secret)], VISITOR))).client_id == name


async def test_inactive_client_is_refused(realm: Realm) -> None:
    """A client that was switched off is refused as if it were unknown."""
    await realm.put_client(1, APP, state=2)
    with pytest.raises(OAuthError, match="invalid_client"):
        await realm.authentication.client(TokenRequest({}, [basic(APP, SECRET)], VISITOR))


async def test_public_client_is_not_confidential(realm: Realm) -> None:
    """Where a secret is demanded, a public client is refused."""
    with pytest.raises(OAuthError, match="invalid_client"):
        await realm.authentication.confidential(TokenRequest({"client_id": SPA}, [], VISITOR))


async def test_failures_are_counted_by_address(realm: Realm) -> None:
    """An address that fails too often is told to wait; the right secret is accepted all the same."""
    wrong = TokenRequest({}, [basic(APP, "wrong")], VISITOR)
    for _ in range(50):
        with pytest.raises(OAuthError):
            await realm.authentication.client(wrong)
    with pytest.raises(TooManyAttempts) as caught:
        await realm.authentication.client(wrong)
    assert caught.value.retry_after == 3
    await realm.authentication.client(wrong._replace(authorization=[basic(APP, SECRET)]))
    with pytest.raises(OAuthError):
        await realm.authentication.client(wrong._replace(visitor=Visitor("192.0.2.8")))

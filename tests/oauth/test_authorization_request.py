"""Authorization requests: what is read, and who is told when something is wrong."""

from __future__ import annotations

import pytest
from oauth.people import START
from oauth.realm import APP, CALLBACK, ISSUER, OTHER, SPA, Realm, answer_of, pairs

from authsvc.domain.clock import SECOND
from authsvc.oauth.authorization import AuthorizationRequest, Redirected, Unsafe
from authsvc.oauth.authorization_request import Address


async def _error(realm: Realm, given: list[tuple[str, str]]) -> str:
    """The error that the client is told, in a redirect that has all it must have."""
    with pytest.raises(Redirected) as caught:
        await realm.authorization.request(given)
    assert caught.value.location.startswith(CALLBACK + "?")
    answer = answer_of(caught.value.location)
    assert answer.pop("iss") == ISSUER
    assert answer.pop("error_description")
    error = answer.pop("error")
    assert answer in ({"state": "s t&te"}, {})
    return error


async def test_good_request_is_read(realm: Realm) -> None:
    """A request has its client, where the answer goes, and what is asked for; what is unknown is ignored."""
    given = pairs(
        prompt="login consent", max_age="0", login_hint="gigi", ui_locales="de en", acr_values="x", claims="{}", foo="1"
    )
    request = await realm.authorization.request(given)
    assert isinstance(request, AuthorizationRequest)
    assert (request.client.client_id, request.redirect_uri, request.state) == (APP, CALLBACK, "s t&te")
    assert (request.scope, request.nonce) == ("openid offline_access", "n-1")
    assert (request.prompt, request.max_age) == (frozenset({"login", "consent"}), 0)
    assert request.login_hint == "gigi"
    assert request.hint is None


async def test_optional_parameters_may_be_missing_or_empty(realm: Realm) -> None:
    """State, nonce and all the rest can be left out; without a value they count as left out."""
    names = ("state", "nonce", "prompt", "max_age", "login_hint", "id_token_hint", "request", "request_uri")
    request = await realm.authorization.request(pairs(**dict.fromkeys(names, "")))
    assert (request.state, request.nonce, request.prompt, request.max_age) == (None, None, frozenset(), None)
    request = await realm.authorization.request(pairs(without="state"))
    assert "state" not in answer_of(realm.authorization.refuse(request))


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ([], "error.unknown_client"),
        (pairs(without="client_id"), "error.unknown_client"),
        (pairs(client_id=""), "error.unknown_client"),
        (pairs(client_id="nobody"), "error.unknown_client"),
        (pairs(("client_id", APP)), "error.malformed"),
        (pairs(("client_id", OTHER)), "error.malformed"),
        (pairs(("redirect_uri", CALLBACK)), "error.malformed"),
        (pairs(without="redirect_uri"), "error.redirect_uri"),
        (pairs(redirect_uri=""), "error.redirect_uri"),
        (pairs(redirect_uri=CALLBACK + "/"), "error.redirect_uri"),
        (pairs(redirect_uri="https://evil.example/"), "error.redirect_uri"),
        (pairs(redirect_uri="http://127.0.0.1:5/cb"), "error.redirect_uri"),
    ],
)
async def test_nobody_is_sent_to_where_no_client_is(realm: Realm, given: list[tuple[str, str]], key: str) -> None:
    """Without a known client and one of its redirect URIs there is no redirect, whatever else is wrong."""
    for request in (given, [*given, ("prompt", "bad"), ("prompt", "bad")]):
        with pytest.raises(Unsafe) as caught:
            await realm.authorization.request(request)
        assert caught.value.key == key


async def test_inactive_client_is_unknown(realm: Realm) -> None:
    """A client that was switched off gets nobody, not even an error."""
    await realm.put_client(1, APP, state=2)
    with pytest.raises(Unsafe):
        await realm.authorization.request(pairs())


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (pairs(without="response_type"), "invalid_request"),
        (pairs(response_type="token"), "unsupported_response_type"),
        (pairs(response_type="id_token"), "unsupported_response_type"),
        (pairs(response_type="code id_token"), "unsupported_response_type"),
        (pairs(response_type="none"), "unsupported_response_type"),
        (pairs(response_mode="fragment"), "invalid_request"),
        (pairs(response_mode="form_post"), "invalid_request"),
        (pairs(without="scope"), "invalid_scope"),
        (pairs(scope="admin"), "invalid_scope"),
        (pairs(scope='"'), "invalid_scope"),
        (pairs(without="code_challenge"), "invalid_request"),
        (pairs(without="code_challenge_method"), "invalid_request"),
        (pairs(code_challenge_method="plain"), "invalid_request"),
        (pairs(code_challenge_method="s256"), "invalid_request"),
        (pairs(code_challenge="c" * 42), "invalid_request"),
        (pairs(code_challenge="c" * 44), "invalid_request"),
        (pairs(code_challenge="c" * 42 + "="), "invalid_request"),
        (pairs(code_challenge="c" * 43 + "\n"), "invalid_request"),
        (pairs(prompt="none login"), "invalid_request"),
        (pairs(prompt="none consent"), "invalid_request"),
        (pairs(prompt="create"), "invalid_request"),
        (pairs(prompt="LOGIN"), "invalid_request"),
        (pairs(max_age="-1"), "invalid_request"),
        (pairs(max_age="1.5"), "invalid_request"),
        (pairs(max_age="٣"), "invalid_request"),
        (pairs(max_age="9" * 11), "invalid_request"),
        (pairs(request="e30.e30."), "request_not_supported"),
        (pairs(request_uri="https://app.example/request"), "request_uri_not_supported"),
        (pairs(registration="{}"), "registration_not_supported"),
        (pairs(id_token_hint="x"), "login_required"),
        (pairs(("scope", "openid")), "invalid_request"),
        (pairs(("state", "other")), "invalid_request"),
        (pairs(("nonce", "")), "invalid_request"),
        (pairs(("foo", "1"), ("foo", "1")), "invalid_request"),
    ],
)
async def test_client_is_told_of_everything_else(realm: Realm, given: list[tuple[str, str]], error: str) -> None:
    """All other mistakes go to the client in the query of its redirect URI, with `state` and `iss`."""
    assert await _error(realm, given) == error


async def test_state_that_is_there_twice_comes_not_back(realm: Realm) -> None:
    """Of two states none is the client's."""
    with pytest.raises(Redirected) as caught:
        await realm.authorization.request(pairs(("state", "other")))
    assert "state" not in answer_of(caught.value.location)


async def test_client_needs_the_grant_type(realm: Realm) -> None:
    """A client that may not use codes is told so."""
    await realm.put_client(1, APP, grant_types="refresh_token")
    assert await _error(realm, pairs()) == "unauthorized_client"


async def test_hint_is_an_id_token_of_this_client(realm: Realm) -> None:
    """An ID token that this client got is a hint however old; one of another client, or any other token, is none."""
    mine, spas = (await realm.tokens()).id_token or "", (await realm.tokens(client=SPA)).id_token or ""
    realm.at += 20 * 24 * 3600 * SECOND
    request = await realm.authorization.request(pairs(id_token_hint=mine))
    assert request.hint is not None
    assert request.hint.client_id == APP
    for bad in (spas, mine[:-8] + "A" * 8, mine + "=", "x" * 10_000):
        assert await _error(realm, pairs(id_token_hint=bad)) == "login_required"


@pytest.mark.parametrize(
    ("uri", "location"),
    [
        ("https://a.example", "https://a.example?code=c&state=s+%26&iss=https%3A%2F%2Fi.example"),
        ("https://a.example/x?y=1", "https://a.example/x?y=1&code=c&state=s+%26&iss=https%3A%2F%2Fi.example"),
    ],
)
def test_answer_is_added_to_the_query(uri: str, location: str) -> None:
    """The answer's parameters come behind those that the redirect URI has."""
    assert Address("https://i.example", "app", uri, "s &").location({"code": "c"}) == location


async def test_loopback_port_is_the_native_clients_choice(realm: Realm) -> None:
    """A native client gets its answer on the port that it names."""
    await realm.put_client(5, "cli", secret_hash=None, native=True, redirect_uris="http://127.0.0.1/callback")
    uri = f"http://127.0.0.1:{START % 50_000 + 1_024}/callback"
    request = await realm.authorization.request(pairs(client_id="cli", redirect_uri=uri))
    assert realm.authorization.refuse(request).startswith(uri + "?")

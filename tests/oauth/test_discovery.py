"""Discovery: what is advertised is what works."""

from __future__ import annotations

import pytest
from oauth.people import VISITOR
from oauth.realm import ISSUER, SECRET, Realm, basic, pairs

from authsvc.domain.clients import CLIENT_GRANTS, SIGNING_ALGORITHMS
from authsvc.oauth.authorization import Redirected
from authsvc.oauth.discovery import metadata
from authsvc.oauth.exchange import TokenRequest
from authsvc.oauth.id_token import ACR_VALUES

DOCUMENT = metadata(ISSUER, [str(grant) for grant in CLIENT_GRANTS], ["en", "de"])


def test_document_has_what_the_specifications_demand() -> None:
    """Everything that OIDC Discovery demands is there, all addresses are below the issuer, and no list is empty."""
    demanded = {
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "response_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported",
    }
    assert demanded <= DOCUMENT.keys()
    addresses = [value for name, value in DOCUMENT.items() if name.endswith(("_endpoint", "_uri"))]
    assert all(address.startswith(ISSUER + "/o") for address in addresses)
    assert len(addresses) == len(set(addresses)) == 7 + 1
    assert all(DOCUMENT[name] for name in DOCUMENT if name.endswith("_supported") and "parameter" not in name)
    assert "RS256" in DOCUMENT["id_token_signing_alg_values_supported"]
    assert "none" not in DOCUMENT["id_token_signing_alg_values_supported"]


def test_what_defaults_to_yes_is_denied_and_what_defaults_to_no_is_affirmed() -> None:
    """Request objects by reference count as supported unless they are denied, `iss` in answers unless affirmed."""
    assert DOCUMENT["request_uri_parameter_supported"] is False
    assert DOCUMENT["authorization_response_iss_parameter_supported"] is True


def test_device_endpoint_goes_with_its_grant() -> None:
    """Without the device grant nobody is sent to its endpoint."""
    without = metadata(ISSUER, ["authorization_code"], ["en"])
    assert "device_authorization_endpoint" in DOCUMENT
    assert "device_authorization_endpoint" not in without
    assert without["grant_types_supported"] == ["authorization_code"]


@pytest.mark.parametrize(
    ("parameter", "name", "others"),
    [
        ("response_type", "response_types_supported", ("token", "id_token", "code token")),
        ("response_mode", "response_modes_supported", ("fragment", "form_post", "jwt")),
        ("code_challenge_method", "code_challenge_methods_supported", ("plain",)),
        ("prompt", "prompt_values_supported", ("create",)),
        ("scope", "scopes_supported", ("address",)),
    ],
)
async def test_requests_take_what_is_advertised_and_nothing_else(
    realm: Realm, parameter: str, name: str, others: tuple[str, ...]
) -> None:
    """Each advertised value of a parameter is accepted, and others are refused."""
    for value in DOCUMENT[name]:
        assert await realm.authorization.request(pairs(**{parameter: value}))
    for value in others:
        with pytest.raises(Redirected):
            await realm.authorization.request(pairs(**{parameter: value}))


async def test_clients_authenticate_as_advertised(realm: Realm) -> None:
    """Each advertised way of client authentication works."""
    requests = {
        "client_secret_basic": TokenRequest({}, [basic("app", SECRET)], VISITOR),
        "client_secret_post": TokenRequest({"client_id": "app", "client_secret": SECRET}, [], VISITOR),
        "none": TokenRequest({"client_id": "spa"}, [], VISITOR),
    }
    assert DOCUMENT["token_endpoint_auth_methods_supported"] == list(requests)
    for method, request in requests.items():
        assert await realm.authentication.client(request)
        token = request._replace(form={**request.form, "token": "x"})
        if method in DOCUMENT["introspection_endpoint_auth_methods_supported"]:
            assert await realm.introspection.answer(token) == {"active": False}
        if method in DOCUMENT["revocation_endpoint_auth_methods_supported"]:
            await realm.revocation.revoke(token)


@pytest.mark.parametrize("algorithm", SIGNING_ALGORITHMS)
async def test_claims_are_those_advertised(realm: Realm, algorithm: str) -> None:
    """ID tokens have only advertised claims, signed by advertised algorithms; their `acr` is advertised too."""
    await realm.put_client(1, "app", signing_algorithm=algorithm, trusted=True)
    answer = await realm.tokens()
    token = await realm.decoded(answer.id_token)
    assert token.header["alg"] in DOCUMENT["id_token_signing_alg_values_supported"]
    assert token.claims.keys() <= set(DOCUMENT["claims_supported"])
    assert token.claims["acr"] in ACR_VALUES
    assert list(ACR_VALUES) == DOCUMENT["acr_values_supported"]

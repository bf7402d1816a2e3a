"""The module of OIDCCConfigTestPlan, with the server as it puts itself together for `authsvc serve`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from joserfc.jwk import KeySet
from oidc.stage import Page, Person

from authsvc.authserver import Stores, open_auth_server
from authsvc.config import Settings
from authsvc.identity.activity import Activity
from authsvc.identity.api_keys import KeyAuthenticator
from authsvc.identity.rate import Rate
from authsvc.store.activity import SessionActivity
from authsvc.store.backends import BackendReads
from authsvc.store.reads import Reads
from authsvc.store.sqlite import SqliteExecutor
from authsvc.store.writes import Writes

ISSUER = "https://auth.example"
DISCOVERY = f"{ISSUER}/.well-known/openid-configuration"
LISTS = {
    "scopes_supported",
    "response_types_supported",
    "response_modes_supported",
    "grant_types_supported",
    "acr_values_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
    "token_endpoint_auth_methods_supported",
    "introspection_endpoint_auth_methods_supported",
    "revocation_endpoint_auth_methods_supported",
    "claim_types_supported",
    "claims_supported",
    "ui_locales_supported",
    "code_challenge_methods_supported",
    "prompt_values_supported",
}
TRUTHS = {
    "claims_parameter_supported",
    "request_parameter_supported",
    "request_uri_parameter_supported",
    "authorization_response_iss_parameter_supported",
}
ADDRESSES = {
    "issuer",
    "jwks_uri",
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "introspection_endpoint",
    "end_session_endpoint",
    "revocation_endpoint",
    "device_authorization_endpoint",
}
OF_PRIVATE_KEYS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
MEMBERS = {"RSA": {"n", "e"}, "OKP": {"crv", "x"}}
BASE64URL = re.compile(r"[A-Za-z0-9_\-]+")


@pytest.fixture
async def anybody(executor: SqliteExecutor, tmp_path: Path) -> Person:
    """Somebody who asks the server that the settings make."""
    settings = Settings(issuer=ISSUER, secret_key_file=tmp_path / "secret.key")
    writes, backends = Writes(executor), BackendReads(executor)
    keys, activity = KeyAuthenticator(backends, writes, Rate(1)), Activity(SessionActivity(executor))
    stores = Stores(executor, writes, Reads(executor), backends)
    return Person((await open_auth_server(settings, stores, keys, activity)).engine)


def described(page: Page) -> dict[str, Any]:
    """The document, which is JSON, and has no member that nobody has registered or that is of another type."""
    assert page.status == 200
    assert page.headers["content-type"] == "application/json"
    document: dict[str, Any] = page.json
    assert document.keys() <= LISTS | TRUTHS | ADDRESSES
    for name in LISTS & document.keys():
        assert document[name]
        assert all(type(each) is str and each for each in document[name])
        assert len(set(document[name])) == len(document[name])
    assert all(type(document[name]) is bool for name in TRUTHS & document.keys())
    for name in ADDRESSES & document.keys():
        address = urlsplit(document[name])
        assert (address.scheme, bool(address.hostname), address.fragment) == ("https", True, "")
    return document


async def test_oidcc_discovery_endpoint_verification(anybody: Person) -> None:
    """The document stands where its issuer says, is whole, names https addresses only, and its keys can be used."""
    document = described(await anybody.get(DISCOVERY))
    assert document["issuer"] + "/.well-known/openid-configuration" == DISCOVERY
    assert document["response_types_supported"] == ["code"]
    assert document["subject_types_supported"] == ["public"]
    assert "RS256" in document["id_token_signing_alg_values_supported"]
    assert {"authorization_code", "refresh_token"} <= set(document["grant_types_supported"])
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert {"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"} <= document.keys()
    assert {"sub", "name", "email"} <= set(document["claims_supported"])
    assert "openid" in document["scopes_supported"]
    assert all(re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]+", scope) for scope in document["scopes_supported"])
    assert all(re.fullmatch(r"[a-z]{2,3}", tag) for tag in document["ui_locales_supported"])
    await check_keys(anybody, document["jwks_uri"])


async def check_keys(anybody: Person, address: str) -> None:
    """The keys are public ones, each with a name of its own, and there is one for every algorithm of ID tokens."""
    page = await anybody.get(address)
    assert page.headers["content-type"] == "application/json"
    keys: list[dict[str, Any]] = page.json["keys"]
    assert {key["alg"] for key in keys} == {"RS256", "EdDSA"}
    assert len({key["kid"] for key in keys}) == len(keys)
    for key in keys:
        assert not OF_PRIVATE_KEYS & key.keys()
        assert key["use"] == "sig"
        assert all(BASE64URL.fullmatch(key[name]) for name in MEMBERS[key["kty"]])
    assert len(KeySet.import_key_set({"keys": keys}).keys) == len(keys)

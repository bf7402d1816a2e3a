"""The settings of signing in: who issues tokens, how long things last, and whose other tokens are accepted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trustme
from refusals import refusal, toml

from authsvc.config import Address, load
from authsvc.domain.authorizations import Terms

NOT_SECURE = "must be an https address; http is only for localhost and loopback addresses"
ISSUER = {"issuer": "https://id.example/realms/zoo", "audience": "authsvc", "jwks_uri": "https://id.example/keys"}
BY_QUESTION: dict[str, object] = {
    "issuer": "http://id.internal",
    "audience": "authsvc",
    "introspection_uri": "http://127.0.0.1:9000/introspect?a=b",
    "client_id": "authsvc",
    "client_secret": "canary",
    "algorithms": "ES256, EdDSA",
    "user_claim": "email",
}


def test_trusted_issuers(tmp_path: Path) -> None:
    """Tables in the file and a JSON text elsewhere mean the same issuers, with the same defaults."""
    tables = "".join(
        f"[[trusted_issuers]]\n{''.join(f'{name} = {json.dumps(value)}' + chr(10) for name, value in each.items())}"
        for each in (ISSUER, BY_QUESTION)
    )
    text = json.dumps([ISSUER, BY_QUESTION])
    found = load({}, {}, toml(tmp_path, tables)).issuers()
    assert (
        found == load({}, {"AUTHSVC_TRUSTED_ISSUERS": text}).issuers() == load({"trusted_issuers": text}, {}).issuers()
    )
    assert [each._asdict() for each in found] == [
        {
            **ISSUER,
            "introspection_uri": None,
            "client_id": None,
            "client_secret": None,
            "algorithms": ("RS256", "ES256", "EdDSA"),
            "user_claim": "sub",
        },
        {**BY_QUESTION, "jwks_uri": None, "algorithms": ("ES256", "EdDSA")},
    ]
    assert "canary" not in repr(load({"trusted_issuers": text}, {}))


TOGETHER_3 = "introspection_uri, client_id and client_secret must be set together"
NO_ALGORITHMS = "must be some of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, Ed25519"
FOREIGN: list[tuple[dict[str, object], str]] = [
    ({"issuer": "id.example"}, "number 2 issuer: must be an http or https address, just as in the claim iss"),
    (
        {"issuer": "https://canary@id.example"},
        "number 2 issuer: must be an http or https address, just as in the claim iss",
    ),
    ({"issuer": ISSUER["issuer"]}, "must name each issuer once"),
    ({"audience": ""}, "number 2 audience: string should have at least 1 character"),
    ({"audience": ["a"]}, "number 2 audience: input should be a valid string"),
    ({"jwks_uri": None}, "number 2: needs jwks_uri or introspection_uri"),
    ({"jwks_uri": "http://id.example/keys"}, f"number 2 jwks_uri: {NOT_SECURE}"),
    ({"jwks_uri": "https://id.example/keys#canary"}, f"number 2 jwks_uri: {NOT_SECURE}"),
    ({"introspection_uri": "ftp://canary"}, f"number 2 introspection_uri: {NOT_SECURE}"),
    ({"introspection_uri": "https://id.example/i"}, f"number 2: {TOGETHER_3}"),
    ({"client_id": "a", "client_secret": "canary"}, f"number 2: {TOGETHER_3}"),
    ({"introspection_uri": "https://id.example/i", "client_id": "a"}, f"number 2: {TOGETHER_3}"),
    ({"client_secret": 1}, "number 2 client_secret: input should be a valid string"),
    ({"algorithms": []}, f"number 2 algorithms: {NO_ALGORITHMS}"),
    ({"algorithms": ["HS256"]}, f"number 2 algorithms: {NO_ALGORITHMS}"),
    ({"algorithms": "none"}, f"number 2 algorithms: {NO_ALGORITHMS}"),
    ({"algorithms": {"RS256": 1}}, f"number 2 algorithms: {NO_ALGORITHMS}"),
    ({"user_claim": ""}, "number 2 user_claim: string should have at least 1 character"),
    ({"canary": "x"}, "number 2: extra inputs are not permitted"),
]


@pytest.mark.parametrize(("change", "sentence"), FOREIGN)
def test_issuers_that_cannot_be_trusted(change: dict[str, object], sentence: str) -> None:
    """A bad issuer is refused in one sentence that counts it and shows nothing of what may be a secret."""
    other: dict[str, object] = {**ISSUER, "issuer": "https://other.example", **change}
    text = json.dumps([ISSUER, {name: value for name, value in other.items() if value is not None}])
    told = refusal(environment={"AUTHSVC_TRUSTED_ISSUERS": text})
    assert told == f"AUTHSVC_TRUSTED_ISSUERS: {sentence}"
    assert "canary" not in told


@pytest.mark.parametrize(
    ("address", "issuer"),
    [
        (Address("127.0.0.1", 8080), "http://127.0.0.1:8080"),
        (Address("0.0.0.0", 8080), "http://localhost:8080"),
        (Address("::", 8080), "http://localhost:8080"),
        (Address("::1", 8080), "http://[::1]:8080"),
        (Address("::1", 80), "http://[::1]"),
        (Address("10.0.0.1", 80), "http://10.0.0.1"),
        (Address("10.0.0.1", 443), "http://10.0.0.1:443"),
    ],
)
def test_the_issuer_is_the_one_address(address: Address, issuer: str) -> None:
    """Where no issuer is set it is the address that listens, written as browsers write it; a set one stays."""
    assert load({}, {}).at(address).issuer == issuer
    assert load({"issuer": "https://a.example"}, {}).at(address).issuer == "https://a.example"


def test_the_issuer_with_tls(tmp_path: Path) -> None:
    """With a certificate the issuer is an https address."""
    leaf = trustme.CA().issue_cert("a.example")
    leaf.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "pair.pem"))
    settings = load(dict.fromkeys(("tls_cert", "tls_key"), str(tmp_path / "pair.pem")), {})
    assert settings.at(Address("a.example", 8443)).issuer == "https://a.example:8443"
    assert settings.at(Address("a.example", 443)).issuer == "https://a.example"


def test_terms() -> None:
    """What is set in seconds is given on in microseconds."""
    flags = {"access_token_life": "61", "refresh_token_life": "62", "refresh_token_idle": "63"}
    flags = {**flags, "issuer": "https://a.example"}
    terms = load({**flags, "session_life": "64", "session_idle": "65"}, {}).terms()
    assert terms == Terms("https://a.example", 61_000_000, 62_000_000, 63_000_000, 64_000_000, 65_000_000)

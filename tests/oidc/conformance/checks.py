"""What holds of every answer (RFC 6749, sections 4.1.2, 5.1 and 5.2; OIDC Core, sections 2, 3.1.3.7 and 5.1)."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from oidc.stage import Page

_DAY = 86_400  # seconds
_SKEW = 300  # seconds
_TEXT = re.compile(r"[\x20-\x7e]+")
_DESCRIPTION = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]+")
_OF_ID_TOKENS = frozenset(
    {"iss", "sub", "aud", "azp", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid"}
)
SCOPE_CLAIMS: Mapping[str, frozenset[str]] = {
    "openid": frozenset({"sub"}),
    "profile": frozenset(
        {
            "name",
            "family_name",
            "given_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
        }
    ),
    "email": frozenset({"email", "email_verified"}),
    "address": frozenset({"address"}),
    "phone": frozenset({"phone_number", "phone_number_verified"}),
}
"""The claims that a scope asks for (OIDC Core, section 5.4)."""
_TRUTHS, _NUMBERS = {"email_verified", "phone_number_verified"}, {"updated_at"}


def is_secret(text: str) -> None:
    """Nobody guesses it: it has 128 bits, and even by how often its characters occur more than 96."""
    assert len(text) * 8 >= 128
    shares = [count / len(text) for count in Counter(text).values()]
    assert -sum(share * math.log2(share) for share in shares) * len(text) > 96


def code_answer(answer: Mapping[str, str], asked: Mapping[str, str], issuer: str) -> str:
    """The code in what the browser brings; with it come the request's state and our name, and nothing else."""
    assert answer.keys() - {"code"} == {"state", "iss"} & {*asked, "iss"}
    assert answer["iss"] == issuer
    assert answer.get("state") == asked.get("state")
    is_secret(answer["code"])
    return answer["code"]


def refusal(answer: Mapping[str, str], asked: Mapping[str, str], issuer: str) -> str:
    """The error that the browser brings instead of a code."""
    assert answer.keys() == {"error", "error_description", "iss"} | ({"state"} & asked.keys())
    assert answer["iss"] == issuer
    assert answer.get("state") == asked.get("state")
    assert _DESCRIPTION.fullmatch(answer["error_description"])
    return answer["error"]


def token_refusal(page: Page) -> str:
    """The error of the token endpoint."""
    assert page.status == 400
    assert page.headers["content-type"] == "application/json"
    assert page.json.keys() == {"error", "error_description"}
    assert _DESCRIPTION.fullmatch(page.json["error_description"])
    return str(page.json["error"])


def token_answer(page: Page) -> dict[str, Any]:
    """The tokens; no cache keeps them."""
    assert page.status == 200
    assert page.headers["content-type"] == "application/json"
    assert "no-store" in page.headers["cache-control"].split(",")
    tokens: dict[str, Any] = page.json
    assert tokens["token_type"].lower() == "bearer"
    assert type(tokens["expires_in"]) is int
    assert 0 < tokens["expires_in"] <= 365 * _DAY
    for name in {"access_token", "refresh_token"} & tokens.keys():
        assert _TEXT.fullmatch(tokens[name])
        is_secret(tokens[name])
    return tokens


def id_token(
    claims: Mapping[str, Any], tokens: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str | None, at: int
) -> None:
    """An ID token that was made now, in seconds, for this client; it tells who and how, and no more."""
    assert claims["iss"] == issuer
    assert client_id in (claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]])
    assert claims.get("azp", client_id) == client_id
    assert re.fullmatch(r"[\x20-\x7e]{1,255}", claims["sub"])
    assert all(type(claims[name]) is int for name in ("iat", "exp", "auth_time"))
    assert abs(claims["iat"] - at) <= _SKEW
    assert at - _SKEW <= claims["exp"] <= at + 50 * 365 * _DAY
    assert at - 365 * _DAY <= claims["auth_time"] <= at + _SKEW
    assert claims.get("nonce") == nonce
    assert "nonce" not in claims or claims["nonce"]
    assert claims["acr"]
    assert all(isinstance(method, str) for method in claims["amr"])
    assert claims.keys() <= _OF_ID_TOKENS
    digest = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert claims["at_hash"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def user_info(page: Page, sub: str, at: int) -> dict[str, Any]:
    """The claims, of the types that they should have; what is not known is not there."""
    assert page.status == 200
    assert page.headers["content-type"] == "application/json"
    claims: dict[str, Any] = page.json
    assert claims["sub"] == sub
    for name, value in claims.items():
        assert type(value) is (bool if name in _TRUTHS else int if name in _NUMBERS else str)
        assert not isinstance(value, str) or (value.strip() and value.lower() != "null")
    assert 20 * 365 * _DAY <= claims.get("updated_at", at) <= at + _SKEW
    return claims


def same_person(first: Mapping[str, Any], second: Mapping[str, Any]) -> None:
    """Two ID tokens that go back to the same sign-in."""
    assert first["sub"] == second["sub"]
    assert first["auth_time"] == second["auth_time"]

from __future__ import annotations

import base64
import json

import pytest
from forgeries import signed
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws as joserfc_jws
from joserfc.jwk import OKPKey

from authsvc.identity import jws

KEY = OKPKey.generate_key("Ed25519")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def _token(header: object, claims: object) -> str:
    parts = (json.dumps(part).encode("utf-8", "surrogatepass") for part in (header, claims))
    return signed(".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), KEY, "EdDSA")


@given(st.dictionaries(st.text(max_size=10), JSON, max_size=5))
def test_what_is_signed_is_read(claims: dict[str, object]) -> None:
    """Any claims come out as they went in, and the signature is that of the key."""
    token = _token({"alg": "EdDSA", "kid": "a", "typ": "Application/AT+JWT", "x": 1}, claims)
    read = jws.read(token)
    assert read is not None
    assert (read.algorithm, read.kid, read.typ, read.header["x"], read.claims) == ("EdDSA", "a", "at+jwt", 1, claims)
    assert jws.is_signed(token, KEY, "EdDSA")


@given(JSON, JSON)
def test_whatever_is_in_a_token(header: object, claims: object) -> None:
    """Whatever JSON a token is made of, it is read or refused, and never an error."""
    read = jws.read(_token(header, claims))
    assert read is None or (read.header == header and read.claims == claims)


@given(st.text())
def test_any_text(text: str) -> None:
    """Whatever text is shown as a token is refused, and never an error."""
    assert jws.read(text) is None
    assert jws.read(f"{text}.{text}.{text}") is None


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "HS256", "none", "Ed25519", ""])
def test_another_algorithm(algorithm: str) -> None:
    """A signature counts only for the algorithm that is asked for, whatever the token says."""
    token = _token({"alg": algorithm, "kid": "a"}, {})
    assert not jws.is_signed(token, KEY, "EdDSA")
    assert jws.is_signed(token, KEY, algorithm) == (algorithm == "Ed25519")  # the same by its new name (RFC 9864)


def test_what_is_too_long() -> None:
    """A header that is beyond all use is refused, however it is signed."""
    token = _token({"alg": "EdDSA", "kid": "x" * 2000}, {})
    assert jws.read(token)
    assert not jws.is_signed(token, KEY, "EdDSA")


def test_others_read_the_same() -> None:
    """What is accepted here is what the library itself takes for a signed token."""
    token = _token({"alg": "EdDSA", "kid": "a", "typ": "at+jwt"}, {"sub": "1"})
    assert joserfc_jws.deserialize_compact(token, KEY, registry=jws.Algorithm("EdDSA")).payload == b'{"sub": "1"}'

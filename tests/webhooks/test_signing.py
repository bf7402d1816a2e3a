from __future__ import annotations

import hashlib
import hmac

import pytest

from authsvc.webhooks.signing import HEADER, signature

SECRET = "whsec_secret"


@pytest.mark.parametrize("body", [b"", b"{}", '{"a":"\u00e4\U0001f992"}'.encode()])
def test_signatures_are_reckoned_as_workos_does(body: bytes) -> None:
    """The header has the time in milliseconds and the HMAC-SHA256 of time, dot and body, parted as the SDKs do it."""
    value = signature(SECRET, body, 1_768_478_400_123_999)
    digest = hmac.new(SECRET.encode(), b"1768478400123." + body, hashlib.sha256).hexdigest()
    assert value == f"t=1768478400123, v1={digest}"
    assert HEADER == "WorkOS-Signature"


def test_a_known_signature() -> None:
    """A signature reckoned elsewhere: `printf '1700000000000.{}' | openssl dgst -sha256 -hmac whsec_secret`."""
    known = "7e5d0e228d72a51791744df54da9b168cea3a087030dcb386081fa91e5880208"
    assert signature(SECRET, b"{}", 1_700_000_000_000_000) == f"t=1700000000000, v1={known}"


def test_what_changes_a_signature() -> None:
    """Another secret, body or time gives another signature."""
    first = signature(SECRET, b"{}", 1_000_000)
    others = {signature("whsec_other", b"{}", 1_000_000), signature(SECRET, b"{ }", 1_000_000)}
    assert len({first, signature(SECRET, b"{}", 1_001_000), *others}) == 4
    assert first == signature(SECRET, b"{}", 1_000_999)

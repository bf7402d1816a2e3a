"""Addresses and forms as pairs."""

from __future__ import annotations

import pytest

from authsvc.oidc.forms import BadForm, address, first, single

PAIRS = (("a", "1"), ("b", "x y&z"), ("a", "2"))


def test_an_address_keeps_its_fields() -> None:
    """Every field stays, in its order and encoded, but those that change; an empty value takes one away."""
    assert address("/p", PAIRS) == "/p?a=1&b=x+y%26z&a=2"
    assert address("/p", PAIRS, a="3") == "/p?b=x+y%26z&a=3"
    assert address("/p", PAIRS, a="", b="") == "/p"
    assert address("/p", [], c="ä") == "/p?c=%C3%A4"


def test_fields_are_there_once() -> None:
    """A field that is there twice makes the form unreadable."""
    assert single(PAIRS[:2]) == {"a": "1", "b": "x y&z"}
    with pytest.raises(BadForm):
        single(PAIRS)
    assert (first(PAIRS, "a"), first(PAIRS, "c")) == ("1", "")

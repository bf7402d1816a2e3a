from __future__ import annotations

import re

import pytest

from authsvc.domain.devices import new_user_code, parse_user_code


def test_user_code_is_eight_consonants() -> None:
    """A code has two halves of four letters, and is another each time."""
    codes = {new_user_code() for _ in range(200)}
    assert len(codes) == 200
    assert all(re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", code) for code in codes)


@pytest.mark.parametrize("typed", ["WDJB-MJHT", "wdjbmjht", " WdJb mJhT ", "W-D-J-B-M-J-H-T", "wdjb -\tmjht"])
def test_code_is_read_however_it_is_typed(typed: str) -> None:
    """Case, dashes and spaces do not matter (RFC 8628, section 6.1)."""
    assert parse_user_code(typed) == "WDJB-MJHT"


@pytest.mark.parametrize("typed", ["", "WDJB", "WDJB-MJHTT", "AEIO-UYAE", "WDJB-MJH1", "WDJB_MJHT", "ẞ" * 8, "-" * 65])
def test_what_can_be_no_code_is_none(typed: str) -> None:
    """Too few letters, too many and others are no code."""
    assert parse_user_code(typed) is None

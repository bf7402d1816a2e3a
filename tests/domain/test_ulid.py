from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.domain.ids import MAX_ID
from authsvc.domain.ulid import Ulid, canonical, parse_public_id, parse_ulid, public_id, time_of, ulid

_times = st.integers(0, (2**48 - 1) * 1_000 + 999)
_ids = st.integers(1, MAX_ID)
KNOWN = "01H93ZY4F80QPBEZ1R5B2SHQG8"


@given(_times, _ids)
def test_ulid_tells_time_and_id(created_at: int, entity_id: int) -> None:
    """The millisecond of creation and the id come back out of a ULID, whatever they are."""
    text = ulid(created_at, entity_id)
    assert parse_ulid(text) == Ulid(text, created_at // 1_000, entity_id)


@given(st.tuples(_times, _ids), st.tuples(_times, _ids))
def test_ulids_are_ordered_by_time(first: tuple[int, int], second: tuple[int, int]) -> None:
    """As texts, ULIDs are in the order of their milliseconds and then of their ids."""
    keys = [(at // 1_000, entity_id) for at, entity_id in (first, second)]
    assert (ulid(*first) < ulid(*second)) == (keys[0] < keys[1])


def test_known_ulid() -> None:
    """The milliseconds of a ULID of WorkOS are those of its first ten digits, and no id of ours is behind it."""
    assert parse_ulid(KNOWN) == Ulid(KNOWN, 1_693_425_013_224, None)
    assert ulid(1_469_918_176_385_000, 1)[:10] == "01ARYZ6S41"


@pytest.mark.parametrize("text", ["", KNOWN[1:], f"{KNOWN}0", KNOWN.lower(), f"8{KNOWN[1:]}", f"{KNOWN[:-1]}I",
                                  f"{KNOWN[:-1]}U", f"{KNOWN}\n", "\N{FULLWIDTH DIGIT ONE}" * 26])  # fmt: skip
def test_no_ulid(text: str) -> None:
    """A ULID has 26 digits of its own 32, in upper case, and at most 128 bits."""
    assert parse_ulid(text) is None


@pytest.mark.parametrize(("low", "entity_id"), [(0, None), (1, 1), (MAX_ID, MAX_ID), (MAX_ID + 1, None)])
def test_ids_that_can_be_behind_a_ulid(low: int, entity_id: int | None) -> None:
    """Only a positive number of 63 bits is an id."""
    found = parse_ulid(ulid(1_000, low))
    assert found is not None
    assert found.id == entity_id


@pytest.mark.parametrize("text", ["user_", f"user{KNOWN}", f"users_{KNOWN}", f"User_{KNOWN}", KNOWN, f" user_{KNOWN}"])
def test_public_id_has_its_prefix(text: str) -> None:
    """An id of another sort, or without its prefix, is none of this sort."""
    assert parse_public_id("user", text) is None
    assert parse_public_id("user", f"user_{KNOWN}") == parse_ulid(KNOWN)


def test_imported_id_stays() -> None:
    """What was brought over keeps its ULID; everything else has that of its time and its id."""
    assert public_id("session", 5_000, 7, KNOWN) == f"session_{KNOWN}"
    assert public_id("session", 5_000, 7) == f"session_{ulid(5_000, 7)}"


@given(_times, _ids)
def test_time_of_a_whole_ulid(created_at: int, entity_id: int) -> None:
    """The time of a ULID is its millisecond; however it is written, its digits are the same."""
    text = ulid(created_at, entity_id)
    at = created_at // 1_000 * 1_000
    assert time_of(text) == at
    for written in (text.lower(), text.replace("1", "I").replace("0", "O"), text.replace("1", "l")):
        assert canonical(written) == text


def test_time_of_a_beginning() -> None:
    """Digits that are missing count as zeros; without a digit, or with something else, there is no time."""
    assert time_of("01H93") == time_of("01H9300000")
    assert time_of("01HXYZ123456789ABCDEFGHJK") == time_of("01HXYZ1234")
    assert [time_of(text) for text in ("", "_", "01H-", "ÀÁ", "U", "01h")] == [None] * 6


@pytest.mark.parametrize("text", ["\u00df" * 10, "\u017f", "\u0131"])
def test_only_ascii_has_other_digits(text: str) -> None:
    """Letters whose upper case is ASCII, or two of it, stay what they are, and tell no time."""
    assert canonical(text) == text
    assert time_of(text) is None

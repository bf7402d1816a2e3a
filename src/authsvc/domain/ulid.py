"""Ids as back ends see them: a prefix and a ULID, which tells the millisecond of creation and the id itself.

A ULID is 128 bits in 26 digits of Crockford's base 32 (github.com/ulid/spec): 48 bits of milliseconds since 1970,
then 80 bits that hold the id of 63 bits. What was brought over from WorkOS keeps the ULID that it had there.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from authsvc.domain.clock import MILLISECOND
from authsvc.domain.ids import MAX_ID

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_ULID = re.compile(f"[0-7][{_DIGITS}]{{25}}")
_PAIRS = [high + low for high in _DIGITS for low in _DIGITS]
_SHIFTS = range(120, -1, -10)  # of the 13 pairs of digits
_TIME_DIGITS = 10
_LOW_BITS = 80
_READ_AS = str.maketrans("ILO", "110")


class Ulid(NamedTuple):
    """A ULID, as text and read as one of ours: the milliseconds, and the id, None where no id can be behind it."""

    text: str
    ms: int
    id: int | None


def ulid(created_at: int, id: int) -> str:  # noqa: A002 - what it is
    """The ULID of what was created at this time, in microseconds, and has this id."""
    value = (created_at // MILLISECOND) << _LOW_BITS | id
    return "".join([_PAIRS[value >> shift & 1023] for shift in _SHIFTS])


def public_id(prefix: str, created_at: int, id: int, imported: str | None = None) -> str:  # noqa: A002
    """The id that back ends see, such as `session_01H93ZY4F80QPBEZ1R5B2SHQG8`; `imported` is the ULID it came with."""
    return f"{prefix}_{imported or ulid(created_at, id)}"


def parse_ulid(text: str) -> Ulid | None:
    """The ULID that `text` is in upper case, or None."""
    if not _ULID.fullmatch(text):
        return None
    value = 0
    for digit in text:
        value = value << 5 | _VALUES[digit]
    ms, low = divmod(value, 1 << _LOW_BITS)
    return Ulid(text, ms, low if 0 < low <= MAX_ID else None)


def parse_public_id(prefix: str, text: str) -> Ulid | None:
    """The ULID in an id with this prefix, or None."""
    start = f"{prefix}_"
    return parse_ulid(text[len(start) :]) if text.startswith(start) else None


def canonical(text: str) -> str:
    """A ULID, or the beginning of one, in its own digits: in upper case, I and L as 1, O as 0.

    What is not ASCII stays as it is: other letters have such in upper case, too, even two for one.
    """
    return text.upper().translate(_READ_AS) if text.isascii() else text


def time_of(text: str) -> int | None:
    """The microseconds that the first digits of a ULID tell, as far as there are any; None for no ULID's beginning.

    Cursors in documents are not always whole ULIDs.
    """
    digits = text[:_TIME_DIGITS]
    if not digits or not all(digit in _VALUES for digit in digits):
        return None
    value = 0
    for digit in digits.ljust(_TIME_DIGITS, "0"):
        value = value << 5 | _VALUES[digit]
    return value * MILLISECOND

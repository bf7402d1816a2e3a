"""Timestamp and Duration as text (ProtoJSON; RFC 3339)."""

import re
from datetime import datetime, timedelta
from functools import lru_cache

from .._errors import Unreadable

NANOS = 1_000_000_000

_DAY = 86_400
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - everything here is UTC, and a zone would be written
# Of answers with many times, a third of the work would be to write them.
_MINUTES = [f"T{minute // 60:02}:{minute % 60:02}:" for minute in range(_DAY // 60)]
_SECONDS = [f"{second:02}" for second in range(60)]
_FIRST_SECOND = -62_135_596_800  # 0001-01-01T00:00:00Z
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z
_LONGEST = 315_576_000_000  # seconds; some 10,000 years

_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))", re.ASCII
)
_DURATION = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s", re.ASCII)
_BAD_TIMESTAMP = "must be a time such as 2026-01-31T12:00:00Z"
_BAD_DURATION = "must be a duration such as 1.5s"


def timestamp_text(seconds: int, nanos: int) -> str:
    """Write a Timestamp in UTC with 0, 3, 6 or 9 fractional digits.

    Raises:
        ValueError: it is outside the years 1 to 9999, or its nanos are.

    """
    return f"{_clock(seconds, nanos)}{_fraction(nanos)}Z"


def timestamp_millis(seconds: int, nanos: int) -> str:
    """Write a Timestamp in UTC with exactly 3 fractional digits; raises as `timestamp_text` does."""
    return f"{_clock(seconds, nanos)}.{nanos // 1_000_000:03}Z"


def read_timestamp(value: object) -> tuple[int, int]:
    """Read a Timestamp: seconds since 1970 and nanoseconds.

    Raises:
        Unreadable: it is not a string in the form of RFC 3339, or outside the years 1 to 9999.

    """
    found = _TIMESTAMP.fullmatch(value) if type(value) is str else None
    if found is None:
        raise Unreadable(_BAD_TIMESTAMP)
    clock, fraction, sign, hours, minutes = found.groups()
    try:
        moment = datetime.fromisoformat(clock) - _EPOCH
    except ValueError:
        raise Unreadable(_BAD_TIMESTAMP) from None
    seconds = moment.days * _DAY + moment.seconds
    if sign:
        offset = int(hours) * 3600 + int(minutes) * 60
        seconds += offset if sign == "-" else -offset
        if not _FIRST_SECOND <= seconds <= _LAST_SECOND:
            raise Unreadable("is out of range for a time")
    return seconds, _nanos(fraction)


def duration_text(seconds: int, nanos: int) -> str:
    """Write a Duration with 0, 3, 6 or 9 fractional digits.

    Raises:
        ValueError: it is longer than some 10,000 years, or its parts have different signs.

    """
    if abs(seconds) > _LONGEST or abs(nanos) >= NANOS or (seconds < 0 < nanos) or (nanos < 0 < seconds):
        raise ValueError("not a duration")
    sign = "-" if seconds < 0 or nanos < 0 else ""
    return f"{sign}{abs(seconds)}{_fraction(abs(nanos))}s"


def read_duration(value: object) -> tuple[int, int]:
    """Read a Duration: seconds and nanoseconds, of the same sign.

    Raises:
        Unreadable: it is not a string such as `1.5s`, or longer than some 10,000 years.

    """
    found = _DURATION.fullmatch(value) if type(value) is str else None
    if found is None:
        raise Unreadable(_BAD_DURATION)
    sign, digits, fraction = found.groups()
    seconds, nanos = int(digits), _nanos(fraction)
    if seconds > _LONGEST:
        raise Unreadable("is out of range for a duration")
    return (-seconds, -nanos) if sign else (seconds, nanos)


def _clock(seconds: int, nanos: int) -> str:
    if not _FIRST_SECOND <= seconds <= _LAST_SECOND or not 0 <= nanos < NANOS:
        raise ValueError("not a time")
    day, second = divmod(seconds, _DAY)
    minute, second = divmod(second, 60)
    return f"{_date(day)}{_MINUTES[minute]}{_SECONDS[second]}"


@lru_cache(4_096)
def _date(day: int) -> str:
    """Write the day that is so many after the first of 1970."""
    return (_EPOCH + timedelta(day)).date().isoformat()


def _fraction(nanos: int) -> str:
    if not nanos:
        return ""
    if nanos % 1_000:
        return f".{nanos:09}"
    micros = nanos // 1_000
    # A number formatted with a width takes three times as long.
    return "." + (str(micros).zfill(6) if micros % 1_000 else str(micros // 1_000).zfill(3))


def _nanos(fraction: str | None) -> int:
    return int(fraction.ljust(9, "0")) if fraction else 0

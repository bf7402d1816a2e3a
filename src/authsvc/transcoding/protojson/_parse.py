"""From bytes to a JSON value, strictly and under limits (RFC 8259).

orjson does the work. It keeps the last of equal keys, so a repeated one is noticed by counting: without its
blanks, a body has a quote and a colon for each key. Where the counts differ, they may stand in a string, and the
standard library's parser has the last word. So it has on numbers that may be too long.
"""

import json
from dataclasses import dataclass
from math import isinf
from typing import Any, NoReturn

import orjson

from .._errors import BadRequest

# Characters of a number; no field can hold more, and longer ones cost more than their length to read.
MAX_DIGITS = 64

_BLANK = " \t\r\n"
_SPACE = _BLANK.encode()
_DIGITS_ALIKE = bytes.maketrans(b"123456789.+-eE", b"0" * 14)
_LONG_NUMBER = b"0" * (MAX_DIGITS + 1)
_NOT_JSON = "the body is not JSON"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much JSON a body may hold; its size in bytes is limited by whoever receives it.

    Attributes:
        depth: levels of objects and arrays.
        keys: keys of all objects.
        containers: objects and arrays.
        elements: elements of all arrays.

    """

    depth: int = 64
    keys: int = 10_000
    containers: int = 10_000
    elements: int = 100_000


class _Absent:
    """The type of `ABSENT`: a body without a value, which is not the same as `null`."""


ABSENT = _Absent()


def parse(data: bytes, limits: Limits, *, rest_ignored: bool = False) -> object:
    """Return the JSON value of a body, or `ABSENT` for a blank one.

    With `rest_ignored`, whatever follows the first value is skipped, as Go's decoder and so grpc-gateway do.

    Raises:
        BadRequest: the body is not UTF-8 or not JSON, repeats a key, or exceeds a limit.

    """
    if not data.strip(_SPACE):
        return ABSENT
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        data, value = _first_value(data, limits, rest_ignored=rest_ignored)
    squeezed = data.translate(_DIGITS_ALIKE, _SPACE)
    if _count_keys(value, limits) != squeezed.count(b'":') or _LONG_NUMBER in squeezed:
        _check(data)
    return value


def _first_value(data: bytes, limits: Limits, *, rest_ignored: bool) -> tuple[bytes, object]:
    """Return the first value, as text and read, or say what is wrong with a body that orjson refused."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise BadRequest("", "the body is not UTF-8") from None
    start = len(text) - len(text.lstrip(_BLANK))
    try:
        value, end = _PLAIN.raw_decode(text, start)
    except RecursionError:
        raise BadRequest("", _too_deep(limits)) from None
    except ValueError:
        raise BadRequest("", _NOT_JSON) from None
    _count_keys(value, limits)  # orjson has a limit of its own, beyond ours
    if not rest_ignored and text[end:].strip(_BLANK):
        raise BadRequest("", "the body goes on after its JSON value")
    data = text[start:end].encode()
    try:
        return data, orjson.loads(data)
    except orjson.JSONDecodeError:
        _check(data)  # for a number that no double can hold; what remains is half a surrogate pair
        raise BadRequest("", "the body has a string that is not Unicode") from None


def _count_keys(value: object, limits: Limits) -> int:
    """Count the keys of all objects, level by level.

    Raises:
        BadRequest: there are too many of them, of objects and arrays, of elements of arrays, or of levels.

    """
    keys, containers, elements, depth = 0, 0, 0, 0
    level: list[Any] = [value] if type(value) is dict or type(value) is list else []
    while level:
        depth += 1
        if depth > limits.depth:
            raise BadRequest("", _too_deep(limits))
        inner: list[Any] = []
        for outer in level:
            if type(outer) is dict:
                keys += len(outer)
            else:
                elements += len(outer)
            for each in outer.values() if type(outer) is dict else outer:
                if type(each) is dict or type(each) is list:
                    inner.append(each)  # noqa: PERF401 - a comprehension for each object costs more
        containers += len(level)
        if keys > limits.keys or containers > limits.containers or elements > limits.elements:
            raise BadRequest("", _too_much(limits))
        level = inner
    return keys


def _too_deep(limits: Limits) -> str:
    return f"the body is nested deeper than {limits.depth}"


def _too_much(limits: Limits) -> str:
    return (
        f"the body has more than {limits.keys} keys, {limits.containers} objects and arrays, "
        f"or {limits.elements} elements of arrays"
    )


def _check(data: bytes) -> None:
    """Look for what orjson lets pass: repeated keys, and long numbers."""
    _STRICT.decode(data.decode())


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadRequest("", "the body has an object with a repeated key")
    return found


def _number(text: str) -> float:
    if len(text) > MAX_DIGITS:
        raise BadRequest("", "the body has a number with too many digits")
    number = float(text)
    if isinf(number):
        raise BadRequest("", "the body has a number that is out of range")
    return number


def _constant(name: str) -> NoReturn:
    raise BadRequest("", _NOT_JSON)


# A number as it stands is soon read; that it fits is found out later.
_PLAIN = json.JSONDecoder(parse_int=float, parse_constant=_constant)
_STRICT = json.JSONDecoder(object_pairs_hook=_object, parse_int=_number, parse_float=_number, parse_constant=_constant)

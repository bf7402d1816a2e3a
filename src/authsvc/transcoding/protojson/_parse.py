"""From bytes to a JSON value, strictly and under limits (RFC 8259).

orjson does the work. It keeps the last of equal keys, so a repeated one is noticed by counting: without its
blanks, a body has a quote and a colon for each key. Where the counts differ, they may stand in a string, and the
standard library's parser has the last word. So it has on numbers that are too long.
"""

import json
from math import isinf
from typing import Any, NoReturn

import orjson

from .._errors import BadRequest

MAX_DEPTH = 64
MAX_KEYS = 10_000
MAX_CONTAINERS = 10_000
MAX_ELEMENTS = 50_000
MAX_DIGITS = 64

_BLANK = " \t\r\n"
_SPACE = _BLANK.encode()
_DIGITS_ALIKE = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * (MAX_DIGITS + 1)
_NOT_JSON = "the body is not JSON"
_TOO_DEEP = f"the body is nested deeper than {MAX_DEPTH}"
_TOO_MUCH = (
    f"the body has more than {MAX_KEYS} keys, {MAX_CONTAINERS} objects and arrays, or {MAX_ELEMENTS} elements of arrays"
)
_TOO_LONG = "the body has a number with too many digits"


class _Absent:
    """The type of `ABSENT`: a body without a value, which is not the same as `null`."""


ABSENT = _Absent()


def parse(data: bytes, *, rest_ignored: bool = False) -> object:
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
        data = _first_value(data, rest_ignored=rest_ignored)
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError:  # of what the standard library lets pass, this remains
            raise BadRequest("", "the body has a string that is not Unicode") from None
    squeezed = data.translate(_DIGITS_ALIKE, _SPACE)
    if _count_keys(value) != squeezed.count(b'":') or _LONG_NUMBER in squeezed:
        _check(data)
    return value


def _first_value(data: bytes, *, rest_ignored: bool) -> bytes:
    """Cut off what follows the first value, or say what is wrong with a body that orjson refused."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise BadRequest("", "the body is not UTF-8") from None
    start = len(text) - len(text.lstrip(_BLANK))
    if start == len(text):
        raise BadRequest("", _NOT_JSON)
    try:
        value, end = _STRICT.raw_decode(text, start)
    except RecursionError:
        raise BadRequest("", _TOO_DEEP) from None
    except ValueError:
        raise BadRequest("", _NOT_JSON) from None
    _count_keys(value)  # orjson has a limit of its own, beyond ours
    if not rest_ignored and text[end:].strip(_BLANK):
        raise BadRequest("", "the body goes on after its JSON value")
    return text[start:end].encode()


def _count_keys(value: object) -> int:
    """Count the keys of all objects, level by level.

    Raises:
        BadRequest: there are too many of them, of objects and arrays, of elements of arrays, or of levels.

    """
    keys, containers, elements, depth = 0, 0, 0, 0
    level: list[Any] = [value] if type(value) is dict or type(value) is list else []
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise BadRequest("", _TOO_DEEP)
        inner: list[Any] = []
        for outer in level:
            if type(outer) is dict:
                keys += len(outer)
            else:
                elements += len(outer)
            for each in outer.values() if type(outer) is dict else outer:
                if type(each) is dict or type(each) is list:
                    inner.append(each)  # noqa: PERF401 - a comprehension for each object costs more
        containers += len(inner)
        if keys > MAX_KEYS or containers > MAX_CONTAINERS or elements > MAX_ELEMENTS:
            raise BadRequest("", _TOO_MUCH)
        level = inner
    return keys


def _check(data: bytes) -> None:
    try:
        _STRICT.decode(data.decode())
    except RecursionError:
        raise BadRequest("", _TOO_DEEP) from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadRequest("", "the body has an object with a repeated key")
    return found


def _number(digits: str) -> float:
    if len(digits) > MAX_DIGITS:
        raise BadRequest("", _TOO_LONG)
    number = float(digits)
    if isinf(number):
        raise BadRequest("", "the body has a number that is out of range")
    return number


def _constant(name: str) -> NoReturn:
    raise BadRequest("", _NOT_JSON)


_STRICT = json.JSONDecoder(object_pairs_hook=_object, parse_int=_number, parse_float=_number, parse_constant=_constant)

"""Scalars: from a JSON value or from URL text to what protobuf stores, one reader per field.

The rules are ProtoJSON's. Text in a path or a query is the JSON form of the value without its quotes.
"""

import base64
import re
import struct
from collections.abc import Callable
from math import isinf
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from .._errors import UnknownName, Unreadable
from .._fields import NULL_VALUE
from ._enums import EnumName, declared_name, nameless_numbers, numbers_by_name
from ._parse import MAX_DIGITS

Read = Callable[[object], Any]  # protobuf's setters take Any
ReadText = Callable[[str], Any]

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_URL_SAFE = str.maketrans("-_", "+/")
_LOWEST = float(-(1 << 63))
_NOT_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def reader(field: FieldDescriptor, enum_name: EnumName = declared_name) -> Read:
    """Return the function that reads a JSON value into this scalar or enum field; it raises `Unreadable`.

    Raises:
        EnumNameError: the names of its enum cannot be told apart.

    """
    if field.enum_type is not None:
        return _enum_reader(field.enum_type, enum_name)
    return _READERS[field.type]


def text_reader(field: FieldDescriptor, enum_name: EnumName = declared_name) -> ReadText:
    """Return the function that reads URL text, or a JSON map key, into this field; as `reader` does."""
    if field.type == FieldDescriptor.TYPE_BOOL:
        return _read_bool_text
    if field.enum_type is not None:
        return _enum_text_reader(field.enum_type, enum_name)
    return reader(field)


def _number(value: object, otherwise: str) -> int | float:
    # type() rather than isinstance(): a bool is an int to Python, and no number to ProtoJSON.
    if type(value) is int or type(value) is float:
        return value
    if type(value) is str and _NUMBER.fullmatch(value):
        if len(value) > MAX_DIGITS:
            raise Unreadable("has too many digits")
        return int(value) if _INTEGER.fullmatch(value) else float(value)
    raise Unreadable(otherwise)


def _integer_reader(kind: str, low: int, high: int) -> Read:
    def read(value: object) -> int:
        if type(value) is int and low <= value <= high:
            return value
        number = _number(value, "must be an integer")
        # A float may stand for an integer one below the lowest, which is how orjson reads it.
        if not low <= number <= high or (type(number) is float and number == _LOWEST):
            raise Unreadable(f"is out of range for {kind}")
        if number != int(number):
            raise Unreadable("must be an integer")
        return int(number)

    return read


def _read_double(value: object) -> float:
    if type(value) is str and value in _NOT_FINITE:
        return _NOT_FINITE[value]
    number = float(_number(value, "must be a number"))
    if isinf(number):
        raise Unreadable("is out of range for double")
    return -0.0 if number == 0.0 and type(value) is str and value.startswith("-") else number


def _read_float(value: object) -> float:
    number = _read_double(value)
    try:
        struct.pack("<f", number)  # without the "<" an overflow passes as infinity
    except OverflowError:
        raise Unreadable("is out of range for float") from None
    return number


def _read_bool(value: object) -> bool:
    if value is True or value is False:
        return value
    raise Unreadable("must be true or false")


def _read_bool_text(text: str) -> bool:
    if text == "true":
        return True
    if text == "false":
        return False
    raise Unreadable("must be true or false")


def _read_string(value: object) -> str:
    if type(value) is str:
        return value
    raise Unreadable("must be a string")


def _read_bytes(value: object) -> bytes:
    if type(value) is not str or not _BASE64.fullmatch(value):
        raise Unreadable("must be base64")
    data = value.rstrip("=")
    if len(data) % 4 == 1 or (data != value and len(value) % 4):
        raise Unreadable("must be base64")
    return base64.b64decode(data.translate(_URL_SAFE) + "=" * (-len(data) % 4))


def _enum_reader(enum: EnumDescriptor, enum_name: EnumName) -> Read:
    if enum.full_name == NULL_VALUE:
        return _read_null
    numbers = numbers_by_name(enum, enum_name)
    known, nameless = frozenset(numbers.values()), nameless_numbers(enum, enum_name)
    read_number = _integer_reader("an enum", -(1 << 31), (1 << 31) - 1)

    def read(value: object) -> int:
        if type(value) is str:
            if value not in numbers:
                raise UnknownName("is not a known value")
            return numbers[value]
        number: int = read_number(value)
        if number in nameless or (enum.is_closed and number not in known):
            raise UnknownName("is not a known value")
        return number

    return read


def _read_null(value: object) -> int:
    if value is None or value == "NULL_VALUE" or (value == 0 and type(value) is int):
        return 0
    raise Unreadable("must be null")


def _enum_text_reader(enum: EnumDescriptor, enum_name: EnumName) -> ReadText:
    read = _enum_reader(enum, enum_name)
    if enum_name is not declared_name:  # its names are all there is; one of them may look like a number
        return read
    return lambda text: read(_number(text, "") if _INTEGER.fullmatch(text) else text)


_INT32 = _integer_reader("int32", -(1 << 31), (1 << 31) - 1)
_INT64 = _integer_reader("int64", -(1 << 63), (1 << 63) - 1)
_UINT32 = _integer_reader("uint32", 0, (1 << 32) - 1)
_UINT64 = _integer_reader("uint64", 0, (1 << 64) - 1)

_READERS: dict[int, Read] = {
    FieldDescriptor.TYPE_BOOL: _read_bool,
    FieldDescriptor.TYPE_BYTES: _read_bytes,
    FieldDescriptor.TYPE_DOUBLE: _read_double,
    FieldDescriptor.TYPE_FIXED32: _UINT32,
    FieldDescriptor.TYPE_FIXED64: _UINT64,
    FieldDescriptor.TYPE_FLOAT: _read_float,
    FieldDescriptor.TYPE_INT32: _INT32,
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_SFIXED32: _INT32,
    FieldDescriptor.TYPE_SFIXED64: _INT64,
    FieldDescriptor.TYPE_SINT32: _INT32,
    FieldDescriptor.TYPE_SINT64: _INT64,
    FieldDescriptor.TYPE_STRING: _read_string,
    FieldDescriptor.TYPE_UINT32: _UINT32,
    FieldDescriptor.TYPE_UINT64: _UINT64,
}

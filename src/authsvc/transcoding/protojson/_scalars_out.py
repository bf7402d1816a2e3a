"""Scalars from protobuf to what orjson writes as ProtoJSON."""

import struct
from base64 import b64encode
from collections.abc import Callable
from math import isfinite
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

_FLOAT = struct.Struct("<f")
_FLOAT_DIGITS = (6, 7, 8, 9)  # from what a float always holds to what always tells it apart


def bytes_text(value: bytes) -> str:
    """Write bytes in base64 with padding."""
    return b64encode(value).decode()


def double_value(value: float) -> float | str:
    """Return a number, or the name of one that JSON does not have."""
    return value if isfinite(value) else _name(value)


def float_value(value: float) -> float | str:
    """Return the shortest number that is the same 32-bit float, or the name of one that JSON does not have."""
    if not isfinite(value):
        return _name(value)
    if value.is_integer() and abs(value) < 1 << 24:
        return value
    packed = _FLOAT.pack(value)
    for digits in _FLOAT_DIGITS:
        shorter = float(f"{value:.{digits}g}")
        if _FLOAT.pack(shorter) == packed:
            return shorter
    return value


def map_key_text(key: int) -> str:
    """Write a number or a boolean as the key of a JSON object."""
    return ("true" if key else "false") if isinstance(key, bool) else str(key)


def _name(value: float) -> str:
    if value != value:  # noqa: PLR0124 - the one number that is not itself
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


# By field type: what makes the JSON form of a scalar that is not one already. A number of JSON may be a double, which
# cannot hold 64 bits.
CONVERSIONS: dict[int, Callable[[Any], Any]] = {
    FieldDescriptor.TYPE_BYTES: bytes_text,
    FieldDescriptor.TYPE_DOUBLE: double_value,
    FieldDescriptor.TYPE_FIXED64: str,
    FieldDescriptor.TYPE_FLOAT: float_value,
    FieldDescriptor.TYPE_INT64: str,
    FieldDescriptor.TYPE_SFIXED64: str,
    FieldDescriptor.TYPE_SINT64: str,
    FieldDescriptor.TYPE_UINT64: str,
}

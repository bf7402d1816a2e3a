"""JSON Schemas (2020-12) of scalars, and of the well-known types that ProtoJSON writes in a form of their own."""

from collections.abc import Callable

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from .._fields import WRAPPERS
from ..protojson import Style
from ._kinds import Json

_WHOLE = "^-?[0-9]+$"
_NATURAL = "^[0-9]+$"
_DURATION = r"^-?[0-9]{1,12}(\.[0-9]{1,9})?s$"


# The examples are there for tools that fill in forms: from bounds and patterns they make something huge.
def _small(low: int, high: int, kind: str) -> Json:
    return {"type": "integer", "format": kind, "minimum": low, "maximum": high, "examples": [0]}


def _large(pattern: str, kind: str) -> Json:
    # As text, because the numbers of JavaScript hold no more than 53 bits.
    return {"type": "string", "format": kind, "pattern": pattern, "examples": ["0"]}


def _real(kind: str) -> Json:
    return {
        "anyOf": [
            {"type": "number", "format": kind},
            {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]},
        ]
    }


def _int32() -> Json:
    return _small(-(1 << 31), (1 << 31) - 1, "int32")


def _uint32() -> Json:
    return _small(0, (1 << 32) - 1, "uint32")


def _int64() -> Json:
    return _large(_WHOLE, "int64")


def _uint64() -> Json:
    return _large(_NATURAL, "uint64")


_SCALARS: dict[int, Callable[[], Json]] = {
    FieldDescriptor.TYPE_BOOL: lambda: {"type": "boolean"},
    FieldDescriptor.TYPE_BYTES: lambda: {"type": "string", "contentEncoding": "base64"},
    FieldDescriptor.TYPE_DOUBLE: lambda: _real("double"),
    FieldDescriptor.TYPE_FIXED32: _uint32,
    FieldDescriptor.TYPE_FIXED64: _uint64,
    FieldDescriptor.TYPE_FLOAT: lambda: _real("float"),
    FieldDescriptor.TYPE_INT32: _int32,
    FieldDescriptor.TYPE_INT64: _int64,
    FieldDescriptor.TYPE_SFIXED32: _int32,
    FieldDescriptor.TYPE_SFIXED64: _int64,
    FieldDescriptor.TYPE_SINT32: _int32,
    FieldDescriptor.TYPE_SINT64: _int64,
    FieldDescriptor.TYPE_STRING: lambda: {"type": "string"},
    FieldDescriptor.TYPE_UINT32: _uint32,
    FieldDescriptor.TYPE_UINT64: _uint64,
}


def scalar(field: FieldDescriptor) -> Json:
    """Return the schema of one value of a field that is neither a message nor an enum."""
    return _SCALARS[field.type]()


def map_keys(field: FieldDescriptor) -> Json:
    """Return the schema that the names in a map's JSON object follow; empty for strings."""
    if field.type == FieldDescriptor.TYPE_STRING:
        return {}
    if field.type == FieldDescriptor.TYPE_BOOL:
        return {"enum": ["true", "false"]}
    unsigned = scalar(field).get("format", "").startswith("uint")
    return {"pattern": _NATURAL if unsigned else _WHOLE}


def _time(style: Style) -> Json:
    return {
        "type": "string",
        "format": "date-time",
        "examples": ["2026-01-31T12:00:00.000Z" if style.millis else "2026-01-31T12:00:00Z"],
    }


# By the last part of their names; all of them are in google.protobuf.
_OWN_FORM: dict[str, Callable[[Style], Json]] = {
    "Duration": lambda _: {"type": "string", "pattern": _DURATION, "examples": ["1.500s"]},
    "FieldMask": lambda _: {"type": "string", "format": "field-mask"},
    "ListValue": lambda _: {"type": "array", "items": {}},
    "Struct": lambda _: {"type": "object", "additionalProperties": True},
    "Timestamp": _time,
    "Value": lambda _: {},
}


def well_known(descriptor: Descriptor, style: Style) -> Json | None:
    """Return the schema of a message whose JSON form does not follow from its fields; None for any other.

    `google.protobuf.Any` is another: it is an object with a name, and so `any_message` is a component.
    """
    if descriptor.full_name in WRAPPERS:
        return scalar(descriptor.fields_by_name["value"])
    package, _, name = descriptor.full_name.rpartition(".")
    make = _OWN_FORM.get(name) if package == "google.protobuf" else None
    return make(style) if make else None


def any_message() -> Json:
    """Return the schema of `google.protobuf.Any`."""
    kind = {"type": "string", "description": "The type of the message, as a URL that ends in its full name."}
    return {
        "type": "object",
        "description": "A message of any type: its fields beside `@type`, or its own JSON form as `value`.",
        "properties": {"@type": kind},
        "additionalProperties": True,
    }

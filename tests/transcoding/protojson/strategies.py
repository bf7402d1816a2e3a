"""Random messages of any type, whatever its fields, and random types."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st
from transcoding.foreign import WELL_KNOWN_FILES
from transcoding.protojson.messages import described_pool, subjects

_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
_LONGEST = 315_576_000_000
_DEPTH = 2

Fill = Callable[[st.DrawFn, Any, int], None]


def _integers(low: int, high: int) -> st.SearchStrategy[int]:
    edges = [0, 1, -1, 1 << 24, (1 << 24) + 1, (1 << 53) + 1, -(1 << 53) - 1, low, low + 1, high - 1, high]
    return st.sampled_from([each for each in edges if low <= each <= high]) | st.integers(low, high)


def _one_nan(number: float) -> float:
    # NaN has many bit patterns, and JSON one name for all of them.
    return math.nan if math.isnan(number) else number


_INT32, _INT64 = _integers(-(1 << 31), (1 << 31) - 1), _integers(-(1 << 63), (1 << 63) - 1)
_UINT32, _UINT64 = _integers(0, (1 << 32) - 1), _integers(0, (1 << 64) - 1)
_EDGES = [0.0, -0.0, 1.0, 0.1, 1e21, 1e22, 123456.0, 16777216.0, math.inf, -math.inf, math.nan]
_DOUBLE = (st.sampled_from([*_EDGES, 5e-324, 1.7976931348623157e308, 2.0**53, 2.0**63]) | st.floats()).map(_one_nan)
_FLOAT = (
    st.sampled_from(
        [*_EDGES, 1.401298464324817e-45, 3.4028234663852886e38, -3.4028234663852886e38, 1.1754943508222875e-38]
    )
    | st.floats(width=32)
).map(_one_nan)
_TEXT = st.text(max_size=6) | st.sampled_from(
    [
        "\0",
        "\u2028\u2029",
        '"\\/',
        "\x7f\x1f\b\f\n\r\t",
        "</script>",
        "\U0001f600\U0010ffff",
        "\ud7ff\ue000\ufeff\uffff",
        "é",
        ":",
    ]
)
_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=7),
    FieldDescriptor.TYPE_DOUBLE: _DOUBLE,
    FieldDescriptor.TYPE_FIXED32: _UINT32,
    FieldDescriptor.TYPE_FIXED64: _UINT64,
    FieldDescriptor.TYPE_FLOAT: _FLOAT,
    FieldDescriptor.TYPE_INT32: _INT32,
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_SFIXED32: _INT32,
    FieldDescriptor.TYPE_SFIXED64: _INT64,
    FieldDescriptor.TYPE_SINT32: _INT32,
    FieldDescriptor.TYPE_SINT64: _INT64,
    FieldDescriptor.TYPE_STRING: _TEXT,
    FieldDescriptor.TYPE_UINT32: _UINT32,
    FieldDescriptor.TYPE_UINT64: _UINT64,
}
_NANOS = st.sampled_from([0, 1, 999, 1_000, 999_000, 1_000_000, 500_000_000, 999_999_999]) | st.integers(0, 999_999_999)


@st.composite
def messages(draw: st.DrawFn, kind: Any, depth: int = _DEPTH) -> Any:
    """Draw a message with a JSON form: a few fields set, nested ones down to a depth."""
    message = kind()
    _fill(draw, message, depth)
    return message


@st.composite
def described_messages(draw: st.DrawFn) -> Any:
    """Draw a type, and a message of it."""
    pool = described_pool(draw(files()))
    return draw(messages(GetMessageClass(pool.FindMessageTypeByName("drawn.M0"))))


@st.composite
def well_known_messages(draw: st.DrawFn) -> Any:
    """Draw a message of a well-known type, in a pool where an Any has much to choose from."""
    pool = subjects()["proto3"].DESCRIPTOR.file.pool
    kind = draw(st.sampled_from(["google.protobuf.Any", *_WELL_KNOWN]))
    return draw(messages(GetMessageClass(pool.FindMessageTypeByName(kind))))


def _fill(draw: st.DrawFn, message: Any, depth: int) -> None:
    special = _SPECIAL.get(message.DESCRIPTOR.full_name)
    if special is not None:
        special(draw, message, depth)
        return
    for field in draw(_some_fields(message.DESCRIPTOR, nested=depth > 0)):
        _set(draw, message, field, depth)


@cache
def _some_fields(descriptor: Descriptor, *, nested: bool) -> st.SearchStrategy[list[FieldDescriptor]]:
    families: dict[str, list[FieldDescriptor]] = {}
    for field in [*descriptor.fields, *_extensions(descriptor)]:
        if nested or field.message_type is None:
            families.setdefault(_family(field), []).append(field)
    if not families:
        return st.just([])
    # By family first, for most fields of a large message are of the same few.
    one = st.sampled_from(list(families.values())).flatmap(st.sampled_from)
    return st.lists(one, min_size=1, max_size=5, unique_by=lambda field: field.number)


def _extensions(descriptor: Descriptor) -> list[FieldDescriptor]:
    return list(descriptor.file.pool.FindAllExtensions(descriptor)) if descriptor.is_extendable else []


def _family(field: FieldDescriptor) -> str:
    if field.message_type is None:
        return "extension" if field.is_extension else "enum" if field.enum_type else "scalar"
    if field.message_type.GetOptions().map_entry:
        return "map"
    return "well-known" if field.message_type.full_name in _WELL_KNOWN else "message"


def _set(draw: st.DrawFn, message: Any, field: FieldDescriptor, depth: int) -> None:
    count = draw(st.sampled_from([2, 1, 3, 0])) if field.is_repeated else 1
    if field.message_type is None:
        values = [draw(_values(field)) for _ in range(count)]
        if field.is_repeated:
            _content(message, field).extend(values)
        elif field.is_extension:
            message.Extensions[field] = values[0]
        else:
            setattr(message, field.name, values[0])
    elif field.message_type.GetOptions().map_entry:
        for _ in range(count):
            _set_item(draw, _content(message, field), field.message_type, depth)
    elif field.is_repeated:
        for _ in range(count):
            _fill(draw, _content(message, field).add(), depth - 1)
    else:
        content = _content(message, field)
        content.SetInParent()
        _fill(draw, content, depth - 1)


def _content(message: Any, field: FieldDescriptor) -> Any:
    return message.Extensions[field] if field.is_extension else getattr(message, field.name)


def _set_item(draw: st.DrawFn, content: Any, entry: Descriptor, depth: int) -> None:
    value = entry.fields_by_name["value"]
    key = draw(_values(entry.fields_by_name["key"]))
    if value.message_type is not None:
        _fill(draw, content[key], depth - 1)
    else:
        content[key] = draw(_values(value))


def _values(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    return _SCALARS[field.type] if field.enum_type is None else _numbers(field.enum_type)


@cache
def _numbers(enum: EnumDescriptor) -> st.SearchStrategy[int]:
    known = st.sampled_from([value.number for value in enum.values])
    # NullValue has no other value to JSON.
    return known if enum.is_closed or enum.full_name == "google.protobuf.NullValue" else known | _INT32


def _timestamp(draw: st.DrawFn, message: Any, _depth: int) -> None:
    edges = st.sampled_from([_FIRST_SECOND, -1, 0, 951_782_400, _LAST_SECOND])
    message.seconds, message.nanos = draw(edges | st.integers(_FIRST_SECOND, _LAST_SECOND)), draw(_NANOS)


def _duration(draw: st.DrawFn, message: Any, _depth: int) -> None:
    sign = draw(st.sampled_from([1, -1]))
    message.seconds = sign * draw(st.sampled_from([0, 1, _LONGEST - 1, _LONGEST]) | st.integers(0, _LONGEST))
    message.nanos = sign * draw(_NANOS) if abs(message.seconds) < _LONGEST else 0


_PATHS = st.from_regex(r"[a-z]([a-z0-9]|_[a-z]){0,5}(\.[a-z](_[a-z])?){0,2}", fullmatch=True)


def _field_mask(draw: st.DrawFn, message: Any, _depth: int) -> None:
    message.paths.extend(draw(st.lists(_PATHS, max_size=3)))


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=5,
)


def _put_value(message: Any, value: Any) -> None:
    if value is None:
        message.null_value = 0
    elif isinstance(value, dict):
        message.struct_value.SetInParent()
        for name, item in value.items():
            _put_value(message.struct_value.fields[name], item)
    elif isinstance(value, list):
        message.list_value.SetInParent()
        for item in value:
            _put_value(message.list_value.values.add(), item)
    else:
        setattr(message, {bool: "bool_value", float: "number_value", str: "string_value"}[type(value)], value)


def _value(draw: st.DrawFn, message: Any, _depth: int) -> None:
    _put_value(message, draw(_JSON))


def _struct(draw: st.DrawFn, message: Any, _depth: int) -> None:
    for name, item in draw(st.dictionaries(_TEXT, _JSON, max_size=2)).items():
        _put_value(message.fields[name], item)


def _list_value(draw: st.DrawFn, message: Any, _depth: int) -> None:
    for item in draw(st.lists(_JSON, max_size=2)):
        _put_value(message.values.add(), item)


_WELL_KNOWN = [
    f"google.protobuf.{name}" for module in WELL_KNOWN_FILES for name in module.DESCRIPTOR.message_types_by_name
]
_PAYLOADS = [
    *_WELL_KNOWN,
    *("shop.Item", "drawn.M0", "protobuf_test_messages.proto2.ForeignMessageProto2"),
    *("protobuf_test_messages.proto3.TestAllTypesProto3", "protobuf_test_messages.proto3.ForeignMessage"),
]


def _any(draw: st.DrawFn, message: Any, depth: int) -> None:
    pool = message.DESCRIPTOR.file.pool
    kind = None
    try:
        kind = pool.FindMessageTypeByName(draw(st.sampled_from(_PAYLOADS)))
    except KeyError:  # not in this pool: an empty Any
        return
    payload = GetMessageClass(kind)()
    if depth > 0 or kind.full_name == "google.protobuf.Value":  # an empty Value has no JSON form
        _fill(draw, payload, depth - 1)
    message.type_url = draw(st.sampled_from(["type.googleapis.com/", "/", "example.com/a/"])) + kind.full_name
    message.value = payload.SerializePartialToString(deterministic=True)


_SPECIAL: dict[str, Fill] = {
    "google.protobuf.Any": _any,
    "google.protobuf.Duration": _duration,
    "google.protobuf.FieldMask": _field_mask,
    "google.protobuf.ListValue": _list_value,
    "google.protobuf.Struct": _struct,
    "google.protobuf.Timestamp": _timestamp,
    "google.protobuf.Value": _value,
}


# Names that a careless generator of code would trip over; no two are the same in lowerCamelCase.
_NAMES = [
    *("a", "b_c", "_d", "e__f", "G", "hI", "j_", "k1_2", "m", "o", "v", "x", "k", "class", "None", "str", "list"),
    *("encode_0", "self", "value", "key", "seconds", "fields", "type_url", "print", "message", "lambda", "descriptor"),
]
_JSON_NAMES = [
    "other",
    "two words",
    "é",
    'q"uote',
    "back\\slash",
    "do.t",
    "$",
    "colon:",
    "snake_name",
    "'",
    "{x}",
    "%s",
]
_TYPES = [number for number in _SCALARS if number != FieldDescriptor.TYPE_GROUP]
_KEYS = [
    number
    for number in _TYPES
    if number not in {FieldDescriptor.TYPE_BYTES, FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT}
]


@st.composite
def files(draw: st.DrawFn) -> FileDescriptorProto:
    """Draw a file of one to three messages, `drawn.M0` and so on, and two enums."""
    file = FileDescriptorProto(name="drawn.proto", package="drawn", syntax=draw(st.sampled_from(["proto2", "proto3"])))
    file.dependency.extend(module.DESCRIPTOR.name for module in WELL_KNOWN_FILES)
    for name in ("E0", "E1"):
        numbers = [0, *draw(st.lists(st.integers(-3, 4), max_size=4))]
        enum = file.enum_type.add(name=name)
        enum.options.allow_alias = len(set(numbers)) < len(numbers)
        for index, number in enumerate(numbers):
            enum.value.add(name=f"{name}_V{index}", number=number)
    count = draw(st.integers(1, 3))
    for index in range(count):
        _describe(draw, file.message_type.add(name=f"M{index}"), count, file.syntax)
    return file


def _describe(draw: st.DrawFn, message: DescriptorProto, count: int, syntax: str) -> None:
    names = draw(st.lists(st.sampled_from(_NAMES), min_size=2, max_size=6, unique=True))
    numbers = draw(st.lists(st.integers(1, 60), min_size=len(names), max_size=len(names), unique=True))
    json_names = iter(draw(st.permutations(_JSON_NAMES)))
    shapes = ["one", "one", "list", "map", "choice", *(["optional"] if syntax == "proto3" else [])]
    optional = []
    for name, number in zip(names, numbers, strict=True):
        field = message.field.add(name=name, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
        shape = draw(st.sampled_from(shapes))
        if shape == "map":
            _map(draw, message, field, count)
        else:
            _type(draw, field, count)
        if shape == "list":
            field.label = FieldDescriptorProto.LABEL_REPEATED
        elif shape == "choice":
            if not message.oneof_decl:
                message.oneof_decl.add(name="oneof_of_it")
            field.oneof_index = 0
        elif shape == "optional":
            optional.append(field)
        if draw(st.integers(0, 3)) == 0:
            field.json_name = next(json_names)
    # Synthetic oneofs have to come after the written one.
    for field in optional:
        field.proto3_optional = True
        field.oneof_index = len(message.oneof_decl)
        message.oneof_decl.add(name=f"_oneof_{field.number}")


def _type(draw: st.DrawFn, field: FieldDescriptorProto, count: int) -> None:
    choice = draw(st.sampled_from(["scalar", "scalar", "scalar", "enum", "message", "known"]))
    if choice == "scalar":
        field.type = draw(st.sampled_from(_TYPES))  # type: ignore[assignment]  # numbers of the same enum
        return
    field.type = FieldDescriptorProto.TYPE_ENUM if choice == "enum" else FieldDescriptorProto.TYPE_MESSAGE
    names = {
        "enum": ["drawn.E0", "drawn.E1", "google.protobuf.NullValue"],
        "message": [f"drawn.M{index}" for index in range(count)],
        "known": _WELL_KNOWN,
    }
    field.type_name = "." + draw(st.sampled_from(names[choice]))


def _map(draw: st.DrawFn, message: DescriptorProto, field: FieldDescriptorProto, count: int) -> None:
    entry = message.nested_type.add(name=f"Field{field.number}Entry")
    entry.options.map_entry = True
    key = entry.field.add(name="key", number=1, label=FieldDescriptorProto.LABEL_OPTIONAL)
    key.type = draw(st.sampled_from(_KEYS))  # type: ignore[assignment]  # numbers of the same enum
    _type(draw, entry.field.add(name="value", number=2, label=FieldDescriptorProto.LABEL_OPTIONAL), count)
    field.label = FieldDescriptorProto.LABEL_REPEATED
    field.type = FieldDescriptorProto.TYPE_MESSAGE
    field.type_name = f".drawn.{message.name}.{entry.name}"


def canonical(message: Any) -> bytes:
    """Return bytes that are equal for equal messages, NaN included, and that tell -0.0 from 0.0."""
    copy = type(message)()
    copy.CopyFrom(message)
    _settle(copy)
    content: bytes = copy.SerializePartialToString(deterministic=True)
    return content


def _settle(message: Any) -> None:
    # What an Any holds is bytes, whose maps may come in any order.
    if message.DESCRIPTOR.full_name == "google.protobuf.Any" and message.type_url:
        kind = message.DESCRIPTOR.file.pool.FindMessageTypeByName(message.type_url.rpartition("/")[2])
        message.value = canonical(GetMessageClass(kind).FromString(message.value))
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            if field.message_type.fields_by_name["value"].message_type is not None:
                for key in value:
                    _settle(value[key])
        else:
            for each in value if field.is_repeated else [value]:
                _settle(each)

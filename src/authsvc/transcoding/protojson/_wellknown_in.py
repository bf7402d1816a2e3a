"""Well-known types read from the JSON forms of their own (ProtoJSON)."""

from collections.abc import Callable
from math import isinf
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from .._errors import Unreadable
from .._fields import ANY_TYPE, WELL_KNOWN, WRAPPERS, pool_of
from ._masks import read_mask
from ._scalars import reader
from ._times import read_duration, read_timestamp

Fill = Callable[[Any, object], None]


def well_known_fill(descriptor: Descriptor, fill_of: Callable[[Descriptor], Fill], *, lenient: bool) -> Fill:
    """Return the function that reads a JSON value into a message of this well-known type.

    `fill_of` gives the same for any other type, for what an Any holds.
    """
    if descriptor.full_name in WRAPPERS:
        return _wrapper(descriptor.fields_by_name["value"])
    if descriptor.full_name == ANY_TYPE:
        return _any(descriptor, fill_of, lenient=lenient)
    return _FILLS[descriptor.full_name]


def _wrapper(field: FieldDescriptor) -> Fill:
    read = reader(field)

    def fill(message: Any, value: object) -> None:
        message.value = read(value)

    return fill


def _any(descriptor: Descriptor, fill_of: Callable[[Descriptor], Fill], *, lenient: bool) -> Fill:
    pool = pool_of(descriptor)

    def payload_type(url: object) -> Descriptor:
        if type(url) is not str or "/" not in url:
            raise Unreadable("must be a type URL").inside("@type")
        try:
            return pool.FindMessageTypeByName(url.rpartition("/")[2])
        except KeyError:
            raise Unreadable("is not a known type").inside("@type") from None

    def fill(message: Any, value: object) -> None:
        if type(value) is not dict:
            raise Unreadable("must be a JSON object")
        if not value:
            return
        kind = payload_type(value.get("@type"))
        rest: object = {name: item for name, item in value.items() if name != "@type"}
        if kind.full_name in WELL_KNOWN:
            rest = _only_value(rest, lenient=lenient)
        payload = GetMessageClass(kind)()
        fill_of(kind)(payload, rest)
        message.type_url = value["@type"]
        message.value = payload.SerializePartialToString()

    return fill


def _only_value(rest: Any, *, lenient: bool) -> object:
    """Well-known types stand under the name `value` inside an Any."""
    if "value" not in rest:
        raise Unreadable("lacks its value")
    if len(rest) > 1 and not lenient:
        raise Unreadable("has an unknown field")
    return rest["value"]


def _timestamp(message: Any, value: object) -> None:
    message.seconds, message.nanos = read_timestamp(value)


def _duration(message: Any, value: object) -> None:
    message.seconds, message.nanos = read_duration(value)


def _field_mask(message: Any, value: object) -> None:
    message.paths.extend(read_mask(value))


def _struct(message: Any, value: object) -> None:
    if type(value) is not dict:
        raise Unreadable("must be a JSON object")
    fields = message.fields
    for name, item in value.items():
        _value(fields[name], item)


def _list_value(message: Any, value: object) -> None:
    if type(value) is not list:
        raise Unreadable("must be a JSON array")
    add = message.values.add
    for item in value:
        _value(add(), item)


def _value(message: Any, value: object) -> None:
    if value is None:
        message.null_value = 0
    elif type(value) is bool:
        message.bool_value = value
    elif type(value) is str:
        message.string_value = value
    elif type(value) is dict:
        message.struct_value.SetInParent()
        _struct(message.struct_value, value)
    elif type(value) is list:
        message.list_value.SetInParent()
        _list_value(message.list_value, value)
    else:
        _number(message, value)


def _number(message: Any, value: Any) -> None:
    number = float(value)
    if isinf(number):  # it overflowed while it was parsed, and has no JSON form to answer with
        raise Unreadable("is out of range for double")
    message.number_value = number


_FILLS: dict[str, Fill] = {
    "google.protobuf.Duration": _duration,
    "google.protobuf.FieldMask": _field_mask,
    "google.protobuf.ListValue": _list_value,
    "google.protobuf.Struct": _struct,
    "google.protobuf.Timestamp": _timestamp,
    "google.protobuf.Value": _value,
}


def well_known_text(descriptor: Descriptor) -> Callable[[Any, str], None]:
    """Return the function that reads URL text into a message of a type whose JSON form is a string."""
    return _FILLS[descriptor.full_name]

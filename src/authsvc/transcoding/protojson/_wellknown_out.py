"""Well-known types written in the JSON forms of their own (ProtoJSON)."""

from collections.abc import Callable
from math import isfinite
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from .._fields import ANY_TYPE, WELL_KNOWN, WRAPPERS, pool_of
from ._masks import mask_text
from ._scalars_out import CONVERSIONS
from ._style import Style
from ._times import duration_text, timestamp_millis, timestamp_text

Encode = Callable[[Any], Any]


def well_known_encoder(descriptor: Descriptor, encode_of: Callable[[Descriptor], Encode], style: Style) -> Encode:
    """Return the function that makes the JSON value of a message of this well-known type.

    `encode_of` gives the same for any other type, for what an Any holds.
    """
    if descriptor.full_name in WRAPPERS:
        return _wrapper(descriptor.fields_by_name["value"])
    if descriptor.full_name == ANY_TYPE:
        return _any(descriptor, encode_of)
    if descriptor.full_name == "google.protobuf.Timestamp":
        return _timestamp_millis if style.millis else _timestamp
    return _ENCODERS[descriptor.full_name]


def _wrapper(field: FieldDescriptor) -> Encode:
    convert = CONVERSIONS.get(field.type)
    if convert is None:
        return lambda message: message.value
    return lambda message: convert(message.value)


def _any(descriptor: Descriptor, encode_of: Callable[[Descriptor], Encode]) -> Encode:
    pool = pool_of(descriptor)

    def encode(message: Any) -> dict[str, Any]:
        if not message.type_url and not message.value:
            return {}
        try:
            kind = pool.FindMessageTypeByName(message.type_url.rpartition("/")[2])
            payload = GetMessageClass(kind).FromString(message.value)
        except (KeyError, DecodeError):
            raise ValueError("an Any holds something unknown") from None
        value = encode_of(kind)(payload)
        return {"@type": message.type_url, **({"value": value} if kind.full_name in WELL_KNOWN else value)}

    return encode


def _timestamp(message: Any) -> str:
    return timestamp_text(message.seconds, message.nanos)


def _timestamp_millis(message: Any) -> str:
    return timestamp_millis(message.seconds, message.nanos)


def _duration(message: Any) -> str:
    return duration_text(message.seconds, message.nanos)


def _field_mask(message: Any) -> str:
    return mask_text(message.paths)


def _struct(message: Any) -> dict[str, Any]:
    fields = message.fields
    return {name: _value(fields[name]) for name in fields}


def _list_value(message: Any) -> list[Any]:
    return [_value(item) for item in message.values]


def _value(message: Any) -> Any:
    kind = message.WhichOneof("kind")
    if kind is None:
        raise ValueError("a Value holds nothing")
    if kind == "number_value" and not isfinite(message.number_value):
        raise ValueError("a Value holds a number that JSON does not have")
    encode = _KINDS.get(kind)
    return encode(message) if encode else getattr(message, kind)


_KINDS: dict[str, Encode] = {
    "list_value": lambda message: _list_value(message.list_value),
    "null_value": lambda _: None,
    "struct_value": lambda message: _struct(message.struct_value),
}

_ENCODERS: dict[str, Encode] = {
    "google.protobuf.Duration": _duration,
    "google.protobuf.FieldMask": _field_mask,
    "google.protobuf.ListValue": _list_value,
    "google.protobuf.Struct": _struct,
    "google.protobuf.Value": _value,
}

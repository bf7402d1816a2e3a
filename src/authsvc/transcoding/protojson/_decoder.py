"""JSON values into messages, one compiled decoder per message type.

The walk is ours because `google.protobuf.json_format` accepts much that ProtoJSON forbids (booleans as
numbers, a field under both its names, loose base64). It still reads the well-known types with a form of
their own, behind checks of their shape.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isinf
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from .._errors import BadRequest, UnknownName, Unreadable
from .._fields import (
    NULL_VALUE,
    ONEOF_TAKEN,
    VALUE,
    WELL_KNOWN,
    WRAPPERS,
    dotted,
    map_entry,
    pool_of,
    reachable,
    spellings,
)
from ._scalars import read_at, reader, text_reader

# Puts a JSON value into a message, or into one field of it; the text is the path, for errors.
Fill = Callable[[Any, object, str], None]
# Fills by the full name of the message type.
Fills = Mapping[str, Fill]

# Reads a scalar; None stands for an enum name to be skipped, since no scalar reads as None.
_Convert = Callable[[object, str], Any]

# One JSON level of a Struct costs json_format up to four of its own; our limit has been applied before.
_JSON_FORMAT_DEPTH = 1000

_SHAPES = {
    "google.protobuf.Duration": (
        re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,9})?s"),
        "must be a duration such as 1.5s",
    ),
    "google.protobuf.FieldMask": (
        re.compile(r"(?:[a-z][A-Za-z0-9.]*(?:,[a-z][A-Za-z0-9.]*)*)?"),
        "must be field names joined by commas",
    ),
    "google.protobuf.Timestamp": (
        re.compile(
            r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
            r"(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
        ),
        "must be a time such as 2026-01-31T12:00:00Z",
    ),
}


class Decoder:
    """Fits JSON values to one message type (ProtoJSON)."""

    def __init__(self, descriptor: Descriptor, *, ignore_unknown: bool = True) -> None:
        """Compile the type and every type inside it."""
        types = {each.full_name: each for each in reachable(descriptor)}
        objects = {name: _Object(lenient=ignore_unknown) for name in types}
        fills: dict[str, Fill] = {name: each.fill for name, each in objects.items()}
        fills |= {name: well_known(types[name], lenient=ignore_unknown) for name in types.keys() & WELL_KNOWN}
        for name, each in objects.items():
            each.compile(types[name], fills)
        self._fill = fills[descriptor.full_name]
        self._slots = objects[descriptor.full_name].slots

    def fill(self, message: Message, value: object) -> None:
        """Read a body that is the whole message.

        Raises:
            BadRequest: the value does not fit.

        """
        self._fill(message, value, "")

    def fill_field(self, message: Message, name: str, value: object) -> None:
        """Read a body that is one top-level field (`body: "field"`); raises as `fill` does."""
        slot = self._slots[name]
        slot.put(message, value, slot.json_name)


@dataclass(frozen=True, slots=True)
class _Slot:
    """A field as the decoder sees it; `put` makes a JSON value its content."""

    number: int
    json_name: str
    oneof: str
    put: Fill


class _Object:
    """A JSON object read as an ordinary message."""

    def __init__(self, *, lenient: bool) -> None:
        self._lenient = lenient
        self.slots: dict[str, _Slot] = {}

    def compile(self, descriptor: Descriptor, fills: Fills) -> None:
        # Apart from __init__, because message types refer to each other in circles.
        for name, field in spellings(descriptor).items():
            oneof = field.containing_oneof.name if field.containing_oneof else ""
            put = _nullable(field, _put(field, fills, lenient=self._lenient))
            self.slots[name] = _Slot(field.number, field.json_name, oneof, put)

    def fill(self, message: Message, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise BadRequest(path, "must be a JSON object")
        seen: set[int | str] = set()
        for name, item in value.items():
            slot = self.slots.get(name)
            if slot is not None:
                here = dotted(path, slot.json_name)
                _mark(slot, seen, here, is_null=item is None)
                slot.put(message, item, here)
            elif not self._lenient:
                raise BadRequest(path, "has an unknown field")


def _mark(slot: _Slot, seen: set[int | str], path: str, *, is_null: bool) -> None:
    if slot.number in seen:
        raise BadRequest(path, "is given twice")
    if slot.oneof in seen and not is_null:
        raise BadRequest(path, ONEOF_TAKEN)
    seen.add(slot.number)
    if slot.oneof and not is_null:
        seen.add(slot.oneof)


def _nullable(field: FieldDescriptor, put: Fill) -> Fill:
    kind = field.message_type or field.enum_type
    if kind is not None and kind.full_name in {VALUE, NULL_VALUE} and not field.is_repeated:
        return put

    def put_or_clear(message: Message, value: object, path: str) -> None:
        if value is None:
            message.ClearField(field.name)
        else:
            put(message, value, path)

    return put_or_clear


def _put(field: FieldDescriptor, fills: Fills, *, lenient: bool) -> Fill:
    entry = map_entry(field)
    if entry is not None:
        return _put_map(field.name, entry, fills, lenient=lenient)
    if field.is_repeated:
        return _put_list(field, fills, lenient=lenient)
    if field.message_type is not None:
        return _put_message(field.name, fills[field.message_type.full_name])
    return _put_scalar(field.name, _convert(field, lenient=lenient))


def _put_message(name: str, fill: Fill) -> Fill:
    def put(message: Message, value: object, path: str) -> None:
        content = getattr(message, name)
        content.SetInParent()
        fill(content, value, path)

    return put


def _put_scalar(name: str, convert: _Convert) -> Fill:
    def put(message: Message, value: object, path: str) -> None:
        content = convert(value, path)
        if content is not None:
            setattr(message, name, content)

    return put


def _put_list(field: FieldDescriptor, fills: Fills, *, lenient: bool) -> Fill:
    add = _add_to_list(field, fills, lenient=lenient)

    def put(message: Message, value: object, path: str) -> None:
        if not isinstance(value, list):
            raise BadRequest(path, "must be a JSON array")
        message.ClearField(field.name)
        content = getattr(message, field.name)
        for index, item in enumerate(value):
            add(content, item, f"{path}[{index}]")

    return put


def _add_to_list(field: FieldDescriptor, fills: Fills, *, lenient: bool) -> Fill:
    if field.message_type is not None:
        fill = fills[field.message_type.full_name]
        return lambda content, item, path: fill(content.add(), item, path)
    convert = _convert(field, lenient=lenient)

    def add(content: Any, item: object, path: str) -> None:
        converted = convert(item, path)
        if converted is not None:
            content.append(converted)

    return add


def _put_map(name: str, entry: Descriptor, fills: Fills, *, lenient: bool) -> Fill:
    read_key = text_reader(entry.fields_by_name["key"])
    set_item = _set_in_map(entry.fields_by_name["value"], fills, lenient=lenient)

    def put(message: Message, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise BadRequest(path, "must be a JSON object")
        message.ClearField(name)
        content = getattr(message, name)
        for text, item in value.items():
            key = read_at(read_key, text, path)
            if key in content:
                raise BadRequest(path, "has a repeated key")
            # Errors keep the map's own path: a key is the client's text.
            set_item(content, key, item, path)

    return put


def _set_in_map(field: FieldDescriptor, fills: Fills, *, lenient: bool) -> Callable[..., None]:
    if field.message_type is not None:
        fill = fills[field.message_type.full_name]
        return lambda content, key, item, path: fill(content[key], item, path)
    convert = _convert(field, lenient=lenient)

    def set_item(content: Any, key: object, item: object, path: str) -> None:
        converted = convert(item, path)
        if converted is not None:
            content[key] = converted

    return set_item


def _convert(field: FieldDescriptor, *, lenient: bool) -> _Convert:
    read = reader(field)

    def convert(value: object, path: str) -> object:
        try:
            return read(value)
        except Unreadable as error:
            if lenient and isinstance(error, UnknownName):
                return None
            raise BadRequest(path, error.reason) from None

    return convert


def well_known(descriptor: Descriptor, *, lenient: bool) -> Fill:
    """Return the function that reads a well-known type from its own JSON form."""
    if descriptor.full_name in WRAPPERS:
        return _put_scalar("value", _convert(descriptor.fields_by_name["value"], lenient=lenient))
    check = _string_check(*_SHAPES[descriptor.full_name]) if descriptor.full_name in _SHAPES else _check_tree
    pool = pool_of(descriptor)

    def fill(message: Message, value: Any, path: str) -> None:
        check(value, path)
        try:
            json_format.ParseDict(
                value,
                message,
                ignore_unknown_fields=lenient,
                descriptor_pool=pool,
                max_recursion_depth=_JSON_FORMAT_DEPTH,
            )
        except (json_format.Error, ValueError, TypeError, LookupError, AttributeError, RecursionError):
            raise BadRequest(path, "has an unusable value") from None

    return fill


def _string_check(shape: re.Pattern[str], reason: str) -> Callable[[object, str], None]:
    def check(value: object, path: str) -> None:
        if not isinstance(value, str) or not shape.fullmatch(value):
            raise BadRequest(path, reason)

    return check


def _check_tree(value: object, path: str) -> None:
    # A number that overflowed while parsing has no JSON form to answer with.
    if isinstance(value, float) and isinf(value):
        raise BadRequest(path, "is out of range for double")
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _check_tree(item, path)

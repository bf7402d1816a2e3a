"""JSON values into messages: one decoder for each message type, built once from its descriptor.

The walk is ours because `google.protobuf.json_format` accepts much that ProtoJSON forbids: booleans as
numbers, a field under both its names, loose base64, loose timestamps.
"""

from collections.abc import Callable, Mapping
from functools import cache
from threading import RLock
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from .._errors import UnknownName, Unreadable
from .._fields import NULL_VALUE, ONEOF_TAKEN, VALUE, WELL_KNOWN, map_entry, pool_of, reachable
from ._scalars import Read, reader, text_reader
from ._style import Style
from ._wellknown_in import well_known_fill

# Puts a JSON value into a message; raises `Unreadable`.
Fill = Callable[[Any, object], None]


class Decoders:
    """The decoders of all message types met so far."""

    def __init__(self, style: Style, *, lenient: bool) -> None:
        """Take what is called how, and whether unknown fields and enum names are skipped or refused."""
        self._style = style
        self._lenient = lenient
        # What is in here is complete; it is filled under the lock, as types may be met at run time by any thread.
        self._fills: Mapping[Descriptor, Fill] = {}
        self._objects: dict[Descriptor, _Object] = {}
        self._lock = RLock()

    def fill(self, descriptor: Descriptor) -> Fill:
        """Return the function that reads a JSON value into a message of this type."""
        found = self._fills.get(descriptor)
        return found if found is not None else self._compile(descriptor)

    def field(self, descriptor: Descriptor, field: FieldDescriptor) -> Fill:
        """Return the function that reads a JSON value, `null` included, into one field of a message."""
        self.fill(descriptor)
        return self._objects[descriptor].field(field.json_name)

    def _compile(self, root: Descriptor) -> Fill:
        with self._lock:
            new = [each for each in reachable(root) if each not in self._fills]
            objects = {each: _Object(self._extensions_of(each), self._style, lenient=self._lenient) for each in new}
            made = {each: self._whole(each, compiled) for each, compiled in objects.items()}
            fills = {**self._fills, **made}
            for each, compiled in objects.items():
                for field in each.fields:
                    compiled.add(field, _field(field, fills, self._style, lenient=self._lenient))
            self._objects |= objects
            self._fills = fills
            return fills[root]

    def _whole(self, descriptor: Descriptor, compiled: "_Object") -> Fill:
        if descriptor.full_name in WELL_KNOWN:
            return well_known_fill(descriptor, self.fill, lenient=self._lenient)
        return compiled.fill

    def _extensions_of(self, descriptor: Descriptor) -> Callable[[str], Fill | None]:
        """The function that finds the decoder of an extension of this type by its JSON name, `[full.name]`."""
        if not descriptor.is_extendable:
            return lambda _: None
        pool = pool_of(descriptor)

        @cache
        def find(field: FieldDescriptor) -> Fill:
            if field.message_type is not None:
                self.fill(field.message_type)
            put = _field(field, self._fills, self._style, lenient=self._lenient)
            return lambda message, value: put(_Extension(message, field), value)

        def named(name: str) -> Fill | None:
            try:
                field = pool.FindExtensionByName(name[1:-1])
            except KeyError:
                return None
            fits = f"[{field.full_name}]" == name and field.containing_type is descriptor
            return find(field) if fits else None

        return named


class _Extension:
    """An extension field of a message, under the name by which the decoders of fields ask for it."""

    def __init__(self, message: Any, field: FieldDescriptor) -> None:
        object.__setattr__(self, "_place", (message.Extensions, field))

    def __getattr__(self, name: str) -> Any:
        extensions, field = self._place
        return extensions[field]

    def __setattr__(self, name: str, value: Any) -> None:
        extensions, field = self._place
        extensions[field] = value


class _Object:
    """A JSON object read as an ordinary message; fields follow later, for types refer to each other in circles."""

    def __init__(self, extension: Callable[[str], Fill | None], style: Style, *, lenient: bool) -> None:
        self._lenient = lenient
        self._style = style
        self._extension = extension
        self._fields: dict[str, Fill] = {}
        self._nulls: dict[str, Fill] = {}
        self._shown_names: dict[str, str] = {}
        self._second_names: dict[str, str] = {}
        self._oneofs: dict[str, str] = {}

    def add(self, field: FieldDescriptor, fill: Fill) -> None:
        """Take the decoder of a field, under every name that ProtoJSON accepts for it."""
        kind = field.message_type or field.enum_type
        reads_null = kind is not None and kind.full_name in {VALUE, NULL_VALUE} and not field.is_repeated
        for name in {field.json_name, field.name}:
            # A JSON name of one field may be the proto name of another: the JSON name wins.
            if name == field.name != field.json_name:
                if name in self._fields:
                    continue
                self._second_names[name] = field.json_name
            else:
                self._second_names.pop(name, None)
            self._fields[name] = fill
            self._shown_names[name] = self._style.field_name(field)
            if reads_null:
                self._nulls[name] = fill
            oneof = field.containing_oneof
            if oneof is not None and len(oneof.fields) > 1:  # with one member there is nothing to contradict
                self._oneofs[name] = oneof.name

    def field(self, name: str) -> Fill:
        """Return the decoder of one field, which names the field in its errors."""

        def fill(message: Any, value: object) -> None:
            self.fill(message, {name: value})

        return fill

    def fill(self, message: Any, value: object) -> None:
        """Read a JSON value into a message."""
        if type(value) is not dict:
            raise Unreadable("must be a JSON object")
        if self._second_names and not self._second_names.keys().isdisjoint(value):
            self._check_names(value)
        if self._oneofs and not self._oneofs.keys().isdisjoint(value):
            self._check_oneofs(value)
        for name, item in value.items():
            # null leaves a field unset, except where null is a value.
            put = self._fields.get(name) if item is not None else self._nulls.get(name)
            if put is not None:
                try:
                    put(message, item)
                except Unreadable as error:
                    raise error.inside(self._shown_names[name]) from None
            elif name not in self._fields:
                self._fill_other(message, name, item)

    def _fill_other(self, message: Any, name: str, item: object) -> None:
        put = self._extension(name)
        if put is None and not self._lenient:
            raise Unreadable("has an unknown field", unknown=name)
        if put is not None and item is not None:
            try:
                put(message, item)
            except Unreadable as error:
                raise error.inside("[extension]") from None

    def _check_names(self, value: Mapping[str, object]) -> None:
        for name, json_name in self._second_names.items():
            if name in value and json_name in value:
                raise Unreadable("is given twice").inside(self._shown_names[name])

    def _check_oneofs(self, value: Mapping[str, object]) -> None:
        taken: set[str] = set()
        for name, item in value.items():
            oneof = self._oneofs.get(name)
            if oneof is None or (item is None and name not in self._nulls):
                continue
            if oneof in taken:
                raise Unreadable(ONEOF_TAKEN).inside(self._shown_names[name])
            taken.add(oneof)


def _field(field: FieldDescriptor, fills: Mapping[Descriptor, Fill], style: Style, *, lenient: bool) -> Fill:
    entry = map_entry(field)
    if entry is not None:
        return _map(field.name, entry, fills, style, lenient=lenient)
    if field.message_type is not None:
        fill = fills[field.message_type]
        return _messages(field.name, fill) if field.is_repeated else _message(field.name, field.message_type, fill)
    read = reader(field, style.enum_name)
    # Only enums have values that a lenient reader skips.
    skips = lenient and field.enum_type is not None
    if field.is_repeated:
        return _scalars(field.name, read, skips=skips)
    return _skipping(_scalar(field.name, read)) if skips else _scalar(field.name, read)


def _message(name: str, kind: Descriptor, fill: Fill) -> Fill:
    set_in_parent: Any = GetMessageClass(kind).SetInParent  # of the class: a field may have this name too

    def put(message: Any, value: object) -> None:
        content = getattr(message, name)
        set_in_parent(content)
        fill(content, value)

    return put


def _scalar(name: str, read: Read) -> Fill:
    def put(message: Any, value: object) -> None:
        setattr(message, name, read(value))

    return put


def _skipping(put: Fill) -> Fill:
    def put_known(message: Any, value: object) -> None:
        try:
            put(message, value)
        except UnknownName:
            return

    return put_known


def _messages(name: str, fill: Fill) -> Fill:
    def put(message: Any, value: object) -> None:
        add = getattr(message, name).add
        for index, item in enumerate(_list(value)):
            try:
                fill(add(), item)
            except Unreadable as error:
                raise error.inside(f"[{index}]") from None

    return put


def _scalars(name: str, read: Read, *, skips: bool) -> Fill:
    def put(message: Any, value: object) -> None:
        content: list[Any] = []
        for index, item in enumerate(_list(value)):
            try:
                content.append(read(item))
            except Unreadable as error:
                if not (skips and isinstance(error, UnknownName)):
                    raise error.inside(f"[{index}]") from None
        getattr(message, name).extend(content)

    return put


def _list(value: object) -> list[object]:
    if type(value) is not list:
        raise Unreadable("must be a JSON array")
    return value


def _map(name: str, entry: Descriptor, fills: Mapping[Descriptor, Fill], style: Style, *, lenient: bool) -> Fill:
    read_key = text_reader(entry.fields_by_name["key"])
    set_item = _map_item(entry.fields_by_name["value"], fills, style, lenient=lenient)

    def put(message: Any, value: object) -> None:
        if type(value) is not dict:
            raise Unreadable("must be a JSON object")
        content = getattr(message, name)
        # Errors name the map alone: its keys are the client's text.
        for text, item in value.items():
            key = read_key(text)
            if key in content:
                raise Unreadable("has a repeated key")
            set_item(content, key, item)

    return put


def _map_item(
    field: FieldDescriptor, fills: Mapping[Descriptor, Fill], style: Style, *, lenient: bool
) -> Callable[[Any, Any, object], None]:
    if field.message_type is not None:
        fill = fills[field.message_type]
        return lambda content, key, item: fill(content[key], item)
    read = reader(field, style.enum_name)

    def set_item(content: Any, key: object, item: object) -> None:
        try:
            content[key] = read(item)
        except UnknownName:
            if not lenient:
                raise

    return set_item

"""JSON Schemas (2020-12) of messages and enums, as ProtoJSON writes them."""

from collections.abc import Collection, Mapping
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldOptions

from .._dialect import Dialect
from .._fields import ANY_TYPE, NULL_VALUE, VALUE, WRAPPERS, map_entry, reachable
from ..protojson._enums import declared_name, nameless_numbers, numbers_by_name
from ._kinds import Json
from ._scalars import any_message, map_keys, scalar, well_known


class Schemas:
    """Schemas by reference; whatever has been referred to becomes a component."""

    def __init__(self, dialect: Dialect, comments: Mapping[str, str]) -> None:
        """Take how messages are written, and the doc comments by full name."""
        self.style = style = dialect.style
        # `$alt` asks for the other form than that of the style. Where names of its own are all that a style writes,
        # they are all that clients need to know, though in bodies numbers are read too.
        self._both_forms = dialect.system_parameters or style.enum_numbers or style.enum_name is declared_name
        self.comments = comments
        self._known: dict[str, Descriptor | EnumDescriptor] = {}
        self._in_part: set[str] = set()

    def components(self) -> Json:
        """Return every schema that is referred to, from outside or by another one, by full name."""
        made: Json = {}
        while waiting := self._known.keys() - made.keys():
            for name in waiting:
                made[name] = self._component(self._known[name])
        return dict(sorted(made.items()))

    def name(self, field: FieldDescriptor) -> str:
        """Return the field's name in JSON."""
        return self.style.field_name(field)

    def message(self, descriptor: Descriptor) -> Json:
        """Return the schema of a message: a reference, but for well-known types."""
        own_form = well_known(descriptor, self.style)
        return self._reference(descriptor) if own_form is None else own_form

    def read_in_part(self, descriptor: Descriptor) -> None:
        """Say that a message is sent by clients, who may leave out whatever answers always have."""
        self._in_part |= {each.full_name for each in reachable(descriptor)}

    def message_in_part(self, descriptor: Descriptor) -> Json:
        """Return the schema of a message that is not written as answers are, and may lack what they always have."""
        self.read_in_part(descriptor)
        return self.message(descriptor)

    def field(self, field: FieldDescriptor) -> Json:
        """Return the schema of all that a field holds, without what is said about it."""
        entry = map_entry(field)
        if entry is not None:
            keys = map_keys(entry.fields_by_name["key"])
            values = {"type": "object", "additionalProperties": self.value(entry.fields_by_name["value"])}
            return {**values, "propertyNames": keys} if keys else values
        if field.is_repeated:
            return {"type": "array", "items": self.value(field)}
        return self.value(field)

    def value(self, field: FieldDescriptor) -> Json:
        """Return the schema of one value of a field."""
        if field.message_type is not None:
            return self.message(field.message_type)
        if field.enum_type is None:
            return scalar(field)
        return {"type": "null"} if field.enum_type.full_name == NULL_VALUE else self._reference(field.enum_type)

    def properties(self, descriptor: Descriptor, without: Collection[str] = ()) -> Json:
        """Return the schema of a message as an object, without the fields of these proto names."""
        fields = [field for field in descriptor.fields if field.name not in without]
        schema: Json = {"type": "object", "properties": {self.name(field): self._property(field) for field in fields}}
        whole = descriptor.full_name not in self._in_part
        if required := [self.name(field) for field in fields if _required(field) or (whole and self._always(field))]:
            schema["required"] = required
        if text := _paragraphs(self.comments.get(descriptor.full_name, ""), *_alternatives(self, descriptor)):
            schema["description"] = text
        if _deprecated(descriptor):
            schema["deprecated"] = True
        return schema

    def _reference(self, descriptor: Descriptor | EnumDescriptor) -> Json:
        self._known.setdefault(descriptor.full_name, descriptor)
        return {"$ref": f"#/components/schemas/{descriptor.full_name}"}

    def _component(self, descriptor: Descriptor | EnumDescriptor) -> Json:
        if isinstance(descriptor, EnumDescriptor):
            return self._enum(descriptor)
        return any_message() if descriptor.full_name == ANY_TYPE else self.properties(descriptor)

    def _property(self, field: FieldDescriptor) -> Json:
        schema = self.field(field)
        if self._may_be_null(field):
            schema = _or_null(schema)
        return {**schema, **about(field, self.comments), **_direction(field)}

    def _always(self, field: FieldDescriptor) -> bool:
        """Whether an answer has a field whatever it holds."""
        if field.has_presence:
            return self.style.nullable(field)
        return self.style.defaults

    def _may_be_null(self, field: FieldDescriptor) -> bool:
        kind = field.message_type
        if field.is_repeated or (kind is not None and kind.full_name == VALUE):
            return False
        wrapped = kind is not None and kind.full_name in WRAPPERS
        return wrapped or (field.has_presence and self.style.nullable(field))

    def _enum(self, enum: EnumDescriptor) -> Json:
        schema = self._forms(enum) if self._both_forms else self._names(enum)
        if text := _paragraphs(self.comments.get(enum.full_name, ""), self._values(enum)):
            schema["description"] = text
        if _deprecated(enum):
            schema["deprecated"] = True
        return schema

    def _forms(self, enum: EnumDescriptor) -> Json:
        # An open enum may hold numbers without a name.
        numbers = self._numbers(enum) if enum.is_closed else {"type": "integer", "format": "int32"}
        forms = [self._names(enum), numbers]
        return {"anyOf": forms[::-1] if self.style.enum_numbers else forms}

    def _names(self, enum: EnumDescriptor) -> Json:
        return {"type": "string", "enum": list(numbers_by_name(enum, self.style.enum_name))}

    def _numbers(self, enum: EnumDescriptor) -> Json:
        nameless = nameless_numbers(enum, self.style.enum_name)
        first = {value.number: value.name for value in reversed(enum.values) if value.number not in nameless}
        numbers = sorted(first)
        names = [first[number] for number in numbers]
        return {"type": "integer", "format": "int32", "enum": numbers, "x-enum-varnames": names}

    def _values(self, enum: EnumDescriptor) -> str:
        """Return a list of the values of which there is something to say."""
        lines = []
        for value in enum.values:
            text = " ".join(self.comments.get(f"{enum.full_name}.{value.name}", "").split())
            said = [text] if text else []
            said += ["Deprecated."] if _deprecated(value) else []
            name = self.style.enum_name(value)
            if not name:
                continue
            shown = f"`{name}` ({value.number})" if self.style.enum_numbers else f"`{name}`"
            if said or self.style.enum_numbers:
                lines.append(": ".join([f"- {shown}", *([" ".join(said)] if said else [])]))
        return "\n".join(lines)


def about(field: FieldDescriptor, comments: Mapping[str, str]) -> Json:
    """Return what is said about a field, whatever it holds: its comment, and whether it is deprecated."""
    said: Json = {}
    if text := comments.get(field.full_name):
        said["description"] = text
    if _deprecated(field):
        said["deprecated"] = True
    return said


def behaviour(field: FieldDescriptor) -> frozenset[int]:
    """Return the `google.api.field_behavior` of a field."""
    if not field.has_options:
        return frozenset()
    # Parsed again because options read before the extension was imported keep it as an unknown field.
    options = FieldOptions.FromString(field.GetOptions().SerializeToString())
    return frozenset(options.Extensions[field_behavior_pb2.field_behavior])


def _required(field: FieldDescriptor) -> bool:
    return field.is_required or field_behavior_pb2.REQUIRED in behaviour(field)


def _direction(field: FieldDescriptor) -> Json:
    known = behaviour(field)
    if field_behavior_pb2.OUTPUT_ONLY in known:
        return {"readOnly": True}
    return {"writeOnly": True} if field_behavior_pb2.INPUT_ONLY in known else {}


def _or_null(schema: Json) -> Json:
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def _alternatives(schemas: Schemas, descriptor: Descriptor) -> list[str]:
    """Return a sentence for each oneof of the message."""
    sentences = []
    for oneof in descriptor.oneofs:
        names = ", ".join(f"`{schemas.name(field)}`" for field in oneof.fields)
        # What proto3 calls optional is a oneof too, with one field.
        if len(oneof.fields) > 1:
            sentences.append(_joined(schemas.comments.get(oneof.full_name, ""), f"At most one of {names} is set."))
    return sentences


def _joined(*texts: str) -> str:
    return " ".join(text for text in texts if text)


def _paragraphs(*texts: str) -> str:
    return "\n\n".join(text for text in texts if text)


def _deprecated(thing: Any) -> bool:
    return bool(thing.has_options and thing.GetOptions().deprecated)

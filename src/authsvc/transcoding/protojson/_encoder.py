"""Messages into JSON values: one encoder for each message type, generated as source from its descriptor.

Straight-line code over the fields of a type, without a look at the descriptor, is about four times as fast as
walking `ListFields`. What it makes is ready for orjson: dicts, lists, strings, numbers.
"""

from collections.abc import Callable, Iterator, Mapping
from keyword import iskeyword
from threading import RLock
from typing import Any, NamedTuple

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass

from .._fields import NULL_VALUE, WELL_KNOWN, map_entry, reachable
from ._enums import nameless_numbers, names_by_number
from ._scalars_out import CONVERSIONS, map_key_text
from ._style import Style
from ._wellknown_out import well_known_encoder

# Makes the JSON value of a message; raises `ValueError` for a message that has none.
Encode = Callable[[Any], Any]

_INDENT = "    "


class Encoders:
    """The encoders of all message types met so far, in one style."""

    def __init__(self, style: Style) -> None:
        """Take the style."""
        self._style = style
        # What is in here is complete; it is filled under the lock, as types may be met at run time by any thread.
        self._encoders: dict[Descriptor, Encode] = {}
        self._extensions: dict[FieldDescriptor, Encode] = {}
        self._lock = RLock()
        # The global names of the generated functions, which call each other.
        self._names: dict[Descriptor, str] = {}
        self._enums: dict[EnumDescriptor, str] = {}
        self._globals: dict[str, Any] = {each.__name__: each for each in (*CONVERSIONS.values(), map_key_text)}

    def encode(self, descriptor: Descriptor) -> Encode:
        """Return the function that makes the JSON value of a message of this type."""
        found = self._encoders.get(descriptor)
        return found if found is not None else self._compile(descriptor)

    def encode_field(self, owner: Descriptor, field: FieldDescriptor) -> Encode:
        """Return the function that makes the JSON value of one field of a message of the type `owner`.

        Unset it is its default, `{}` for an ordinary message, and null for what else has presence.
        """
        ordinary = field.message_type is not None and field.message_type.full_name not in WELL_KNOWN
        lines = ["def encode(m):"]
        with self._lock:
            if field.message_type is not None:
                self.encode(field.message_type)
            if field.has_presence and not ordinary:
                lines += [f"{_INDENT}if not {self._has(owner, field)}:", f"{_INDENT * 2}return None"]
            made = self._collection(field) if field.is_repeated else self._value(field, "v")
            return self._function("encode", [*lines, f"{_INDENT}v = {_get(field)}", f"{_INDENT}return {made}"])

    def _compile(self, root: Descriptor) -> Encode:
        with self._lock:
            new = [each for each in reachable(root) if each not in self._encoders]
            made = {each: self._encoder(each) for each in new}
            self._globals |= {self._name(each): encode for each, encode in made.items()}
            self._encoders |= made
            return self._encoders[root]

    def _encoder(self, descriptor: Descriptor) -> Encode:
        if descriptor.full_name in WELL_KNOWN:
            return well_known_encoder(descriptor, self.encode, self._style)
        name = self._name(descriptor)
        lines = [f"def {name}(m):", f"{_INDENT}o = {{}}"]
        for field in sorted(descriptor.fields, key=lambda each: each.number):
            lines += [_INDENT + line for line in self._field(descriptor, field)]
        if descriptor.is_extendable:
            self._globals["extension"] = self._extension
            lines += [
                f"{_INDENT}for f, x in {self._method(descriptor, 'ListFields')}(m):",
                f"{_INDENT * 2}if f.is_extension:",
                f"{_INDENT * 3}o[f'[{{f.full_name}}]'] = extension(f)(x)",
            ]
        return self._function(name, [*lines, f"{_INDENT}return o"])

    def _extension(self, field: FieldDescriptor) -> Encode:
        """The function that makes the JSON value of what an extension field holds."""
        if field not in self._extensions:
            with self._lock:
                if field.message_type is not None:
                    self.encode(field.message_type)
                made = self._collection(field) if field.is_repeated else self._value(field, "v")
                self._extensions[field] = self._function("encode", ["def encode(v):", f"{_INDENT}return {made}"])
        return self._extensions[field]

    def _name(self, descriptor: Descriptor) -> str:
        """The global name of the function that encodes messages of a type."""
        return self._names.setdefault(descriptor, f"encode_{len(self._names)}")

    def _has(self, owner: Descriptor, field: FieldDescriptor) -> str:
        """The expression for whether the message `m` has a field."""
        return f"{self._method(owner, 'HasField')}(m, {field.name!r})"

    def _method(self, owner: Descriptor, name: str) -> str:
        """The global name of a method of the message class, which a field of the same name cannot hide."""
        unique = f"{name}_{self._name(owner)}"
        self._globals[unique] = getattr(GetMessageClass(owner), name)
        return unique

    def _function(self, name: str, lines: list[str]) -> Encode:
        # Nothing of a descriptor gets into the source but names that are identifiers, and quoted strings.
        source = compile("\n".join(lines), f"<ProtoJSON {name}>", "exec")
        made: dict[str, Encode] = {}
        exec(source, self._globals, made)  # noqa: S102
        return made[name]

    def _field(self, owner: Descriptor, field: FieldDescriptor) -> Iterator[str]:
        """The lines that put one field of the message `m`, of the type `owner`, into the object `o`."""
        key = repr(self._style.field_name(field))
        if field.is_repeated:
            yield f"v = {_get(field)}"
            yield "if v:" if not self._style.defaults else "if True:"
            yield f"{_INDENT}o[{key}] = {self._collection(field)}"
        elif field.has_presence:
            yield f"if {self._has(owner, field)}:"
            yield f"{_INDENT}v = {_get(field)}"
            yield f"{_INDENT}o[{key}] = {self._value(field, 'v')}"
            if self._style.nullable(field):
                yield "else:"
                yield f"{_INDENT}o[{key}] = None"
        else:
            yield f"v = {_get(field)}"
            if not self._style.defaults:
                # A negative zero is no default, though it looks like one.
                real = field.cpp_type in {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}
                yield "if v or str(v) == '-0.0':" if real else "if v:"
                yield f"{_INDENT}o[{key}] = {self._value(field, 'v')}"
            else:
                yield f"o[{key}] = {self._value(field, 'v')}"

    def _collection(self, field: FieldDescriptor) -> str:
        """The expression for a repeated field or a map `v`."""
        entry = map_entry(field)
        if entry is None:
            item = self._value(field, "x")
            return "list(v)" if item == "x" else f"[{item} for x in v]"
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        name = "k" if key.cpp_type == FieldDescriptor.CPPTYPE_STRING else "map_key_text(k)"
        # Iterating over items() would copy messages.
        return f"{{{name}: {self._value(value, 'v[k]')} for k in v}}"

    def _value(self, field: FieldDescriptor, expression: str) -> str:
        """The expression for one value of a field."""
        if field.message_type is not None:
            return f"{self._name(field.message_type)}({expression})"
        if field.enum_type is not None:
            return self._enum(field.enum_type, expression)
        convert = CONVERSIONS.get(field.type)
        return f"{convert.__name__}({expression})" if convert else expression

    def _enum(self, enum: EnumDescriptor, expression: str) -> str:
        if enum.full_name == NULL_VALUE:
            return "None"
        nameless = nameless_numbers(enum, self._style.enum_name)
        if self._style.enum_numbers and not nameless:
            return expression
        if enum not in self._enums:
            self._enums[enum] = f"enum_{len(self._enums)}"
            names = {} if self._style.enum_numbers else names_by_number(enum, self._style.enum_name)
            self._globals[self._enums[enum]] = _Names(names, nameless).get if nameless else names.get
        return f"{self._enums[enum]}({expression}, {expression})"


class _Names(NamedTuple):
    """The names of an enum some of whose values have none."""

    names: Mapping[int, str]
    nameless: frozenset[int]

    def get(self, number: int, unknown: int) -> str | int:
        if number in self.nameless:
            raise ValueError("a value of an enum has no name in JSON")
        return self.names.get(number, unknown)


def _get(field: FieldDescriptor) -> str:
    usable = field.name.isidentifier() and not iskeyword(field.name)
    return f"m.{field.name}" if usable else f"getattr(m, {field.name!r})"

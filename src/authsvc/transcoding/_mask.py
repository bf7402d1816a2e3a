"""Partial responses: which fields of an answer a client wants to see (AIP-157).

    mask     = selector { "," selector }
    selector = name { ("." | "/") name } [ "(" mask ")" ]      name = field | map key | "*"

Names are accepted in both spellings. A field that the response does not have is an error, as the client
would otherwise wait for it in vain. Between a list and a field of its elements, `*` may stand or not (AIP-161).
"""

import re
from collections.abc import Mapping
from typing import Any, NoReturn

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from ._errors import BadRequest
from ._fields import ANY_TYPE, VALUE, WELL_KNOWN, map_entry, spellings

MAX_LENGTH = 4096
MAX_DEPTH = 64

_ALL = "*"
_TOKEN = re.compile(r"[A-Za-z0-9_@-]+|[*,./()]")
_PUNCTUATION = frozenset(",./()")
_FREE = {ANY_TYPE, VALUE, "google.protobuf.Struct", "google.protobuf.ListValue"}


class Mask:
    """What is wanted of an object: its fields by output name, each with what is wanted inside it.

    None in place of a mask stands for everything, and the name `*` for every field. A field is wanted as far as
    any of its selectors says.
    """

    __slots__ = ("_fields", "_united")

    def __init__(self, fields: Mapping[str, "Mask | None"]) -> None:
        """Take the fields."""
        self._fields = fields
        self._united: dict[str, Mask | None] = {}

    def part(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Return the part of a JSON object that is wanted."""
        fields = self._fields
        if _ALL in fields:
            return {name: masked(item, self._with_all(name)) for name, item in value.items()}
        return {name: masked(item, fields[name]) for name, item in value.items() if name in fields}

    def united(self, other: "Mask") -> "Mask":
        """Return the mask that wants whatever one of the two wants."""
        first, second = self._fields, other._fields
        shared = {name: _united(first[name], second[name]) for name in first.keys() & second.keys()}
        return Mask({**first, **second, **shared})

    def _with_all(self, name: str) -> "Mask | None":
        # Only now, and once for each name that there is: to do it for all names may take for ever.
        if name not in self._fields:
            return self._fields[_ALL]
        if name not in self._united:
            self._united[name] = _united(self._fields[name], self._fields[_ALL])
        return self._united[name]


def parse_mask(text: str, descriptor: Descriptor | None, *, proto_names: bool) -> Mask:
    """Parse a mask for answers of a message type; `descriptor` is None where they are no messages.

    Raises:
        BadRequest: it is malformed, too long or too deep, or names a field that the type does not have.

    """
    if len(text) > MAX_LENGTH:
        raise BadRequest("fields", "is too long")
    return _Parser(text, proto_names=proto_names).whole(descriptor)


def masked(value: Any, mask: Mask | None) -> Any:
    """Return the part of a JSON value that the mask wants; in lists, the same part of each element."""
    if mask is None:
        return value
    if isinstance(value, list):
        return [masked(item, mask) for item in value]
    return mask.part(value) if isinstance(value, dict) else value


class _Parser:
    def __init__(self, text: str, *, proto_names: bool) -> None:
        if text != text.strip(" "):
            self._fail()
        # Proxies join the lines of a header with a comma and a blank.
        text = ",".join(selector.strip(" ") for selector in text.split(","))
        self._tokens = _TOKEN.findall(text)
        if "".join(self._tokens) != text:
            self._fail()
        self._at = 0
        self._proto_names = proto_names
        self._spellings: dict[str, dict[str, FieldDescriptor]] = {}

    def whole(self, descriptor: Descriptor | None) -> Mask:
        mask = self._mask(descriptor, 0)
        if self._at < len(self._tokens):
            self._fail()
        return mask

    def _mask(self, descriptor: Descriptor | None, depth: int) -> Mask:
        found: dict[str, Mask | None] = {}
        while True:
            name, inner = self._selector(descriptor, depth + 1)
            found[name] = _united(found[name], inner) if name in found else inner
            if not self._take(","):
                return Mask(found)

    def _selector(self, descriptor: Descriptor | None, depth: int) -> tuple[str, Mask | None]:
        if depth > MAX_DEPTH:
            raise BadRequest("fields", "is nested too deep")
        name, inside = self._name(descriptor)
        if self._take(".") or self._take("/"):
            inner_name, inner = self._selector(inside, depth + 1)
            return name, Mask({inner_name: inner})
        if self._take("("):
            mask = self._mask(inside, depth + 1)
            if not self._take(")"):
                self._fail()
            return name, mask
        return name, None

    def _name(self, descriptor: Descriptor | None) -> tuple[str, Descriptor | None]:
        """Take a name: how the answer spells it, and the type of what is inside."""
        if self._at == len(self._tokens) or self._tokens[self._at] in _PUNCTUATION:
            self._fail()
        name = self._tokens[self._at]
        self._at += 1
        if descriptor is None:
            raise BadRequest("fields", "looks inside a value that has no fields")
        # What is inside an Any, a Struct or a map is not in the descriptor, and all fields are one type only by chance.
        if descriptor.full_name in _FREE or descriptor.GetOptions().map_entry:
            return name, _content(descriptor)
        if name == _ALL:
            return name, None
        field = self._fields(descriptor).get(name)
        if field is None or descriptor.full_name in WELL_KNOWN:
            raise BadRequest("fields", "names a field that the response does not have")
        entry = map_entry(field)
        if field.is_repeated and entry is None:
            self._skip_each()
        return field.name if self._proto_names else field.json_name, entry or field.message_type

    def _fields(self, descriptor: Descriptor) -> Mapping[str, FieldDescriptor]:
        if descriptor.full_name not in self._spellings:
            self._spellings[descriptor.full_name] = spellings(descriptor)
        return self._spellings[descriptor.full_name]

    def _skip_each(self) -> None:
        """Pass over the `*` in `list.*.field` or `list.*(field)`, which says no more than `list.field`."""
        following = self._tokens[self._at : self._at + 3]
        if len(following) == 3 and following[0] in "./" and following[1] == _ALL and following[2] in "./(":  # noqa: PLR2004
            self._at += 2

    def _take(self, token: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == token:
            self._at += 1
            return True
        return False

    def _fail(self) -> NoReturn:
        raise BadRequest("fields", "must be field names such as user(id,state),lastLogin")


def _content(descriptor: Descriptor) -> Descriptor | None:
    """The type of what a free name leads to: the value of a map, or something as free as before."""
    if descriptor.GetOptions().map_entry:
        return descriptor.fields_by_name["value"].message_type
    return descriptor


def _united(first: Mask | None, second: Mask | None) -> Mask | None:
    return None if first is None or second is None else first.united(second)

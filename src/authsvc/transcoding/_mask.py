"""Partial responses: which fields of an answer a client wants to see (AIP-157).

    mask     = selector { "," selector }
    selector = name { ("." | "/") name } [ "(" mask ")" ]      name = field | "*"

Names are accepted in both spellings. A field that the response does not have is an error, as the client
would otherwise wait for it in vain.
"""

import re
from collections.abc import Mapping
from typing import Any, NoReturn

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from ._errors import BadRequest
from ._fields import ANY_TYPE, VALUE, WELL_KNOWN, map_entry, spellings

# Wanted fields by output name, each with what is wanted inside it; None stands for everything.
Mask = Mapping[str, "Mask"] | None

MAX_LENGTH = 4096
MAX_DEPTH = 64

_ALL = "*"
_TOKEN = re.compile(r"[A-Za-z_@][A-Za-z0-9_]*|[*,./()]")
_NAME = re.compile(r"[A-Za-z_@*]")
_FREE = {ANY_TYPE, VALUE, "google.protobuf.Struct", "google.protobuf.ListValue"}


def parse_mask(text: str, descriptor: Descriptor | None, *, proto_names: bool) -> Mask:
    """Parse a mask for answers of a message type; `descriptor` is None where they are no messages.

    Raises:
        BadRequest: it is malformed, too long or too deep, or names a field that the type does not have.

    """
    if len(text) > MAX_LENGTH:
        raise BadRequest("fields", "is too long")
    return _Parser(text, proto_names=proto_names).whole(descriptor)


def masked(value: Any, mask: Mask) -> Any:
    """Return the part of a JSON value that the mask wants; in lists, the same part of each element."""
    if mask is None:
        return value
    if isinstance(value, list):
        return [masked(item, mask) for item in value]
    if not isinstance(value, dict):
        return value
    if _ALL in mask:
        return {name: masked(item, mask.get(name, mask[_ALL])) for name, item in value.items()}
    return {name: masked(item, mask[name]) for name, item in value.items() if name in mask}


class _Parser:
    def __init__(self, text: str, *, proto_names: bool) -> None:
        self._tokens = _TOKEN.findall(text)
        if "".join(self._tokens) != text:
            self._fail()
        self._at = 0
        self._proto_names = proto_names

    def whole(self, descriptor: Descriptor | None) -> Mask:
        mask = self._mask(descriptor, 0)
        if self._at < len(self._tokens):
            self._fail()
        return mask

    def _mask(self, descriptor: Descriptor | None, depth: int) -> Mask:
        found: dict[str, Mask] = {}
        while True:
            name, inner = self._selector(descriptor, depth + 1)
            found[name] = _merged(found[name], inner) if name in found else inner
            if not self._take(","):
                return found

    def _selector(self, descriptor: Descriptor | None, depth: int) -> tuple[str, Mask]:
        if depth > MAX_DEPTH:
            raise BadRequest("fields", "is nested too deep")
        name, inside = self._name(descriptor)
        if self._take(".") or self._take("/"):
            inner_name, inner = self._selector(inside, depth + 1)
            return name, {inner_name: inner}
        if self._take("("):
            mask = self._mask(inside, depth + 1)
            if not self._take(")"):
                self._fail()
            return name, mask
        return name, None

    def _name(self, descriptor: Descriptor | None) -> tuple[str, Descriptor | None]:
        """Take a name: how the answer spells it, and the type of what is inside."""
        if self._at == len(self._tokens) or not _NAME.match(self._tokens[self._at]):
            self._fail()
        name = self._tokens[self._at]
        self._at += 1
        if descriptor is None:
            raise BadRequest("fields", "looks inside a value that has no fields")
        # What is inside an Any, a Struct or a map is not in the descriptor, and all fields are one type only by chance.
        if descriptor.full_name in _FREE or descriptor.GetOptions().map_entry:
            return name, _content(descriptor)
        if name == _ALL:
            return name, None if self._goes_on() else descriptor
        field = spellings(descriptor).get(name)
        if field is None or descriptor.full_name in WELL_KNOWN:
            raise BadRequest("fields", "names a field that the response does not have")
        return field.name if self._proto_names else field.json_name, _inside(field)

    def _goes_on(self) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at] in "./("

    def _take(self, token: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == token:
            self._at += 1
            return True
        return False

    def _fail(self) -> NoReturn:
        raise BadRequest("fields", "must be field names such as user(id,state),lastLogin")


def _inside(field: FieldDescriptor) -> Descriptor | None:
    return map_entry(field) or field.message_type


def _content(descriptor: Descriptor) -> Descriptor | None:
    """The type of what a free name leads to: the value of a map, or something as free as before."""
    if descriptor.GetOptions().map_entry:
        return descriptor.fields_by_name["value"].message_type
    return descriptor


def _merged(first: Mask, second: Mask) -> Mask:
    if first is None or second is None:
        return None
    shared = {name: _merged(first[name], second[name]) for name in first.keys() & second.keys()}
    return {**first, **second, **shared}

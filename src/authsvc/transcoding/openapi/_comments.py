"""Doc comments, from descriptors that kept them (`protoc --include_source_info`)."""

import re
from collections.abc import Iterable, Iterator, Mapping

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
    SourceCodeInfo,
)

# Where something stands in its file: field numbers and indexes, from the file inwards.
_Path = tuple[int, ...]

_MESSAGES = FileDescriptorProto.MESSAGE_TYPE_FIELD_NUMBER
_ENUMS = FileDescriptorProto.ENUM_TYPE_FIELD_NUMBER
_SERVICES = FileDescriptorProto.SERVICE_FIELD_NUMBER
_FIELDS = DescriptorProto.FIELD_FIELD_NUMBER
_ONEOFS = DescriptorProto.ONEOF_DECL_FIELD_NUMBER
_NESTED_MESSAGES = DescriptorProto.NESTED_TYPE_FIELD_NUMBER
_NESTED_ENUMS = DescriptorProto.ENUM_TYPE_FIELD_NUMBER
_VALUES = EnumDescriptorProto.VALUE_FIELD_NUMBER
_METHODS = ServiceDescriptorProto.METHOD_FIELD_NUMBER

_INTERNAL = re.compile(r"\(--.*?--\)", re.DOTALL)


def comments(descriptor_set: bytes) -> Mapping[str, str]:
    """Return the comments in a serialized FileDescriptorSet, by full name.

    They are those of services, methods, messages, fields, oneofs, enums and enum values; the name of an enum value is
    put below that of its enum. The comment before a thing counts, else the one behind it. Internal comments, which
    AIP-192 writes as `(-- text --)`, are left out.
    """
    found: dict[str, str] = {}
    for file in FileDescriptorSet.FromString(descriptor_set).file:
        names = dict(_names(file))
        for location in file.source_code_info.location:
            name = names.get(tuple(location.path))
            text = _text(location)
            if name and text:
                found[name] = text
    return found


def _text(location: SourceCodeInfo.Location) -> str:
    text = _INTERNAL.sub("", location.leading_comments or location.trailing_comments)
    # A comment begins one space behind its slashes; what is further in is meant to be.
    lines = [line.removeprefix(" ").rstrip() for line in text.split("\n")]
    return "\n".join(lines).strip("\n")


def _names(file: FileDescriptorProto) -> Iterator[tuple[_Path, str]]:
    scope = f"{file.package}." if file.package else ""
    yield from _of_messages(file.message_type, (_MESSAGES,), scope)
    yield from _of_enums(file.enum_type, (_ENUMS,), scope)
    for index, service in enumerate(file.service):
        here = (_SERVICES, index)
        yield here, f"{scope}{service.name}"
        for number, method in enumerate(service.method):
            yield (*here, _METHODS, number), f"{scope}{service.name}.{method.name}"


def _of_messages(messages: Iterable[DescriptorProto], path: _Path, scope: str) -> Iterator[tuple[_Path, str]]:
    for index, message in enumerate(messages):
        here, name = (*path, index), f"{scope}{message.name}"
        yield here, name
        for number, field in enumerate(message.field):
            yield (*here, _FIELDS, number), f"{name}.{field.name}"
        for number, oneof in enumerate(message.oneof_decl):
            yield (*here, _ONEOFS, number), f"{name}.{oneof.name}"
        yield from _of_messages(message.nested_type, (*here, _NESTED_MESSAGES), f"{name}.")
        yield from _of_enums(message.enum_type, (*here, _NESTED_ENUMS), f"{name}.")


def _of_enums(enums: Iterable[EnumDescriptorProto], path: _Path, scope: str) -> Iterator[tuple[_Path, str]]:
    for index, enum in enumerate(enums):
        here, name = (*path, index), f"{scope}{enum.name}"
        yield here, name
        for number, value in enumerate(enum.value):
            yield (*here, _VALUES, number), f"{name}.{value.name}"

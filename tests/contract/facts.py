"""What a descriptor says, as plain values by full name, so that two of them can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from google.api.annotations_pb2 import http
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodDescriptorProto,
    MethodOptions,
    ServiceDescriptorProto,
)
from google.protobuf.json_format import MessageToDict
from zitadel.options_pb2 import auth_option

Facts = dict[str, Any]
Named = tuple[str, Facts]


def facts(files: Iterable[FileDescriptorProto]) -> dict[str, Facts]:
    """Everything that `files` declare: files, messages, enums, extensions, services and methods."""
    return {name: found for file in files for name, found in _file(file)}


def _file(file: FileDescriptorProto) -> Iterator[Named]:
    yield file.name, {"package": file.package, "syntax": file.syntax}
    for message in file.message_type:
        yield from _message(file.package, message)
    for enum in file.enum_type:
        yield _enum(file.package, enum)
    for extension in file.extension:
        yield f"{file.package}.{extension.name}", {**_field(extension, []), "of": extension.extendee}
    for service in file.service:
        yield from _service(file.package, service)


def _message(scope: str, message: DescriptorProto) -> Iterator[Named]:
    name = f"{scope}.{message.name}"
    oneofs = [oneof.name for oneof in message.oneof_decl]
    yield (
        name,
        {
            "fields": {field.number: _field(field, oneofs) for field in message.field},
            "oneofs": oneofs,
            "reserved": sorted((span.start, span.end) for span in message.reserved_range),
            "reserved names": sorted(message.reserved_name),
            "map entry": message.options.map_entry,
        },
    )
    for inner in message.nested_type:
        yield from _message(name, inner)
    for enum in message.enum_type:
        yield _enum(name, enum)


def _field(field: FieldDescriptorProto, oneofs: list[str]) -> Facts:
    return {
        "number": field.number,
        "name": field.name,
        "json name": field.json_name or _json_name(field.name),
        "type": FieldDescriptorProto.Type.Name(field.type),
        "type name": field.type_name,
        "label": FieldDescriptorProto.Label.Name(field.label),
        "oneof": oneofs[field.oneof_index] if field.HasField("oneof_index") else None,
        "optional": field.proto3_optional,
        "packed": field.options.packed if field.options.HasField("packed") else None,
    }


def _json_name(name: str) -> str:
    """The name that a field has in JSON by default."""
    first, *others = name.split("_")
    return first + "".join(other[:1].upper() + other[1:] for other in others)


def _enum(scope: str, enum: EnumDescriptorProto) -> Named:
    return f"{scope}.{enum.name}", {
        "values": [(value.number, value.name) for value in enum.value],
        "aliases": enum.options.allow_alias,
    }


def _service(scope: str, service: ServiceDescriptorProto) -> Iterator[Named]:
    for method in service.method:
        yield f"{scope}.{service.name}.{method.name}", _method(method)


def _method(method: MethodDescriptorProto) -> Facts:
    # Parsed anew, because an option is only known to options that were parsed after its file had been loaded.
    options = MethodOptions.FromString(method.options.SerializeToString())
    return {
        "input": method.input_type,
        "output": method.output_type,
        "streaming": (method.client_streaming, method.server_streaming),
        "http": _option(options, http),
        "auth option": _option(options, auth_option),
        "idempotency": options.idempotency_level,
        "deprecated": options.deprecated,
    }


def _option(options: MethodOptions, extension: Any) -> Facts | None:
    return MessageToDict(options.Extensions[extension]) if options.HasExtension(extension) else None

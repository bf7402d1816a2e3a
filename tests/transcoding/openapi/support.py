"""What the tests of this folder share: services written as `.proto` text, and the documents that describe them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_tools import protoc  # type: ignore[import-untyped]
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from authsvc.transcoding import Dialect, Transcoder
from authsvc.transcoding.openapi import comments, document

Json = dict[str, Any]

_HEAD = """
syntax = "proto3";
package books.v1;
import "google/api/annotations.proto";
import "google/api/field_behavior.proto";
import "google/api/httpbody.proto";
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
"""


@cache
def descriptor_set(text: str, *, head: str = _HEAD) -> bytes:
    """The serialized descriptors of a file with this text behind the usual head, with comments and imports."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "books.proto"), Path(folder, "books.binpb")
        source.write_text(f"{head}\n{text}")
        includes = [folder, str(files("grpc_tools") / "_proto"), str(Path(annotations_pb2.__file__).parents[2])]
        flags = ["--include_imports", "--include_source_info", f"--descriptor_set_out={target}"]
        assert protoc.main(["protoc", *(f"-I{each}" for each in includes), *flags, str(source)]) == 0
        return target.read_bytes()


def pool(text: str, *, head: str = _HEAD) -> DescriptorPool:
    """A pool of its own with that file."""
    made = DescriptorPool()
    for file in FileDescriptorSet.FromString(descriptor_set(text, head=head)).file:
        file.ClearField("source_code_info")
        made.AddSerializedFile(file.SerializeToString())
    return made


def said(text: str, *, head: str = _HEAD) -> Mapping[str, str]:
    """The doc comments of that file, without those of its imports."""
    *_, own = FileDescriptorSet.FromString(descriptor_set(text, head=head)).file
    return comments(FileDescriptorSet(file=[own]).SerializeToString())


def described(text: str, *services: str, head: str = _HEAD, **options: Any) -> Json:
    """The document of services in a file with this text, checked against the specification of OpenAPI."""
    known = pool(text, head=head)
    found = [known.FindServiceByName(name) for name in services or ("books.v1.Books",)]
    options.setdefault("comments", said(text, head=head))
    return checked([method for service in found for method in service.methods], **options)


def checked(
    methods: list[MethodDescriptor], *, prefix: str = "", dialect: Dialect | None = None, **options: Any
) -> Json:
    """The document of these methods, checked against the specification of OpenAPI."""
    transcoder = Transcoder(methods, prefix=prefix, dialect=dialect)
    made = document(transcoder, **{"title": "Books", "version": "1", **options})
    assert [error.message for error in OpenAPIV31SpecValidator(made).iter_errors()] == []
    return made


def books(rpcs: str, messages: str = "") -> str:
    """The text of a service with these methods, and messages beside the usual one."""
    return f"""
        message Book {{ string name = 1; int64 pages = 2; Book sequel = 3; }}
        {messages}
        service Books {{ {rpcs} }}
    """


def get(path: str, **more: str) -> str:
    """The text of a method that takes and gives a Book by GET."""
    return rpc(f'get: "{path}"', **more)


def rpc(rule: str, *, name: str = "Get", takes: str = "Book", gives: str = "Book") -> str:
    """The text of a method with this rule."""
    return f"rpc {name}({takes}) returns ({gives}) {{ option (google.api.http) = {{ {rule} }}; }}"


def operations(made: Mapping[str, Any]) -> dict[tuple[str, str], Json]:
    """The operations by HTTP method and path."""
    return {
        (verb.upper(), path): operation
        for path, item in made["paths"].items()
        for verb, operation in item.items()
        if not verb.startswith("x-")
    }


def only(made: Mapping[str, Any]) -> tuple[str, Json]:
    """The path and the operation of a document that has one."""
    ((_, path), operation), *others = operations(made).items()
    assert others == []
    return path, operation


def parameters(operation: Json) -> dict[str, Json]:
    """The operation's own parameters, by name."""
    return {parameter["name"]: parameter for parameter in operation.get("parameters", []) if "name" in parameter}


def schema(made: Mapping[str, Any], name: str) -> Json:
    """A component schema."""
    found: Json = made["components"]["schemas"][name]
    return found


def fits(made: Mapping[str, Any], name: str, value: object) -> bool:
    """Whether a value follows a component schema."""
    root = {"$ref": f"#/components/schemas/{name}", "components": made["components"]}
    return bool(Draft202012Validator(root, format_checker=Draft202012Validator.FORMAT_CHECKER).is_valid(value))

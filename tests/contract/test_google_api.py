from __future__ import annotations

from pathlib import Path

import pytest
from contract.facts import Facts, facts
from contract.support import run
from google.api import annotations_pb2, field_behavior_pb2, http_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

FILES = [annotations_pb2.DESCRIPTOR, field_behavior_pb2.DESCRIPTOR, http_pb2.DESCRIPTOR]


def googles() -> dict[str, Facts]:
    """What the files of the package googleapis-common-protos say."""
    protos = []
    for file in FILES:
        protos.append(FileDescriptorProto())
        file.CopyToProto(protos[-1])
    return facts(protos)


GOOGLES = googles()


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Facts]:
    """What the files in our proto folder say."""
    out = tmp_path_factory.mktemp("google") / "descriptors"
    names = [file.name for file in FILES]
    done = run(
        *("python", "-m", "grpc_tools.protoc", "--proto_path=proto", f"--descriptor_set_out={out}"),
        *(f"proto/{name}" for name in names),
    )
    assert done.returncode == 0, done.stderr
    files = FileDescriptorSet.FromString(Path(out).read_bytes()).file
    assert sorted(file.name for file in files) == names
    return facts(files)


@pytest.mark.parametrize("name", GOOGLES)
def test_it_is_googles_definition(ours: dict[str, Facts], name: str) -> None:
    """Our copies of Google's files declare what Google's declare: the same fields, numbers and types."""
    assert ours.get(name) == GOOGLES[name]


def test_nothing_is_added(ours: dict[str, Facts]) -> None:
    """Our copies of Google's files declare nothing that Google's do not."""
    assert ours.keys() == GOOGLES.keys()

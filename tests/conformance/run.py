"""`make conformance`: connectconformance against the doors, and the mirrored cases against its list.

The runner and the contract come from the suite's Go module; what is made of them lies in `build/`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path

from conformance.cases import variants
from conformance.contract import compiled
from conformance.gotools import install, module_folder
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from harness import ROOT

MODULE, VERSION = "connectrpc.com/conformance", "v1.0.7"
STUBS = ROOT / "build" / "conformance"
_SUITE = Path(__file__).with_name("suite.yaml")
_SENDING = re.compile(r'Sending request for "(.+)"\.\.\.')
_RECEIVED = "Received response for "
# The same case played by the client of grpc-go.
_OTHER_CLIENT = "(grpc client impl)/"


def main() -> None:
    """Run the suite. The exit status is not zero when a case fails, or the lists differ."""
    runner = install(f"{MODULE}/cmd/connectconformance", VERSION)
    _make_stubs(module_folder(MODULE, VERSION) / "proto")
    status, names = _run_suite(runner)
    differences = [*_other_names(names), *_other_fields()]
    print("\n".join(differences) or f"The {len(names)} cases are those that the tests mirror.")
    sys.exit(status or bool(differences))


def _make_stubs(protos: Path) -> None:
    STUBS.mkdir(parents=True, exist_ok=True)
    files = [str(path.relative_to(protos)) for path in protos.rglob("*.proto")]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={protos}", f"--python_out={STUBS}", *files]
    subprocess.run(command, check=True)


def _run_suite(runner: Path) -> tuple[int, set[str]]:
    """The runner's exit status and the names of the cases; its own words are printed."""
    server = [sys.executable, "-m", "conformance.server"]
    command = [str(runner), "--vv", "--mode", "server", "--conf", str(_SUITE), "--", *server]
    paths = os.pathsep.join([str(STUBS), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
    names = set()
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        assert running.stdout
        for line in running.stdout:
            if found := _SENDING.match(line):
                names.add(found[1].replace(_OTHER_CLIENT, ""))
            elif not line.startswith(_RECEIVED):
                print(line, end="", flush=True)
    return running.returncode, names


def _other_names(names: set[str]) -> Iterator[str]:
    """What the suite and the mirrored cases do not have in common."""
    ours = {variant.name for tls in (False, True) for variant in variants(tls=tls)}
    yield from (f"not mirrored: {name}" for name in sorted(names - ours))
    yield from (f"not in the suite: {name}" for name in sorted(ours - names))


def _other_fields() -> Iterator[str]:
    """Where our wording of the contract is not the suite's."""
    sys.path.insert(0, str(STUBS))
    theirs = FileDescriptorProto()
    import_module("connectrpc.conformance.v1.service_pb2").DESCRIPTOR.CopyToProto(theirs)
    known = set(_fields(theirs.message_type))
    yield from (
        f"not in the suite's contract: {field}" for field in _fields(compiled().message_type) if field not in known
    )


def _fields(messages: Iterable[DescriptorProto], prefix: str = "") -> Iterator[str]:
    for message in messages:
        for field in message.field:
            yield f"{prefix}{message.name}.{field.name} = {field.number} {_kind(field)}"
        yield from _fields(message.nested_type, f"{prefix}{message.name}.")


def _kind(field: FieldDescriptorProto) -> str:
    """How a field travels; an enumeration travels as a number."""
    number = FieldDescriptorProto.TYPE_INT32
    kind = number if field.type == FieldDescriptorProto.TYPE_ENUM else field.type
    name = field.type_name if kind == FieldDescriptorProto.TYPE_MESSAGE else ""
    return f"{FieldDescriptorProto.Label.Name(field.label)} {FieldDescriptorProto.Type.Name(kind)} {name}".strip()


if __name__ == "__main__":
    main()

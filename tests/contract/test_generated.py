from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from contract.support import run
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from harness import ROOT

GENERATED = ROOT / "generated"
NPM = ROOT / "tests" / "interop" / "node_modules" / "swagger-ui-dist"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what `make generate` makes of the contract."""
    folder = tmp_path_factory.mktemp("fresh")
    (folder / "generated" / "zitadel").mkdir(parents=True)
    contract = sorted(str(path.relative_to(ROOT / "proto")) for path in (ROOT / "proto" / "zitadel").glob("*.proto"))
    for command in (
        ["buf", "generate", "--output", str(folder)],
        [
            *("python", "-m", "grpc_tools.protoc", "--proto_path=proto"),
            f"--grpc_python_out={folder / 'generated'}",
            "zitadel/auth.proto",
        ],
        [
            *("python", "-m", "grpc_tools.protoc", "--proto_path=proto", "--include_source_info"),
            f"--descriptor_set_out={folder / 'generated' / 'zitadel' / 'descriptors.binpb'}",
            *contract,
        ],
    ):
        done = run(*command)
        assert done.returncode == 0, done.stderr
    return folder / "generated" / "zitadel"


def contents(folder: Path) -> dict[str, bytes]:
    """The files below a folder, but nothing that Python keeps there."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def differing(one: Path, other: Path) -> list[str]:
    """The names of the files that are not the same in both folders."""
    ours, theirs = contents(one), contents(other)
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def test_generated_code_is_that_of_the_contract(fresh: Path) -> None:
    """`generated/zitadel` holds what `make generate` would write now, and nothing else."""
    assert differing(GENERATED / "zitadel", fresh) == [], "run `make generate`"


def test_nothing_else_is_generated() -> None:
    """`generated/` has the contract's folder, that of files for browsers, and no third."""
    assert {path.name for path in GENERATED.iterdir()} == {"zitadel", "authsvc_web"}
    assert {name.partition("/")[0] for name in contents(GENERATED / "authsvc_web")} == {"__init__.py", "docs"}


def test_files_for_browsers_are_those_of_the_npm_package() -> None:
    """`generated/authsvc_web` holds copies of what npm has brought, licenses included, and no source maps."""
    if not NPM.is_dir():
        pytest.fail("tests/interop/node_modules is missing: `make test` installs it", pytrace=False)
    ours = contents(GENERATED / "authsvc_web" / "docs")
    assert {name: (NPM / name).read_bytes() for name in ours} == ours, "run `make generate`"
    assert {"LICENSE", "NOTICE", "swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt"} < ours.keys()
    assert [name for name in ours if name.endswith(".map")] == []


def test_comments_of_the_contract_come_with_it() -> None:
    """The descriptors in `generated/` are those of our files alone, and have kept their comments."""
    found = FileDescriptorSet.FromString((GENERATED / "zitadel" / "descriptors.binpb").read_bytes()).file
    names = {str(path.relative_to(ROOT / "proto")) for path in (ROOT / "proto" / "zitadel").glob("*.proto")}
    assert {file.name for file in found} == names
    assert all(file.source_code_info.location for file in found)


def test_a_difference_would_be_seen(fresh: Path, tmp_path: Path) -> None:
    """A file that is changed, missing or left over is named."""
    folder = tmp_path / "zitadel"
    shutil.copytree(fresh, folder)
    with (folder / "user_pb2.pyi").open("a") as file:
        file.write("\n")
    (folder / "auth_pb2_grpc.py").unlink()
    (folder / "old_pb2.py").touch()
    assert differing(folder, fresh) == ["auth_pb2_grpc.py", "old_pb2.py", "user_pb2.pyi"]

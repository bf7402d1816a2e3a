from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from contract.support import run
from harness import ROOT


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what `make generate` writes."""
    folder = tmp_path_factory.mktemp("fresh")
    (folder / "generated").mkdir()
    for command in (
        ["buf", "generate", "--output", str(folder)],
        [
            *("python", "-m", "grpc_tools.protoc", "--proto_path=proto"),
            f"--grpc_python_out={folder / 'generated'}",
            "zitadel/auth.proto",
        ],
    ):
        done = run(*command)
        assert done.returncode == 0, done.stderr
    return folder / "generated"


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
    """`generated/` holds what `make generate` would write now, and nothing else."""
    assert differing(ROOT / "generated", fresh) == [], "run `make generate`"


def test_a_difference_would_be_seen(fresh: Path, tmp_path: Path) -> None:
    """A file that is changed, missing or left over is named."""
    shutil.copytree(fresh, tmp_path / "generated")
    folder = tmp_path / "generated" / "zitadel"
    with (folder / "user_pb2.pyi").open("a") as file:
        file.write("\n")
    (folder / "auth_pb2_grpc.py").unlink()
    (folder / "old_pb2.py").touch()
    names = ["zitadel/auth_pb2_grpc.py", "zitadel/old_pb2.py", "zitadel/user_pb2.pyi"]
    assert differing(tmp_path / "generated", fresh) == names

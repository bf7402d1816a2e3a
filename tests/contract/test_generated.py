from __future__ import annotations

import re
import shutil
import sysconfig
from pathlib import Path

import pytest
from contract.support import run
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from harness import ROOT

GENERATED = ROOT / "generated"
WEB = ROOT / "src" / "authsvc" / "web"
NPM = WEB / "node_modules" / "swagger-ui-dist"


# What the recipe writes in each folder; what else stands there is named beside it.
FOLDERS = ("zitadel", "authsvc_account", "authsvc_workos")
FOR_SERVER = Path("web") / "authsvc_web"
CONTRACT = FOR_SERVER / "contract.binpb"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what `make generate` makes of the contract and of the account page's source."""
    folder = tmp_path_factory.mktemp("generated")
    # By the programs that run this test, and without bringing others along.
    installed = (".venv/dev.stamp", WEB / "node_modules" / ".stamp", WEB / "build" / ".stamp")
    own = [f"BIN={sysconfig.get_path('scripts')}", *(f"--assume-old={path}" for path in installed)]
    done = run("make", "generate", f"OUT={folder}", *own)
    assert done.returncode == 0, done.stderr
    return folder


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


@pytest.mark.parametrize("folder", FOLDERS)
def test_generated_code_is_that_of_the_contract(fresh: Path, folder: str) -> None:
    """Each folder holds what `make generate` would write now, and nothing else."""
    assert len(contents(fresh / folder)) > 2
    assert differing(GENERATED / folder, fresh / folder) == [], "run `make generate`"


def test_the_descriptors_are_those_of_the_contract(fresh: Path) -> None:
    """What the document of the API is made of is what `make generate` would write now."""
    assert (GENERATED / CONTRACT).read_bytes() == (fresh / CONTRACT).read_bytes(), "run `make generate`"


def test_nothing_else_is_generated(fresh: Path) -> None:
    """`generated/` has the folders of the contract, that of files for the server itself, and no other."""
    assert {path.name for path in GENERATED.iterdir()} == {*FOLDERS, "web"}
    assert {path.name for path in fresh.iterdir()} == {*FOLDERS, "web"}
    assert [path.name for path in (GENERATED / "web").iterdir()] == ["authsvc_web"]
    top = {name.partition("/")[0] for name in contents(GENERATED / FOR_SERVER)}
    assert top == {"__init__.py", "account", "contract.binpb", "docs"}


def test_no_module_is_named_as_a_client_is() -> None:
    """WorkOS's own client is a package named `workos`: ours neither is one nor asks for it."""
    sources = {
        path: path.read_text() for path in (GENERATED / "authsvc_workos").rglob("*.py*") if path.suffix != ".pyc"
    }
    assert len(sources) > 5
    assert [path for path, text in sources.items() if re.search(r"^(from|import) workos\b", text, re.MULTILINE)] == []


def test_files_for_browsers_are_those_of_the_npm_package() -> None:
    """`docs` holds copies of what npm has brought, licenses included, and no source maps."""
    if not NPM.is_dir():
        pytest.fail("src/authsvc/web/node_modules is missing: `make test` installs it", pytrace=False)
    ours = contents(GENERATED / FOR_SERVER / "docs")
    assert {name: (NPM / name).read_bytes() for name in ours} == ours, "run `make generate`"
    assert {"LICENSE", "NOTICE", "swagger-ui-bundle.js", "swagger-ui-bundle.js.LICENSE.txt"} < ours.keys()
    assert [name for name in ours if name.endswith(".map")] == []


def test_the_account_page_is_that_of_its_source(fresh: Path) -> None:
    """`account` holds what `make generate` would build now, and nothing else."""
    built = FOR_SERVER / "account"
    assert {"account.js", "account.css", "index.html", "LICENSES.txt"} < contents(fresh / built).keys()
    assert differing(GENERATED / built, fresh / built) == [], "run `make generate`"


def test_comments_of_the_contract_come_with_it() -> None:
    """The descriptors in `generated/` are those of our files alone, and have kept their comments."""
    found = FileDescriptorSet.FromString((GENERATED / CONTRACT).read_bytes()).file
    proto = ROOT / "proto"
    owners = ("authsvc", "zitadel", "workos")
    names = {str(path.relative_to(proto)) for owner in owners for path in (proto / owner).rglob("*.proto")}
    assert {file.name for file in found} == names
    assert all(file.source_code_info.location for file in found)


def test_a_difference_would_be_seen(fresh: Path, tmp_path: Path) -> None:
    """A file that is changed, missing or left over is named, also in a folder inside."""
    for name in FOLDERS:
        shutil.copytree(fresh / name, tmp_path / name)
    ours, theirs = tmp_path / "zitadel", tmp_path / "authsvc_workos"
    with (ours / "user_pb2.pyi").open("a") as file:
        file.write("\n")
    (ours / "auth_pb2_grpc.py").unlink()
    (ours / "old_pb2.py").touch()
    (theirs / "user_management" / "v1" / "events_pb2.py").write_text("")
    assert differing(ours, fresh / "zitadel") == ["auth_pb2_grpc.py", "old_pb2.py", "user_pb2.pyi"]
    assert differing(theirs, fresh / "authsvc_workos") == ["user_management/v1/events_pb2.py"]

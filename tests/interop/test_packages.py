from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from harness import ROOT
from interop.support import HERE


def document(name: str) -> Any:
    """A JSON file of this folder."""
    return orjson.loads((HERE / name).read_bytes())


def test_clients_are_pinned() -> None:
    """Each client and tool is wanted in one version only, and that is the one in the lock file."""
    package = document("package.json")
    wanted = package["dependencies"] | package["devDependencies"]
    locked = document("package-lock.json")["packages"]
    # A package of which there are several versions is there under other names, as npm:NAME@VERSION.
    versions = {name: version.rpartition("@")[2] for name, version in wanted.items()}
    assert [version for version in versions.values() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == versions


@pytest.mark.parametrize(("lock", "version"), [("workos-10", "10.8.0"), ("workos-5", "5.46.0")])
def test_the_sdks_for_python_are_pinned(lock: str, version: str) -> None:
    """What runs is the release in the lock file, whose packages are known by their hashes."""
    text = (ROOT / "deploy" / "requirements" / f"{lock}.txt").read_text()
    assert f"\nworkos=={version} " in text
    assert all("--hash=sha256:" in entry for entry in re.split(r"\n(?=\w)", text.strip()))
    assert [path.name for path in (ROOT / ".venv" / lock).glob("workos-*.dist-info")] == [f"workos-{version}.dist-info"]


def test_the_lock_file_names_no_registry() -> None:
    """Packages are known by their hashes, and come from whatever registry npm is set to."""
    packages = {name: package for name, package in document("package-lock.json")["packages"].items() if name}
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [name for name, package in packages.items() if not package["integrity"].startswith("sha512-")] == []

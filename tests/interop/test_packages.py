from __future__ import annotations

import re
from typing import Any

import orjson
from interop.support import HERE


def document(name: str) -> Any:
    """A JSON file of this folder."""
    return orjson.loads((HERE / name).read_bytes())


def test_clients_are_pinned() -> None:
    """Each client and tool is wanted in one version only, and that is the one in the lock file."""
    package = document("package.json")
    wanted = package["dependencies"] | package["devDependencies"]
    locked = document("package-lock.json")["packages"]
    assert [version for version in wanted.values() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted


def test_the_lock_file_names_no_registry() -> None:
    """Packages are known by their hashes, and come from whatever registry npm is set to."""
    packages = {name: package for name, package in document("package-lock.json")["packages"].items() if name}
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [name for name, package in packages.items() if not package["integrity"].startswith("sha512-")] == []

"""The package that others install."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from harness import ROOT, environment


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "content")
    return folder / "content"


def test_it_has_our_packages_and_no_other(wheel: Path) -> None:
    """They are found under the names by which they are imported."""
    names = {path.name for path in wheel.iterdir() if not path.name.endswith(".dist-info")}
    assert names == {"authsvc", "authsvc_account", "authsvc_web", "authsvc_workos", "zitadel"}


def test_the_account_page_is_there_as_it_is_served(wheel: Path) -> None:
    """Nobody who installs it needs Node: the page is built, and its source stays here."""
    built = {path.name for path in (wheel / "authsvc_web" / "account").iterdir()}
    assert {"index.html", "account.js", "account.css", "LICENSES.txt"} <= built
    web = [str(path.relative_to(wheel)) for path in (wheel / "authsvc" / "web").rglob("*") if path.is_file()]
    expected = [f"authsvc/web/{name}" for name in ("__init__.py", "account.py", "docs.py", "files.py")]
    assert sorted(web) == sorted([*expected, "authsvc/web/docs/index.html", "authsvc/web/docs/start.js"])


def test_it_works_by_itself(wheel: Path) -> None:
    """Without the repository around it, it describes its API and finds the files of its pages."""
    script = (
        "import sys, authsvc; sys.path = [path for path in sys.path if 'generated' not in path]\n"
        "from authsvc.app import api_document, account_page\n"
        "from authsvc.web.docs import docs\n"
        "import authsvc_web\n"
        "print(authsvc.__file__, authsvc_web.__file__, len(docs(api_document).paths | account_page().paths))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=wheel,
        check=False,
        capture_output=True,
        text=True,
        env=environment({"PYTHONPATH": str(wheel)}),
    )
    assert done.returncode == 0, done.stderr
    ours, files, count = done.stdout.split()
    assert (Path(ours).parent.parent, Path(files).parent.parent) == (wheel, wheel)
    assert int(count) == 10

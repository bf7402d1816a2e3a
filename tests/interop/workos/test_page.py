"""The code in docs/workos.md does what the page says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from harness import ROOT
from interop.support import NODE, direct_environment
from interop.workos.people import ADA, KEYS, Person, Site, open_site
from interop.workos.sdks import NODES, PYTHON

PAGE = (ROOT / "docs" / "workos.md").read_text()
(PYTHON_CODE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
(NODE_CODE,) = re.findall(r"```js\n(.*?)```", PAGE, re.DOTALL)
(CURL,) = re.findall(r"^\$ (curl .*)$", PAGE, re.MULTILINE)
KEY = KEYS["full"]
MODULES = ROOT / "tests" / "interop" / "node_modules"
ADAS = Person(10)


def _run(*command: str | Path, **variables: str) -> str:
    """What a program prints, which ends without complaint."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env=direct_environment() | variables
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _curl(site: Site) -> list[str]:
    """The ids that the page's line for curl shows."""
    line = CURL.replace("http://127.0.0.1:8080", site.url).replace("curl ", "curl --silent --fail ", 1)
    answer = orjson.loads(_run("sh", "-c", line, KEY=KEY))
    assert list(answer) == ["object", "data", "list_metadata"]
    assert list(answer["list_metadata"]) == ["before", "after"]
    return [session["id"] for session in answer["data"]]


@pytest.fixture(scope="module")
def site(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server of this module, as the page is about Ada's own sessions."""
    with open_site(Path(shutil.copy(people, tmp_path_factory.mktemp("page")))) as running:
        yield running


@pytest.mark.parametrize("name", PYTHON)
def test_signing_out_everywhere_with_python(site: Site, name: str) -> None:
    """What the page shows ends all sessions of a person, also those behind the first page, with either version."""
    site.sign_in(ADAS, 15)
    assert len(_curl(site)) == 10
    code = PYTHON_CODE.replace("http://127.0.0.1:8080", site.url)
    if name == "python-5":
        assert "`list_sessions(user_id=…)`, and\ngoes through all pages without `auto_paging_iter`" in PAGE
        code = code.replace(f'list_sessions("{ADA}").auto_paging_iter()', f'list_sessions(user_id="{ADA}")')
    packages = ROOT / ".venv" / f"workos-{name.removeprefix('python-')}"
    _run(sys.executable, "-S", "-c", f"KEY = {KEY!r}\n{code}", PYTHONPATH=str(packages))
    assert _curl(site) == []


@pytest.mark.parametrize("name", NODES)
def test_a_list_with_node(site: Site, name: str, tmp_path: Path) -> None:
    """What the page shows gives a person's sessions, the newest first, with either version."""
    newest = site.sign_in(ADAS, 2)[::-1]
    port = site.url.rpartition(":")[2]
    script = tmp_path / "list.mjs"
    code = NODE_CODE.replace("8080", port).replace("@workos-inc/node", f"workos-{name}")
    shown = "JSON.stringify(sessions.data.map(({ id }) => id))"
    script.write_text(f"const KEY = {KEY!r};\n{code}\nconsole.log({shown});\n")
    (tmp_path / "node_modules").symlink_to(MODULES)
    assert orjson.loads(_run(NODE, script))[:2] == newest

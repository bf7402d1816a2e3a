"""The examples do what the documentation says of them."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import ROOT, environment

README = (ROOT / "README.md").read_text()
LIBRARY = ROOT / "examples" / "library"


@pytest.fixture(scope="module", name="library")
def _library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The library example, started as its section of the README says; its URL."""
    folder = tmp_path_factory.mktemp("library")
    (folder / "library.py").write_text((LIBRARY / "library.py").read_text())
    (folder / "library.proto").write_text((LIBRARY / "library.proto").read_text())
    compiler = re.search(r"^\$ (python -m grpc_tools.protoc .*)$", README, re.MULTILINE)
    assert compiler
    variables = environment({"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"})
    subprocess.run(["sh", "-c", compiler[1]], cwd=folder, env=variables, check=True, timeout=60)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "uvicorn", "library:app", "--fd", str(listener.fileno()), "--no-access-log"]
        process = subprocess.Popen(
            command, cwd=folder, env=environment(), pass_fds=[listener.fileno()], stderr=subprocess.DEVNULL
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _fetch(url: str, accept: str = "*/*") -> tuple[int, str, str]:
    """Status, content type and body; waits for the server to start."""
    request = urllib.request.Request(url, headers={"accept": accept})
    for _ in range(200):
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, response.headers["content-type"], response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers["content-type"], error.read().decode()
        except urllib.error.URLError:
            time.sleep(0.05)
    raise AssertionError("the example did not start")


def test_the_readme_shows_the_example() -> None:
    """The README shows the very file that is tested here, and it is as short as it says."""
    shown = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    source = (LIBRARY / "library.py").read_text()
    assert source in shown
    assert len([line for line in source.splitlines() if line]) <= 15


@pytest.mark.parametrize(
    ("path", "accept", "answer"),
    [
        (
            "/v1/books/1",
            "*/*",
            (200, "application/json", '{"name":"books/1","title":"Dune","author":"Frank Herbert","pages":"412"}'),
        ),
        ("/v1/books/1?fields=title", "*/*", (200, "application/json", '{"title":"Dune"}')),
        ("/v1/books/2", "*/*", (404, "application/json", '{"code":5,"message":"no such book"}')),
        ("/v1/books?fields=title", "*/*", (200, "application/json", '[{"title":"Dune"}]')),
        ("/v1/books?fields=title", "text/event-stream", (200, "text/event-stream", 'data: {"title":"Dune"}\n\n')),
    ],
)
def test_the_library_is_served(library: str, path: str, accept: str, answer: tuple[int, str, str]) -> None:
    """A service that is not authsvc's answers by the rules in its contract, one message or a stream."""
    assert _fetch(library + path, accept) == answer


def test_the_library_takes_what_it_is_given(library: str) -> None:
    """A body and a path become one message."""
    _fetch(library + "/v1/books/1")
    body = json.dumps({"title": "Emma", "pages": 474}).encode()
    request = urllib.request.Request(library + "/v1/books/3", body, {"content-type": "application/json"}, method="PUT")
    with urllib.request.urlopen(request, timeout=10) as response:
        assert json.loads(response.read()) == {"name": "books/3", "title": "Emma", "pages": "474"}
    assert "Emma" in _fetch(library + "/v1/books/3")[2]

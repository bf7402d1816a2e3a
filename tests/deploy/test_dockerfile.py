"""The image, as far as can be told without building it."""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from deploy.files import DEPLOY, dockerfile, final_stage, only
from harness import ROOT
from interop.support import tool

KNOWN = frozenset(
    {
        "ARG",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "LABEL",
        "RUN",
        "STOPSIGNAL",
        "USER",
        "VOLUME",
        "WORKDIR",
    }
)
PINNED = re.compile(r"python:\d+\.\d+\.\d+-slim-[a-z]+")


def test_the_linter_finds_nothing() -> None:
    """Hadolint, which has the grammar of Dockerfiles and knows what is seldom meant, has nothing to say."""
    found = subprocess.run([tool("hadolint"), DEPLOY / "Dockerfile"], check=False, capture_output=True, text=True)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_every_instruction_is_known() -> None:
    """There is no instruction that is misspelt, nor ADD, which fetches and unpacks."""
    assert {name for name, _ in dockerfile()} == KNOWN


def test_both_stages_have_the_same_pinned_base() -> None:
    """What was built by one Python runs on the same, named with all of its version."""
    bases = {value.split()[0] for name, value in dockerfile() if name == "FROM"}
    assert len(bases) == 1
    assert PINNED.fullmatch(bases.pop())


def test_only_locked_wheels_are_fetched() -> None:
    """What comes from a registry has a known hash and is no source to be compiled; all else is installed from there."""
    commands = [part.split() for name, value in dockerfile() if name == "RUN" for part in value.split("&&")]
    pips = [words for words in commands if words[0] == "pip"]
    download, *others = pips
    assert {"download", "--only-binary=:all:", "--require-hashes", "run.txt"} <= set(download)
    assert len(others) == 3
    assert all("--no-index" in words for words in others)
    assert not {words[0] for words in commands} & {"apt-get", "apk", "curl", "wget", "npm"}


def test_the_final_stage_only_takes_what_was_built() -> None:
    """Sources, wheels and what built them stay in the first stage; nothing is installed in the last."""
    copies = [value for name, value in final_stage() if name == "COPY"]
    assert copies == ["--from=build /opt/authsvc /opt/authsvc"]
    assert not any("pip" in value for name, value in final_stage() if name == "RUN")


def test_it_runs_as_nobody() -> None:
    """The user is a number, so that a cluster can see it is not root, and owns the one folder that is written to."""
    uid, gid = only("USER").split(":")
    assert int(uid) >= 10_000
    assert int(gid) >= 10_000
    assert f"install --directory --owner={uid} --group={gid} --mode=0700 {only('VOLUME')}" in only("RUN")
    assert only("WORKDIR") == only("VOLUME")


def test_it_is_the_service_and_stops_as_one() -> None:
    """Without arguments it serves, arguments are commands of `authsvc`, and SIGTERM reaches it and no shell."""
    assert json.loads(only("ENTRYPOINT")) == ["authsvc"]
    assert json.loads(only("CMD")) == ["serve"]
    assert only("STOPSIGNAL") == "SIGTERM"


def test_no_secret_is_in_it() -> None:
    """Neither variables nor arguments of the build hold what is secret."""
    given = " ".join(value for name, value in dockerfile() if name in {"ENV", "ARG", "LABEL"})
    assert not re.search(r"password|secret|token|key\b|postgresql", given, re.IGNORECASE)


def test_its_labels_are_those_of_the_standard() -> None:
    """It says what it is in the words of the Open Container Initiative, and its licence is the project's."""
    labels = dict(re.findall(r"org\.opencontainers\.image\.(\w+)=\"([^\"]*)\"", only("LABEL")))
    assert labels.keys() == {"title", "description", "licenses", "version", "revision"}
    project = (ROOT / "pyproject.toml").read_text()
    assert f'license = "{labels["licenses"]}"' in project
    assert f'description = "{labels["description"]}"' in project


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A server that gives this status to who asks whether it is ready: its port."""

    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/debug/ready" else 404)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Ready) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def check_health(port: int) -> int:
    """The exit status of the image's health check, which runs as it stands there but for the port."""
    command = json.loads(only("HEALTHCHECK").partition("CMD ")[2])
    assert command[:2] == ["python", "-c"]
    assert command[2].count("8080") == 1
    script = command[2].replace("8080", str(port))
    environment = {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    return subprocess.run(
        [sys.executable, "-c", script], check=False, stderr=subprocess.DEVNULL, env=environment
    ).returncode


@pytest.mark.parametrize(("status", "expected"), [(200, 0), (412, 1), (503, 1)])
def test_it_is_healthy_if_it_is_ready(status: int, expected: int) -> None:
    """The health check asks whether calls can be answered, whatever proxy there is for other purposes."""
    with answering(status) as port:
        assert check_health(port) == expected


def test_it_is_not_healthy_if_nobody_answers() -> None:
    """When nothing listens, the health check says so by the one status that it may have."""
    with answering(200) as port:
        pass
    assert check_health(port) == 1


def is_sent(path: str) -> bool:
    """Whether .dockerignore leaves a path for the build: the last pattern that fits it, or a folder of it, decides."""
    parts = path.split("/")
    heads = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    sent = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if not pattern or pattern.startswith("#"):
            continue
        if any(_fits(head, pattern) for head in heads):
            sent = line.startswith("!")
    return sent


def _fits(path: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatch.fnmatchcase(path.rpartition("/")[2], pattern.removeprefix("**/"))
    same_depth = path.count("/") == pattern.count("/")
    return same_depth and fnmatch.fnmatchcase(path, pattern)


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        ".git/config",
        ".venv/bin/python",
        "deploy/compose.yaml",
        "deploy/secrets/authsvc.key",
        "src/authsvc/__pycache__/x.pyc",
        "src/authsvc/web/node_modules/x.js",
        "tests/harness.py",
        "var/authsvc.db",
        "x.key",
    ],
)
def test_nothing_else_is_sent_to_the_build(path: str) -> None:
    """Secrets, databases and the checkout itself cannot get into an image, not even into a layer of it."""
    assert not is_sent(path)


def test_what_is_sent_is_enough_for_the_wheel(tmp_path: Path) -> None:
    """From the files that the build is sent comes the whole package, as from the whole repository."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z"]
    tracked = subprocess.run(command, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    sent = [name for name in tracked.stdout.split("\0") if name and is_sent(name)]
    for name in sent:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for _, value in [each for each in dockerfile() if each[0] == "COPY" and "--from" not in each[1]]:
        assert all((tmp_path / source).exists() for source in value.split()[:-1])
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "built")]
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = (tmp_path / "built").glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    modules = {name.removeprefix("src/") for name in sent if name.startswith("src/authsvc/") and name.endswith(".py")}
    assert len(modules) > 100
    assert modules <= packed
    assert {"authsvc_web/account/account.js", "authsvc_web/contract.binpb", "zitadel/auth_pb2.py"} <= packed

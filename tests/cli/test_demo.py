"""`authsvc demo`: what it prints works when pasted into a shell."""

from __future__ import annotations

import html
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from harness import BROWSER, DEMO, GIGI, command, environment

from authsvc.cli import demo
from authsvc.config import Address, Settings

_BIN = str(Path(sys.executable).parent)
_FREE = {"listen": "127.0.0.1:0", "grpc_listen": "127.0.0.1:0"}


@pytest.fixture(scope="module")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running demo and all that it printed until it was ready."""
    folder = tmp_path_factory.mktemp("demo-run")
    variables = environment(
        {
            "AUTHSVC_LISTEN": "127.0.0.1:0",
            "AUTHSVC_GRPC_LISTEN": "127.0.0.1:0",
            "AUTHSVC_DATABASE_URL": f"sqlite:///{folder / 'var' / 'demo.db'}",
        }
    )
    line = [sys.executable, "-m", "authsvc", "demo", str(DEMO), "--user", GIGI, "--agent", BROWSER]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=log, text=True, env=variables)
    guard = threading.Timer(30, process.kill)
    guard.start()
    assert process.stdout is not None
    lines = []
    for text in process.stdout:
        lines.append(text)
        if text == "ready\n":
            break
    guard.cancel()
    yield process, "".join(lines)
    process.kill()
    process.wait()
    process.stdout.close()


def _pasted(text: str) -> list[str]:
    """The commands in `text`, each with its continuation lines."""
    commands = text.replace("\\\n", " ").splitlines()
    return [line for line in commands if line.startswith(("curl ", "grpcurl ", "buf "))]


def _shell(text: str, command: str) -> str:
    given = "\n".join(line for line in text.splitlines() if line.startswith(("TOKEN=", "KEY=")))
    variables = {**os.environ, "PATH": f"{_BIN}{os.pathsep}{os.environ['PATH']}"}
    script = f"{given}\n{command}"
    run = subprocess.run(["sh", "-c", script], capture_output=True, text=True, env=variables, check=False, timeout=30)
    assert run.returncode == 0, (command, run.stderr)
    return run.stdout


def test_the_printed_lines_work(demo_run: tuple[subprocess.Popen[str], str]) -> None:
    """Each printed command, pasted into a shell, gets its answer."""
    _, text = demo_run
    assert text.endswith("ready\n")
    commands = _pasted(text)
    user, sessions, grants, by_grpc, by_web, signed_in = [json.loads(_shell(text, command)) for command in commands]
    assert user["user"]["preferredLoginName"] == by_grpc["user"]["preferredLoginName"] == GIGI
    names = [session["loginName"] for session in sessions["result"]]
    assert names == [GIGI, "zora@zitadel.com", "pia@zitadel.cloud"]
    assert [grant["grantId"] for grant in grants["result"]] == [f"6962902906305126{digit}" for digit in "456"]
    assert [session["object"] for session in signed_in["data"]] == ["session"]
    assert sorted(grant["grantId"] for grant in by_web["result"]) == [grant["grantId"] for grant in grants["result"]]


def test_the_page_is_there(demo_run: tuple[subprocess.Popen[str], str]) -> None:
    """The address printed for a browser answers with a page."""
    _, text = demo_run
    url = re.findall(r"^# or in a browser.* (http://\S+)$", text, re.MULTILINE)[0]
    with urllib.request.urlopen(url, timeout=10) as response:
        assert (response.status, response.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_the_printed_password_signs_in(demo_run: tuple[subprocess.Popen[str], str], tmp_path: Path) -> None:
    """The command line signs in by a browser with what is printed; its token works, and the next is the same."""
    _, text = demo_run
    (password,) = re.findall(r"^# password .*: (\S+)$", text, re.MULTILINE)
    (line,) = re.findall(r"^# TOKEN=\$\((.*)\)$", text, re.MULTILINE)
    assert re.search(r"^# sign in with a browser: http://127\.0\.0\.1:\d+/account$", text, re.MULTILINE)
    arguments = [sys.executable, "-m", "authsvc", *line.split()[1:], "--no-browser"]
    variables = environment({"XDG_CONFIG_HOME": str(tmp_path)})
    with subprocess.Popen(arguments, stdout=-1, stderr=-1, text=True, env=variables) as process:
        guard = threading.Timer(20, process.kill)
        guard.start()
        assert process.stderr is not None
        assert process.stderr.readline() == "sign in with a browser at\n"
        assert _browse(process.stderr.readline().strip(), password) == httpx2.codes.OK
        output, errors = process.communicate()
        guard.cancel()
    assert errors.startswith(f"signed in as {GIGI}; the token is in {tmp_path}")
    url = line.split()[3]
    answer = httpx2.get(f"{url}/auth/v1/users/me", headers={"authorization": f"Bearer {output.strip()}"})
    assert answer.json()["user"]["preferredLoginName"] == GIGI
    again = subprocess.run(arguments, capture_output=True, text=True, env=variables, check=True, timeout=20)
    assert (again.stdout, again.stderr) == (output, "")


def _browse(url: str, password: str) -> int:
    """Sign in where a browser is sent, as far as the status of the last page."""
    with httpx2.Client(follow_redirects=True, headers={"sec-fetch-site": "same-origin"}) as browser:
        page = browser.get(url)
        (form,) = [form for form in page.text.split("<form ")[1:] if 'name="password"' in form]
        (action,), (token,) = (re.findall(rf'{name}="([^"]+)"', form) for name in ("action", 'name="form_token" value'))
        fields = {"form_token": token, "login_name": GIGI, "password": password}
        return browser.post(page.url.join(html.unescape(action)), data=fields).status_code


def test_all_of_it_can_be_pasted(demo_run: tuple[subprocess.Popen[str], str]) -> None:
    """The whole block, comments included, is a script that runs to its end."""
    _, text = demo_run
    block = text[text.index("# everything below") : text.index("listening on")]
    variables = {**os.environ, "PATH": f"{_BIN}{os.pathsep}{os.environ['PATH']}"}
    run = subprocess.run(
        ["sh", "-e", "-s"], input=block, capture_output=True, text=True, env=variables, check=False, timeout=60
    )
    assert run.returncode == 0, run.stderr


def test_sigterm_ends_the_demo(demo_run: tuple[subprocess.Popen[str], str]) -> None:
    """A demo ends on SIGTERM with status 0."""
    process, _ = demo_run
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0


def test_a_demo_that_cannot_begin(tmp_path: Path) -> None:
    """A mistake in the file, or a user who is not in it, stops the demo before it serves."""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("orgs: [{ id: x }]\n")
    for file, user, sentence in (
        (wrong, GIGI, f"{wrong}:1: orgs[0]"),
        (tmp_path / "missing.yaml", GIGI, "missing.yaml"),
        (DEMO, "nobody@zitadel.com", "no user has the login name nobody@zitadel.com"),
    ):
        url = f"sqlite:///{tmp_path / 'a.db'}"
        run = command("demo", str(file), "--user", user, check=False, database_url=url, **_FREE)
        assert run.returncode == 1
        assert sentence in run.stderr
        assert "Traceback" not in run.stderr
        assert "TOKEN" not in run.stdout


@pytest.mark.parametrize("taken", ["listen", "grpc_listen"])
def test_a_demo_beside_another(tmp_path: Path, taken: str) -> None:
    """A demo whose address is taken says so before it touches the database, which may be the other one's."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        settings = {**_FREE, taken: f"127.0.0.1:{other.getsockname()[1]}"}
        url = f"sqlite:///{tmp_path / 'a.db'}"
        run = command("demo", str(DEMO), "--user", GIGI, check=False, database_url=url, **settings)
    assert run.returncode == 1
    assert run.stderr.startswith(f"authsvc: {taken}: cannot listen on")
    assert not list(tmp_path.iterdir())


def test_lines_follow_the_settings(tmp_path: Path) -> None:
    """Lines name the certificate when TLS is on, and leave out what could not work."""
    addresses = {"web": Address("127.0.0.1", 8443)}
    trial = demo.Trial("t", "k", "user_1", GIGI, "secret")
    secured = demo.lines(Settings.model_construct(tls_cert=tmp_path / "c.pem"), addresses, trial)
    assert f"curl --cacert {tmp_path}/c.pem -L -X GET 'https://127.0.0.1:8443/auth/v1/users/me'" in secured
    assert f"grpcurl -cacert {tmp_path}/c.pem " in secured
    assert f"buf curl --cacert {tmp_path}/c.pem " in secured
    for settings in (Settings(http="httptools"), Settings(reflection=False)):
        shown = demo.lines(settings, addresses, trial)
        assert "curl -L" in shown
        assert "grpcurl" not in shown
        assert "buf" not in shown
        assert "/users/user_1/sessions" in shown
    assert "user_management" not in demo.lines(Settings(), addresses, trial._replace(person=None))
    assert "password" not in demo.lines(Settings(), addresses, trial._replace(password=None))
    assert f"login --issuer https://127.0.0.1:8443 --cacert {tmp_path}/c.pem --print" in secured
    for account, page in ((True, "account"), (False, "login")):
        shown = demo.lines(Settings(issuer="https://a.example", account=account), addresses, trial)
        assert f"# sign in with a browser: https://a.example/{page}\n" in shown

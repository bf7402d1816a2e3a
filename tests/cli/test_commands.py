"""The real command, one process each: what it prints, where, and its status."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from harness import BROWSER, DEMO, GIGI, authsvc, command, environment, query

from authsvc import __version__
from authsvc.cli import main
from authsvc.domain.tokens import token_hash
from authsvc.store import sqlite

Run = subprocess.CompletedProcess[str]
TOKEN = re.compile(r"[A-Za-z0-9_-]{43}\n")


def _run(*arguments: str, stdin: bytes = b"", **settings: str) -> tuple[int, str, str]:
    """Status, output and errors of a command with bytes on its standard input, buffered as on any other machine."""
    variables = {name: value for name, value in environment().items() if name != "PYTHONUNBUFFERED"}
    variables |= {f"AUTHSVC_{name.upper()}": value for name, value in settings.items()}
    line = [sys.executable, "-m", "authsvc", *arguments]
    result = subprocess.run(line, input=stdin, capture_output=True, env=variables, check=False, timeout=60)
    return result.returncode, result.stdout.decode(), result.stderr.decode()


def _sentence(run: Run | tuple[int, str, str]) -> str:
    """The one sentence with which a command failed, with status 1 and nothing on standard output."""
    status, output, errors = run if isinstance(run, tuple) else (run.returncode, run.stdout, run.stderr)
    assert (status, output) == (1, ""), errors
    assert errors.startswith("authsvc: ")
    assert errors.count("\n") == 1
    assert "Traceback" not in errors
    return errors.removeprefix("authsvc: ").removesuffix("\n")


COMMANDS = [
    "serve",
    "migrate",
    "apply",
    "export",
    "token",
    "token create",
    "token revoke",
    "apikey",
    "apikey create",
    "apikey list",
    "apikey revoke",
    "webhook",
    "webhook create",
    "webhook secret",
    "webhook rotate",
    "webhook retry",
    "webhook list",
    "webhook deliveries",
    "openapi",
    "demo",
]


def test_help() -> None:
    """Every command explains itself; those on the database offer its setting only, those that serve offer all."""
    runs = {name: (*name.split(), "--help") for name in COMMANDS}
    helps = {name: command(*arguments) for name, arguments in (runs | {"": ("--help",)}).items()}
    assert command("--version").stdout == f"authsvc {__version__}\n"
    for name, run in helps.items():
        assert run.stderr == ""
        assert run.stdout.startswith(f"usage: authsvc {name}".rstrip())
        is_serving = name in {"serve", "demo"}
        assert ("--listen" in run.stdout) == is_serving
        assert ("--database-url" in run.stdout) == (name not in {"", "token", "apikey", "webhook", "openapi"})
    for name in ("serve", "migrate", "apply", "export", "token", "apikey", "webhook", "openapi", "demo"):
        assert f"    {name} " in helps[""].stdout


USAGE = {
    "no command": (),
    "an unknown command": ("server",),
    "an unknown flag": ("migrate", "--nope"),
    "a flag of another command": ("migrate", "--listen", "127.0.0.1:0"),
    "no file": ("apply",),
    "two files": ("apply", "a", "b"),
    "no action": ("token",),
    "no user": ("token", "create"),
    "no token": ("token", "revoke"),
    "no name": ("apikey", "create"),
    "no key": ("apikey", "revoke"),
    "demo without a user": ("demo", "x.yaml"),
    "a flag without its value": ("migrate", "--database-url"),
}


def test_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage ends with status 2 and the usage."""
    for arguments in USAGE.values():
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
        output, errors = capsys.readouterr()
        assert output == ""
        assert errors.startswith("usage: authsvc")


def test_token_create_prints_the_token_alone(database: str) -> None:
    """`token create` prints a token and nothing else; its hash, user, session and life are in the database."""
    users = {
        "plain": ("--user", GIGI),
        "browser": ("--user", GIGI, "--agent", BROWSER, "--ttl", "90s"),
        "domain in capitals": ("--user", "gigi@ZITADEL.com", "--ttl", "30d"),
    }
    runs = {name: command("token", "create", *user, database_url=database) for name, user in users.items()}
    life = {"plain": 3_600, "browser": 90, "domain in capitals": 30 * 86_400}
    for name, run in runs.items():
        assert (run.returncode, run.stderr) == (0, "")
        assert TOKEN.fullmatch(run.stdout)
        key = token_hash(run.stdout.strip()).hex()
        columns = "user_id, session_id, expires_at - created_at"
        sql = f"SELECT {columns} FROM access_tokens WHERE hex(token_hash) = '{key.upper()}'"
        session = int(BROWSER) if name == "browser" else None
        assert query(database, sql) == [(69629023906488334, session, life[name] * 1_000_000)]
    file = Path(database.removeprefix("sqlite:///")).read_bytes()
    assert not any(run.stdout.strip().encode() in file for run in runs.values())


TTL = "--ttl: must be a number and a unit (s, m, h or d), for example 1h"
REFUSED = {
    "an unknown user": ("--user nobody@zitadel.com", "no user has the login name nobody@zitadel.com"),
    "a user name": ("--user gigi-giraffe", "no user has the login name gigi-giraffe"),
    "the login in capitals": ("--user GIGI@zitadel.com", "no user has the login name GIGI@zitadel.com"),
    "a locked user": (
        "--user hugo-hippo@baobab.example",
        "user 28746028909593992 cannot sign in: the account's state is locked",
    ),
    "an unknown agent": (f"--user {GIGI} --agent 5", "there is no user agent 5"),
    "no agent": (f"--user {GIGI} --agent chrome", "--agent: must be the id of a user agent, a decimal number"),
    "agent zero": (f"--user {GIGI} --agent 0", "--agent: must be the id of a user agent, a decimal number"),
    "a life without a unit": (
        f"--user {GIGI} --ttl 90",
        "--ttl: must be a number and a unit (s, m, h or d), for example 1h",
    ),
    "weeks": (f"--user {GIGI} --ttl 2w", TTL),
    "a negative life": (
        f"--user {GIGI} --ttl=-1h",
        "--ttl: must be a number and a unit (s, m, h or d), for example 1h",
    ),
    "no life": (f"--user {GIGI} --ttl 0s", "a token must expire after it is made, and before the end of time"),
    "an endless life": (
        f"--user {GIGI} --ttl 999999999d",
        "a token must expire after it is made, and before the end of time",
    ),
}


@pytest.mark.parametrize(("arguments", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_token_create_refuses(database: str, capsys: pytest.CaptureFixture[str], arguments: str, sentence: str) -> None:
    """What cannot be made is refused in one sentence with status 1, and nothing is made."""
    status = main(["token", "create", "--database-url", database, *arguments.split()])
    output, errors = capsys.readouterr()
    assert _sentence((status, output, errors)) == sentence
    assert query(database, "SELECT * FROM access_tokens") == []


def test_token_create_refuses_in_a_process_too(database: str) -> None:
    """A refusal reaches the shell as status 1, one sentence on standard error, and no traceback."""
    run = authsvc("token", "create", "--user", "x@y.example", check=False, database_url=database)
    assert _sentence(run) == "no user has the login name x@y.example"


def test_token_revoke(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A token is revoked by itself, by its id, or from standard input; twice is as good as once."""

    def create() -> str:
        assert main(["token", "create", "--user", GIGI, "--database-url", database]) == 0
        return capsys.readouterr().out.strip()

    def revoked() -> list[bool]:
        rows = query(database, "SELECT revoked_at FROM access_tokens ORDER BY created_at")
        return [row[0] is not None for row in rows]

    first, second, third = create(), create(), create()
    ids = query(database, "SELECT id FROM access_tokens ORDER BY created_at")
    for how, expected in {
        first: [True, False, False],
        f"{first}": [True, False, False],
        str(ids[1][0]): [True, True, False],
    }.items():
        assert main(["token", "revoke", how, "--database-url", database]) == 0
        assert capsys.readouterr() == ("", "")
        assert revoked() == expected
    status, output, errors = _run("token", "revoke", "-", stdin=f" {third} \n".encode(), database_url=database)
    assert (status, output, errors) == (0, "", "")
    assert revoked() == [True, True, True]
    assert second not in (first, third)


@pytest.mark.parametrize("token", ["nothing", "0", "5", "a" * 43, "a" * 10_000, "\u00e9", ""])
def test_token_revoke_of_none(database: str, capsys: pytest.CaptureFixture[str], token: str) -> None:
    """What is no token gives status 1."""
    status = main(["token", "revoke", "--database-url", database, token])
    output, errors = capsys.readouterr()
    assert _sentence((status, output, errors)) == "there is no such token"


def test_what_is_not_text(database: str) -> None:
    """Arguments and input that are not UTF-8 are refused in a sentence."""
    half = os.fsdecode(b"\xff")
    sentence = "arguments and input must be UTF-8 text"
    assert _sentence(_run("token", "revoke", half, database_url=database)) == sentence
    assert _sentence(_run("token", "revoke", "-", stdin=b"\xff\n", database_url=database)) == sentence


def test_apply_twice(database: str, tmp_path: Path) -> None:
    """Applying the same file again changes nothing and says so; a change is told in numbers."""
    before = query(database, "SELECT max(sequence) FROM changes")
    assert command("apply", str(DEMO), database_url=database).stdout.startswith("nothing to change")
    assert query(database, "SELECT max(sequence) FROM changes") == before
    changed = tmp_path / "changed.yaml"
    changed.write_text(DEMO.read_text().replace("nickName: gigi-giraffe", "nickName: G"))
    assert command("apply", str(changed), database_url=database).stdout.startswith("1 user changed;")


def test_apply_with_mistakes(database: str, tmp_path: Path) -> None:
    """Every mistake is one line that begins with the file and its line, and nothing is changed."""
    file = tmp_path / "wrong.yaml"
    text = DEMO.read_text().replace("name: ZITADEL", "name: Changed", 1)
    file.write_text(f"{text}  - {{ id: none, user: x, nope: 1 }}\n")
    before = query(database, "SELECT max(sequence) FROM changes")
    run = command("apply", str(file), check=False, database_url=database)
    assert (run.returncode, run.stdout) == (1, "")
    last = len(file.read_text().splitlines())
    lines = run.stderr.splitlines()
    assert len(lines) >= 3
    assert all(re.match(rf"{re.escape(str(file))}:{last}: clients\[3\]", line) for line in lines)
    assert query(database, "SELECT max(sequence) FROM changes") == before
    assert query(database, "SELECT count(*) FROM orgs WHERE name = 'Changed'") == [(0,)]


def test_apply_of_no_file(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that cannot be read is named."""
    for path in (tmp_path / "missing.yaml", tmp_path):
        assert main(["apply", str(path), "--database-url", database]) == 1
        output, errors = capsys.readouterr()
        assert output == ""
        assert str(path) in errors
        assert "Traceback" not in errors


def test_export_and_apply(database: str, tmp_path: Path) -> None:
    """What `export` prints makes the same directory in another database, and changes nothing in its own."""
    exported = command("export", database_url=database).stdout
    file = tmp_path / "exported.yaml"
    file.write_text(exported)
    assert command("apply", str(file), database_url=database).stdout.startswith("nothing to change")
    other = f"sqlite:///{tmp_path / 'other.db'}"
    command("migrate", database_url=other)
    command("apply", str(file), database_url=other)
    assert command("export", database_url=other).stdout == exported


def test_migrate_tells_what_it_did(tmp_path: Path) -> None:
    """`migrate` says from where to where, and the second time that there was nothing to do."""
    path = tmp_path / "folder" / "a.db"
    url = f"sqlite:///{path}"
    assert authsvc("migrate", database_url=url).stdout == f"{path}: from empty to revision 0004\n"
    assert command("migrate", "--database-url", url).stdout == f"{path}: already at revision 0004\n"


def test_what_is_no_database(tmp_path: Path) -> None:
    """A file that is no database stops every command with a sentence that names it."""
    text = tmp_path / "text.db"
    text.write_text("This is not a database. " * 100)
    commands = {
        "migrate": ("migrate",),
        "export": ("export",),
        "apply": ("apply", str(DEMO)),
        "token": ("token", "create", "--user", GIGI),
        "demo": ("demo", str(DEMO), "--user", GIGI),
    }
    url = f"sqlite:///{text}"
    runs = {name: command(*arguments, check=False, database_url=url) for name, arguments in commands.items()}
    serve = ("serve", "--listen", "127.0.0.1:0", "--grpc-listen", "off")
    for name, run in (runs | {"serve": authsvc(*serve, check=False, database_url=url)}).items():
        verb = "migrated" if name in {"migrate", "demo"} else "read"
        assert _sentence(run) == f"the database {text} cannot be {verb}: file is not a database"


def test_settings_that_are_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong setting stops a command with a sentence, before anything is done."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    run = command("migrate", check=False, database_url=url, databse_url="x")
    assert _sentence(run) == "AUTHSVC_DATABSE_URL: there is no such setting"
    for value in ("", "x"):
        assert main(["migrate", "--database-url", value]) == 1
        errors = capsys.readouterr().err
        assert (
            errors
            == "authsvc: --database-url: must be sqlite:///relative/path, sqlite:////absolute/path or postgresql://user:password@host:port/name\n"
        )
    file = tmp_path / "authsvc.toml"
    file.write_text("lisen = 1\n")
    assert main(["migrate", "--config", str(file), "--database-url", url]) == 1
    assert capsys.readouterr().err == f"authsvc: {file}: lisen: there is no such setting\n"
    assert [path.name for path in tmp_path.iterdir()] == ["authsvc.toml"]


def test_a_locked_database(database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A database that another process does not let go of gives a sentence."""
    monkeypatch.setattr(sqlite, "_BUSY_TIMEOUT", 0.05)
    busy = sqlite3.connect(database.removeprefix("sqlite:///"), isolation_level=None)
    busy.execute("BEGIN IMMEDIATE")
    assert main(["token", "create", "--user", GIGI, "--database-url", database]) == 1
    assert capsys.readouterr() == ("", "authsvc: the database does not answer: database is locked\n")
    busy.execute("ROLLBACK")
    busy.close()
    assert main(["token", "create", "--user", GIGI, "--database-url", database]) == 0


@pytest.mark.parametrize("name", ["export", "migrate"])
def test_a_reader_who_leaves(database: str, name: str) -> None:
    """When whoever reads the output has left, a command ends without complaint."""
    reading, writing = os.pipe()
    os.close(reading)
    variables = {name: value for name, value in environment().items() if name != "PYTHONUNBUFFERED"}
    command_line = [sys.executable, "-m", "authsvc", name, "--database-url", database]
    run = subprocess.run(command_line, stdout=writing, stderr=subprocess.PIPE, env=variables, check=False)
    os.close(writing)
    assert (run.returncode, run.stderr) == (1, b"")


def test_the_installed_command() -> None:
    """`authsvc` is installed beside the interpreter and is the same as `python -m authsvc`."""
    installed = shutil.which("authsvc", path=str(Path(sys.executable).parent))
    assert installed
    run = subprocess.run([installed, "--version"], capture_output=True, text=True, check=True, env=environment())
    assert run.stdout == f"authsvc {__version__}\n"

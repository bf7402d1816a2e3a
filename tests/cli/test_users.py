"""The commands for passwords and second factors: what they read and print, and what stands in the database."""

from __future__ import annotations

import asyncio
import io
import re
import stat
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from harness import BROWSER, GIGI, command, query

from authsvc.cli import main
from authsvc.domain.attempts import Bucket
from authsvc.domain.users import split_login_name
from authsvc.identity.passwords import Passwords
from authsvc.oauth.guessing import account_buckets, change_bucket, code_bucket, device_bucket
from authsvc.oauth.sealing import Sealing
from authsvc.oauth.second_factor import STEP, matching_step
from authsvc.store.attempts import Attempts
from authsvc.store.open import open_store

PASSWORD = "correct horse battery"
Capture = pytest.CaptureFixture[str]
LOGIN, _ = split_login_name(GIGI) or ("", "")


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Standard input."""
    typed = io.StringIO()
    monkeypatch.setattr("sys.stdin", typed)
    return typed


def _password(typed: io.StringIO, capsys: Capture, database: str, text: str, *more: str) -> tuple[int, str, str]:
    typed.write(text)
    typed.seek(0)
    status = main(["user", "password", *more, "--database-url", database])
    return status, *capsys.readouterr()


def _states(database: str) -> set[object]:
    sql = f"SELECT sessions.state FROM sessions JOIN users ON users.id = user_id WHERE login = '{LOGIN}'"
    return {state for (state,) in query(database, sql)}


def test_password_is_read_from_standard_input(typed: io.StringIO, capsys: Capture, database: str) -> None:
    """The line without its end becomes the password; nothing is printed, and the person's sessions end."""
    command("token", "create", "--user", GIGI, "--agent", BROWSER, database_url=database)
    assert _password(typed, capsys, database, f" {PASSWORD} \r\nmore\n", GIGI) == (0, "", "")
    ((password_hash, changed_at),) = query(
        database, f"SELECT password_hash, password_changed_at FROM users WHERE login = '{LOGIN}'"
    )
    assert asyncio.run(Passwords().verify(str(password_hash), f" {PASSWORD} ")).is_right
    assert query(database, "SELECT action, at FROM changes WHERE kind = 'user' ORDER BY sequence DESC LIMIT 1") == [
        ("changed", pytest.approx(changed_at, abs=10_000_000))
    ]
    assert _states(database) == {2}


def test_sessions_can_be_kept(typed: io.StringIO, capsys: Capture, database: str) -> None:
    """With `--keep-sessions` the person stays signed in."""
    command("token", "create", "--user", GIGI, "--agent", BROWSER, database_url=database)
    assert _password(typed, capsys, database, PASSWORD, GIGI, "--keep-sessions")[0] == 0
    assert 1 in _states(database)


@pytest.mark.parametrize(
    ("text", "name", "sentence"),
    [
        ("", GIGI, "authsvc: a password has 8 characters at least\n"),
        ("x" * 129, GIGI, "authsvc: a password has 128 characters at most\n"),
        (GIGI, GIGI, "authsvc: a password is not the login name\n"),
        (PASSWORD, "nobody@zitadel.com", "authsvc: no person has the login name nobody@zitadel.com\n"),
        (PASSWORD, "nobody", "authsvc: no person has the login name nobody\n"),
    ],
)
def test_password_is_refused(
    typed: io.StringIO, capsys: Capture, database: str, text: str, name: str, sentence: str
) -> None:
    """Weak passwords, and people who do not exist, are refused in a sentence that does not show the password."""
    assert _password(typed, capsys, database, text, name) == (1, "", sentence)


def test_password_is_asked_for_twice(monkeypatch: pytest.MonkeyPatch, capsys: Capture, database: str) -> None:
    """At a terminal the password is not shown, and must be the same twice."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    answers = iter([PASSWORD, "another one", PASSWORD, PASSWORD])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    arguments = ["user", "password", GIGI, "--database-url", database]
    assert main(arguments) == 1
    assert capsys.readouterr().err == "authsvc: the two are not the same\n"
    assert main(arguments) == 0


def test_nobody_is_told_before_asking(monkeypatch: pytest.MonkeyPatch, capsys: Capture, database: str) -> None:
    """For somebody who does not exist no password has to be typed."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda prompt: pytest.fail("was asked"))
    assert main(["user", "password", "nobody@zitadel.com", "--database-url", database]) == 1
    assert capsys.readouterr().err == "authsvc: no person has the login name nobody@zitadel.com\n"


def test_second_factor_is_printed_once(capsys: Capture, database: str) -> None:
    """The address holds a secret whose codes are accepted; the store has it sealed, with a key in a file of its own."""
    command("token", "create", "--user", GIGI, "--agent", BROWSER, database_url=database)
    arguments = ["user", "totp", GIGI, "--database-url", database, "--issuer", "https://auth.example"]
    assert main(arguments) == 0
    uri = capsys.readouterr().out.removesuffix("\n")
    secret = parse_qs(urlsplit(uri).query)["secret"][0]
    assert re.fullmatch(r"[A-Z2-7]{32}", secret)
    assert uri == f"otpauth://totp/auth.example:{GIGI.replace('@', '%40')}?secret={secret}&issuer=auth.example"
    file = Path(database.removeprefix("sqlite:///"))
    assert all(secret.encode() not in each.read_bytes() for each in file.parent.glob("authsvc.db*"))
    key = file.with_name("authsvc.key")
    assert stat.S_IMODE(key.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
    ((user_id, sealed, step),) = query(database, f"SELECT id, totp, totp_step FROM users WHERE login = '{LOGIN}'")
    code = pyotp.HOTP(secret).at(7)
    assert matching_step(Sealing(key.read_bytes()), int(str(user_id)), str(sealed), code, 7 * STEP) == 7
    assert step is None
    assert _states(database) == {2}


def test_second_factor_is_not_replaced_unasked(capsys: Capture, database: str) -> None:
    """Whoever has a second factor keeps it, unless the operator says that it is to be another one."""
    arguments = ["user", "totp", GIGI, "--database-url", database]
    totp = f"SELECT totp FROM users WHERE login = '{LOGIN}'"
    assert main(arguments) == 0
    before = query(database, totp)
    capsys.readouterr()
    assert main(arguments) == 1
    assert capsys.readouterr().err == (
        "authsvc: there is a second factor already: --replace gives another, --remove takes it away\n"
    )
    assert query(database, totp) == before
    assert main([*arguments, "--replace"]) == 0
    assert query(database, totp) != before


def test_second_factor_can_be_taken_away(capsys: Capture, database: str) -> None:
    """With `--remove` there is none any more, and nothing is printed."""
    arguments = ["user", "totp", GIGI, "--database-url", database]
    main(arguments)
    capsys.readouterr()
    assert main([*arguments, "--remove", "--keep-sessions"]) == 0
    assert capsys.readouterr().out == ""
    assert query(database, f"SELECT totp FROM users WHERE login = '{LOGIN}'") == [(None,)]


def _tries(database: str, buckets: list[Bucket], times: int) -> bool:
    """Whether all these buckets had so many tries left, which are taken."""

    async def take() -> bool:
        path = Path(database.removeprefix("sqlite:///"))
        executor = await open_store(path)
        try:
            attempts = Attempts(executor, Sealing(path.with_name("authsvc.key").read_bytes()))
            return not any([await attempts.take([bucket]) for bucket in buckets for _ in range(times)])
        finally:
            await executor.close()

    return asyncio.run(take())


@pytest.mark.parametrize("action", ["unlock", "password"])
def test_unlock(typed: io.StringIO, capsys: Capture, database: str, action: str) -> None:
    """After `user unlock` and `user password` all tries are there again: by any name, from any browser, for codes."""
    command("keys", "rotate", database_url=database)  # makes the key
    command("token", "create", "--user", GIGI, "--agent", BROWSER, database_url=database)
    ((user,),) = query(database, f"SELECT id FROM users WHERE login = '{LOGIN}'")
    number, others = int(str(user)), account_buckets(1, "zora@zitadel.com")
    names = (GIGI.upper(), f"{LOGIN}@zitadel.zitadel.ch")
    theirs = [bucket for name in names for bucket in account_buckets(number, name)]
    theirs += [device_bucket(number, int(BROWSER)), code_bucket(number, None), code_bucket(number, int(BROWSER))]
    theirs = list(dict.fromkeys([*theirs, change_bucket(number)]))
    assert _tries(database, [*theirs, *others], 10)
    assert not any(_tries(database, [bucket], 1) for bucket in (*theirs, *others))
    typed.write(PASSWORD)
    typed.seek(0)
    assert main(["user", action, GIGI, "--database-url", database]) == 0
    assert capsys.readouterr() == ("", "")
    assert _tries(database, theirs, 10)
    assert not any(_tries(database, [bucket], 1) for bucket in others)


def test_unlock_where_nobody_has_tried(capsys: Capture, database: str) -> None:
    """Before there is a key file nothing has been counted, and none is made; a name must be somebody's."""
    assert main(["user", "unlock", GIGI, "--database-url", database]) == 0
    assert not list(Path(database.removeprefix("sqlite:///")).parent.glob("*.key"))
    assert main(["user", "unlock", "nobody", "--database-url", database]) == 1
    assert capsys.readouterr().err == "authsvc: no person has the login name nobody\n"


def test_programs_have_no_second_factor(capsys: Capture, database: str) -> None:
    """Login names of machine users are nobody's."""
    ((name,),) = query(
        database,
        "SELECT login || '@' || name FROM users JOIN org_domains USING (org_id) WHERE type = 2 AND is_primary LIMIT 1",
    )
    assert main(["user", "totp", str(name), "--database-url", database]) == 1
    assert capsys.readouterr().err == f"authsvc: no person has the login name {name}\n"

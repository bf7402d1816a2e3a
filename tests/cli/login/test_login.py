"""`authsvc login` as a command: what it prints, and where."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from authsvc.cli import main
from authsvc.cli.login.saved import Saved, Tokens
from authsvc.cli.login.sign_in import SignIn

from .conftest import ISSUER, SCOPE, Service


@pytest.fixture
def here(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Saved:
    """The store of this user; whatever the command asks, the service answers."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    client = httpx2.Client

    def patched(**more: Any) -> httpx2.Client:
        return client(**{**more, "transport": httpx2.MockTransport(service.answer)})

    monkeypatch.setattr(httpx2, "Client", patched)
    return Saved.of_this_user()


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["login", "--issuer", ISSUER, *arguments])
    return status, *capsys.readouterr()


def test_print_gives_the_stored_token(here: Saved, capsys: pytest.CaptureFixture[str]) -> None:
    """With --print a stored token is printed alone on standard output, and nothing else anywhere."""
    here.put(ISSUER, "cli", SCOPE, Tokens("stored", int(time.time()) + 600))
    assert _run(capsys, "--print") == (0, "stored\n", "")


def test_a_device_signs_in(
    service: Service, here: Saved, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --print the token is stored and not shown; it is told who signed in."""
    here.put(ISSUER, "tv", "openid", Tokens("stored", int(time.time()) + 600))
    monkeypatch.setattr(SignIn.__init__, "__defaults__", (lambda _: None,))
    service.claims = {"nonce": None, "aud": "tv"}
    status, output, errors = _run(capsys, "--device", "--client", "tv", "--scope", "openid")
    assert (status, output) == (0, "")
    assert errors.endswith(f"signed in as gigi@zitadel.com; the token is in {here.path}\n")
    found = here.get(ISSUER, "tv", "openid")
    assert found is not None
    assert found.access_token == "token0"
    assert "token0" not in errors


def test_refusals(service: Service, here: Saved, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What goes wrong is told in one sentence."""
    service.errors["openid-configuration"] = [(503, {})]
    assert _run(capsys) == (1, "", f"authsvc: {ISSUER} answers with status 503\n")
    assert _run(capsys, "--cacert", str(tmp_path / "x"))[2] == "authsvc: --cacert: names a file that does not exist\n"
    (tmp_path / "x").write_text("x")
    told = "authsvc: --cacert: is not a PEM file with certificates\n"
    assert _run(capsys, "--cacert", str(tmp_path / "x"))[2] == told
    assert main(["login", "--issuer", "http://auth.example.com"]) == 1
    assert "must be an https address" in capsys.readouterr().err


def test_the_issuer_of_the_settings(
    here: Saved, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --issuer the service is the one that the settings are of."""
    for variable, value, issuer in (
        ("AUTHSVC_ISSUER", "https://zoo.example", "https://zoo.example"),
        ("AUTHSVC_LISTEN", "0.0.0.0:9000", "http://localhost:9000"),
    ):
        monkeypatch.setenv(variable, value)
        assert main(["login"]) == 1
        assert capsys.readouterr().err == f"authsvc: {issuer} calls itself {ISSUER}: use that\n"
        monkeypatch.delenv(variable)


def test_unreachable(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where nothing listens the address is told, and no traceback."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert main(["login", "--issuer", "http://127.0.0.1:9"]) == 1
    assert capsys.readouterr().err.startswith("authsvc: http://127.0.0.1:9 cannot be reached: ")


def test_interrupted(here: Saved, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl+C ends the wait as it ends other commands, without a traceback."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(SignIn, "by_browser", interrupt)
    assert _run(capsys) == (130, "", "\n")

"""The file with the tokens of `authsvc login`."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from authsvc.cli.login.saved import Saved, Tokens
from authsvc.errors import Refused

TOKENS = Tokens("a", 1, "r", "i")


def test_each_by_what_it_is_for(saved: Saved) -> None:
    """Tokens are found by issuer, client and scope, whose words have no order; others stay as new ones come."""
    saved.put("https://a.example", "cli", "openid email", TOKENS)
    saved.put("https://b.example", "cli", "openid email", Tokens("b", 2))
    assert saved.get("https://a.example", "cli", "email openid") == TOKENS
    assert saved.get("https://b.example", "cli", "openid email") == Tokens("b", 2)
    for other in (("https://c.example", "cli", "openid email"), ("https://a.example", "x", "openid email")):
        assert saved.get(*other) is None
    assert saved.get("https://a.example", "cli", "openid") is None


def test_nobody_else_reads_it(saved: Saved) -> None:
    """The file is its owner's alone; one that others can read is refused rather than used."""
    saved.put("https://a.example", "cli", "openid", TOKENS)
    assert stat.S_IMODE(saved.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(saved.path.parent.stat().st_mode) == 0o700
    assert [file.name for file in saved.path.parent.iterdir()] == ["tokens.json"]
    saved.path.chmod(0o640)
    with pytest.raises(Refused, match="others may read it; chmod 600 it"):
        saved.get("https://a.example", "cli", "openid")


def test_files_that_are_none(saved: Saved) -> None:
    """What is not JSON is told and kept; what another version wrote is as if it were not there."""
    saved.path.parent.mkdir()
    saved.path.touch(mode=0o600)
    saved.path.write_text("{")
    with pytest.raises(Refused, match="is not JSON; delete it"):
        saved.put("https://a.example", "cli", "openid", TOKENS)
    others: list[object] = [[], {"https://a.example cli openid": {"token": "x"}}, {"https://a.example cli openid": 1}]
    for other in others:
        saved.path.write_text(json.dumps(other))
        assert saved.get("https://a.example", "cli", "openid") is None


def test_folders_that_cannot_be_written(tmp_path: Path) -> None:
    """A place where nothing can be kept is named."""
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match=r"tokens\.json: "):
        Saved(tmp_path / "file" / "tokens.json").put("https://a.example", "cli", "openid", TOKENS)


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The file is in XDG_CONFIG_HOME if that is an absolute path, and in ~/.config otherwise."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for value, base in ((str(tmp_path / "x"), tmp_path / "x"), ("x", tmp_path / ".config"), ("", tmp_path / ".config")):
        monkeypatch.setenv("XDG_CONFIG_HOME", value)
        assert Saved.of_this_user().path == base / "authsvc" / "tokens.json"

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from authsvc.errors import Refused
from authsvc.identity.keyfile import KeyFile, NoKey

KEY = bytes(range(32))


def _file(path: Path) -> KeyFile:
    return KeyFile("some_key_file", path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the key file is to be, in a folder that is to be made."""
    return tmp_path / "var" / "some.key"


def _owned_by(user: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All files seem to be a user's."""
    fstat = os.fstat

    def seen(descriptor: int) -> os.stat_result:
        fields = list(fstat(descriptor))
        fields[stat.ST_UID] = user
        return os.stat_result(fields)

    monkeypatch.setattr(os, "fstat", seen)


def _written(path: Path, content: bytes = KEY, mode: int = 0o600) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_key_is_made_for_its_owner_only(path: Path) -> None:
    """A new key file is 32 bytes that only its owner can read, whatever the umask, and nothing else is left there."""
    before = os.umask(0)
    try:
        key = _file(path).make()
    finally:
        os.umask(before)
    assert len(key) == 32
    assert path.read_bytes() == key == _file(path).read()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_key_is_not_made_twice(path: Path) -> None:
    """A key that is there is kept, and of many who make one at once all get the same."""
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: _file(path).make(), range(32)))
    assert made == {path.read_bytes()}
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o601, 0o666])
def test_a_key_that_others_can_get_at_is_refused(path: Path, mode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key file that anybody but its owner can read or change is refused with what to do."""
    _owned_by(1000, monkeypatch)
    _written(path, mode=mode)
    with pytest.raises(Refused, match=f"others can read or change {path}; run `chmod 600 {path}`"):
        _file(path).read()


@pytest.mark.parametrize("mode", [0o640, 0o440, 0o400])
def test_root_may_lend_a_key_to_a_group(path: Path, mode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group may read a file that root owns, as containers are given secrets."""
    _owned_by(0, monkeypatch)
    assert _file(_written(path, mode=mode)).read() == KEY


@pytest.mark.parametrize("mode", [0o660, 0o644, 0o602])
def test_root_may_lend_a_key_to_nobody_else(path: Path, mode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group may not change root's file, and others may do nothing with it."""
    _owned_by(0, monkeypatch)
    with pytest.raises(Refused, match="others can read or change"):
        _file(_written(path, mode=mode)).read()


@pytest.mark.parametrize("content", [b"", KEY[1:], KEY + b"\n"])
def test_what_is_no_key(path: Path, content: bytes) -> None:
    """A file that does not hold just 32 bytes is refused: half a key, or one that an editor saved."""
    with pytest.raises(Refused, match="must hold 32 random bytes, and nothing else"):
        _file(_written(path, content)).read()


def test_a_key_is_replaced(path: Path) -> None:
    """A new key takes the place of the old one, also where there was none, for its owner only; nothing is left over."""
    for key in (KEY, KEY[::-1]):
        _file(path).replace(key)
        assert _file(path).read() == key
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert list(path.parent.iterdir()) == [path]


def test_a_key_that_cannot_be_replaced(path: Path) -> None:
    """Where no file can be, the command says so, and leaves nothing behind."""
    (path / "folder").mkdir(parents=True)
    with pytest.raises(Refused, match=f"some_key_file: {path}: "):
        _file(path).replace(KEY)
    assert list(path.parent.iterdir()) == [path]


def test_no_key(path: Path) -> None:
    """A file that does not exist is named, and told apart from one that cannot be used."""
    with pytest.raises(NoKey, match=f"some_key_file: {path} does not exist"):
        _file(path).read()


def test_what_is_no_file(tmp_path: Path) -> None:
    """A folder and a pipe are refused at once."""
    with pytest.raises(Refused, match="is not a file"):
        _file(tmp_path).read()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    with pytest.raises(Refused, match="is not a file"):
        _file(pipe).read()


def test_a_key_that_cannot_be_made(tmp_path: Path) -> None:
    """A place where no file can be is told in a sentence."""
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match=r"some_key_file: .*/file/some\.key: "):
        _file(tmp_path / "file" / "some.key").make()


def test_a_link_to_a_key(path: Path, tmp_path: Path) -> None:
    """A link is followed, as clusters mount secrets; what it leads to is what is checked."""
    link = tmp_path / "link"
    link.symlink_to(_written(path))
    assert _file(link).read() == KEY
    path.chmod(0o666)
    with pytest.raises(Refused, match="others can read or change"):
        _file(link).read()

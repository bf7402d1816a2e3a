from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from authsvc.domain.webhooks import Webhook
from authsvc.errors import Refused
from authsvc.webhooks.keys import NoKey, fingerprint, key_of, make_key, new_key, read_key, replace_key, secret_of

KEY = bytes(range(32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the key file is to be, in a folder that is to be made."""
    return tmp_path / "var" / "webhooks.key"


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


def test_the_secret_follows_from_key_and_id() -> None:
    """A secret is `whsec_` and the HMAC-SHA256 of the webhook's id by the key: anybody with both can reckon it."""
    digest = hmac.new(KEY, b"webhook 123", hashlib.sha256).digest()
    assert secret_of(KEY, 123) == f"whsec_{base64.urlsafe_b64encode(digest).decode()[:43]}"
    assert re.fullmatch(r"whsec_[A-Za-z0-9_-]{43}", secret_of(KEY, 2**63 - 1))


def test_every_webhook_and_every_key_gives_another_secret() -> None:
    """No two webhooks share a secret, and another key gives others."""
    assert len({secret_of(key, number) for key in (KEY, KEY[::-1]) for number in range(1, 100)}) == 198


def test_a_key_is_made_for_its_owner_only(path: Path) -> None:
    """A new key file is 32 bytes that only its owner can read, whatever the umask, and nothing else is left there."""
    before = os.umask(0)
    try:
        key = make_key(path)
    finally:
        os.umask(before)
    assert len(key) == 32
    assert path.read_bytes() == key == read_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_key_is_not_made_twice(path: Path) -> None:
    """A key that is there is kept, and of many who make one at once all get the same."""
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: make_key(path), range(32)))
    assert made == {path.read_bytes()}
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o601, 0o666])
def test_a_key_that_others_can_get_at_is_refused(path: Path, mode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key file that anybody but its owner can read or change is refused with what to do."""
    _owned_by(1000, monkeypatch)
    _written(path, mode=mode)
    with pytest.raises(Refused, match=f"others can read or change {path}; run `chmod 600 {path}`"):
        read_key(path)


@pytest.mark.parametrize("mode", [0o640, 0o440, 0o400])
def test_root_may_lend_a_key_to_a_group(path: Path, mode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group may read a file that root owns, as containers are given secrets."""
    _owned_by(0, monkeypatch)
    assert read_key(_written(path, mode=mode)) == KEY


@pytest.mark.parametrize("mode", [0o660, 0o644, 0o602])
def test_root_may_lend_a_key_to_nobody_else(path: Path, mode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group may not change root's file, and others may do nothing with it."""
    _owned_by(0, monkeypatch)
    with pytest.raises(Refused, match="others can read or change"):
        read_key(_written(path, mode=mode))


@pytest.mark.parametrize("content", [b"", KEY[1:], KEY + b"\n"])
def test_what_is_no_key(path: Path, content: bytes) -> None:
    """A file that does not hold just 32 bytes is refused: half a key, or one that an editor saved."""
    with pytest.raises(Refused, match="must hold 32 random bytes, and nothing else"):
        read_key(_written(path, content))


def test_a_fingerprint_tells_keys_apart() -> None:
    """A fingerprint is 16 hexadecimal digits of an HMAC-SHA256 by the key, and no part of any secret."""
    assert fingerprint(KEY) == hmac.new(KEY, b"webhook key", hashlib.sha256).hexdigest()[:16]
    assert len({fingerprint(new_key()) for _ in range(100)}) == 100


def test_the_key_of_webhooks(path: Path) -> None:
    """A key is given for the webhooks whose secrets were made from it, and refused if one is another key's."""
    ours, other = (Webhook(1, "", "", 0, 0, 0, fingerprint(key)) for key in (KEY, KEY[::-1]))
    _written(path)
    assert key_of(path, []) == key_of(path, [ours, ours]) == KEY
    with pytest.raises(Refused, match=f"{path} is not the key of the webhooks there are; .*`authsvc webhook rotate`"):
        key_of(path, [ours, other])


def test_a_key_is_replaced(path: Path) -> None:
    """A new key takes the place of the old one, also where there was none, for its owner only; nothing is left over."""
    for key in (KEY, KEY[::-1]):
        replace_key(path, key)
        assert read_key(path) == key
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert list(path.parent.iterdir()) == [path]


def test_a_key_that_cannot_be_replaced(path: Path) -> None:
    """Where no file can be, the command says so, and leaves nothing behind."""
    (path / "folder").mkdir(parents=True)
    with pytest.raises(Refused, match=f"webhook_key_file: {path}: "):
        replace_key(path, KEY)
    assert list(path.parent.iterdir()) == [path]


def test_no_key(path: Path) -> None:
    """A file that does not exist is named, and told apart from one that cannot be used."""
    with pytest.raises(NoKey, match=f"webhook_key_file: {path} does not exist"):
        read_key(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    """A folder and a pipe are refused at once."""
    with pytest.raises(Refused, match="is not a file"):
        read_key(tmp_path)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    with pytest.raises(Refused, match="is not a file"):
        read_key(pipe)


def test_a_key_that_cannot_be_made(tmp_path: Path) -> None:
    """A place where no file can be is told in a sentence."""
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match=r"webhook_key_file: .*/file/webhooks\.key: "):
        make_key(tmp_path / "file" / "webhooks.key")


def test_a_link_to_a_key(path: Path, tmp_path: Path) -> None:
    """A link is followed, as clusters mount secrets; what it leads to is what is checked."""
    link = tmp_path / "link"
    link.symlink_to(_written(path))
    assert read_key(link) == KEY
    path.chmod(0o666)
    with pytest.raises(Refused, match="others can read or change"):
        read_key(link)


def test_the_http_client_is_loaded_when_it_is_needed() -> None:
    """A worker that has nothing to send has not loaded the HTTP client."""
    code = "import sys; import authsvc.workers; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "authsvc.webhooks.dispatcher" in loaded
    assert not {"httpx2", "httpcore2", "authsvc.webhooks.sender"} & set(loaded)

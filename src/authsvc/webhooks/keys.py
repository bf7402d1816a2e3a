"""The secrets of webhooks, which are stored nowhere: a key file and the id of the webhook give them.

So a copy of the database alone is not enough to sign anything.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from authsvc.domain.webhooks import Webhook
from authsvc.errors import Refused

_KEY_BYTES = 32
_PREFIX = "whsec_"
_FINGERPRINT = 16  # hexadecimal digits
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# A file of root's may be lent to a group: it is how a container gets a secret that it cannot change.
_OTHERS_OF_ROOT = stat.S_IWGRP | stat.S_IRWXO


class NoKey(Refused):
    """There is no key file."""


def secret_of(key: bytes, webhook_id: int) -> str:
    """The secret with which deliveries to a webhook are signed: `whsec_` and 43 characters of URL-safe base64."""
    digest = hmac.digest(key, b"webhook %d" % webhook_id, hashlib.sha256)
    return _PREFIX + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def fingerprint(key: bytes) -> str:
    """What tells a key from others without giving it away: 16 hexadecimal digits."""
    return hmac.digest(key, b"webhook key", hashlib.sha256).hex()[:_FINGERPRINT]


def key_of(path: Path, webhooks: Iterable[Webhook]) -> bytes:
    """The key in the file, from which the secrets of all these webhooks are made.

    Raises:
        NoKey: there is no such file.
        Refused: as `read_key` does, or it is another key, with which nothing must be signed.
    """
    key = read_key(path)
    found = fingerprint(key)
    if any(webhook.key_fingerprint != found for webhook in webhooks):
        raise Refused(
            f"webhook_key_file: {path} is not the key of the webhooks there are; bring that one back, or run "
            "`authsvc webhook rotate` for a new one and new secrets"
        )
    return key


def read_key(path: Path) -> bytes:
    """The key in the file, 32 bytes.

    Raises:
        NoKey: there is no such file.
        Refused: it cannot be read, it is not a key, or others than its owner can get at it.
    """
    try:
        # Not by its name: what is checked is what is read. Nor to wait for a writer, if it is a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Refused(f"webhook_key_file: {path} is not a file")
            if status.st_mode & (_OTHERS if status.st_uid else _OTHERS_OF_ROOT):
                raise Refused(f"webhook_key_file: others can read or change {path}; run `chmod 600 {path}`")
            key = os.read(descriptor, _KEY_BYTES + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise NoKey(f"webhook_key_file: {path} does not exist") from None
    except OSError as error:
        raise Refused(f"webhook_key_file: {path}: {error.strerror}") from None
    if len(key) != _KEY_BYTES:
        raise Refused(f"webhook_key_file: {path} must hold {_KEY_BYTES} random bytes, and nothing else")
    return key


def make_key(path: Path) -> bytes:
    """Make the key file, for its owner only, or leave the one there is; the key in it.

    Raises:
        Refused: it cannot be written, or not read afterwards.
    """
    try:
        # Of two who make one at once, one wins.
        with _draft(path, new_key()) as draft, suppress(FileExistsError):
            os.link(draft, path)
    except OSError as error:
        raise Refused(f"webhook_key_file: {path}: {error.strerror}") from None
    return read_key(path)


def new_key() -> bytes:
    """A key that nobody has."""
    return secrets.token_bytes(_KEY_BYTES)


def replace_key(path: Path, key: bytes) -> None:
    """Put a key into the file, for its owner only, in place of the one there may be.

    Raises:
        Refused: it cannot be written.
    """
    try:
        with _draft(path, key) as draft:
            draft.replace(path)
    except OSError as error:
        raise Refused(f"webhook_key_file: {path}: {error.strerror}") from None


@contextmanager
def _draft(path: Path, key: bytes) -> Iterator[Path]:
    """The key under another name beside `path`, as nobody may ever find half of one; gone at the end of the block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # mode 0600
    draft = Path(name)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123
            file.write(key)
            file.flush()
            os.fsync(descriptor)
        yield draft
    finally:
        draft.unlink(missing_ok=True)

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
from contextlib import suppress
from pathlib import Path

from authsvc.errors import Refused

_KEY_BYTES = 32
_PREFIX = "whsec_"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# A file of root's may be lent to a group: it is how a container gets a secret that it cannot change.
_OTHERS_OF_ROOT = stat.S_IWGRP | stat.S_IRWXO


class NoKey(Refused):
    """There is no key file."""


def secret_of(key: bytes, webhook_id: int) -> str:
    """The secret with which deliveries to a webhook are signed: `whsec_` and 43 characters of URL-safe base64."""
    digest = hmac.digest(key, b"webhook %d" % webhook_id, hashlib.sha256)
    return _PREFIX + base64.urlsafe_b64encode(digest).decode().rstrip("=")


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
        path.parent.mkdir(parents=True, exist_ok=True)
        # Under another name first: nobody ever finds half a key, and of two who make one at once, one wins.
        descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # mode 0600
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123
                file.write(secrets.token_bytes(_KEY_BYTES))
                file.flush()
                os.fsync(descriptor)
            with suppress(FileExistsError):
                os.link(draft, path)
        finally:
            os.unlink(draft)  # noqa: PTH108
    except OSError as error:
        raise Refused(f"webhook_key_file: {path}: {error.strerror}") from None
    return read_key(path)

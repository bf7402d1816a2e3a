"""Key files: 32 random bytes that are not in the database, so that a copy of the database alone tells no secret."""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from authsvc.errors import Refused

_KEY_BYTES = 32
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# A file of root's may be lent to a group: it is how a container gets a secret that it cannot change.
_OTHERS_OF_ROOT = stat.S_IWGRP | stat.S_IRWXO


class NoKey(Refused):
    """There is no key file."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A key file, and the setting that names it, which is what the operator is told about."""

    setting: str
    path: Path

    def read(self) -> bytes:
        """The key in the file, 32 bytes.

        Raises:
            NoKey: there is no such file.
            Refused: it cannot be read, it is not a key, or others than its owner can get at it.
        """
        path = self.path
        try:
            # Not by its name: what is checked is what is read. Nor to wait for a writer, if it is a pipe.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise Refused(f"{self.setting}: {path} is not a file")
                if status.st_mode & (_OTHERS if status.st_uid else _OTHERS_OF_ROOT):
                    raise Refused(f"{self.setting}: others can read or change {path}; run `chmod 600 {path}`")
                key = os.read(descriptor, _KEY_BYTES + 1)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            raise NoKey(f"{self.setting}: {path} does not exist") from None
        except OSError as error:
            raise self._failed(error) from None
        if len(key) != _KEY_BYTES:
            raise Refused(f"{self.setting}: {path} must hold {_KEY_BYTES} random bytes, and nothing else")
        return key

    def make(self) -> bytes:
        """Make the key file, for its owner only, or leave the one there is; the key in it.

        Raises:
            Refused: it cannot be written, or not read afterwards.
        """
        try:
            # Of two who make one at once, one wins.
            with _draft(self.path, new_key()) as draft, suppress(FileExistsError):
                os.link(draft, self.path)
        except OSError as error:
            raise self._failed(error) from None
        return self.read()

    def replace(self, key: bytes) -> None:
        """Put a key into the file, for its owner only, in place of the one there may be.

        Raises:
            Refused: it cannot be written.
        """
        try:
            with _draft(self.path, key) as draft:
                draft.replace(self.path)
        except OSError as error:
            raise self._failed(error) from None

    def _failed(self, error: OSError) -> Refused:
        return Refused(f"{self.setting}: {self.path}: {error.strerror}")


def new_key() -> bytes:
    """A key that nobody has."""
    return secrets.token_bytes(_KEY_BYTES)


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

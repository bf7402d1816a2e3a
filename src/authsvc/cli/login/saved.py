"""Where `authsvc login` keeps tokens: one file, for its owner's eyes only."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from authsvc.errors import Refused


class Tokens(NamedTuple):
    """What a sign-in gave; `expires_at` in seconds since 1970."""

    access_token: str
    expires_at: int
    refresh_token: str | None = None
    id_token: str | None = None


class Saved:
    """The tokens by issuer, client and scope, as JSON in the file at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of_this_user(cls) -> Saved:
        """The file in `$XDG_CONFIG_HOME`, which is `~/.config` if it is not set."""
        given = os.environ.get("XDG_CONFIG_HOME", "")
        base = Path(given) if given.startswith("/") else Path.home() / ".config"
        return cls(base / "authsvc" / "tokens.json")

    def get(self, issuer: str, client_id: str, scope: str) -> Tokens | None:
        """The tokens of this issuer, client and scope.

        Raises:
            Refused: the file cannot be read, or others can read it.
        """
        found = self._read().get(_key(issuer, client_id, scope))
        try:
            return Tokens(**found) if isinstance(found, dict) else None
        except TypeError:
            return None  # of another version

    def put(self, issuer: str, client_id: str, scope: str, tokens: Tokens) -> None:
        """Keep these tokens in place of those that there may be.

        Raises:
            Refused: the file cannot be read or written.
        """
        everything = {**self._read(), _key(issuer, client_id, scope): tokens._asdict()}
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # A new file in its place: whoever reads meanwhile reads the old one or the new one. Its mode is 0600.
            descriptor, name = tempfile.mkstemp(prefix=self.path.name, dir=self.path.parent)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(everything, file, indent=1)
            Path(name).replace(self.path)
        except OSError as error:
            raise Refused(f"{self.path}: {error.strerror}") from None

    def _read(self) -> dict[str, Any]:
        try:
            with self.path.open(encoding="utf-8") as file:
                if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                    raise Refused(f"{self.path}: others may read it; chmod 600 it, or delete it and sign in again")
                found = json.load(file)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise Refused(f"{self.path}: {error.strerror}") from None
        except ValueError:
            raise Refused(f"{self.path}: is not JSON; delete it and sign in again") from None
        return found if isinstance(found, dict) else {}


def _key(issuer: str, client_id: str, scope: str) -> str:
    return " ".join([issuer, client_id, *sorted(scope.split())])

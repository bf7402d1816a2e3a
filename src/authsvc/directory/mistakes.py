"""What is wrong with a directory file, and where."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from authsvc.errors import Refused

Path = tuple[str | int, ...]
"""The way from the top of the file to a value: keys and positions in lists, counted from 0."""

# A comma in a secret can make keys out of the rest of it: `{secretHash: $a$m=8,t=1$...}`. Keys are shown only if they
# look like one, and where secrets are expected only if they are one.
_KEY = re.compile(r"[A-Za-z]{1,40}")
_BESIDE_SECRETS = {
    part: frozenset(keys.split())
    for part, keys in {
        "human": "firstName lastName nickName displayName preferredLanguage gender avatarUrl email verified phone "
        "passwordChanged passwordHash totp",
        "machine": "name description accessTokenType secretHash mayImpersonate keys id publicKey expiresAt createdAt",
        "apiKeys": "id name keyHash permissions state createdAt",
        "clients": "id clientId name state secretHash native trusted redirectUris postLogoutRedirectUris grantTypes "
        "accessTokenType signingAlgorithm project createdAt",
    }.items()
}


class Mistake(NamedTuple):
    """One thing that is wrong; `line` counts from 1. `text` never quotes a value that may be a secret."""

    line: int
    path: Path
    text: str


class DirectoryError(Refused):
    """A directory file that cannot be read or applied; says every mistake found, in the order of the lines."""

    located = True

    def __init__(self, name: str, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = sorted(mistakes, key=lambda mistake: mistake.line)
        super().__init__("\n".join(_sentence(name, mistake) for mistake in self.mistakes))


def dotted(path: Path) -> str:
    """`path` as people write it, such as `orgs[0].users[2].email`; a key that may be a secret is a `?`."""
    steps = []
    known: frozenset[str] | None = None
    for part in path:
        if isinstance(part, int):
            steps.append(f"[{part}]")
        else:
            is_shown = _KEY.fullmatch(part) if known is None else part in known
            steps.append(f".{part}" if is_shown else ".?")
            known = known or _BESIDE_SECRETS.get(part)
    return "".join(steps).removeprefix(".")


def _sentence(name: str, mistake: Mistake) -> str:
    where = f"{dotted(mistake.path)}: " if mistake.path else ""
    return f"{name}:{mistake.line}: {where}{mistake.text}"

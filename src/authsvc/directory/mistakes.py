"""What is wrong with a directory file, and where."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import NamedTuple

from authsvc.errors import Refused

Path = tuple[str | int, ...]
"""The way from the top of the file to a value: keys and positions in lists, counted from 0."""

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Mistake(NamedTuple):
    """One thing that is wrong; `line` counts from 1. `text` never quotes a value that may be a secret."""

    line: int
    path: Path
    text: str


class DirectoryError(Refused):
    """A directory file that cannot be read or applied; says every mistake found, in the order of the lines."""

    def __init__(self, name: str, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = sorted(mistakes, key=lambda mistake: mistake.line)
        super().__init__("\n".join(_sentence(name, mistake) for mistake in self.mistakes))


def dotted(path: Path) -> str:
    """`path` as people write it, such as `orgs[0].users[2].email`."""
    return "".join(map(_step, path)).removeprefix(".")


def _step(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if _PLAIN_KEY.fullmatch(part) else f"[{json.dumps(part)}]"


def _sentence(name: str, mistake: Mistake) -> str:
    where = f"{dotted(mistake.path)}: " if mistake.path else ""
    return f"{name}:{mistake.line}: {where}{mistake.text}"

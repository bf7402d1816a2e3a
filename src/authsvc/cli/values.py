"""Values on the command line that several commands take."""

from __future__ import annotations

import sys
from collections.abc import Collection

from authsvc.errors import Refused


def choice(flag: str, text: str, known: Collection[str]) -> tuple[str, ...]:
    """The names in `text`, which has commas between them, each once. Raises `Refused` for one that is not known."""
    names = dict.fromkeys(name.strip() for name in text.split(","))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Refused(f"{flag}: {unknown[0]!r} is not one of {', '.join(known)}")
    return tuple(names)


def credential(text: str) -> str:
    """What names a token or a key; `-` stands for a line of standard input, which no list of processes shows."""
    return sys.stdin.readline().strip() if text == "-" else text

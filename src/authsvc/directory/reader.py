"""From the bytes of a directory file to its checked model, or to all its mistakes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from authsvc.directory.checks import check
from authsvc.directory.index import Index
from authsvc.directory.mistakes import DirectoryError, Mistake, Path
from authsvc.directory.model import UNREADABLE, Directory
from authsvc.directory.tree import Node, build
from authsvc.domain.clock import SECOND, Clock, now

_CLOCK_SKEW = 300 * SECOND  # by how much the clock of the machine that wrote a file may be ahead

# What pydantic finds by itself. Its own sentences would quote the value.
_SENTENCES = {
    "missing": "is missing",
    "extra_forbidden": "is not a known key here",
    "model_type": "must be a mapping (key: value)",
    "tuple_type": "must be a list",
    "too_short": "must not be empty",
}

# The keys whose values other entries refer to.
_NAMES = frozenset({"id", "domains", "key", "userName", "login"})


@dataclass(frozen=True)
class Document:
    """A checked file: what it lists, and the lines where it does."""

    name: str
    directory: Directory
    root: Node = field(repr=False, compare=False)

    def error(self, mistakes: Iterable[tuple[Path, str]]) -> DirectoryError:
        """What cannot be applied, told by the lines of the file."""
        return DirectoryError(self.name, [Mistake(self.root.at(path).line, path, text) for path, text in mistakes])


def read(path: FilePath, clock: Clock = now) -> Document:
    """Read and check a file.

    Raises:
        DirectoryError: with every mistake in it.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DirectoryError(str(path), [Mistake(1, (), f"cannot be read: {error.strerror}")]) from None
    return parse(data, str(path), clock)


def parse(data: bytes, name: str, clock: Clock = now) -> Document:
    """Check the contents of a file; `name` stands in front of each mistake.

    Raises:
        DirectoryError: with every mistake in it.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DirectoryError(name, [Mistake(line, (), "is not UTF-8 text")]) from None
    root, mistakes = build(text)
    if root is None:
        raise DirectoryError(name, mistakes)
    directory, others = _check(root, {mistake.path for mistake in mistakes}, clock() + _CLOCK_SKEW)
    mistakes += others
    if mistakes:
        raise DirectoryError(name, mistakes)
    return Document(name, directory, root)


def _check(root: Node, broken: set[Path], latest: int) -> tuple[Directory, list[Mistake]]:
    """The model of what is readable, and the mistakes beyond those already known at the paths `broken`."""
    plain: Any = root.plain()
    directory, misshapen = _validated(plain)
    mistakes = [(path, text) for path, text in misshapen if path not in broken]
    spoiled = broken.union(path for path, _ in mistakes)
    unread = {word.lower() for path in spoiled for word in _set_aside(plain, root, path)}
    has_nameless = any(not _NAMES.isdisjoint(path[-2:]) for path in spoiled)
    if spoiled:
        directory, _ = _validated(plain)
    for finding in check(directory, Index(directory), latest):
        # What seems to be absent may be there, in an entry that cannot be read or by a name that cannot.
        is_sure = not has_nameless and unread.isdisjoint(word.lower() for word in finding.absent)
        if is_sure or not finding.absent:
            mistakes.append((finding.path, finding.text))
    return directory, [Mistake(root.at(path).line, path, text) for path, text in mistakes]


def _validated(plain: object) -> tuple[Directory, list[tuple[Path, str]]]:
    """The model, empty if anything is wrong with its shape, and what is."""
    try:
        return Directory.model_validate(plain), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        # A list of nothing but wrong values is not an empty one, although pydantic counts the good ones only.
        lists = {detail["loc"][:-1] for detail in details}
        meant = (detail for detail in details if detail["type"] != "too_short" or detail["loc"] not in lists)
        return Directory(), [(detail["loc"], _SENTENCES.get(detail["type"], detail["msg"])) for detail in meant]


def _set_aside(plain: Any, root: Node, path: Path) -> list[str]:
    """Take the list item nearest around `path`, or the top-level key, out of `plain`; the words it held."""
    if not path:
        return []
    depths = [depth for depth, part in enumerate(path) if isinstance(part, int)]
    entry: Any = path[: depths[-1] + 1 if depths else 1]
    try:
        for part in entry[:-1]:
            plain = plain[part]
        if isinstance(plain, list):
            plain[entry[-1]] = UNREADABLE
        elif isinstance(plain, dict):
            plain.pop(entry[-1], None)
    except (LookupError, TypeError):
        return []  # in something set aside already, or under a key given twice
    return list(root.at(entry).texts())

"""YAML as a tree of texts in which every value knows its line.

YAML guesses types: `no` may be false, `0123` eighty-three, and a date is no longer what was written. Here every
value is the text that stands in the file, and the model says what it means. Anchors give nothing: an alias would
allow a small file to stand for an enormous one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import yaml

from authsvc.directory.mistakes import Mistake, Path

try:
    from yaml import CBaseLoader as _Loader
except ImportError:  # PyYAML built without libyaml: the same, but slower
    from yaml import BaseLoader as _Loader  # type: ignore[assignment]

Plain = str | list["Plain"] | dict[str, "Plain"] | None

_MAX_DEPTH = 20  # more than twice what the format needs; Python's stack would end at some hundreds
_NULLS = frozenset({"~", "null", "Null", "NULL"})


class Node:
    """A value and its line; a value under a key has the line of the key. None is a key without a value."""

    __slots__ = ("line", "value")

    def __init__(self, value: str | list[Node] | dict[str, Node] | None, line: int) -> None:
        self.value = value
        self.line = line

    def plain(self) -> Plain:
        """The value without lines."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def at(self, path: Path) -> Node:
        """The value at `path`, or the nearest around it that is in the file."""
        node = self
        for part in path:
            if isinstance(node.value, dict) and part in node.value:
                node = node.value[str(part)]
            elif isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
            else:
                break
        return node

    def texts(self) -> Iterator[str]:
        """All texts in the value."""
        if isinstance(self.value, str):
            yield self.value
        else:
            children = self.value.values() if isinstance(self.value, dict) else self.value or ()
            for child in children:
                yield from child.texts()


class _BrokenError(Exception):
    """Nothing after this mistake can be understood."""

    def __init__(self, line: int, path: Path, text: str) -> None:
        super().__init__(text)
        self.mistake = Mistake(line, path, text)


def build(text: str) -> tuple[Node | None, list[Mistake]]:
    """The tree of a YAML document (None if it cannot be understood), and what is wrong with it as YAML."""
    builder = _Builder(text)
    try:
        return builder.document(), builder.mistakes
    except _BrokenError as broken:
        return None, [*builder.mistakes, broken.mistake]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "it cannot be understood"
        line = mark.line + 1 if mark else 1
        return None, [*builder.mistakes, Mistake(line, (), f"is not YAML: {problem}")]
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        character = Mistake(line, (), "holds a character that YAML does not allow")
        return None, [*builder.mistakes, character]


class _Builder:
    def __init__(self, text: str) -> None:
        self.mistakes: list[Mistake] = []
        self._events = iter(yaml.parse(text, Loader=_Loader))

    def document(self) -> Node:
        self._next()  # the start of the stream
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise _BrokenError(1, (), "is empty")
        root = self._node(self._next(), ())
        self._next()  # the end of the document
        more = self._next()
        if not isinstance(more, yaml.StreamEndEvent):
            raise _BrokenError(_line(more), (), "holds a second document; one file is one document")
        return root

    def _next(self) -> yaml.Event:
        return next(self._events)

    def _wrong(self, line: int, path: Path, text: str) -> None:
        self.mistakes.append(Mistake(line, path, text))

    def _node(self, event: yaml.Event, path: Path) -> Node:
        line = _line(event)
        if len(path) > _MAX_DEPTH:
            raise _BrokenError(line, (), "is nested too deeply")
        if isinstance(event, yaml.AliasEvent):
            self._wrong(line, path, "is a YAML alias; write the value out")
            return Node(None, line)
        if getattr(event, "tag", None) is not None:
            self._wrong(line, path, "has a YAML tag; write the value alone")
        if isinstance(event, yaml.MappingStartEvent):
            return Node(self._mapping(path), line)
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(self._sequence(path), line)
        return Node(self._scalar(cast("yaml.ScalarEvent", event), path), line)

    def _mapping(self, path: Path) -> dict[str, Node]:
        nodes: dict[str, Node] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            line = _line(event)
            if not isinstance(event, yaml.ScalarEvent):
                self._node(event, path)
                self._wrong(line, path, "has a key that is not a text")
                self._node(self._next(), path)
                continue
            key = event.value
            node = self._node(self._next(), (*path, key))
            node.line = line
            if key in nodes:
                self._wrong(line, (*path, key), f"is given twice; the first is on line {nodes[key].line}")
            else:
                nodes[key] = node
        return nodes

    def _sequence(self, path: Path) -> list[Node]:
        nodes: list[Node] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            nodes.append(self._node(event, (*path, len(nodes))))
        return nodes

    def _scalar(self, event: yaml.ScalarEvent, path: Path) -> str | None:
        text, is_plain = event.value, event.implicit[0]
        if is_plain and text in _NULLS:
            self._wrong(
                _line(event),
                path,
                "is a YAML null; write nothing to leave it out, or quote it if it is a text",
            )
        return None if is_plain and (not text or text in _NULLS) else text


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1

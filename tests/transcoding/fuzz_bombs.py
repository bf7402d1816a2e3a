"""Requests that are large, deep or many of something, to find out what takes too long."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

# Stands in names and values of every kind; no error may repeat it.
MARK = "zq7x"
LARGEST = 256 * 1024
# How often the largest size is halved.
SMALLER = (0, 2, 4, 8)
_LONGEST_LINE = 64 * 1024
_LONGEST_HEADER = 16 * 1024


class Request(NamedTuple):
    """A raw HTTP request."""

    method: str
    path: bytes
    query: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""


def _items(shape: Callable[[int], bytes]) -> Callable[[int], Request]:
    return lambda size: Request("POST", b"/items", body=shape(size)[:LARGEST])


def _repeated(start: str, unit: str, end: str) -> Callable[[int], Request]:
    """In Latin-1, so that a unit may be a byte that is not UTF-8."""
    return _items(lambda size: (start + unit * ((size - 20) // len(unit)) + end).encode("latin-1"))


def _wide(name: str, item: str) -> Callable[[int], Request]:
    def body(size: int) -> bytes:
        count = max(1, (size - len(name) - 8) // (len(item.encode()) + 1))
        return f'{{"{name}":[{",".join([item] * count)}]}}'.encode()

    return _items(body)


def _text(name: str, unit: str) -> Callable[[int], Request]:
    return _items(lambda size: f'{{"{name}":"{unit * ((size - 20) // len(unit.encode()))}"}}'.encode())


def _deep(opening: str, inside: str, closing: str) -> Callable[[int], Request]:
    def body(size: int) -> bytes:
        # Just inside the limit, just outside, and far beyond.
        depth = {LARGEST: 62, LARGEST >> 2: 66, LARGEST >> 4: 900}.get(size, size // (len(opening) + len(closing)))
        return (opening * depth + inside + closing * depth).encode()

    return _items(body)


def _keys(name: str, value: str, *, alike: bool) -> Callable[[int], Request]:
    def body(size: int) -> bytes:
        count = size // (len(value) + 9)
        pairs = [f'"{0 if alike else number}":{value}' for number in range(count)]
        return f'{{"{name}":{{{",".join(pairs)}}}}}'.encode()

    return _items(body)


def _queries(pair: str, joint: str = "&") -> Callable[[int], Request]:
    def query(size: int) -> bytes:
        return joint.join([pair] * (min(size, _LONGEST_LINE) // (len(pair) + len(joint)))).encode()

    return lambda size: Request("GET", b"/items/a", query(size))


def _paths(unit: bytes, start: bytes = b"") -> Callable[[int], Request]:
    return lambda size: Request("GET", start + unit * (min(size, _LONGEST_LINE) // len(unit)))


def _header(name: bytes, unit: bytes, path: bytes = b"/watch/1") -> Callable[[int], Request]:
    return lambda size: Request("GET", path, b"", ((name, unit * (min(size, _LONGEST_HEADER) // len(unit))),))


BOMBS: tuple[Callable[[int], Request], ...] = (
    *(_wide(name, "1") for name in ("sizes", "colours", "values", "list", "value", "tags", "struct")),
    *(
        _wide("sizes", '"1"'),
        _wide("colours", '"RED"'),
        _wide("tags", '""'),
        _wide("children", "{}"),
        _wide("values", "[]"),
    ),
    *(
        _wide("children", '{"id":"a"}'),
        _wide("whens", '"1970-01-01T00:00:00Z"'),
        _wide("sizes", "1.0"),
        _wide("sizes", "1e0"),
    ),
    *(_wide("value", "null"), _wide("value", "{}"), _wide("value", '{"a":[]}'), _wide("id", "1"), _wide(MARK, "[]")),
    *(
        _text(name, unit)
        for name in ("id", "bytesValue", "mask", "when", "pause")
        for unit in ("a", "0", "a,", "\\u0041", "é")
    ),
    *(_text("id", unit) for unit in ('\\":', "\\\\", "\\ud83d\\ude00", "\\ud800", "\0", ":", "{[")),
    *(_text("int64Value", unit) for unit in ("1", "0", "1e", "-", " ")),
    *(
        _deep("[", "", "]"),
        _deep("[", "", ""),
        _deep('{"child":', "{}", "}"),
        _deep('{"value":', "1", "}"),
        _deep("{", "", ""),
    ),
    *(_deep('{"children":[', "", "]}"), _deep('{"struct":{"a":', "1", "}}"), _deep('{"items":{"a":', "{}", "}}")),
    _deep('{"@type":"type.googleapis.com/shop.Item","any":', "{}", "}"),
    _items(
        lambda size: (
            b'{"any":'
            + b'{"@type":"/google.protobuf.Any","value":' * min(62, size // 40)
            + b"{}"
            + b"}" * min(63, size // 40 + 1)
        )
    ),
    *(
        _keys(name, value, alike=alike)
        for alike in (False, True)
        for name, value in (("labels", '""'), ("struct", "[]"))
    ),
    *(_keys("counts", "1", alike=False), _keys("flags", "1", alike=False), _keys("items", "{}", alike=False)),
    *(_keys("value", "0", alike=True), _keys(MARK, "0", alike=False), _keys("struct", "{}", alike=False)),
    *(_repeated("", unit, "") for unit in ("1", " ", "\xff", '"', "\0", "-", "[1,", "[", '{"child":')),
    *(_repeated('{"doubleValue":', unit, "}") for unit in ("1", "0.", "1e")),
    _repeated('{"id":"', "a", '","id":1}'),
    *(
        _queries(pair)
        for pair in ("tags=a", "tags=%41", "a", "", "=", "sizes=1", "child.id=a", "fields=a", "%", "whens=1s", "&")
    ),
    *(
        _queries("child", "."),
        _queries("child.child.child.id=1"),
        _queries("fields=child(", "child("),
        _queries("id=%41", "%41"),
    ),
    *(_queries(f"fields={text}", text) for text in ("a,", "*.", "*(*,", "child.", "child(id,")),
    *(_paths(unit) for unit in (b"/a", b"/", b"%2F", b":", b"/:", b"/items", b"/any", b"\xff", b"/%ff", b"%")),
    *(_paths(unit, b"/files/") for unit in (b"a", b"/a", b"%2F", b"%2f/", b":", b"%C3%A9", b"%", b"\xff", b"//")),
    *(_paths(unit, b"/items/") for unit in (b"a", b"%41", b":", b"a:", b"%")),
    *(
        _header(b"accept", unit)
        for unit in (b"a,", b"*/*,", b"a;q=1,", b";", b"a;q=0.0000;", b" ", b"text/event-stream;q=.1,")
    ),
    *(_header(b"accept-encoding", unit, b"/watch") for unit in (b"gzip,", b"gzip;q=0,", b"*;", b"a")),
    *(
        _header(b"x-goog-fieldmask", unit, b"/items/a")
        for unit in (b"id,", b"child.", b"child(", b"*,", b"a", b"*.*", b"(")
    ),
    *(_header(b"content-type", unit, b"/raw/in") for unit in (b"a", b";", b";charset=", b"=")),
)

"""JSON texts near a valid one: the same said otherwise, and what a careless client may write instead."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.descriptor import Descriptor
from hypothesis import strategies as st
from transcoding.protojson.messages import types_in


@dataclass
class Token:
    """A literal of JSON, exactly as it is to be written."""

    text: str


@dataclass
class Array:
    """A JSON array."""

    items: list[Tree] = field(default_factory=list)


@dataclass
class Object:
    """A JSON object: pairs, so that a key may be there twice; keys are written literals."""

    items: list[tuple[str, Tree]] = field(default_factory=list)


Tree = Token | Array | Object

# Rows of the table of differences that a change may run into.
Rows = frozenset[str]
_NONE: Rows = frozenset()

# What to put in the place of a value; the second also by the row of the table that it may run into.
_PLAIN = r"""
    null true false 0 1 -1 2 1.0 1e2 1E+2 10e-1 -0.0 0.5 -1.5 1e39 -1e39 2147483647 2147483648 -2147483649
    4294967295 4294967296 9007199254740993 9223372036854775807 9223372036854775808 18446744073709551615
    18446744073709551616 1e-400 -9223372036854775808 -9223372036854775809 123456789012345678901234567890
    3.4028235e+38 1.7976931348623157e308 "0" "1" "-1" "1.0" "1e2" "1E+2" "-0" "-0.0" "0.5" "1e39" "1e400"
    "3.4028235e+38" "2147483648" "9223372036854775807" "9223372036854775808" "18446744073709551615" "1e18"
    "1e19" "" "x" "true" "false" "null" "NaN" "Infinity" "-Infinity" "\u0031" "12abc" "AQI=" "AQI" "-_8=" "-_8"
    "+/8" "Zm9v" "Zg==" "Zh==" "Zg" "\u0000" "\ud83d\ude00" "FOO" "BAR" "RED" "E0_V0" "NULL_VALUE" "foo"
    "foo,barBaz.qux" "a,b" "a_b" "2024-02-29T23:59:59Z" "2024-02-29T23:59:59.5+05:30"
    "0001-01-01T00:00:00.000000001Z" "2023-02-29T00:00:00Z" "9999-12-31T23:59:59-00:01" "2024-01-01T00:00:00"
    "2024-01-01t00:00:00Z" "2024-01-01T00:00:60Z" "1s" "-1.5s" "-0.000000001s" "315576000000.999999999s"
    "-315576000001s" "1.5" "0.1234567890s" "s" [] {} [1] ["a"] [null] [[]] [{}] {"a":1} {"a":null} {"a":{}}
    {"1":"1"} {"true":true} {"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}
    {"value":3,"@type":"type.googleapis.com/google.protobuf.Value"}
    {"@type":"type.googleapis.com/google.protobuf.Empty"} {"@type":"type.googleapis.com/no.Such"} {"@type":5}
    {"[no.such]":1}
"""
_ODD = {
    "loose number": r"""
        "1_0" "+1" "01" "\u0661" "\t1" "1\n" "\u00201" ".5" "1." "inf" "-inf" "Nan" "infinity" "1e1_0"
        "\uff11"
    """,
    "loose base64": r"""
        "!!!!" "YQ=" "Y\u0020Q==" "YQ===" "YQ==YQ==" "YQ\n" "é" "=" "===="
    """,
    "loose time": r"""
        "2024-1-1T0:0:0Z" "2024-01-01T00:00:00+99:99" "2024-01-01T00:00:00.Z" "2024-01-01T00:00:00+5:0"
        "2024-01-01T00:00:00.1e-5Z" "2024-01-01T00:00:00.1_0Z" "\u0662024-01-01T00:00:00Z"
        "2024-01-01T00:00:00-00:60"
    """,
    "loose duration": r"""
        "1_0s" "+1s" "\u00201s" "1.s" "1.5e-1s" "01s" "\u0661s" "0000000000001s" "1\u0020s"
    """,
    "loose mask": r"""
        "FooBar" "fooBar," "a\u0020b" ",a" "a..b" "1a" "a.B" "é" "a-b"
    """,
    "not JSON": r"""
        NaN Infinity -Infinity [NaN] {"a":-Infinity}
    """,
    "huge number": r"""
        1e400 -1e400 {"a":[1e400]}
    """,
    "long number": '{0} 0.{0} {0}e-60 "{0}" "0.{0}"'.format("1" * 65),
    "lone surrogate": r"""
        "\ud800" "\udc00\ud800" {"a":"\udfff"} {"\ud800":1}
    """,
    "loose Any": r"""
        {"@type":"google.protobuf.Empty"}
        {"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s","more":1}
    """,
}
_TOKENS = [(_NONE, text) for text in _PLAIN.split()]
_TOKENS += [(frozenset({row}), text) for row, texts in _ODD.items() for text in texts.split()]
_KEYS = r'''"more" "1" "-1" "1.0" "1e0" "true" "True" "" "a" "A" "\u0000" "@type" "value"'''
_ODD_KEYS = [(frozenset({"loose number"}), f'"{text}"') for text in ("+1", "01", "1_0", " 1", "\\u0661")]
_LOWEST = "-922337203685477580"
_BLANKS = st.sampled_from(["", "", "", " ", "\n", "\t\r\n "])


def tree(value: Any) -> Tree:
    """Turn a JSON value into a tree that can be changed."""
    if isinstance(value, dict):
        return Object([(json.dumps(key), tree(item)) for key, item in value.items()])
    if isinstance(value, list):
        return Array([tree(item) for item in value])
    return Token(json.dumps(value))


def spellings_of(root: Descriptor) -> dict[str, str]:
    """Return, for each name of a field in the message or inside it, the other one: proto name or JSON name."""
    found: dict[str, str] = {}
    for descriptor in types_in(root):
        found |= {json.dumps(each.json_name): json.dumps(each.name) for each in descriptor.fields}
        found |= {json.dumps(each.name): json.dumps(each.json_name) for each in descriptor.fields}
    return found


@st.composite
def changed(draw: st.DrawFn, value: Any, names: dict[str, str]) -> tuple[str, set[str]]:
    """Draw a text near a JSON value, and the rows of the table of differences that it may run into."""
    root = Array([tree(value)])
    rows: set[str] = set()
    for _ in range(draw(st.sampled_from([1, 2, 0, 3]))):
        rows |= draw(st.sampled_from(_CHANGES))(draw, *draw(st.sampled_from(list(_places(root)))), names)
    return _written(draw, root.items[0], blanks=draw(st.booleans())), rows


@st.composite
def planted(draw: st.DrawFn, value: Any, names: dict[str, str], word: str) -> str:
    """Draw a text near a JSON value that has a word somewhere, as a key or in a value."""
    root = Array([tree(value)])
    for _ in range(draw(st.sampled_from([0, 1]))):
        draw(st.sampled_from(_CHANGES))(draw, *draw(st.sampled_from(list(_places(root)))), names)
    container, index = draw(st.sampled_from(list(_places(root))))
    if isinstance(container, Object) and draw(st.booleans()):
        container.items[index] = (f'"{word}"', container.items[index][1])
    else:
        forms = ['"%s"', '["%s"]', '{"%s":1}', '{"1":"%s"}', '{"@type":"%s"}', '{"@type":"/no.%s"}', "%s", "1%s"]
        _put(container, index, Token(draw(st.sampled_from(forms)) % word))
    return _written(draw, root.items[0], blanks=False)


def _places(container: Array | Object) -> Iterator[tuple[Array | Object, int]]:
    values = container.items if isinstance(container, Array) else [value for _, value in container.items]
    for index, value in enumerate(values):
        yield container, index
        if isinstance(value, Array | Object):
            yield from _places(value)


def _value_at(container: Array | Object, index: int) -> Tree:
    found: Tree = container.items[index] if isinstance(container, Array) else container.items[index][1]
    return found


def _put(container: Array | Object, index: int, value: Tree) -> None:
    if isinstance(container, Array):
        container.items[index] = value
    else:
        container.items[index] = (container.items[index][0], value)


def _replace(draw: st.DrawFn, container: Array | Object, index: int, names: dict[str, str]) -> Rows:
    rows, text = draw(st.sampled_from(_TOKENS))
    _put(container, index, Token(text))
    return rows


def _respell(draw: st.DrawFn, container: Array | Object, index: int, names: dict[str, str]) -> Rows:
    value = _value_at(container, index)
    if isinstance(value, Token) and value.text[0] in "-0123456789":
        form = draw(st.sampled_from(['"{}"', "{}.0", "{}e0", '"{}E+00"', "{}0e-1", '"{}.00"']))
        _put(container, index, Token(form.format(value.text)))
    elif isinstance(value, Token) and value.text.startswith('"'):
        inner = value.text[1:-1]
        forms = (
            ["{}", '"{}.0"', '"{}e0"', '"{} "', "[{}]"] if inner.lstrip("-").isdigit() else ['["{}"]', '"{}="', '"{}Z"']
        )
        _put(container, index, Token(draw(st.sampled_from(forms)).format(inner)))
        lowest = {"lowest number of 64 bits with a point or exponent"} if inner.startswith(_LOWEST) else set()
        return frozenset({"loose base64", "loose number"} | lowest)
    return _NONE


def _rename(draw: st.DrawFn, container: Array | Object, index: int, names: dict[str, str]) -> Rows:
    if isinstance(container, Object):
        key, value = container.items[index]
        container.items[index] = (names.get(key, key), value)
    return _NONE


def _rekey(draw: st.DrawFn, container: Array | Object, index: int, names: dict[str, str]) -> Rows:
    rows = _NONE
    if isinstance(container, Object):
        rows, key = draw(st.sampled_from([(_NONE, key) for key in _KEYS.split()] + _ODD_KEYS))
        container.items[index] = (key, container.items[index][1])
    return rows | {"loose Any"}


def _repeat(draw: st.DrawFn, container: Array | Object, index: int, names: dict[str, str]) -> Rows:
    if isinstance(container, Array):
        container.items.append(container.items[index])
    else:
        container.items.append(container.items[index])
    return _NONE


def _repeat_renamed(draw: st.DrawFn, container: Array | Object, index: int, names: dict[str, str]) -> Rows:
    if isinstance(container, Object):
        key, value = container.items[index]
        container.items.append((names.get(key, f"{key[:-1]}.0{key[-1]}"), value))
    return frozenset({"two names", "loose Any"})


def _add(draw: st.DrawFn, container: Array | Object, index: int, names: dict[str, str]) -> Rows:
    rows, text = draw(st.sampled_from(_TOKENS))
    if isinstance(container, Object):
        container.items.append((draw(st.sampled_from(sorted(names) or _KEYS.split())), Token(text)))
    else:
        container.items.append(Token(text))
    return rows | {"two names", "loose Any"}


def _shuffle(draw: st.DrawFn, container: Array | Object, index: int, names: dict[str, str]) -> Rows:
    if isinstance(container, Object):
        container.items = draw(st.permutations(container.items))
    return _NONE


def _wrap(draw: st.DrawFn, container: Array | Object, index: int, names: dict[str, str]) -> Rows:
    value = _value_at(container, index)
    forms: list[Tree] = [Array([value]), Array([value, value]), Object([('"value"', value)])]
    _put(container, index, draw(st.sampled_from(forms)))
    return _NONE


_CHANGES = [_replace] * 3 + [_respell] * 2 + [_rename, _rekey, _repeat, _repeat_renamed, _add, _shuffle, _wrap]


def _written(draw: st.DrawFn, value: Tree, *, blanks: bool) -> str:
    def blank() -> str:
        return draw(_BLANKS) if blanks else ""

    if isinstance(value, Token):
        return f"{blank()}{value.text}{blank()}"
    if isinstance(value, Array):
        items = [_written(draw, item, blanks=blanks) for item in value.items]
        return f"[{','.join(items) or blank()}]"
    pairs = [f"{blank()}{key}{blank()}:{_written(draw, item, blanks=blanks)}" for key, item in value.items]
    return f"{{{','.join(pairs) or blank()}}}"

"""Made-up requests for the rules of `fuzz_faces`: a corpus, and mutations of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote_from_bytes

from transcoding.foreign import ITEM
from transcoding.fuzz_bombs import BOMBS, LARGEST, MARK, SMALLER, Request

_MOST_KEPT = 4000
_BOMB_RATE = 1 / 2500

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "LOCK", "get", "*", "", MARK)
_PATHS = (
    b"/items/a",
    b"/items/a%2Fb:publish",
    b"/items",
    b"/shelves/1/books/2",
    b"/shelves/%F0%9F%98%80/books/x%252Fy:check",
    b"/files/a/b//c%2Fd",
    b"/files/",
    b"/nested/1/-5",
    b"/kinds/-1/18446744073709551615/1e-5/true/RED/AQI",
    b"/children/c",
    b"/shelves/1",
    b"/any/thing/at/all",
    b"/body/tags",
    b"/body/labels",
    b"/body/items",
    b"/body/struct",
    b"/body/value",
    b"/body/list",
    b"/body/any",
    b"/body/when",
    b"/body/mask",
    b"/body/wrapped_int",
    b"/body/children",
    b"/body/int64_value",
    b"/body/colour",
    b"/response/colour",
    b"/response/when",
    b"/response/labels",
    b"/response/children",
    b"/response/value",
    b"/watch/1",
    b"/watch",
    b"/raw/in",
    b"/raw/out",
    b"/raw/both/text",
    b"/raw/stream",
    b"/upload",
    b"/upload/content/a",
    b"/upload/pages",
    b"/upload/both",
    b"/upload/all",
    b"/upload/a",
)
_SEGMENTS = (
    *(b"items", b"shelves", b"books", b"files", b"nested", b"kinds", b"any", b"body", b"watch", b"raw", b"response"),
    *(b"", b".", b"..", b"*", b"**", b":", b"a:publish", b":check", b"%2F", b"%2f", b"%", b"%zz", b"%ff", b"%C3%A9"),
    *(b"\xff", b"\xc3\xa9", b"{id}", b"0", b"-1", b"1e400", b"NaN", b"true", b"BLUE", b"99999999999999999999"),
    *(b"AQ==", b"%00", b"%25", b"%252F", b"+", b"%F0%9F%98%80", b"?", b"#", MARK.encode(), b"x" * 300),
)

_WORDS = ('"a"', '""', f'"{MARK}"', '"\\u0000\\ud83d\\ude00"', '"é😀"', '"\\":{"', '"x y"')
_INTEGERS = ("0", "1", "-1", '"5"', "1.0", "1e2", "2147483647", '"-9223372036854775808"', "18446744073709551615")
_REALS = ("0.5", "-0.0", "1e300", '"NaN"', '"-Infinity"', '"1e-7"', "3.5e38", "123456789012345678901234567890")
_TIMES = ('"2024-02-29T23:59:59.123456789Z"', '"0001-01-01T00:00:00Z"', '"2024-01-01T00:00:00+05:30"', '"2023-02-29"')
_SPANS = ('"1s"', '"-0.000000001s"', '"315576000000.999999999s"', '"1.5"', '"315576000001s"')
_FREE = ("null", "1", "true", '"a"', "[1,[null,{}]]", f'{{"{MARK}":[0.5,{{"b":null}}]}}', "-0.0", "{}", "[]")
_ANYS = (
    '{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}',
    f'{{"@type":"type.googleapis.com/shop.Item","id":"{MARK}","any":{{"@type":"/google.protobuf.Empty"}}}}',
    '{"value":{"a":[1]},"@type":"type.googleapis.com/google.protobuf.Struct"}',
    f'{{"@type":"type.googleapis.com/{MARK}"}}',
    '{"@type":5}',
    "{}",
)
# Plausible literals by the type of the field, as `foreign.ITEM` writes it.
_LITERALS: dict[str, tuple[str, ...]] = {
    "string": _WORDS,
    "bytes": ('"AQI="', '"AQI"', '"-_8="', '""', f'"{MARK}"', '"Zh=="'),
    "bool": ("true", "false", '"true"', "1"),
    "float": (*_REALS, *_INTEGERS),
    "double": (*_REALS, *_INTEGERS),
    "enum:Colour": ('"RED"', '"BLUE"', "0", "2", "77", f'"{MARK}"', '"COLOUR_UNSPECIFIED"', "-1"),
    "enum:google.protobuf.NullValue": ("null", '"NULL_VALUE"', "0", "1"),
    "message:google.protobuf.Timestamp": _TIMES,
    "message:google.protobuf.Duration": _SPANS,
    "message:google.protobuf.FieldMask": ('"a,bC.d"', '""', f'"{MARK}"', '"a_b"', '","', '"A"'),
    "message:google.protobuf.Struct": ("{}", f'{{"a":1,"{MARK}":{{"b":[]}}}}', '{"":null}'),
    "message:google.protobuf.Value": _FREE,
    "message:google.protobuf.ListValue": ("[]", "[1,[],{}]", "[null]"),
    "message:google.protobuf.Any": _ANYS,
    "message:google.protobuf.Empty": ("{}", "null", f'{{"{MARK}":1}}'),
    "message:google.protobuf.Int64Value": (*_INTEGERS, "null"),
    "message:google.protobuf.StringValue": (*_WORDS, "null"),
    "message:google.protobuf.BoolValue": ("true", "false", "null"),
}
_ODD = (
    *("null", "true", "[]", "{}", '""', "0", "-", "01", "1.", "+1", "NaN", "Infinity", "'a'", '"', "\\", "nul", "/**/"),
    *(
        '"\\ud800"',
        '"\\u00"',
        '"\\x"',
        '"\t"',
        "1e999",
        "9" * 65,
        "9" * 64,
        "[[[[]]]]",
        '{"a":1,"a":2}',
        '{"@type":""}',
    ),
    *("[1,]", "{,}", "[null]", '[[["a"]]]', '{"1":"1"}', '{"true":"RED"}', f'"{MARK}"', f'{{"{MARK}":0}}', "1 1", ""),
)
_KEYS = ('""', '"a"', '"1"', '"-1"', '"true"', '"false"', '"\\u0061"', f'"{MARK}"', '"01"', '"1.0"')
_TOKENS = (
    *(each.encode() for each in _ODD),
    b"\xff",
    b"\xef\xbb\xbf",
    b"\0",
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b":",
    b"\xc0\x80",
)

_HEADERS: dict[bytes, tuple[bytes, ...]] = {
    b"content-type": (
        *(
            b"application/json",
            b"application/json; charset=utf-8",
            b"text/plain",
            b"",
            b"application/json;charset=latin-1",
        ),
        *(b"application/vnd.api+json", b"image/png; a=b", b"\xff\xe9", b";;;==;", b"a\x00b", MARK.encode()),
    ),
    b"accept": (
        *(
            b"*/*",
            b"application/json",
            b"application/x-ndjson",
            b"text/event-stream",
            b"text/*;q=0.5, application/json;q=0",
        ),
        *(b",,;q=", b"\xff", b"text/event-stream;q=1.0001", b"application/x-ndjson;q=0.9,*/*;q=0.1", MARK.encode()),
    ),
    b"accept-encoding": (b"gzip", b"gzip;q=0", b"*;q=0.1", b"identity, gzip", b"br, *;q=0", b"\xff", b"x-gzip;q=0.001"),
    b"x-goog-fieldmask": (
        *(b"id", b"child(id,name),tags", b"*", b"child.*", b"children/child/id", b"struct.a.b", b"any.x", b"labels.a"),
        *(
            b"when.seconds",
            b"id.x",
            b"((",
            b"a,,b",
            b"",
            b"\xff",
            b"values",
            b"items.k.id",
            MARK.encode(),
            b"otherName,renamed",
        ),
    ),
    b"content-encoding": (b"identity", b"gzip", b"", b"IDENTITY", b"br"),
    b"grpc-timeout": (b"5S", b"99999999H", b"1n", b"0S", b"", b"1", b"1S,1S", b"\xff", MARK.encode()),
    b"grpc-metadata-x": (MARK.encode(), b"", b"\xff", b"a,b"),
    b"grpc-metadata-x-bin": (b"AQI", b"AQI=", b"AQ, AQ==,", b"", b"*", b"A", b"\xff", MARK.encode() + b"*"),
    b"grpc-metadata-authorization": (MARK.encode(),),
    b"authorization": (b"Bearer a", b"\xff"),
    b"x-other": (MARK.encode(), b"\r\n", b"\xff"),
}
_NAMES = tuple(_HEADERS)

# For `foreign.FILE`.
_FILES = (
    *('{"name":"a","content":{"contentType":"text/csv","data":"AQI="},"pages":[{"data":"AQI"},{}]}', '{"pages":[{}]}'),
    *('[{"contentType":"a","data":"AQI="},{}]', "[]", '[{"extensions":[]}]', '{"content":{"contentType":"\\r\\n"}}'),
    *('[{"extensions":[{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}]}]', "[null]"),
)
_SYSTEM = (
    *(
        "$alt=json;enum-encoding=int",
        "alt=sse",
        "alt=media",
        "$prettyPrint=true",
        "prettyPrint=1",
        "fields=id,child(id)",
    ),
    *(
        "$fields=*",
        "fields=" + MARK,
        "key=" + MARK,
        "$.xgafv=2",
        "callback=x",
        "fields=",
        "alt",
        "$alt=json%3Benum-encoding%3Dstring",
    ),
)
_VALUES = (
    *(
        "1",
        "-1",
        "0",
        "a",
        "",
        "true",
        "RED",
        "NaN",
        "1e400",
        "%",
        "%zz",
        "%ff",
        "%C3%A9",
        "+",
        "%2B",
        "null",
        "AQI",
        MARK,
    ),
    *("2024-01-01T00:00:00Z", "1s", "a,bC", "9223372036854775807", "99999999999999999999", "x=y", "%00", "Infinity"),
)
_INSIDE = {
    "message:google.protobuf.Timestamp": ("seconds", "nanos"),
    "message:google.protobuf.Duration": ("seconds", "nanos"),
    "message:google.protobuf.FieldMask": ("paths",),
    "message:google.protobuf.Any": ("typeUrl", "value", "type_url"),
    "message:google.protobuf.Value": (
        "nullValue",
        "numberValue",
        "stringValue",
        "boolValue",
        "listValue",
        "structValue",
    ),
    "message:google.protobuf.Int64Value": ("value",),
    "message:google.protobuf.StringValue": ("value",),
    "message:google.protobuf.BoolValue": ("value",),
}


class _Field(NamedTuple):
    names: tuple[str, ...]
    kind: str
    repeated: bool


def _fields() -> tuple[_Field, ...]:
    found = []
    for line in ITEM.split("\n")[1:-1]:
        name, kind, *flags = line.split()
        first, *more = name.split("_")
        json_name = "otherName" if name == "renamed" else first + "".join(part.capitalize() for part in more)
        found.append(_Field((json_name, json_name, name), kind, "repeated" in flags))
    return tuple(found)


_FIELDS = _fields()


def _methods_of(path: bytes) -> tuple[str, ...]:
    if path.startswith((b"/body", b"/response", b"/children", b"/raw", b"/upload/")):
        return ("POST",)
    return ("PATCH", "GET") if path == b"/shelves/1" else ("GET", "POST", "PUT")


class Inputs:
    """An endless supply of requests; those that `keep` is given are mutated further."""

    def __init__(self, rng: random.Random, largest: int = LARGEST) -> None:
        """Start with the corpus; no body, and nothing else, becomes larger than `largest`."""
        self._rng = rng
        self._largest = largest
        self._corpus = [Request(method, path) for path in _PATHS for method in _methods_of(path)]
        self._first = len(self._corpus)

    def keep(self, request: Request) -> None:
        """Take a request into the corpus, in the place of an older find if it is full."""
        if len(self._corpus) < _MOST_KEPT:
            self._corpus.append(request)
        else:
            self._corpus[self._rng.randrange(self._first, _MOST_KEPT)] = request

    def draw(self) -> Request:
        """Return the next request."""
        rng = self._rng
        if rng.random() < _BOMB_RATE:
            return self.bomb(rng.choice(BOMBS), smaller=rng.choice(SMALLER))
        # Bits of one number decide what changes: cheaper than a number for each.
        dice = rng.getrandbits(17)
        fresh = dice & 0x10000
        method, path, query, headers, body = self._corpus[rng.randrange(self._first if fresh else len(self._corpus))]
        if not dice & 0x1F:
            method = rng.choice(_METHODS)
        if not dice & 0x60:
            path = self._path(path)
        if not dice & 0x180:
            query = self._bytes(query) if dice & 0x200 and query else self._query()
        if not dice & 0xC00:
            headers = tuple([(name, rng.choice(_HEADERS[name])) for name in rng.choices(_NAMES, k=1 + (dice >> 14))])
        if dice & 0x3000 or fresh:
            body = self._bytes(body) if dice & 0x1000 and body else self._body()
        return Request(method, path, query, headers, body)

    def bomb(self, make: Callable[[int], Request], *, smaller: int) -> Request:
        """Return a bomb of the largest size, halved so many times."""
        return make(self._largest >> smaller)

    def _path(self, path: bytes) -> bytes:
        rng = self._rng
        if rng.random() < 0.3:
            return self._bytes(path)
        segments = path.split(b"/")
        at = rng.randrange(1, len(segments) + 1)
        segments[at : at + rng.randrange(2)] = [rng.choice(_SEGMENTS)]
        return b"/".join(segments)

    def _query(self) -> bytes:
        rng = self._rng
        pairs = []
        for _ in range(rng.randrange(4)):
            if rng.random() < 0.2:
                pairs.append(rng.choice(_SYSTEM))
            else:
                pairs.append(self._parameter())
        return "&".join(pairs).encode()

    def _parameter(self) -> str:
        rng = self._rng
        made = rng.choice(_FIELDS)
        name = rng.choice(made.names)
        if made.kind == "message:Item" and rng.random() < 0.9:
            return f"{name}.{self._parameter()}"
        if rng.random() < 0.1:
            name += "." + rng.choice(_INSIDE.get(made.kind, (MARK,)))
        fitting = rng.random() < 0.7
        value = rng.choice(_LITERALS.get(made.kind, _INTEGERS)).strip('"') if fitting else rng.choice(_VALUES)
        return f"{name}={value}"

    def _body(self) -> bytes:
        rng = self._rng
        shape = rng.random()
        if shape < 0.65:
            return self._object(2).encode()
        if shape < 0.7:
            return rng.choice(_FILES).encode()
        made = rng.choice(_FIELDS)
        return (self._value(made, 1) if shape < 0.95 else rng.choice(_ODD)).encode()

    def _object(self, depth: int) -> str:
        rng = self._rng
        made = [rng.choice(_FIELDS) for _ in range(rng.randrange(5))]
        pairs = [f'"{rng.choice(each.names)}":{self._value(each, depth)}' for each in made]
        if rng.random() < 0.02:
            pairs.append(f'"{MARK}":{rng.choice(_ODD)}')
        return "{" + ",".join(pairs) + "}"

    def _value(self, made: _Field, depth: int) -> str:
        rng = self._rng
        if rng.random() < 0.015:
            return rng.choice(_ODD)
        if made.kind.startswith("map:"):
            kind = made.kind.partition(",")[2]
            inside = _Field((), "message:Item" if kind == "message:Item" else kind, repeated=False)
            pairs = [f"{rng.choice(_KEYS)}:{self._one(inside.kind, depth)}" for _ in range(rng.randrange(3))]
            return "{" + ",".join(pairs) + "}"
        if made.repeated:
            return "[" + ",".join([self._one(made.kind, depth) for _ in range(rng.randrange(4))]) + "]"
        return self._one(made.kind, depth)

    def _one(self, kind: str, depth: int) -> str:
        if kind == "message:Item":
            return self._object(depth - 1) if depth > 0 else "{}"
        return self._rng.choice(_LITERALS.get(kind, _INTEGERS))

    def _bytes(self, data: bytes) -> bytes:
        """Flip, cut out, repeat, insert or splice."""
        rng = self._rng
        size = len(data)
        at = rng.randrange(size + 1)
        end = min(size, at + rng.choice((1, 1, 2, 5, 20)))
        kind = rng.randrange(6)
        if kind == 0:
            return data[:at] + rng.randbytes(1 + rng.randrange(3)) + data[end:]
        if kind == 1:
            return data[:at] + data[end:]
        if kind == 2:
            return (data[:end] + data[at:end] * rng.choice((1, 1, 2, 70)) + data[end:])[: self._largest]
        if kind == 3:
            return data[:at] + rng.choice(_TOKENS) + data[end:]
        if kind == 4:
            return data[:at] + quote_from_bytes(data[at:end], safe="").encode() + data[end:]
        other = rng.choice(self._corpus).body
        return (data[:at] + other[rng.randrange(len(other) + 1) :])[: self._largest]

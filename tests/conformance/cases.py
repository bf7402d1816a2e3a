"""The cases of connectconformance in server mode, as facts: what a client sends, and how the answer has to look.

The names are the suite's, so that a case that fails here and one that fails there can be matched; `make conformance`
compares the lists. Wherever `codes` is empty, the answer is what the first request message asks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import product


class Kind(Enum):
    """What streams: the name of the method, and how it is used."""

    UNARY = ("Unary", "")
    CLIENT = ("ClientStream", "")
    SERVER = ("ServerStream", "")
    HALF = ("BidiStream", "all requests before the first answer")
    FULL = ("BidiStream", "in turns")

    @property
    def method(self) -> str:
        """The name of the method."""
        return self.value[0]


@dataclass(frozen=True)
class Asks:
    """What the first message asks for: header and trailer values, the number of messages, an error, milliseconds."""

    headers: tuple[str, ...] = ()
    data: int = 0
    error: tuple[int, str] | None = None
    trailers: tuple[str, ...] = ()
    delay: int = 0


@dataclass(frozen=True)
class Raw:
    """A request that no client library would send; `frames` are the flags of the messages, `body` stands for all."""

    verb: str = "POST"
    path: str | None = None
    content_type: str | None = None
    encoding: str | None = None
    frames: tuple[int, ...] = (0,)
    body: bytes | None = None


@dataclass(frozen=True)
class Case:
    """One case, before it is multiplied.

    `sent` tells whether metadata goes along, `messages` how many there are, `sizes` how much larger than the limit each
    is. `codes` are the gRPC codes allowed.
    """

    name: str
    asks: Asks | None = Asks()
    messages: int = 1
    sent: bool = False
    timeout: int | None = None
    sizes: tuple[int, ...] = ()
    raw: Raw | None = None
    codes: frozenset[int] = frozenset()
    http_status: int = 0

    @property
    def kind(self) -> Kind:
        """What streams."""
        return next((kind for prefix, kind in _KINDS.items() if self.name.startswith(prefix)), Kind.UNARY)


_KINDS = {
    "client-stream": Kind.CLIENT,
    "server-stream": Kind.SERVER,
    "bidi-stream/full-duplex": Kind.FULL,
    "bidi-stream": Kind.HALF,
}
GRPC, WEB = "PROTOCOL_GRPC", "PROTOCOL_GRPC_WEB"
IDENTITY, GZIP = "COMPRESSION_IDENTITY", "COMPRESSION_GZIP"
_CODES = (
    *("canceled", "unknown", "invalid-argument", "deadline-exceeded", "not-found", "already-exists"),
    *("permission-denied", "resource-exhausted", "failed-precondition", "aborted", "out-of-range", "unimplemented"),
    *("internal", "unavailable", "data-loss", "unauthenticated"),
)
_UNKNOWN, _INVALID, _EXCEEDED, _EXHAUSTED, _UNIMPLEMENTED, _INTERNAL, _UNAUTHENTICATED = 2, 3, 4, 8, 12, 13, 16
_FAILED = (_INTERNAL, "the call failed, as it should")
_ODD_TEXT = "\nspaces at the ends, \t%41, a line\r\nend, ☺ and, beyond sixteen bits, 😈\n"


@dataclass(frozen=True)
class Suite:
    """Cases of one name, with what they are multiplied by; what does not vary is not in their full names."""

    name: str
    cases: tuple[Case, ...]
    protocols: tuple[str, ...] = (GRPC, WEB)
    compressions: tuple[str, ...] = (IDENTITY, GZIP)
    codec: bool = True


@dataclass(frozen=True)
class Variant:
    """One case in one configuration."""

    suite: Suite = field(repr=False)
    case: Case
    http: int
    protocol: str
    compression: str
    tls: bool

    @property
    def name(self) -> str:
        """The name in full, as the suite builds it."""
        suite = self.suite
        parts = [suite.name, f"HTTPVersion:{self.http}"]
        parts += [f"Protocol:{self.protocol}"] * (len(suite.protocols) > 1)
        parts += ["Codec:CODEC_PROTO"] * suite.codec
        parts += [f"Compression:{self.compression}"] * (len(suite.compressions) > 1)
        return "/".join([*parts, f"TLS:{str(self.tls).lower()}", self.case.name])


def variants(*, tls: bool) -> Iterator[Variant]:
    """Every case in every configuration that HTTP allows."""
    for suite in SUITES:
        for http, protocol, compression, case in product((1, 2), suite.protocols, suite.compressions, suite.cases):
            if http == 2 or (protocol == WEB and case.kind is not Kind.FULL):
                yield Variant(suite, case, http, protocol, compression, tls)


def _basic() -> Iterator[Case]:
    for name, messages, data in (
        ("unary/success", 1, 1),
        ("client-stream/success", 2, 1),
        ("server-stream/success", 1, 2),
        ("server-stream/no-responses", 1, 0),
        ("bidi-stream/full-duplex/success", 2, 2),
        ("bidi-stream/half-duplex/success", 2, 2),
        ("bidi-stream/half-duplex/no-responses", 1, 0),
    ):
        yield Case(name, Asks(("foo",), data, None, ("bing",)), messages, sent=True)
    method = "/connectrpc.conformance.v1.ConformanceService/Unimplemented"
    yield Case("unimplemented", raw=Raw(path=method), codes=frozenset({_UNIMPLEMENTED}))


def _duplicates() -> Iterator[Case]:
    for name, messages, data, error in (
        ("unary/success", 1, 1, None),
        ("unary/error", 1, 0, _FAILED),
        ("client-stream/success", 2, 1, None),
        ("client-stream/error", 2, 0, _FAILED),
        ("server-stream/success", 1, 2, None),
        ("server-stream/no-response", 1, 0, None),
        ("server-stream/error-with-responses", 1, 2, _FAILED),
        ("server-stream/error-with-no-responses", 1, 0, _FAILED),
        ("bidi-stream/full-duplex/success", 2, 2, None),
        ("bidi-stream/full-duplex/error-with-responses", 2, 2, _FAILED),
        ("bidi-stream/full-duplex/error-no-responses", 1, 0, _FAILED),
        ("bidi-stream/half-duplex/success", 2, 2, None),
        ("bidi-stream/half-duplex/error-with-responses", 2, 2, _FAILED),
        ("bidi-stream/half-duplex/error-with-no-responses", 2, 0, _FAILED),
    ):
        yield Case(name, Asks(("foo", "bar", "baz"), data, error, ("bing", "quux")), messages, sent=True)


def _errors() -> Iterator[Case]:
    for stream, (code, name) in product(("unary", "server-stream"), enumerate(_CODES, start=1)):
        yield Case(f"{stream}/{name}", Asks(error=(code, name.replace("-", " "))))
    yield Case("unary/unicode-error-message", Asks(error=(_INTERNAL, _ODD_TEXT)))
    yield Case("client-stream/error-one-request", Asks(error=_FAILED))
    yield Case("client-stream/error-multiple-requests", Asks(error=_FAILED), 2)
    for stream in ("unary", "server-stream", "client-stream", "bidi-stream"):
        error = (_UNAUTHENTICATED, "who are you?")
        yield Case(f"{stream}/error-with-metadata", Asks(("foo",), 0, error, ("bing",)))
    for name, messages, data in (
        ("server-stream/error-with-responses", 1, 2),
        ("server-stream/error-with-no-responses", 1, 0),
        ("bidi-stream/full-duplex/error-with-responses", 2, 2),
        ("bidi-stream/full-duplex/error-no-responses", 1, 0),
        ("bidi-stream/half-duplex/error-with-responses", 2, 2),
        ("bidi-stream/half-duplex/error-with-no-responses", 2, 0),
    ):
        yield Case(name, Asks(("foo",), data, _FAILED, ("bing",)), messages, sent=True)


_STREAMS = (
    ("unary", 1, 1),
    ("client-stream", 2, 1),
    ("server-stream", 1, 2),
    ("bidi-stream/full-duplex", 2, 2),
    ("bidi-stream/half-duplex", 2, 2),
)


def _deadlines() -> Iterator[Case]:
    for name, messages, data in _STREAMS[:-1]:
        yield Case(f"{name}/success", Asks(data=data), messages, timeout=2000)


def _timeouts() -> Iterator[Case]:
    for name, messages, data in _STREAMS:
        yield Case(name, Asks(data=data, delay=1500), messages, timeout=50, codes=frozenset({_EXCEEDED}))


def _empty() -> Iterator[Case]:
    for stream in ("unary", "client-stream", "server-stream", "bidi-stream/half-duplex"):
        yield Case(f"{stream}/empty-request", None, sent=True)


def _sizes() -> Iterator[Case]:
    much = 10
    exceeds = frozenset({_EXHAUSTED})
    for stream, messages, data in _STREAMS:
        asks = Asks(data=data)
        if messages == 1:
            yield Case(f"{stream}/request-equal-to-server-limit", asks, sizes=(0,))
            yield Case(f"{stream}/request-exceeds-server-limit", asks, sizes=(much,), codes=exceeds)
            continue
        yield Case(f"{stream}/all-requests-equal-to-server-limit", asks, 2, sizes=(0, 0))
        yield Case(f"{stream}/first-request-exceeds-server-limit", asks, 2, sizes=(much, 0), codes=exceeds)
        if stream != "bidi-stream/full-duplex":
            yield Case(f"{stream}/subsequent-request-exceeds-server-limit", asks, 2, sizes=(0, much), codes=exceeds)


def _formats(content_type: str) -> tuple[Case, ...]:
    asks = Asks(data=1)
    return (
        Case("with-proto-sub-format", asks, raw=Raw(content_type=f"{content_type}+proto")),
        Case("without-proto-sub-format", asks, raw=Raw(content_type=content_type)),
    )


def _unexpected(content_type: str) -> Iterator[Case]:
    unimplemented, internal = frozenset({_UNIMPLEMENTED}), frozenset({_INTERNAL})
    refused = frozenset({_UNKNOWN, _INTERNAL, _UNIMPLEMENTED})
    for stream in ("unary", "server-stream"):
        yield Case(f"{stream}/no-request", None, raw=Raw(frames=()), codes=unimplemented)
        yield Case(f"{stream}/multiple-requests", None, raw=Raw(frames=(0, 0)), codes=unimplemented)
    yield Case("unexpected-verb", None, raw=Raw(verb="DELETE"), codes=refused)
    yield Case("unexpected-uri", None, raw=Raw(path="/somewhere.v1.Else/Method"), codes=unimplemented)
    yield Case("unexpected-codec", None, raw=Raw(content_type=f"{content_type}+foo"), codes=refused)
    yield Case("unexpected-compression", None, raw=Raw(encoding="foo", frames=(1,)), codes=unimplemented)
    yield Case("unexpected-compressed-message", None, raw=Raw(encoding="identity", frames=(1,)), codes=internal)
    broken = frozenset({_INVALID, _INTERNAL})
    for name, body in (("incomplete-message", b"\0\0\0\0\x0aabc"), ("incomplete-message-prefix", b"\0\0\0")):
        yield Case(f"client-stream/{name}", None, raw=Raw(body=body), codes=broken)


_JPEG = Raw(content_type="image/jpeg", body=b"not a message")
SUITES = (
    Suite("Basic", tuple(_basic())),
    Suite("Errors", tuple(_errors())),
    Suite("Duplicate Metadata", tuple(_duplicates())),
    Suite("Deadline Propagation", tuple(_deadlines())),
    Suite("Timeouts", tuple(_timeouts())),
    Suite("Server Empty Requests", tuple(_empty()), compressions=(IDENTITY,), codec=False),
    Suite("Server Message Size", tuple(_sizes()), codec=False),
    Suite(
        "Unexpected Requests",
        (Case("unexpected-content-type", None, raw=_JPEG, codes=frozenset({_UNKNOWN}), http_status=415),),
        compressions=(IDENTITY,),
        codec=False,
    ),
    *(
        suite
        for protocol, name, content_type in (
            (GRPC, "gRPC", "application/grpc"),
            (WEB, "gRPC-Web", "application/grpc-web"),
        )
        for suite in (
            Suite(f"{name} Proto Sub-Format Requests", _formats(content_type), (protocol,), (IDENTITY,), codec=False),
            Suite(
                f"{name} Unexpected Requests", tuple(_unexpected(content_type)), (protocol,), (IDENTITY,), codec=False
            ),
        )
    ),
)

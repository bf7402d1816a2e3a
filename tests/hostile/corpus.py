"""Requests of HTTP/1.1 whose end two parsers could see in different places, and odd ones that are right (RFC 9112)."""

from __future__ import annotations

# Answered with 200 only by a server that took a part of the request before for another request.
SMUGGLED = b"GET /debug/healthz HTTP/1.1\r\nhost: test\r\n\r\n"
_PATH = b"/debug/healthz"
_POST = b"POST " + _PATH + b" HTTP/1.1\r\nhost: test\r\n"
_GET = b"GET " + _PATH + b" HTTP/1.1\r\nhost: test\r\n"
_EMPTY = b"\r\n0\r\n\r\n"


def _length(value: bytes) -> bytes:
    return _POST + b"content-length:" + value + b"\r\n\r\nabc"


def _coding(value: bytes) -> bytes:
    return _POST + b"transfer-encoding:" + value + b"\r\n" + _EMPTY


def _chunks(body: bytes) -> bytes:
    return _POST + b"transfer-encoding: chunked\r\n\r\n" + body


def _field(line: bytes) -> bytes:
    return _GET + line + b"\r\n\r\n"


def _line(line: bytes) -> bytes:
    return line + b"\r\nhost: test\r\n\r\n"


# Each is refused and its connection closed.
REFUSED: dict[str, bytes] = {
    "length and coding": _POST + b"content-length: 3\r\ntransfer-encoding: chunked\r\n" + _EMPTY,
    "coding and length": _POST + b"transfer-encoding: chunked\r\ncontent-length: 3\r\n" + _EMPTY,
    "two lengths": _POST + b"content-length: 3\r\ncontent-length: 4\r\n\r\nabc",
    "a list of lengths": _length(b" 3, 4"),
    "plus": _length(b" +3"),
    "minus": _length(b" -3"),
    "hexadecimal": _length(b" 0x3"),
    "underscore": _length(b" 1_0"),
    "fraction": _length(b" 3.0"),
    "two numbers": _length(b" 3 3"),
    "no number": _length(b" "),
    "vertical tab": _length(b" \x0b3"),
    "no-break space": _length(b" 3\xa0"),
    "length beyond 64 bits": _length(b" 99999999999999999999"),
    "length with a blank before the colon": _POST + b"content-length : 3\r\n\r\nabc",
    "coding with a blank before the colon": _POST + b"transfer-encoding : chunked\r\n" + _EMPTY,
    "unknown coding": _coding(b" cow"),
    "identity": _coding(b" identity"),
    "chunked twice": _coding(b" chunked, chunked"),
    "chunked in two lines": _POST + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n" + _EMPTY,
    "chunked not last": _coding(b" chunked, identity"),
    "gzip and chunked": _coding(b" gzip, chunked"),
    "identity and chunked": _coding(b" identity, chunked"),
    "identity, chunked in two lines": _POST + b"transfer-encoding: identity\r\ntransfer-encoding: chunked\r\n" + _EMPTY,
    "chunked with a parameter": _coding(b" chunked;a=b"),
    "chunked in quotes": _coding(b' "chunked"'),
    "chunked with a vertical tab": _coding(b" \x0bchunked"),
    "chunked with NUL": _coding(b" \0chunked"),
    "almost chunked": _coding(b" xchunked"),
    "no coding": _coding(b" "),
    "chunked in HTTP/1.0": b"POST "
    + _PATH
    + b" HTTP/1.0\r\nhost: test\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n"
    + _EMPTY,
    "chunk size with plus": _chunks(b"+3\r\nabc\r\n0\r\n\r\n"),
    "chunk size with minus": _chunks(b"-3\r\nabc\r\n0\r\n\r\n"),
    "chunk size with 0x": _chunks(b"0x3\r\nabc\r\n0\r\n\r\n"),
    "chunk size with underscore": _chunks(b"1_0\r\nabc\r\n0\r\n\r\n"),
    "no chunk size": _chunks(b"\r\nabc\r\n0\r\n\r\n"),
    "chunk size beyond 64 bits": _chunks(b"10000000000000003\r\nabc\r\n0\r\n\r\n"),
    "chunk size ends in LF": _chunks(b"3\nabc\r\n0\r\n\r\n"),
    "chunk ends in LF": _chunks(b"3\r\nabc\n0\r\n\r\n"),
    "chunk longer than said": _chunks(b"3\r\nabcdef\r\n0\r\n\r\n"),
    "chunk extension with LF": _chunks(b"3;a\nb\r\nabc\r\n0\r\n\r\n"),
    "chunk extension with CR": _chunks(b"3;a\rb\r\nabc\r\n0\r\n\r\n"),
    "chunk extension with NUL": _chunks(b"3;a\0b\r\nabc\r\n0\r\n\r\n"),
    "last chunk ends in LF": _chunks(b"0\n\n"),
    "trailer without colon": _chunks(b"0\r\ntrailer\r\n\r\n"),
    "bare LF": b"GET " + _PATH + b" HTTP/1.1\nhost: test\n\n",
    "bare LF after a header": _field(b"x: y\nz: w"),
    "bare CR in a value": _field(b"x: y\rz"),
    "folded header": _field(b"x: y\r\n z"),
    "folded first header": b"GET " + _PATH + b" HTTP/1.1\r\n host: test\r\n\r\n",
    "NUL in a value": _field(b"x: y\0"),
    "NUL in a name": _field(b"x\0: y"),
    "blank in a name": _field(b"x y: z"),
    "no colon": _field(b"xyz"),
    "no name": _field(b": x"),
    "name that is not ASCII": _field(b"x\xff: y"),
    "two hosts": _GET + b"host: other\r\n\r\n",
    "no host": b"GET " + _PATH + b" HTTP/1.1\r\n\r\n",
    "two blanks": _line(b"GET  " + _PATH + b" HTTP/1.1"),
    "a blank in the target": _line(b"GET " + _PATH + b" x HTTP/1.1"),
    "NUL in the target": _line(b"GET " + _PATH + b"\0 HTTP/1.1"),
    "no version": _line(b"GET " + _PATH),
    "HTTP/2 by name": _line(b"GET " + _PATH + b" HTTP/2.0"),
    "another protocol": _line(b"GET " + _PATH + b" RTSP/1.0"),
    "a method that is no token": _line(b"G(T " + _PATH + b" HTTP/1.1"),
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}

# Each is answered with these statuses, one a request.
ANSWERED: dict[str, tuple[bytes, list[int]]] = {
    "two in a row": (_GET + b"\r\n" + _GET + b"\r\n", [200, 200]),
    "after a body": (_POST + b"content-length: 3\r\n\r\nabc" + _GET + b"\r\n", [405, 200]),
    "a body of a GET": (_GET + b"content-length: 3\r\n\r\nabc" + _GET + b"\r\n", [200, 200]),
    "the same length twice": (
        _POST + b"content-length: 3\r\ncontent-length: 3\r\n\r\nabc" + _GET + b"\r\n",
        [405, 200],
    ),
    "blanks around a length": (_POST + b"content-length:\t3 \r\n\r\nabc" + _GET + b"\r\n", [405, 200]),
    "chunks": (_chunks(b"3\r\nabc\r\n0\r\n\r\n") + _GET + b"\r\n", [405, 200]),
    "chunks with extensions": (_chunks(b'3;a="b";c\r\nabc\r\n0\r\n\r\n') + _GET + b"\r\n", [405, 200]),
    "chunks with zeros": (_chunks(b"003\r\nabc\r\n00\r\n\r\n") + _GET + b"\r\n", [405, 200]),
    "chunks with trailers": (_chunks(b"3\r\nabc\r\n0\r\nx: y\r\n\r\n") + _GET + b"\r\n", [405, 200]),
    "CHUNKED": (_coding(b" CHUNKED") + _GET + b"\r\n", [405, 200]),
    "a name like a length": (_POST + b"content_length: 9\r\ncontent-length: 3\r\n\r\nabc" + _GET + b"\r\n", [405, 200]),
    "a whole URL": (b"GET http://test" + _PATH + b" HTTP/1.1\r\nhost: test\r\n\r\n", [200]),
    "HTTP/1.0": (b"GET " + _PATH + b" HTTP/1.0\r\n\r\n", [200]),
    "no further request": (_GET + b"connection: close\r\n\r\n" + _GET + b"\r\n", [200]),
    "a value that is not ASCII": (_field(b"x: \xff"), [200]),
    "an empty value": (_field(b"x:"), [200]),
    "an offered upgrade": (_field(b"connection: upgrade\r\nupgrade: h2c"), [200]),
}

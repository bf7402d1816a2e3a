"""Whole answers: headers, compression, HEAD."""

import gzip
from typing import Any

import pytest

from authsvc.transcoding._answer import answer

LARGE = b"[" + b'"word",' * 1000 + b"0]"


def headers_of(made: Any) -> dict[bytes, bytes]:
    """The headers, of which there is one each."""
    found = dict(made.headers)
    assert len(found) == len(made.headers)
    return found


@pytest.mark.parametrize(
    ("size", "asked", "compressed"),
    [
        (1399, "gzip", False),
        (1400, "gzip", True),
        (1400, "", False),
        (100_000, "br", False),
        (100_000, "gzip;q=0", False),
        (100_000, "br, gzip", True),
        (0, "gzip", False),
    ],
)
def test_large_answers_are_compressed_when_asked(size: int, asked: str, compressed: bool) -> None:  # noqa: FBT001
    """From one packet on, and only for who asks; the length is that of what is sent."""
    body = (LARGE * (size // len(LARGE) + 1))[:size]
    made = answer(200, "application/json", body, accept_encoding=asked)
    headers = headers_of(made)
    assert (headers.get(b"content-encoding") == b"gzip") is compressed
    assert (len(made.body) < size) is compressed
    assert (gzip.decompress(made.body) if compressed else made.body) == body
    assert headers[b"content-length"] == str(len(made.body)).encode()


@pytest.mark.parametrize("asked", ["", "gzip", "identity"])
def test_caches_learn_what_an_answer_depends_on(asked: str) -> None:
    """`Vary` stands wherever the encoding depends on the request, and so in every encoding (RFC 9110, 12.5.5)."""
    assert headers_of(answer(200, "application/json", LARGE, accept_encoding=asked))[b"vary"] == b"accept-encoding"
    assert b"vary" not in headers_of(answer(200, "application/json", b"{}", accept_encoding=asked))
    small = answer(200, "application/json", b"{}", accept_encoding=asked, vary=[b"x-one", b"x-two"])
    assert headers_of(small)[b"vary"] == b"x-one, x-two"
    large = answer(200, "application/json", LARGE, accept_encoding=asked, vary=[b"x-one", b"x-two"])
    assert headers_of(large)[b"vary"] == b"accept-encoding, x-one, x-two"


def test_nothing_is_compressed_where_nobody_was_asked() -> None:
    """Then the answer does not depend on `Accept-Encoding` either."""
    made = answer(200, "application/json", LARGE)
    assert made.body == LARGE
    assert not {b"vary", b"content-encoding"} & headers_of(made).keys()


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("asked", ["", "gzip"])
@pytest.mark.parametrize("body", [b"{}", LARGE], ids=["small", "large"])
def test_head_has_the_headers_of_get(status: int, asked: str, body: bytes) -> None:
    """The same headers, and no body (RFC 9110, section 9.3.2)."""
    got = answer(status, "application/json", body, accept_encoding=asked)
    head = answer(status, "application/json", body, accept_encoding=asked, head=True)
    assert head == got._replace(body=b"")


def test_the_same_answer_is_the_same_bytes() -> None:
    """Compression adds no time of day."""
    once = answer(200, "application/json", LARGE, accept_encoding="gzip")
    assert once == answer(200, "application/json", LARGE, accept_encoding="gzip")
    assert once.body[4:8] == bytes(4)


def test_the_type_is_not_to_be_guessed() -> None:
    """Every answer has its content type, and forbids to guess another."""
    headers = headers_of(answer(404, "text/plain; charset=utf-8", b"x"))
    assert headers[b"content-type"] == b"text/plain; charset=utf-8"
    assert headers[b"x-content-type-options"] == b"nosniff"

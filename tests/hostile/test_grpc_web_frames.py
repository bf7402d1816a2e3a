"""Hostile bodies of gRPC-Web: refused with a status, before they are in memory."""

from __future__ import annotations

import base64
import zlib

import pytest
from hostile.frames import message
from hostile.http1 import WEB, WEB_TEXT, responses, web
from hostile.peers import Raw
from hostile.site import MIB, Site

UNIMPLEMENTED, INTERNAL, RESOURCE_EXHAUSTED = 12, 13, 8
_CLOSE = (b"connection", b"close")


def _zeros(size: int, wbits: int) -> bytes:
    """Compressed zeros without an end. Each MiB is compressed by itself, so that one can be repeated."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, wbits)
    first, other = (deflate.compress(bytes(MIB)) + deflate.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + other * (size // MIB - 1)


GZIP, ZLIB = 31, 15
BOMBS = {"gzip": _zeros(256 * MIB, GZIP), "deflate": _zeros(256 * MIB, ZLIB)}


@pytest.mark.parametrize("kind", [WEB, WEB_TEXT], ids=["binary", "text"])
def test_a_length_of_4_gib_is_refused_at_once(site: Site, kind: bytes) -> None:
    """A message said to have 4 GiB is answered when its prefix is here, and what follows is not kept."""
    body = message(b"x" * MIB, length=2**32 - 1)
    body = base64.b64encode(body + b"yz") if kind == WEB_TEXT else body
    start = web(body, kind=kind, length=2**33)

    def attack() -> None:
        with Raw(site.address) as peer:
            peer.write(start)
            for _ in range(64):
                peer.write(b"YWJj" * (MIB // 4))
            peer.until_answered()
            (answer,) = responses(peer.received)
            assert _status(answer.body, kind) == RESOURCE_EXHAUSTED

    attack()  # what the first request of its kind takes stays in use
    site.endures(attack, memory=MIB, seconds=0.2)


@pytest.mark.parametrize("encoding", BOMBS)
def test_a_compression_bomb_is_refused(site: Site, encoding: str) -> None:
    """256 MiB of zeros in 256 KiB are refused without being inflated."""
    assert len(BOMBS[encoding]) > 250_000
    bomb = message(BOMBS[encoding][: 255 * 1024], 1)
    request = web(bomb, (b"grpc-encoding", encoding.encode()), _CLOSE)

    def attack() -> None:
        assert _answer(site, request) == RESOURCE_EXHAUSTED

    attack()
    site.endures(attack, memory=2 * MIB, seconds=0.2)


def test_a_nested_bomb_is_unpacked_once(site: Site) -> None:
    """Compressed data within compressed data is a message that cannot be decoded, not one to unpack again."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, GZIP)
    nested = deflate.compress(BOMBS["gzip"]) + deflate.flush()
    assert len(nested) < 10_000
    assert _answer(site, web(message(nested, 1), (b"grpc-encoding", b"gzip"), _CLOSE)) in {INTERNAL, RESOURCE_EXHAUSTED}


# By name: headers, the body of a request, and the status of its answer.
BODIES = {
    "nothing": ((), b"", UNIMPLEMENTED),
    "half a prefix": ((), b"\0\0\0", INTERNAL),
    "half a message": ((), message(b"abc", length=10), INTERNAL),
    "two messages": ((), message() * 2, UNIMPLEMENTED),
    "a message and half a prefix": ((), message() + b"\0", INTERNAL),
    "not protobuf": ((), message(b"\xff\xff\xff"), INTERNAL),
    "reserved flags": ((), message(flags=2), INTERNAL),
    "trailers": ((), message(b"grpc-status: 0\r\n", 0x80), INTERNAL),
    "compressed without encoding": ((), message(zlib.compress(b""), 1), INTERNAL),
    "compressed with identity": (((b"grpc-encoding", b"identity"),), message(b"", 1), INTERNAL),
    "unknown encoding": (((b"grpc-encoding", b"br"),), message(b"", 1), UNIMPLEMENTED),
    "not gzip": (((b"grpc-encoding", b"gzip"),), message(b"abc", 1), INTERNAL),
    "gzip cut short": (((b"grpc-encoding", b"gzip"),), message(BOMBS["gzip"][:20], 1), INTERNAL),
    "deflate and more": (((b"grpc-encoding", b"deflate"),), message(zlib.compress(b"") + b"x", 1), INTERNAL),
    "one byte too large": ((), message(bytes(256 * 1024 + 1)), RESOURCE_EXHAUSTED),
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("text", [False, True], ids=["binary", "text"])
def test_a_malformed_body_has_its_status(site: Site, name: str, *, text: bool) -> None:
    """What is no request message is refused with the status that says why."""
    fields, body, status = BODIES[name]
    kind = WEB_TEXT if text else WEB
    assert _answer(site, web(base64.b64encode(body) if text else body, *fields, _CLOSE, kind=kind), kind) == status


@pytest.mark.parametrize(
    "body", [b"*", b"AAAA*", b"AAA", b"AAAAAAA", b"====", b"AA\r\nAA==", b"\xff" * 8, b"A" * 9 + b"="]
)
def test_what_is_not_base64_is_refused(site: Site, body: bytes) -> None:
    """Text that cannot be decoded is INTERNAL."""
    assert _answer(site, web(body, _CLOSE, kind=WEB_TEXT), WEB_TEXT) == INTERNAL


def _answer(site: Site, request: bytes, kind: bytes = WEB) -> int | None:
    with Raw(site.address) as peer:
        peer.write(request)
        (answer,) = responses(peer.drain())
    assert answer.status == 200
    return _status(answer.body, kind)


def _status(body: bytes, kind: bytes) -> int | None:
    """The status in the trailers of an answer."""
    _, _, rest = (base64.b64decode(body) if kind == WEB_TEXT else body).partition(b"grpc-status: ")
    return int(rest.split(b"\r\n")[0]) if rest else None

"""The sans-I/O parts of the gRPC doors: frames, and what becomes of headers."""

from __future__ import annotations

import tracemalloc
import zlib
from typing import Any

import grpc
import pytest
from doors.peers import pack
from hypothesis import given
from hypothesis import strategies as st

from authsvc.doors.frames import Frames, frame
from authsvc.doors.grpc_web import decode_base64, media_type
from authsvc.doors.limits import Limits
from authsvc.doors.metadata import (
    Malformed,
    check_size,
    header,
    header_pairs,
    percent_encode,
    status_trailers,
    timeout_of,
)
from authsvc.rpc.status import Status, StatusError

messages = st.lists(st.binary(max_size=50), max_size=5)


@given(sent=messages, sizes=st.lists(st.integers(1, 30), min_size=1))
def test_frames_come_out_as_they_went_in(sent: list[bytes], sizes: list[int]) -> None:
    """Any messages, cut into any pieces, are the same messages."""
    body = b"".join(map(frame, sent))
    frames, step = Frames(50, b""), 0
    found: list[bytes] = []
    while body:
        size = sizes[step % len(sizes)]
        found += list(frames.feed(body[:size]))
        body = body[size:]
        step += 1
    frames.end()
    assert found == sent


@given(data=st.binary(max_size=40))
def test_any_bytes_are_messages_or_an_error(data: bytes) -> None:
    """Nothing but `StatusError` is ever raised, and no message exceeds the limit."""
    frames = Frames(10, b"gzip")
    try:
        assert all(len(message) <= 10 for message in frames.feed(data))
        frames.end()
    except StatusError as error:
        assert error.status.code in {  # noqa: PT017 - an error is one of two outcomes
            grpc.StatusCode.INTERNAL,
            grpc.StatusCode.RESOURCE_EXHAUSTED,
        }


def test_nothing_is_kept_beyond_what_is_needed() -> None:
    """A refused length leaves no buffer that grows."""
    frames = Frames(10, b"")
    with pytest.raises(StatusError, match="larger than 10 bytes"):
        list(frames.feed(b"\0\0\0\0\x0b"))


@given(data=st.binary(max_size=200))
def test_deflate_of_anything_is_read(data: bytes) -> None:
    """What zlib compresses is inflated, up to the limit exactly."""
    body = b"\1" + len(zlib.compress(data)).to_bytes(4, "big") + zlib.compress(data)
    assert list(Frames(len(data) + 20, b"deflate").feed(body)) == [data]


def _packed(data: bytes, window: int) -> bytes:
    compressor = zlib.compressobj(9, wbits=window)
    return compressor.compress(data) + compressor.flush()


GZIP, DEFLATE = 31, 15
MIB = 1024 * 1024


@pytest.mark.parametrize(("encoding", "window"), [(b"gzip", GZIP), (b"deflate", DEFLATE)])
def test_a_bomb_is_not_inflated_beyond_the_limit(encoding: bytes, window: int) -> None:
    """A few KiB that stand for 64 MiB are refused, at the cost of the limit and not of what they stand for."""
    bomb = _packed(bytes(64 * MIB), window)
    tracemalloc.start()
    try:
        with pytest.raises(StatusError, match="larger than 131072 bytes") as caught:
            next(Frames(128 * 1024, encoding).feed(pack(bomb, 1)))
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()
    assert caught.value.status.code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_many_small_bombs_are_inflated_one_by_one() -> None:
    """A piece of a body with 200 messages of 128 KiB each, compressed, never holds more than one of them."""
    limit = 128 * 1024
    piece = pack(_packed(bytes(limit), GZIP), 1) * 200
    tracemalloc.start()
    try:
        sizes = [len(message) for message in Frames(limit, b"gzip").feed(piece)]
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()
    assert sizes == [limit] * 200


@pytest.mark.parametrize(("encoding", "window"), [(b"gzip", GZIP), (b"deflate", DEFLATE)])
@pytest.mark.parametrize(
    "change",
    [
        lambda packed: packed + packed,
        lambda packed: packed + b"\0",
        lambda packed: packed[:-1],
        lambda packed: packed[:5],
        lambda packed: b"",
        lambda packed: b"\xff" + packed[1:],
        lambda packed: packed[:-4] + bytes(4),
    ],
    ids=["two members", "something after it", "cut short", "a head", "nothing", "another head", "a wrong sum"],
)
def test_a_compressed_message_is_one_whole_stream(encoding: bytes, window: int, change: Any) -> None:
    """Anything beside exactly one complete stream with the right sum is refused."""
    with pytest.raises(StatusError) as caught:
        next(Frames(100, encoding).feed(pack(change(_packed(b"message", window)), 1)))
    assert caught.value.status.code is grpc.StatusCode.INTERNAL


@pytest.mark.parametrize(("encoding", "other"), [(b"gzip", DEFLATE), (b"deflate", GZIP), (b"deflate", -15)])
def test_the_encoding_is_taken_at_its_word(encoding: bytes, other: int) -> None:
    """What is gzip is not deflate, and deflate is the format of zlib, not a raw stream."""
    with pytest.raises(StatusError, match="cannot be decompressed"):
        next(Frames(100, encoding).feed(pack(_packed(b"message", other), 1)))


@pytest.mark.parametrize("encoding", [b"GZIP", b"Identity", b"gzip, deflate", b"br", b"gzip;q=1"])
def test_unknown_encodings_are_refused_at_once(encoding: bytes) -> None:
    """Names are compared exactly; what is not known is UNIMPLEMENTED, and is not repeated."""
    with pytest.raises(StatusError) as caught:
        Frames(100, encoding)
    assert caught.value.status.code is grpc.StatusCode.UNIMPLEMENTED
    assert encoding.decode() not in caught.value.status.message


@given(data=st.binary(max_size=300), encoding=st.sampled_from([b"", b"gzip", b"deflate"]))
def test_what_is_compressed_is_read_back(data: bytes, encoding: bytes) -> None:
    """A frame of ours is a frame to us, in every encoding, and no longer than the plain one."""
    framed = frame(data, encoding)
    assert list(Frames(300, encoding).feed(framed)) == [data]
    assert len(framed) <= 5 + len(data)


def test_messages_before_a_broken_one_are_not_lost() -> None:
    """Frames are given out one by one: a fault in the third does not take back the first two."""
    given_out = Frames(10, b"").feed(frame(b"a") + frame(b"b") + b"\x02\0\0\0\0")
    assert [next(given_out), next(given_out)] == [b"a", b"b"]
    with pytest.raises(StatusError, match="unknown flags"):
        next(given_out)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (b"", b""),
        (b"a/b", b"a/b"),
        (b"A/B; c=d;e", b"a/b"),
        (b" a/b ", b"a/b"),
        (b";", b""),
        (b"a/b, c/d", b"a/b, c/d"),
    ],
)
def test_media_types(value: bytes, kind: bytes) -> None:
    """The type without parameters, in lower case."""
    assert media_type(value) == kind


@given(parts=st.lists(st.binary(max_size=8)))
def test_base64_with_padding_inside(parts: list[bytes]) -> None:
    """Any flushes, each padded by itself, are their bytes in a row."""
    import base64  # noqa: PLC0415

    assert decode_base64(b"".join(map(base64.b64encode, parts))) == b"".join(parts)


@given(message=st.text())
def test_every_message_can_be_sent(message: str) -> None:
    """The encoded message is printable ASCII without a bare percent sign, and decodes to the same text."""
    from urllib.parse import unquote  # noqa: PLC0415

    if message.encode(errors="ignore").decode() != message:
        return
    encoded = percent_encode(message)
    assert all(0x20 <= byte <= 0x7E for byte in encoded)
    assert encoded.strip() == encoded
    assert unquote(encoded.decode()) == message


def test_the_first_header_counts() -> None:
    """`header` gives the first value, or the default."""
    pairs = [(b"a", b"1"), (b"a", b"2")]
    assert header(pairs, b"a") == b"1"
    assert header(pairs, b"b") == b""
    assert header(pairs, b"b", None) is None


def test_sizes_count_as_in_http_2() -> None:
    """Name, value and 32 bytes for each header."""
    pairs = [(b"abc", b"de"), (b"f", b"")]
    check_size(pairs, Limits(metadata=5 + 32 + 1 + 32))
    with pytest.raises(StatusError, match="metadata larger than 69 bytes"):
        check_size(pairs, Limits(metadata=69))


def test_headers_are_counted() -> None:
    """As many as are allowed, and no more."""
    check_size([(b"a", b"")] * 64, Limits(headers=64))
    with pytest.raises(StatusError, match="more than 64 headers"):
        check_size([(b"a", b"")] * 65, Limits(headers=64))


@pytest.mark.parametrize(
    ("value", "seconds"), [(b"1H", 3600), (b"2M", 120), (b"3S", 3), (b"4m", 0.004), (b"0n", 0), (b"000000001S", None)]
)
def test_timeouts(value: bytes, seconds: float | None) -> None:
    """One to eight digits and a unit."""
    if seconds is None:
        with pytest.raises(Malformed):
            timeout_of([(b"grpc-timeout", value)])
    else:
        assert timeout_of([(b"grpc-timeout", value)]) == pytest.approx(seconds)
    assert timeout_of([]) is None


def test_trailers_begin_with_the_status() -> None:
    """Status, then the message if there is one, then the servicer's own in order."""
    own: list[tuple[str, str | bytes]] = [("x-b", "1"), ("x-a-bin", b"\0\xff"), ("x-b", "2")]
    assert header_pairs(own) == [(b"x-b", b"1"), (b"x-a-bin", b"AP8"), (b"x-b", b"2")]
    status = Status(grpc.StatusCode.NOT_FOUND, "ü")
    assert status_trailers(status, own)[:2] == [(b"grpc-status", b"5"), (b"grpc-message", b"%C3%BC")]
    assert status_trailers(Status(grpc.StatusCode.OK), own) == [(b"grpc-status", b"0"), *header_pairs(own)]

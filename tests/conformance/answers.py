"""Reads an answer as strictly as the suite's own client: what it may not be, fails here."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from doors.peers import H2Stream, Pairs, decode_bin, unpack
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status

_TRAILERS = 0x80
# What a client makes of a response without a status of gRPC (gRPC over HTTP/2, "HTTP to gRPC Status Code Mapping").
_FROM_HTTP = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}
_UNKNOWN = 2


@dataclass(frozen=True)
class Answer:
    """What came back: the code of the call with its message and details, metadata, and the response messages.

    `compressed` tells of each message whether it was.
    """

    http_status: int
    code: int
    headers: Pairs
    trailers: Pairs = field(default_factory=list)
    messages: Sequence[Any] = ()
    compressed: Sequence[bool] = ()
    message: str = ""
    details: Sequence[Any] = ()


def of_stream(stream: H2Stream, expected: type[Message]) -> Answer:
    """The answer of native gRPC."""
    assert stream.reset in {None, 0}, f"the stream was reset: {stream.reset}"
    status = int(dict(stream.headers)[":status"])
    if status != 200:
        return _refusal(status, stream.headers)
    assert _only(stream.headers, "content-type") in {"application/grpc", "application/grpc+proto"}
    if stream.trailers:
        assert "grpc-status" not in dict(stream.headers), "the status comes twice"
    return _answer(stream.headers, stream.trailers or stream.headers, unpack(bytes(stream.data)), expected)


def of_web(status: int, headers: Pairs, body: bytes, expected: type[Message]) -> Answer:
    """The answer of gRPC-Web: frames, of which the last, and only that, holds the trailers."""
    if status != 200:
        return _refusal(status, headers)
    assert _only(headers, "content-type") in {"application/grpc-web", "application/grpc-web+proto"}
    *frames, (flags, block) = unpack(body)
    assert flags == _TRAILERS, "the last frame does not hold the trailers"
    lines = block.decode("ascii").split("\r\n")
    assert lines.pop() == "", "the last trailer has no line end"
    trailers = [(key, value.strip()) for key, _, value in (line.partition(":") for line in lines)]
    assert all(key == key.lower() for key, _ in trailers)
    return _answer(headers, trailers, frames, expected)


def _refusal(status: int, headers: Pairs) -> Answer:
    # A client of Connect takes JSON for an error of its own protocol, so what refuses a call must not be JSON.
    assert dict(headers).get("content-type") != "application/json"
    return Answer(status, _FROM_HTTP.get(status, _UNKNOWN), headers)


def _answer(headers: Pairs, trailers: Pairs, frames: Sequence[tuple[int, bytes]], expected: type[Message]) -> Answer:
    code, message = int(_only(trailers, "grpc-status")), unquote(dict(trailers).get("grpc-message", ""))
    rich = Status.FromString(decode_bin(dict(trailers).get("grpc-status-details-bin", "")))
    if rich.details:
        assert (rich.code, rich.message) == (code, message), "the status is told in two ways"
    encoding = dict(headers).get("grpc-encoding", "identity")
    messages = [expected.FromString(_plain(flags, data, encoding)) for flags, data in frames]
    compressed = [bool(flags) for flags, _ in frames]
    return Answer(200, code, headers, trailers, messages, compressed, message, list(rich.details))


def _plain(flags: int, data: bytes, encoding: str) -> bytes:
    assert flags in {0, 1}
    assert not flags or encoding == "gzip", "a message is compressed, but grpc-encoding names no way"
    return gzip.decompress(data) if flags else data


def _only(pairs: Pairs, name: str) -> str:
    (value,) = (value for key, value in pairs if key == name)
    return value

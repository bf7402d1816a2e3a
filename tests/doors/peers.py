"""Clients that write the bytes of a request themselves: an HTTP/2 peer, HTTP/1.1 over a socket, and bare ASGI."""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
import struct
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from doors.stage import Line, Stage, path
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

# A UUID of version 4, in lower case.
REQUEST_ID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
Headers = Sequence[tuple[str | bytes, str | bytes]]
Pairs = list[tuple[str, str]]


def pack(message: Message | bytes, flags: int = 0) -> bytes:
    """A message behind the prefix of gRPC."""
    data = message if isinstance(message, bytes) else message.SerializeToString()
    return struct.pack(">BI", flags, len(data)) + data


def unpack(body: bytes) -> list[tuple[int, bytes]]:
    """The frames of a body: flags and bytes; nothing may be left over."""
    frames = []
    while body:
        flags, length = struct.unpack(">BI", body[:5])
        assert len(body) >= 5 + length, "the body ends within a frame"
        frames.append((flags, body[5 : 5 + length]))
        body = body[5 + length :]
    return frames


def decode_bin(value: str) -> bytes:
    """The bytes of a `-bin` header."""
    return base64.b64decode(value + "=" * (-len(value) % 4))


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def _text(headers: Iterable[tuple[bytes, bytes]]) -> Pairs:
    return [(key.decode("latin-1"), value.decode("latin-1")) for key, value in headers]


@dataclass
class Reply:
    """How a call ended as a client of gRPC sees it; `raw` is everything that came back."""

    http_status: int
    initial: Pairs
    trailing: Pairs = field(default_factory=list)
    messages: list[Any] = field(default_factory=list)
    raw: bytes = b""
    status: Status = field(default_factory=Status)

    @property
    def code(self) -> int:
        """The number of the gRPC status."""
        return int(self.status.code)

    @property
    def message(self) -> str:
        """The text of the gRPC status."""
        return str(self.status.message)

    def values(self, key: str) -> list[str]:
        """All values of a header or trailer."""
        return [value for name, value in (*self.initial, *self.trailing) if name == key]

    def read_trailers(self, trailing: Pairs) -> Reply:
        """Take the status out of gRPC's trailers."""
        self.trailing = trailing
        seen = dict(trailing)
        self.status = Status.FromString(decode_bin(seen.get("grpc-status-details-bin", "")))
        assert self.status.code in {0, int(seen["grpc-status"])}
        self.status.code, self.status.message = int(seen["grpc-status"]), unquote(seen.get("grpc-message", ""))
        return self


# HTTP/2


@dataclass
class H2Stream:
    """One request of an `H2Peer` and what came back."""

    peer: H2Peer
    id: int
    headers: Pairs = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)
    trailers: Pairs = field(default_factory=list)
    reset: int | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, data: bytes, *, end: bool = False) -> None:
        """Send a part of the body."""
        self.peer.h2.send_data(self.id, data, end_stream=end)
        self.peer.flush()

    def cancel(self) -> None:
        """Reset the stream with CANCEL, unless it is over."""
        if self.over.is_set():
            return
        self.peer.h2.reset_stream(self.id, 8)
        self.peer.flush()

    async def frames(self, count: int) -> list[tuple[int, bytes]]:
        """The first `count` frames, as soon as they are here."""
        async with asyncio.timeout(5):
            while True:
                self.news.clear()
                try:
                    found = unpack(bytes(self.data))
                except (AssertionError, struct.error):
                    found = []
                if len(found) >= count:
                    return found[:count]
                await self.news.wait()

    async def reply(self) -> Reply:
        """The end of the call."""
        async with asyncio.timeout(5):
            await self.over.wait()
        assert self.reset in {None, 0}, f"the stream was reset: {self.reset}"
        headers = dict(self.headers)
        messages = [Line.FromString(frame) for _, frame in unpack(bytes(self.data))]
        raw = repr((self.headers, bytes(self.data), self.trailers)).encode()
        reply = Reply(int(headers[":status"]), self.headers, messages=messages, raw=raw)
        return reply.read_trailers(self.trailers or self.headers)


class H2Peer:
    """A client connection of HTTP/2 with prior knowledge."""

    def __init__(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.authority = f"127.0.0.1:{port}"
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None, validate_outbound_headers=False))
        self.streams: dict[int, H2Stream] = {}
        self.gone = False
        self._reader = reader
        self._writer = writer
        self.h2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        """Write what is to be sent."""
        self._writer.write(self.h2.data_to_send())

    def open(self, target: str, headers: Headers = (), method: str = "POST", *, end: bool = False) -> H2Stream:
        """Begin a request."""
        pseudo = {":method": method, ":scheme": "http", ":path": target, ":authority": self.authority}
        number = self.h2.get_next_available_stream_id()
        stream = self.streams[number] = H2Stream(self, number)
        pairs = [(_bytes(key), _bytes(value)) for key, value in (*pseudo.items(), *headers)]
        self.h2.send_headers(number, pairs, end_stream=end)
        self.flush()
        return stream

    def call(self, method: str, *frames: bytes, metadata: Headers = (), end: bool = True) -> H2Stream:
        """Begin a gRPC call with these frames as its body."""
        usual = (("content-type", "application/grpc"), ("te", "trailers"))
        stream = self.open(path(method), (*usual, *metadata))
        if frames or end:
            stream.send(b"".join(frames), end=end)
        return stream

    async def read(self) -> None:
        """Take in what arrives, until the connection ends."""
        while data := await self._reader.read(65_536):
            for event in self.h2.receive_data(data):
                self._take(event)
            self.flush()
        self.gone = True
        for stream in self.streams.values():
            stream.news.set()
            stream.over.set()

    def _take(self, event: Any) -> None:
        if isinstance(event, ConnectionTerminated):
            self.gone = True
        stream = self.streams.get(getattr(event, "stream_id", 0) or 0)
        if stream is None:
            return
        if isinstance(event, ResponseReceived):
            stream.headers = _text(event.headers or [])
        elif isinstance(event, TrailersReceived):
            stream.trailers = _text(event.headers or [])
        elif isinstance(event, DataReceived):
            stream.data += event.data or b""
            self.h2.acknowledge_received_data(event.flow_controlled_length or 0, stream.id)
        elif isinstance(event, StreamReset):
            stream.reset = event.error_code
            stream.over.set()
        elif isinstance(event, StreamEnded):
            stream.over.set()
        stream.news.set()


@asynccontextmanager
async def h2_peer(port: int, trusted: ssl.SSLContext | None = None) -> AsyncIterator[H2Peer]:
    """A connection to a port; by TLS with what is trusted."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusted)
    peer = H2Peer(port, reader, writer)
    reading = asyncio.ensure_future(peer.read())
    try:
        yield peer
    finally:
        writer.close()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


# HTTP/1.1


@dataclass
class Response:
    """A response of HTTP."""

    status: int
    headers: Pairs
    body: bytes
    raw: bytes = b""

    def header(self, name: str) -> str | None:
        """The only value of a header."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) < 2, values
        return values[0] if values else None


def http1_request(method: str, target: str, headers: Headers = (), body: bytes | None = None) -> bytes:
    """The bytes of a request on a connection of its own."""
    lines = [f"{method} {target} HTTP/1.1".encode(), b"host: test", b"connection: close"]
    lines += [_bytes(key) + b": " + _bytes(value) for key, value in headers]
    if body is not None:
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body or b""])


def parse_http1(raw: bytes) -> Response:
    """The one response on a connection that has been closed."""
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    pairs = [(line.partition(":")[0].lower(), line.partition(":")[2].strip()) for line in lines]
    if ("transfer-encoding", "chunked") in pairs:
        body = b"".join(_chunks(body))
    return Response(int(status.split()[1]), pairs, body, raw)


def _chunks(body: bytes) -> Iterable[bytes]:
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        yield body[:length]
        assert body[length : length + 2] == b"\r\n", "a chunk is cut short"
        body = body[length + 2 :]
        if not length:
            return
    raise AssertionError("the response is cut short")


async def http1(port: int, request: bytes) -> Response:
    """Send the bytes of one request and read until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        async with asyncio.timeout(5):
            return parse_http1(await reader.read())
    finally:
        writer.close()


# ASGI


@dataclass
class AsgiReply(Response):
    """A response of an ASGI application, and the events it consists of."""

    events: list[dict[str, Any]] = field(default_factory=list)


async def asgi(
    app: Any,
    target: str = "/",
    headers: Headers = (),
    chunks: Sequence[bytes] = (b"",),
    *,
    method: str = "POST",
    query: bytes = b"",
    raw_path: bytes | None = None,
    trailers: bool = False,
    leaves: bool = False,
) -> AsgiReply:
    """One request straight into an application; with `leaves` the client goes when it has sent `chunks`."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "2" if trailers else "1.1",
        "method": method,
        "scheme": "http",
        "path": target,
        "raw_path": target.encode() if raw_path is None else raw_path,
        "query_string": query,
        "root_path": "",
        "headers": [(_bytes(key).lower(), _bytes(value)) for key, value in headers],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 80),
        "extensions": {"http.response.trailers": {}} if trailers else {},
    }
    last = len(chunks) - 1
    incoming = [
        {"type": "http.request", "body": chunk, "more_body": leaves or number < last}
        for number, chunk in enumerate(chunks)
    ]
    if leaves:
        incoming.append({"type": "http.disconnect"})
    events: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        if incoming:
            return incoming.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(event: dict[str, Any]) -> None:
        events.append(event)

    async with asyncio.timeout(5):
        await app(scope, receive, send)
    start: dict[str, Any] = events[0] if events else {"status": 0, "headers": []}
    body = b"".join(event.get("body", b"") for event in events if event["type"] == "http.response.body")
    return AsgiReply(start["status"], _text(start.get("headers", [])), body, repr(events).encode(), events)


# One call through each door


def web_reply(response: Response, *, text: bool = False) -> Reply:
    """What a response of gRPC-Web says."""
    assert response.status == 200, response.raw
    body = response.body
    if text:
        body = b"".join(base64.b64decode(part, validate=True) for part in _padded(body))
    *messages, (flags, block) = unpack(body)
    assert flags == 0x80
    assert not any(flags for flags, _ in messages)
    lines = block.decode("ascii").split("\r\n")
    assert lines.pop() == "", "the last trailer has no line end"
    trailing = [(key, value) for key, _, value in (line.partition(": ") for line in lines)]
    decoded = [Line.FromString(message) for _, message in messages]
    return Reply(200, response.headers, messages=decoded, raw=response.raw + body).read_trailers(trailing)


def _padded(body: bytes) -> Iterable[bytes]:
    """Base64 is padded at the end of each write: cut after padding."""
    start = 0
    for end in range(4, len(body) + 1, 4):
        if body[end - 1 : end] == b"=" or end == len(body):
            yield body[start:end]
            start = end
    assert start == len(body)


def json_reply(response: Response) -> Reply:
    """What a response of the JSON door says."""
    reply = Reply(response.status, response.headers, raw=response.raw)
    assert response.header("content-type") == "application/json"
    if response.status == 200:
        reply.messages = [json_format.Parse(response.body, Line())]
    else:
        json_format.Parse(response.body, reply.status)
        assert reply.status.code
    return reply


WEB = "application/grpc-web+proto"
WEB_TEXT = "application/grpc-web-text"
DOORS = ("grpc", "grpcio", "web", "web-text", "json")
STREAM_DOORS = DOORS[:-1]


async def call(
    stage: Stage, door: str, method: str = "Say", requests: Sequence[Message] = (), metadata: Headers = ()
) -> Reply:
    """Call a method through a door, with one empty request unless told otherwise."""
    requests = requests or [Line()]
    if door in {"grpc", "grpcio"}:
        async with h2_peer(stage.port if door == "grpc" else stage.grpcio_port) as peer:
            return await peer.call(method, *map(pack, requests), metadata=metadata).reply()
    if door == "json":
        return json_reply(await http1(stage.port, json_request(method, requests[0], metadata)))
    return web_reply(await http1(stage.port, web_request(door, method, requests, metadata)), text=door == "web-text")


def json_request(method: str, request: Message, metadata: Headers = ()) -> bytes:
    """The bytes of a call through the JSON door."""
    if method in {"Whisper", "Announce"}:
        return http1_request("GET", f"/auth/v1/{method.lower()}", metadata)
    return http1_request("POST", "/auth/v1/say", metadata, json_format.MessageToJson(request).encode())


def web_request(door: str, method: str, requests: Sequence[Message], metadata: Headers = ()) -> bytes:
    """The bytes of a call through a gRPC-Web door."""
    body = b"".join(map(pack, requests))
    kind = WEB_TEXT if door == "web-text" else WEB
    headers = (("content-type", kind), *metadata)
    return http1_request("POST", path(method), headers, base64.b64encode(body) if kind == WEB_TEXT else body)

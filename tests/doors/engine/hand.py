"""Clients that do everything by hand: HTTP/1.1 as bytes, HTTP/2 frame by frame, by TLS if wanted."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from doors.stage import path
from google.protobuf.message import Message
from hostile.frames import (
    ACK,
    DATA,
    END_STREAM,
    GOAWAY,
    GRPC,
    HEADERS,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    Frame,
    frame,
    message,
    parse,
    request,
    settings,
    window_update,
)
from hpack import Decoder

PATIENCE = 4.0  # seconds


def _context(protocol: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    return context


class Plain:
    """A connection of HTTP/1.1."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def rest(self, seconds: float = PATIENCE) -> bytes:
        """What comes until the server ends the connection."""
        received = b""
        async with asyncio.timeout(seconds):
            try:
                while data := await self.reader.read(65_536):
                    received += data
            except ConnectionError:
                received += b" (reset)"
        return received

    async def answer(self) -> bytes:
        """The next answer, which has a `content-length`."""
        async with asyncio.timeout(PATIENCE):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            return head + await self.reader.readexactly(length)


@asynccontextmanager
async def plain(port: int, *sent: bytes, tls: bool = False, limit: int = 65_536) -> AsyncIterator[Plain]:
    """A connection over which something has been sent; the client's own buffer holds twice the limit."""
    context = _context("http/1.1") if tls else None
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, limit=limit)
    try:
        writer.write(b"".join(sent))
        yield Plain(reader, writer)
    finally:
        writer.transport.abort()


class Hand:
    """A connection of HTTP/2 that keeps what comes, and opens windows only if it is `generous`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.frames: list[Frame] = []
        self.ended = False
        self.generous = True
        self.polite = True  # whether pings are answered
        self.heads: dict[int, list[dict[str, str]]] = {}
        self.bodies: dict[int, bytearray] = {}
        self._over: set[int] = set()
        self._decoder = Decoder()
        self._reader = reader
        self._writer = writer
        self._news = asyncio.Event()

    def write(self, *parts: bytes) -> None:
        """Send bytes as one."""
        self._writer.write(b"".join(parts))

    def call(self, stream: int, method: str, *messages: Message, end: bool = True) -> None:
        """Begin a gRPC call with these messages."""
        body = b"".join(message(part.SerializeToString()) for part in messages)
        self.write(request(stream, path(method), GRPC), frame(DATA, END_STREAM if end else 0, stream, body))

    async def read(self) -> None:
        """Take in what comes, until the connection ends."""
        rest = b""
        try:
            while data := await self._reader.read(65_536):
                found, rest = parse(rest + data)
                for one in found:
                    self._take(one)
                self._news.set()
        except ConnectionError:
            pass
        self.ended = True
        self._news.set()

    def _take(self, one: Frame) -> None:
        self.frames.append(one)
        if one.kind in {DATA, HEADERS} and one.flags & END_STREAM:
            self._over.add(one.stream)
        if one.kind == SETTINGS and not one.flags:
            self.write(frame(SETTINGS, ACK))
        elif one.kind == PING and not one.flags and self.polite:
            self.write(frame(PING, ACK, payload=one.payload))
        elif one.kind == HEADERS:
            head = {str(name): str(value) for name, value in self._decoder.decode(one.payload)}
            self.heads.setdefault(one.stream, []).append(head)
        elif one.kind == DATA:
            self.bodies.setdefault(one.stream, bytearray()).extend(one.payload)
            if self.generous and one.payload:
                self.write(window_update(len(one.payload)), window_update(len(one.payload), one.stream))

    async def until(self, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Wait until something holds of what came."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def over(self, stream: int) -> dict[str, str]:
        """The trailers of a call."""
        await self.until(lambda: self.is_over(stream))
        return self.heads[stream][-1]

    def is_over(self, stream: int) -> bool:
        """Whether an answer has ended."""
        return stream in self._over

    def codes(self, kind: int, stream: int = 0) -> list[int]:
        """The error codes of the resets of a stream, or of all GOAWAY."""
        start = 4 if kind == GOAWAY else 0
        found = [one for one in self.frames if one.kind == kind and one.stream == stream]
        return [int.from_bytes(one.payload[start : start + 4]) for one in found]

    async def reset(self, stream: int) -> int:
        """The code with which the server resets a stream."""
        await self.until(lambda: bool(self.codes(RST_STREAM, stream)))
        return self.codes(RST_STREAM, stream)[0]

    def settings(self) -> dict[int, int]:
        """What the server has announced."""
        payloads = [one.payload for one in self.frames if one.kind == SETTINGS]
        return {key: value for payload in payloads for key, value in struct.iter_unpack(">HI", payload)}

    def opened(self, stream: int) -> int:
        """By how much the server has opened the window of a stream."""
        return sum(int.from_bytes(one.payload) for one in self.frames if one.kind == 8 and one.stream == stream)


@asynccontextmanager
async def hand(port: int, *values: tuple[int, int], tls: bool = False) -> AsyncIterator[Hand]:
    """A connection whose first SETTINGS have these values."""
    context = _context("h2") if tls else None
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    peer = Hand(reader, writer)
    peer.write(PREFACE, settings(*values))
    reading = asyncio.ensure_future(peer.read())
    try:
        yield peer
    finally:
        writer.transport.abort()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

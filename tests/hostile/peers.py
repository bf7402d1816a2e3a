"""Bad clients: sockets that write what they like, and tell what came back and whether they were cut off."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from hostile.frames import (
    ACK,
    DATA,
    END_STREAM,
    GOAWAY,
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
)
from hpack import Decoder

PATIENCE = 8.0  # seconds after which a peer that should have been answered or cut off gives up
HEALTH = "/grpc.health.v1.Health/Check"
_PIECE = 65_536


class Raw:
    """A TCP connection to `host:port`. A cut by the server is no error but `cut`."""

    def __init__(self, address: str, *, buffer: int | None = None) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.connect((host, int(port)))
        self.socket.settimeout(PATIENCE)
        self.received = b""
        self.cut = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def write(self, data: bytes, seconds: float = PATIENCE) -> int:
        """Send bytes until all are sent, the time is up or the connection is cut; how many the kernel took."""
        sent, view, until = 0, memoryview(data), time.monotonic() + seconds
        self.socket.settimeout(0.05)
        while sent < len(data) and time.monotonic() < until and not self.cut:
            try:
                sent += self.socket.send(view[sent : sent + _PIECE])
            except TimeoutError:
                continue
            except OSError:
                self.cut = True
        return sent

    def read(self, seconds: float) -> bytes:
        """What arrives within some time, as soon as something arrives."""
        self.socket.settimeout(max(seconds, 0.001))
        try:
            data = self.socket.recv(_PIECE)
        except TimeoutError:
            return b""
        except OSError:
            data = b""
        self.cut |= not data
        self.received += data
        return data

    def until_answered(self, seconds: float = PATIENCE) -> bytes:
        """What arrives until the server has said something, and then nothing for a moment."""
        until = time.monotonic() + seconds
        while not self.cut and time.monotonic() < until and not self.received:
            self.read(0.1)
        while self.read(0.05):
            pass
        return self.received

    def drain(self, seconds: float = PATIENCE) -> bytes:
        """Everything that arrives until the server closes, or the time is up."""
        until = time.monotonic() + seconds
        while not self.cut and (left := until - time.monotonic()) > 0:
            self.read(left)
        return self.received


@dataclass
class Reply:
    """What came back on one stream."""

    headers: dict[str, str] = field(default_factory=dict)
    data: bytes = b""
    reset: int | None = None
    ended: bool = False

    @property
    def status(self) -> int | None:
        """The gRPC status; None while there is none."""
        value = self.headers.get("grpc-status")
        return None if value is None else int(value)


class H2(Raw):
    """An HTTP/2 connection with prior knowledge that answers nothing by itself."""

    def __init__(self, address: str, *pairs: tuple[int, int], buffer: int | None = None) -> None:
        super().__init__(address, buffer=buffer)
        self.frames: list[Frame] = []
        self.replies: dict[int, Reply] = {}
        self._rest = b""
        self._decoder = Decoder()
        self.write(PREFACE + settings(*pairs))

    def until(self, holds: Callable[[], bool], seconds: float = PATIENCE) -> bool:
        """Read until something holds; False when the connection ended or time was up before."""
        until = time.monotonic() + seconds
        while not holds():
            left = until - time.monotonic()
            if self.cut or left <= 0:
                return False
            found, self._rest = parse(self._rest + self.read(left))
            for each in found:
                self._take(each)
        return True

    def _take(self, each: Frame) -> None:
        self.frames.append(each)
        reply = self.replies.setdefault(each.stream, Reply())
        if each.kind == HEADERS:
            reply.headers |= {str(name): str(value) for name, value in self._decoder.decode(each.payload)}
        elif each.kind == DATA:
            reply.data += each.payload
        elif each.kind == RST_STREAM:
            # A second one answers what was under way when the first was sent.
            reply.reset = int.from_bytes(each.payload, "big") if reply.reset is None else reply.reset
            reply.ended = True
        reply.ended |= each.kind in {HEADERS, DATA} and bool(each.flags & END_STREAM)

    def reply(self, stream: int, seconds: float = PATIENCE) -> Reply:
        """What came back on a stream once it is over, or the connection, or the time."""
        self.until(lambda: stream in self.replies and self.replies[stream].ended, seconds)
        return self.replies.get(stream, Reply())

    def check(self, stream: int) -> Reply:
        """The answer to a health check, the call of a client that means well."""
        self.write(request(stream, HEALTH) + frame(DATA, END_STREAM, stream, message()))
        return self.reply(stream)

    def ends(self, seconds: float = PATIENCE) -> bool:
        """Read on; whether the server closes the connection within some time."""
        self.until(lambda: self.cut, seconds)
        return self.cut

    @property
    def goaway(self) -> tuple[int, int] | None:
        """The last stream that is served, and the error code, of the newest GOAWAY."""
        payloads = [each.payload for each in self.frames if each.kind == GOAWAY]
        return (int.from_bytes(payloads[-1][:4], "big"), int.from_bytes(payloads[-1][4:8], "big")) if payloads else None

    def answer_pings(self) -> None:
        """Answer the pings of the server that are here."""
        for each in self.frames:
            if each.kind == PING and not each.flags & ACK:
                self.write(frame(PING, ACK, payload=each.payload))

    def settled(self) -> dict[int, int]:
        """The settings of the server; a ping makes sure that all of them are here."""
        self.write(frame(PING, payload=b"settings"))
        self.until(lambda: any(each.kind == PING and each.flags & ACK for each in self.frames))
        found = b"".join(each.payload for each in self.frames if each.kind == SETTINGS)
        pairs = [found[start : start + 6] for start in range(0, len(found), 6)]
        return {int.from_bytes(pair[:2], "big"): int.from_bytes(pair[2:], "big") for pair in pairs}

"""HTTP/1.1 byte by byte: requests as they should not be, and every response that came back."""

from __future__ import annotations

import time
from dataclasses import dataclass

from hostile.frames import Field
from hostile.peers import HEALTH, Raw

WEB = b"application/grpc-web+proto"
WEB_TEXT = b"application/grpc-web-text"


@dataclass(frozen=True)
class Response:
    """One response: its status, its headers with names in lower case, its body."""

    status: int
    headers: dict[str, str]
    body: bytes


def head(method: str, target: str, *fields: Field) -> bytes:
    """The head of a request, its headers as they are given and `host`."""
    lines = [f"{method} {target} HTTP/1.1".encode(), b"host: test", *(name + b": " + value for name, value in fields)]
    return b"\r\n".join([*lines, b"", b""])


def web(body: bytes, *fields: Field, kind: bytes = WEB, length: int | None = None) -> bytes:
    """A health check by gRPC-Web; `length` may lie."""
    size = str(len(body) if length is None else length).encode()
    return head("POST", HEALTH, (b"content-type", kind), (b"content-length", size), *fields) + body


def responses(data: bytes) -> list[Response]:
    """The responses in all that a server sent; the last may be incomplete. What is no response has status 0."""
    found: list[Response] = []
    while data:
        if not data.startswith(b"HTTP/"):
            return [*found, Response(0, {}, data)]
        top, _, data = data.partition(b"\r\n\r\n")
        status, *lines = top.decode("latin-1").split("\r\n")
        headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines}
        length = int(headers.get("content-length", "0"))
        if headers.get("transfer-encoding") == "chunked":
            body, data = _chunked(data)
        else:
            body, data = data[:length], data[length:]
        found.append(Response(int(status.split()[1]), headers, body))
    return found


def _chunked(data: bytes) -> tuple[bytes, bytes]:
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        body, data = body + data[:length], data[length + 2 :]
        if not length:
            break
    return body, data


def answered(address: str, data: bytes, enough: int, seconds: float = 1.0) -> tuple[list[Response], bool]:
    """Send bytes; the responses until there are enough, and whether the server closed the connection soon."""
    with Raw(address) as peer:
        peer.write(data)
        until = time.monotonic() + seconds
        while not peer.cut and time.monotonic() < until and len(responses(peer.received)) < enough:
            peer.read(0.05)
        peer.read(0.01)
        return responses(peer.received), peer.cut

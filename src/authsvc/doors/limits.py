"""What a client may send and hold at most, the same behind every door."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes, times in seconds.

    Of one request: `message`, each message, also after decompression; `metadata`, all headers, 32 bytes a header added;
    `headers`, how many; `target`, path and query. Of one connection: `streams` at once (HTTP/2); `head`, until a begun
    request head is complete, and `body`, until its body is (HTTP/1.1); `stall`, for which a peer may take hardly
    anything of what was sent to it; `idle`, without a request; `age`, after which it is retired, and `grace`, which its
    calls then have to finish. In all: `connections` a worker.
    """

    message: int = 256 * 1024
    metadata: int = 16 * 1024
    headers: int = 64
    target: int = 4096
    streams: int = 100
    head: float = 10.0
    body: float = 30.0
    stall: float = 30.0
    idle: float = 60.0
    age: float = 1800.0
    grace: float = 20.0
    connections: int = 4096

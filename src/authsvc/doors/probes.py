"""What orchestrators ask: `GET /debug/healthz` (the process lives) and `GET /debug/ready` (it can answer calls)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from authsvc.doors.asgi_types import Receive, Scope, Send
from authsvc.doors.http import respond

_TEXT = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
_JSON = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


class Probes:
    """An ASGI application. `ready` tells whether calls can be answered now."""

    PATHS = frozenset({"/debug/healthz", "/debug/ready"})

    def __init__(self, ready: Callable[[], Awaitable[bool]]) -> None:
        self._ready = ready

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one probe."""
        if scope["method"] != "GET":
            await respond(send, 405, [*_TEXT, (b"allow", b"GET")], b"Method Not Allowed")
        elif scope["path"] == "/debug/healthz":
            await respond(send, 200, _TEXT, b"ok")
        elif await self._ready():
            await respond(send, 200, _JSON, b'"ok"')
        else:
            await respond(send, 412, _TEXT, b"not ready")

"""What Prometheus asks, on a port of its own: `GET /metrics`."""

from __future__ import annotations

from collections.abc import Callable

from authsvc.doors.asgi_types import Receive, Scope, Send
from authsvc.doors.http import respond

_TEXT = [(b"content-type", b"text/plain; charset=utf-8")]
_FORMAT = [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8"), (b"cache-control", b"no-store")]


class Metrics:
    """An ASGI application that knows one path. `text` gives the metrics as they are now."""

    PATH = "/metrics"

    def __init__(self, text: Callable[[], str]) -> None:
        self._text = text

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["path"] != self.PATH:
            await respond(send, 404, _TEXT, b"Not Found")
        elif scope["method"] not in {"GET", "HEAD"}:
            await respond(send, 405, [*_TEXT, (b"allow", b"GET, HEAD")], b"Method Not Allowed")
        else:
            await respond(send, 200, _FORMAT, self._text().encode())

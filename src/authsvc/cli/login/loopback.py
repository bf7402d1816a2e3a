"""Where the browser comes back to: an address of this machine, for as long as one sign-in takes (RFC 8252, 7.3)."""

from __future__ import annotations

import hmac
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from authsvc.errors import Refused

_PATH = "/callback"
_PATIENCE = 10  # seconds that a connection may say nothing
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>authsvc login</title></head>
<body><p>{text}</p></body></html>
"""


class Loopback:
    """Listens on a free port of 127.0.0.1 while it is entered, for the answer that has `state`."""

    def __init__(self, state: str) -> None:
        self._state = state
        self._answers: queue.Queue[dict[str, str]] = queue.Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.redirect_uri = f"http://127.0.0.1:{self._server.server_port}{_PATH}"

    def __enter__(self) -> Self:
        """Begin to listen."""
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Listen no longer."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, seconds: float) -> dict[str, str]:
        """The fields of the answer, when the browser brings it.

        Raises:
            Refused: it has not for so long.
        """
        try:
            return self._answers.get(timeout=seconds)
        except queue.Empty:
            raise Refused("nobody has signed in: there was no answer from the browser") from None

    def take(self, target: str) -> bool:
        """Whether a request for this path and query is the answer; then it is kept.

        Any page can have the browser send something here, but only the service knows the state.
        """
        parts = urlsplit(target)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        fields = dict(pairs)
        is_ours = hmac.compare_digest(fields.get("state", "").encode(), self._state.encode())
        if parts.path != _PATH or len(fields) != len(pairs) or not is_ours:
            return False
        self._answers.put(fields)
        return True

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            timeout = _PATIENCE
            server_version = "authsvc"
            sys_version = ""

            def do_GET(self) -> None:
                is_it = loopback.take(self.path)
                text = "You can close this window." if is_it else "This is not the page that is waited for."
                body = _PAGE.format(text=text).encode()
                self.send_response(200 if is_it else 404)
                for name, value in (
                    ("content-type", "text/html; charset=utf-8"),
                    ("content-length", str(len(body))),
                    ("cache-control", "no-store"),
                    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
                    ("referrer-policy", "no-referrer"),
                    ("x-content-type-options", "nosniff"),
                ):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
                """Say nothing: a request holds a code."""

        return Handler

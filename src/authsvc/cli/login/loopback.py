"""Where the browser comes back to: an address of this machine, for as long as one sign-in takes (RFC 8252, 7.3)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from authsvc.errors import Refused
from authsvc.oidc.texts import choose

_PATH = "/callback"
_PATIENCE = 10  # seconds that a connection may say nothing
_STYLE = """
:root { color-scheme: light dark; --ground: #f3f4f6; --card: #ffffff; --text: #16191d; --quiet: #505a66 }
@media (prefers-color-scheme: dark) {
  :root { --ground: #0f1216; --card: #1a1f26; --text: #f1f3f5; --quiet: #b3bcc7 }
}
* { box-sizing: border-box; margin: 0 }
body { min-height: 100vh; padding: 1rem; display: grid; place-items: center; background: var(--ground);
  color: var(--text); font: 1rem/1.5 system-ui, sans-serif }
main { width: 100%; max-width: 26rem; padding: 2rem 1.5rem; border-radius: 0.75rem; background: var(--card);
  display: grid; gap: 0.75rem }
h1 { font-size: 1.5rem; line-height: 1.25 }
p { color: var(--quiet) }
"""
_PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{style}</style></head>
<body><main><h1>{title}</h1><p>{text}</p></main></body></html>
"""
# By language, and whether it is the answer. What the answer is worth is told on the command line.
_TEXTS = {
    ("en", True): ("Back to the command line", "You can close this window: authsvc login goes on where you called it."),
    ("en", False): ("Not this page", "This is not the page that authsvc login waits for."),
    ("de", True): (
        "Zurück zur Kommandozeile",
        "Sie können dieses Fenster schließen: authsvc login macht dort weiter, wo Sie es aufgerufen haben.",
    ),
    ("de", False): ("Nicht diese Seite", "Das ist nicht die Seite, auf die authsvc login wartet."),
}
_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'",
    "referrer-policy": "no-referrer",
    "vary": "accept-language",
    "x-content-type-options": "nosniff",
}


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
                body = _page(self.headers.get("accept-language", ""), is_it=is_it)
                self.send_response(200 if is_it else 404)
                for name, value in {**_HEADERS, "content-length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
                """Say nothing: a request holds a code."""

        return Handler


def _page(accept_language: str, *, is_it: bool) -> bytes:
    language = choose("", accept_language).language
    title, text = _TEXTS[language, is_it]
    return _PAGE.format(language=language, title=title, style=_STYLE, text=text).encode()

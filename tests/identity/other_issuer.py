"""Another issuer that publishes keys and tells of tokens: in this process, or at a real address on this machine."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from authsvc.identity.source import NoAnswer


class OtherIssuer:
    """Publishes `keys` at /jwks, and answers at /introspect with what `about` says of the token.

    `requests` has the path of each request, `forms` the form and the credentials of each question. While it is `down`
    there are no answers.
    """

    url = "http://issuer.example"

    def __init__(self, keys: list[dict[str, Any]]) -> None:
        self.keys = keys
        self.about: dict[str, dict[str, Any]] = {}
        self.down = False
        self.requests: list[str] = []
        self.forms: list[tuple[dict[str, str], str, str]] = []

    async def get(self, url: str) -> dict[str, Any]:
        """The keys, whatever is asked for."""
        self._note(url)
        return {"keys": self.keys}

    async def post(self, url: str, form: dict[str, str], name: str, secret: str) -> dict[str, Any]:
        """What there is to say about a token."""
        self._note(url)
        self.forms.append((form, name, secret))
        return self.about.get(form["token"], {"active": False})

    async def close(self) -> None:
        """Nothing is held."""

    def _note(self, url: str) -> None:
        self.requests.append(urlsplit(url).path)
        if self.down:
            raise NoAnswer("down")


class Site:
    """A real HTTP server with keys at every path; a POST is answered with its form and the header `authorization`.

    With `raw` set, every answer has that status and body instead.
    """

    def __init__(self, keys: list[dict[str, Any]]) -> None:
        self.raw: tuple[int, bytes] | None = None
        self.requests: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer({"keys": keys})

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                self._answer({"form": form, "authorization": self.headers["authorization"]})

            def _answer(self, answer: object) -> None:
                site.requests.append(self.path)
                status, body = site.raw or (200, json.dumps(answer).encode())
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.send_header("set-cookie", "a=b")
                self.send_header("location", "/elsewhere")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keep silent."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

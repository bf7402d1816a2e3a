"""Endpoints of back ends: real HTTP servers on this machine, which keep what they are sent."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Received(NamedTuple):
    """One request; the names of headers in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


class Endpoint:
    """Answers each POST with the next of `statuses`, and the last of them from then on.

    `hang` is how long it takes before it answers, in seconds; `headers` and `body` are those of its answers. `drip` is
    how many of the bytes of the body it holds back for as long as it lives.
    """

    def __init__(
        self,
        statuses: tuple[int, ...] = (200,),
        *,
        hang: float = 0,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        drip: int = 0,
    ) -> None:
        self.received: list[Received] = []
        self._closing = threading.Event()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["content-length"]))
                fields = {name.lower(): value for name, value in self.headers.items()}
                endpoint.received.append(Received(self.path, fields, sent))
                status = statuses[min(len(endpoint.received), len(statuses)) - 1]
                if endpoint._closing.wait(hang) and hang:
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body[: len(body) - drip])
                    self.wfile.flush()
                except OSError:
                    self.close_connection = True
                if drip:
                    endpoint._closing.wait()
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Keep silent."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: object) -> None:
                """Clients that go away are what the tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def wait_for(self, count: int, seconds: float = 10) -> list[Received]:
        """What it was sent, once it is so many requests or the time is over."""
        limit = time.monotonic() + seconds
        while len(self.received) < count and time.monotonic() < limit:
            time.sleep(0.02)
        return list(self.received)

    def close(self) -> None:
        """Answer nobody any more."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

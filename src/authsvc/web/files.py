"""Files for browsers, under fixed paths: with entity tags, compressed, and under a policy of what they may load."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import PurePath

from authsvc.doors.asgi_types import Headers, Receive, Scope, Send
from authsvc.doors.http import respond
from authsvc.doors.metadata import header
from authsvc.transcoding import Answer, accepts_gzip
from authsvc.transcoding.asgi import send_answer

_LEVEL = 6  # of gzip; done once
_ALLOW = (b"allow", b"GET, HEAD, OPTIONS")
_TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class _Form:
    """A file in one content coding: its entity tag, the headers of every answer, those of a whole one, its bytes."""

    etag: bytes
    headers: Headers
    content: Headers
    body: bytes

    @classmethod
    def of(cls, media_type: bytes, body: bytes, policy: bytes, coding: Headers) -> _Form:
        etag = b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"'
        headers = [
            (b"cache-control", b"no-cache"),
            (b"vary", b"accept-encoding"),
            (b"etag", etag),
            (b"content-type", media_type),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"content-security-policy", policy),
        ]
        return cls(etag, headers, [*coding, (b"content-length", str(len(body)).encode())], body)


class File:
    """A text to be served, as it is and compressed. `policy` is its Content-Security-Policy.

    `body` may also make the text: that is done, on a thread, when somebody asks for it first.
    """

    def __init__(self, media_type: bytes, body: bytes | Callable[[], bytes], policy: bytes) -> None:
        self._media_type = media_type
        self._policy = policy
        self._body = body
        self._plain: _Form | None = None
        self._gzip: _Form | None = None

    @classmethod
    def read(cls, file: Traversable, policy: bytes) -> File:
        """A file of the package, of the type that its name says."""
        return cls(_TYPES[PurePath(file.name).suffix], file.read_bytes(), policy)

    async def form(self, accept_encoding: bytes) -> _Form:
        """What a client gets that accepts these content codings."""
        if self._plain is None:
            body = await asyncio.to_thread(self._body) if callable(self._body) else self._body
            self._plain = self._of(body, [])
        if not accepts_gzip(accept_encoding.decode("latin-1")):
            return self._plain
        if self._gzip is None:  # the largest takes some 60 ms, which no start and no other request has to wait for
            body = await asyncio.to_thread(gzip.compress, self._plain.body, _LEVEL, mtime=0)
            self._gzip = self._of(body, [(b"content-encoding", b"gzip")])
        return self._gzip

    def _of(self, body: bytes, coding: Headers) -> _Form:
        return _Form.of(self._media_type, body, self._policy, coding)


class Files:
    """An ASGI application for the paths of its files."""

    def __init__(self, files: Mapping[str, File]) -> None:
        self._files = files

    @property
    def paths(self) -> frozenset[str]:
        """What it answers; all other paths are somebody else's."""
        return frozenset(self._files)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        file, method = self._files[scope["path"]], scope["method"]
        if method == "OPTIONS":
            await send_answer(send, Answer(204, [_ALLOW], b""))
        elif method not in {"GET", "HEAD"}:
            await respond(send, 405, [_ALLOW])
        else:
            form = await file.form(header(scope["headers"], b"accept-encoding"))
            if _is_known(form.etag, header(scope["headers"], b"if-none-match")):
                await send_answer(send, Answer(304, form.headers, b""))
            else:
                body = form.body if method == "GET" else b""
                await send_answer(send, Answer(200, form.headers + form.content, body))


def _is_known(etag: bytes, known: bytes) -> bool:
    """Whether `If-None-Match` names the tag (RFC 9110, section 13.1.2)."""
    tags = [tag.strip().removeprefix(b"W/") for tag in known.split(b",")]
    return etag in tags or tags == [b"*"]

"""What people and programs read about the API: `/openapi.json`, and `/docs`, a page to try it out.

The page is Swagger UI. It is served whole from the package and loads nothing from elsewhere.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import orjson

from authsvc.doors.asgi_types import Headers, Receive, Scope, Send
from authsvc.doors.http import respond
from authsvc.doors.metadata import header
from authsvc.transcoding import Answer, accepts_gzip
from authsvc.transcoding.asgi import send_answer

# Swagger UI draws its icons from data: URLs.
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_LEVEL = 6  # of gzip; done once
_ALLOW = (b"allow", b"GET, HEAD, OPTIONS")
_HTML, _SCRIPT, _STYLE = b"text/html; charset=utf-8", b"text/javascript; charset=utf-8", b"text/css; charset=utf-8"


@dataclass(frozen=True, slots=True)
class _Form:
    """A file in one content coding: its entity tag, the headers of every answer, those of a whole one, its bytes."""

    etag: bytes
    headers: Headers
    content: Headers
    body: bytes

    @classmethod
    def of(cls, media_type: bytes, body: bytes, coding: Headers) -> _Form:
        etag = b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"'
        headers = [
            (b"cache-control", b"no-cache"),
            (b"vary", b"accept-encoding"),
            (b"etag", etag),
            (b"content-type", media_type),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"content-security-policy", _POLICY),
        ]
        return cls(etag, headers, [*coding, (b"content-length", str(len(body)).encode())], body)


class _File:
    """A text to be served, as it is and compressed."""

    def __init__(self, media_type: bytes, body: bytes) -> None:
        self._media_type = media_type
        self._plain = _Form.of(media_type, body, [])
        self._gzip: _Form | None = None

    async def form(self, accept_encoding: bytes) -> _Form:
        if not accepts_gzip(accept_encoding.decode("latin-1")):
            return self._plain
        if self._gzip is None:  # the largest takes some 60 ms, which no start and no other request has to wait for
            body = await asyncio.to_thread(gzip.compress, self._plain.body, _LEVEL, mtime=0)
            self._gzip = _Form.of(self._media_type, body, [(b"content-encoding", b"gzip")])
        return self._gzip


class Docs:
    """An ASGI application for a few fixed paths; asks nobody for a token."""

    PATHS = frozenset(
        {"/openapi.json", "/docs", "/docs/start.js", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"}
    )

    def __init__(self, document: dict[str, Any]) -> None:
        """Read every file; `document` is the OpenAPI document."""
        ours, theirs = files("authsvc") / "web" / "docs", files("authsvc_web") / "docs"
        self._files = {
            "/openapi.json": _File(b"application/json", orjson.dumps(document)),
            "/docs": _read(_HTML, ours / "index.html"),
            "/docs/start.js": _read(_SCRIPT, ours / "start.js"),
            "/docs/swagger-ui-bundle.js": _read(_SCRIPT, theirs / "swagger-ui-bundle.js"),
            "/docs/swagger-ui.css": _read(_STYLE, theirs / "swagger-ui.css"),
        }

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


def _read(media_type: bytes, file: Traversable) -> _File:
    return _File(media_type, file.read_bytes())


def _is_known(etag: bytes, known: bytes) -> bool:
    """Whether `If-None-Match` names the tag (RFC 9110, section 13.1.2)."""
    tags = [tag.strip().removeprefix(b"W/") for tag in known.split(b",")]
    return etag in tags or tags == [b"*"]

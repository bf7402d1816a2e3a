"""What people and programs read about the API: `/openapi.json`, and `/docs`, a page to try it out.

The page is Swagger UI. It is served whole from the package and loads nothing from elsewhere.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import orjson

from authsvc.doors.asgi_types import Headers, Receive, Scope, Send
from authsvc.doors.metadata import header

# Swagger UI draws its icons from data: URLs.
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ALLOW = (b"allow", b"GET, HEAD, OPTIONS")
_HTML, _SCRIPT, _STYLE = b"text/html; charset=utf-8", b"text/javascript; charset=utf-8", b"text/css; charset=utf-8"


@dataclass(frozen=True, slots=True)
class _File:
    """Something to be served: its headers, entity tag included, and its bytes."""

    etag: bytes
    headers: Headers
    body: bytes

    @classmethod
    def of(cls, media_type: bytes, body: bytes) -> _File:
        etag = b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"'
        headers = [
            (b"content-type", media_type),
            (b"cache-control", b"no-cache"),
            (b"etag", etag),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"content-security-policy", _POLICY),
        ]
        return cls(etag, headers, body)


class Docs:
    """An ASGI application for a few fixed paths; asks nobody for a token."""

    PATHS = frozenset(
        {"/openapi.json", "/docs", "/docs/start.js", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"}
    )

    def __init__(self, document: dict[str, Any]) -> None:
        """Read every file; `document` is the OpenAPI document."""
        ours, theirs = files("authsvc") / "web" / "docs", files("authsvc_web") / "docs"
        self._files = {
            "/openapi.json": _File.of(b"application/json", orjson.dumps(document)),
            "/docs": _read(_HTML, ours / "index.html"),
            "/docs/start.js": _read(_SCRIPT, ours / "start.js"),
            "/docs/swagger-ui-bundle.js": _read(_SCRIPT, theirs / "swagger-ui-bundle.js"),
            "/docs/swagger-ui.css": _read(_STYLE, theirs / "swagger-ui.css"),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        file, method = self._files[scope["path"]], scope["method"]
        if method == "OPTIONS":
            await _send(send, 204, [_ALLOW])
        elif method not in {"GET", "HEAD"}:
            await _send(send, 405, [_ALLOW, (b"content-length", b"0")])
        elif _is_known(file.etag, header(scope["headers"], b"if-none-match")):
            await _send(send, 304, file.headers)
        else:
            length = (b"content-length", str(len(file.body)).encode())
            await _send(send, 200, [*file.headers, length], file.body if method == "GET" else b"")


def _read(media_type: bytes, file: Traversable) -> _File:
    return _File.of(media_type, file.read_bytes())


def _is_known(etag: bytes, known: bytes) -> bool:
    """Whether `If-None-Match` names the tag (RFC 9110, section 13.1.2)."""
    tags = [tag.strip().removeprefix(b"W/") for tag in known.split(b",")]
    return etag in tags or tags == [b"*"]


async def _send(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

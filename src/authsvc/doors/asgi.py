"""The one address: which door a request goes through, by its content type."""

from __future__ import annotations

from collections.abc import Mapping

from authsvc.doors.asgi_types import App, Receive, Scope, Send
from authsvc.doors.grpc_web import media_type
from authsvc.doors.http import respond
from authsvc.doors.metadata import header

_GRPC = frozenset({b"application/grpc", b"application/grpc+proto"})


class OneAddress:
    """An ASGI application that hands each request to `grpc`, `grpc_web`, one of those with `fixed` paths, or `json`."""

    def __init__(self, *, grpc: App, grpc_web: App, json: App, fixed: Mapping[str, App]) -> None:
        self._grpc = grpc
        self._grpc_web = grpc_web
        self._json = json
        self._fixed = fixed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if not scope["raw_path"].startswith(b"/"):
            _to_origin_form(scope)
        content_type = media_type(header(scope["headers"], b"content-type"))
        if not content_type.startswith(b"application/grpc"):
            app = self._fixed.get(scope["path"], self._json)
        elif content_type.startswith(b"application/grpc-web"):
            app = self._grpc_web
        elif content_type not in _GRPC:
            app = _unsupported
        else:
            # Without HTTP/2 there are no trailers, so no native gRPC; as at ZITADEL that is a path nobody knows.
            trailers = "http.response.trailers" in scope.get("extensions", {})
            app = self._grpc if trailers and scope["method"] == "POST" else self._json
        await app(scope, receive, send)


def _to_origin_form(scope: Scope) -> None:
    """A request may name its target as a whole URL, as for a proxy (RFC 9112, section 3.2.2): keep the path."""
    for key, colon, slash in (("path", "://", "/"), ("raw_path", b"://", b"/")):
        target = scope[key].partition(colon)[2]
        scope[key] = slash + target.partition(slash)[2]


async def _unsupported(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, 415, [(b"accept-post", b", ".join(sorted(_GRPC)))])

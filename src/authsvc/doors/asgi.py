"""The one address: which door a request goes through, by its content type."""

from __future__ import annotations

from collections.abc import Container, Mapping
from types import MappingProxyType

from authsvc.doors.asgi_types import App, Receive, Scope, Send
from authsvc.doors.cors import CLOSED, Cors
from authsvc.doors.grpc import rpc_path
from authsvc.doors.grpc_web import GRPC_WEB, media_type
from authsvc.doors.http import refuse, request_id_header, respond
from authsvc.doors.metadata import header

_GRPC = frozenset({b"application/grpc", b"application/grpc+proto"})


class OneAddress:
    """An ASGI application that hands each request to `grpc`, `grpc_web`, one of those with `fixed` paths, or JSON.

    `faces` serve JSON, each under a first segment of the path, in front of which there may be several slashes, and
    `json` all other paths. `rpcs` are the paths that only gRPC and gRPC-Web may use; path and query have at most
    `longest` bytes. All doors but native gRPC, which no browser speaks, are under the policy `cors`. The applications
    `apart`, by path, are not: they know people by cookies, and have a policy of their own that no setting opens.
    """

    def __init__(
        self,
        *,
        grpc: App,
        grpc_web: App,
        json: App,
        faces: Mapping[str, App],
        fixed: Mapping[str, App],
        rpcs: Container[str],
        longest: int,
        cors: Cors = CLOSED,
        apart: Mapping[str, App] = MappingProxyType({}),
    ) -> None:
        self._grpc = grpc
        self._apart = apart
        self._grpc_web = cors.around(grpc_web)
        self._json = cors.around(json)
        self._faces = {segment: cors.around(face) for segment, face in faces.items()}
        self._fixed = {path: cors.around(app) for path, app in fixed.items()}
        self._rpcs = rpcs
        self._longest = longest
        self._too_long = cors.around(_too_long)
        self._unsupported = cors.around(_unsupported)
        self._not_allowed = cors.around(_not_allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if not scope["raw_path"].startswith(b"/"):
            _to_origin_form(scope)
        await self._door(scope)(scope, receive, send)

    def _door(self, scope: Scope) -> App:
        if len(scope["raw_path"]) + len(scope["query_string"]) > self._longest:
            return self._too_long
        content_type = header(scope["headers"], b"content-type")
        if content_type and (content_type := media_type(content_type)).startswith(b"application/grpc"):
            if content_type.startswith(b"application/grpc-web"):
                return self._grpc_web
            return self._native(scope) if content_type in _GRPC else self._unsupported
        if rpc_path(scope) in self._rpcs:
            return self._unsupported if scope["method"] == "POST" else self._not_allowed
        return self._fixed.get(scope["path"]) or self._face(scope)

    def _face(self, scope: Scope) -> App:
        path: str = scope["path"].lstrip("/")
        face = self._apart.get("/" + path) or self._faces.get(path.partition("/")[0])
        if face is None:
            return self._json
        # Some of WorkOS's clients put their base URL, slash at its end and all, in front of the path.
        scope["path"], scope["raw_path"] = "/" + path, b"/" + scope["raw_path"].lstrip(b"/")
        return face

    def _native(self, scope: Scope) -> App:
        # Without HTTP/2 there are no trailers, so no native gRPC; as at ZITADEL that is a path nobody knows.
        if "http.response.trailers" not in scope.get("extensions", {}):
            return self._json
        return self._grpc if scope["method"] == "POST" else self._not_allowed


def _to_origin_form(scope: Scope) -> None:
    """A request may name its target as a whole URL, as for a proxy (RFC 9112, section 3.2.2): keep the path."""
    for key, colon, slash in (("path", "://", "/"), ("raw_path", b"://", b"/")):
        target = scope[key].partition(colon)[2]
        scope[key] = slash + target.partition(slash)[2]


async def _too_long(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"application/json"), *request_id_header()]
    await respond(send, 414, headers, b'{"message":"URI Too Long"}')


async def _not_allowed(scope: Scope, receive: Receive, send: Send) -> None:
    await refuse(send, 405, (b"allow", b"POST"))


async def _unsupported(scope: Scope, receive: Receive, send: Send) -> None:
    await refuse(send, 415, (b"accept-post", b", ".join(sorted(_GRPC | GRPC_WEB))))

"""Native gRPC on the one address: gRPC over HTTP/2 by ASGI, with `http.response.trailers`."""

from __future__ import annotations

from collections.abc import Mapping

from authsvc.doors.asgi_types import Receive, Scope, Send
from authsvc.doors.grpc import GrpcExchange, rpc_path, unknown_method
from authsvc.doors.limits import Limits
from authsvc.doors.metadata import header_pairs, status_trailers
from authsvc.rpc.call import Metadata
from authsvc.rpc.method import Method
from authsvc.rpc.status import Status

_CONTENT_TYPE = (b"content-type", b"application/grpc")


class GrpcH2:
    """An ASGI application for requests of type `application/grpc` over HTTP/2."""

    def __init__(self, methods: Mapping[str, Method], limits: Limits) -> None:
        self._methods = methods
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        path = rpc_path(scope)
        method = self._methods.get(path)
        exchange = GrpcH2Exchange(scope, receive, send, self._limits)
        if method is None:
            await exchange.finish(unknown_method(path, self._methods), [], [], None)
        else:
            await exchange.run(method)


class GrpcH2Exchange(GrpcExchange):
    """A call whose status travels in HTTP/2 trailers."""

    door = "grpc"

    async def start(self, metadata: Metadata) -> None:
        """Send the response headers."""
        headers = [_CONTENT_TYPE, *self.head(), *header_pairs(metadata)]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers, "trailers": True})
        self.started = True  # not before: where a slow client makes it wait, a deadline may cancel it

    async def send(self, message: bytes) -> None:
        """Send one framed message."""
        await self._send({"type": "http.response.body", "body": message, "more_body": True})

    async def finish(self, status: Status, initial: Metadata, trailing: Metadata, response: bytes | None) -> None:
        """Send the answer, if there is one, and the trailers."""
        if not self.started:
            await self.start(initial)
        await self._send({"type": "http.response.body", "body": response or b""})
        await self._send({"type": "http.response.trailers", "headers": status_trailers(status, trailing)})

"""One address of the authorization server: its methods, what pages elsewhere may read of it, and what fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from authsvc.rpc.call import new_request_id
from authsvc.telemetry.requests import RequestLog

Handler = Callable[[Request], Awaitable[Response]]

# What pages of every origin may do: no cookie is sent along, so they learn only what they know the token or code for.
_READABLE = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "retry-after, www-authenticate, x-request-id",
}
_PREFLIGHT_HEADERS = "authorization, content-type"
_PREFLIGHT_AGE = "7200"  # seconds; Chromium keeps no preflight longer
_KNOWN_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


class Failures(Protocol):
    """How an endpoint says that something went wrong: as a page, or as JSON."""

    def refusal(self, request: Request, error: Exception) -> Response | None:
        """The response to a failure that was foreseen; None for any other."""

    def not_allowed(self, request: Request) -> Response:
        """The response to a method that the endpoint does not have."""

    def internal(self, request: Request) -> Response:
        """The response to a failure that nobody foresaw; the log has the number of the request."""


class Endpoint:
    """An ASGI application for one path: a handler for each method.

    A handler finds in `request.state` the number of the request, `id`, and can add to `cookies`, which whatever
    response there is sets.

    `is_readable` says that pages of every origin may call it (the Fetch standard, "HTTP-CORS protocol"); of all others
    browsers let only our own pages read anything. Where GET does more than show something there is no HEAD
    (`has_head`), which programs send to look at a link before anybody follows it.
    """

    def __init__(
        self,
        path: str,
        handlers: Mapping[str, Handler],
        failures: Failures,
        log: RequestLog,
        *,
        is_readable: bool = False,
        has_head: bool = True,
    ) -> None:
        self.path = path
        self._failures = failures
        self._log = log
        self._is_readable = is_readable
        self._handlers = {**handlers, **({"HEAD": handlers["GET"]} if has_head and "GET" in handlers else {})}
        self._allow = ", ".join(sorted({*self._handlers, "OPTIONS"}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request, started = Request(scope, receive), self._log.clock()
        request.state.id, request.state.cookies = new_request_id(), []
        try:
            response = await self._answer(request)
        except ClientDisconnect:
            return
        self._mark(request, response)
        await response(scope, receive, _without_body(send) if request.method == "HEAD" else send)
        self._log.ended(self.path, _word(request), request.state.id, response.status_code, started)

    async def _answer(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return self._options(request)
        handler = self._handlers.get(request.method)
        if handler is None:
            response = self._failures.not_allowed(request)
            response.headers["allow"] = self._allow
            return response
        try:
            return await handler(request)
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer that tells nothing of it
            refusal = self._failures.refusal(request, error)
            if refusal is not None:
                return refusal
            self._log.failed(self.path, _word(request), request.state.id)
            return self._failures.internal(request)

    def _options(self, request: Request) -> Response:
        headers = {"allow": self._allow}
        if self._is_readable and "access-control-request-method" in request.headers:
            headers |= {
                "access-control-allow-methods": self._allow,
                "access-control-allow-headers": _PREFLIGHT_HEADERS,
                "access-control-max-age": _PREFLIGHT_AGE,
            }
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)

    def _mark(self, request: Request, response: Response) -> None:
        headers = response.headers
        for cookie in request.state.cookies:
            cookie.put(response)
        headers["x-request-id"] = request.state.id
        headers["x-content-type-options"] = "nosniff"
        headers.setdefault("cache-control", "no-store")
        if self._is_readable:
            headers.update(_READABLE)


def _word(request: Request) -> str:
    """The method as it is logged: whatever is none that anybody knows is not repeated."""
    return request.method if request.method in _KNOWN_METHODS else "other"


def _without_body(send: Send) -> Send:
    def sent(event: Message) -> Awaitable[None]:
        return send({**event, "body": b""} if event["type"] == "http.response.body" else event)

    return sent

"""JSON transcoding on the one address: routes, binding and the form of answers come from the descriptors."""

from __future__ import annotations

import re
from collections.abc import Iterable

from google.protobuf.message import Message
from google.rpc.status_pb2 import Status as StatusProto
from grpc import StatusCode

from authsvc.doors.asgi_types import Headers, Receive, Scope, Send
from authsvc.doors.http import HttpExchange, request_id_header
from authsvc.doors.limits import Limits
from authsvc.doors.metadata import check_size, header_pairs, metadata_of
from authsvc.errors import StartupError
from authsvc.rpc.call import Metadata
from authsvc.rpc.method import Method
from authsvc.rpc.status import OK, Status, StatusError
from authsvc.transcoding import Answer, BadRequest, Dialect, HeaderRules, MethodNotAllowed, NoRoute, Transcoder
from authsvc.transcoding import Call as Matched
from authsvc.transcoding.asgi import send_answer
from authsvc.transcoding.protojson import Limits as JsonLimits

# ZITADEL's gateway skips what it does not know, reads every body as JSON, and stops after the first value.
# Its requests are small: far below these limits, yet a body of the largest size costs no more than a few milliseconds.
ZITADEL = Dialect(
    unknown="ignore", lenient_bodies=True, limits=JsonLimits(keys=5_000, containers=5_000, elements=10_000)
)

_HEADERS = HeaderRules(
    incoming=frozenset({b"authorization", b"accept-language", b"user-agent", b"x-zitadel-orgid"}),
    outgoing=frozenset({"cache-control", "expires", "pragma", "retry-after", "www-authenticate", "x-request-id"}),
)


# Letters that are never percent-encoded (RFC 3986, section 2.3), and verbs: as it stands in the path of any request.
_LITERAL = re.compile(r"[A-Za-z0-9\-._~:]+", re.ASCII)


class Json:
    """An ASGI application for every method with a google.api.http rule, under `prefix`."""

    def __init__(self, methods: Iterable[Method], prefix: str, limits: Limits, dialect: Dialect = ZITADEL) -> None:
        self._methods = {method.descriptor.full_name: method for method in methods}
        descriptors = [method.descriptor for method in self._methods.values()]
        self.transcoder = Transcoder(descriptors, prefix=prefix, dialect=dialect)
        self._limits = limits

    def segments(self) -> set[str]:
        """The first segments of the paths that it serves.

        Raises:
            StartupError: a path may begin with more than one segment, which none of these would lead to.
        """
        found = set()
        for endpoint in self.transcoder.endpoints:
            first = (self.transcoder.prefix + endpoint.rule.path)[1:].partition("/")[0]
            if not _LITERAL.fullmatch(first):
                method, path = endpoint.method.full_name, endpoint.rule.path
                raise StartupError(
                    f"{method}: the path {path} must begin with a literal segment, to be told from others"
                )
            found.add(first)
        return found

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        http_method = scope["method"]
        try:
            matched = self.transcoder.match(http_method, scope["raw_path"], scope["query_string"], scope["headers"])
        except (NoRoute, MethodNotAllowed) as error:
            await send_answer(send, self.transcoder.unmatched(error, http_method), request_id_header())
        else:
            exchange = JsonExchange(scope, receive, send, self._limits, matched)
            await exchange.run(self._methods[matched.method.full_name])


class JsonExchange(HttpExchange):
    """A call whose messages are JSON documents."""

    door = "json"
    malformed = StatusCode.INVALID_ARGUMENT
    _initial: Metadata = ()
    _started = False
    _broken = False
    _http_status: int | None = None  # where HTTP has a better one than the table

    def __init__(self, scope: Scope, receive: Receive, send: Send, limits: Limits, matched: Matched) -> None:
        super().__init__(scope, receive, send, limits)
        self._matched = matched

    def metadata(self) -> Metadata:
        """Only what is meant for the call: other headers of a browser are none of a servicer's business."""
        self._http_status = 431
        check_size(self.headers, self.limits)
        self._http_status = None
        return self.readable(metadata_of, _HEADERS.metadata(self.headers))

    async def receive(self) -> Message | None:
        """The request message from path, query and body."""
        body = bytearray()
        # Where no body is taken none is waited for.
        while self._matched.takes_body and self.more_body:
            body += await self.chunk()
            if len(body) > self.limits.message:
                self._http_status = 413
                message = f"request message larger than {self.limits.message} bytes"
                raise StatusError(StatusCode.RESOURCE_EXHAUSTED, message)
        try:
            return self._matched.message(bytes(body))
        except BadRequest as error:
            self._http_status = error.http_status
            status = self._matched.status_of(error)
            raise StatusError(StatusCode.INVALID_ARGUMENT, status.message, tuple(status.details)) from None

    async def start(self, metadata: Metadata) -> None:
        """Send the head of a stream; that of a unary call leaves with the answer, whose status it tells.

        That of raw content waits for the first piece, whose content type it tells.
        """
        self._initial = metadata
        if self._matched.method.server_streaming and not self._matched.raw:
            await self._begin()

    def encode(self, message: Message) -> bytes:
        """The body of an answer, or one item of a stream."""
        return self._matched.encode(message)

    async def send(self, message: bytes) -> None:
        """Send one item of a stream."""
        if not self._started:
            await self._begin()
        if self._matched.head:
            raise StatusError(StatusCode.CANCELLED, "only the head was asked for")
        self._broken = True  # if a deadline cancels the wait for a slow client, this item is lost
        await self._body(self._matched.item(message), more=True)
        self._broken = False

    async def finish(self, status: Status, initial: Metadata, trailing: Metadata, response: bytes | None) -> None:
        """Send the answer, the error, or the end of a stream."""
        self._initial = initial
        if status is OK and response is None:
            await self._end(None)
        elif self._started:
            await self._end(status.proto())
        else:
            headers = _headers_of([*initial, *trailing])
            await send_answer(self._send, self._answer(status, response), headers)

    def _answer(self, status: Status, response: bytes | None) -> Answer:
        if response is not None:
            return self._matched.answer(response)
        return self._matched.failure(status.proto(), self._http_status)

    async def _begin(self) -> None:
        status, headers = self._matched.stream_head()
        headers += _headers_of(self._initial)
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        self._started = True  # not before: where a slow client makes it wait, a deadline may cancel it
        if self._matched.head:
            await self._body(b"", more=False)

    async def _end(self, failure: StatusProto | None) -> None:
        if not self._started:
            await self._begin()
        end = self._matched.stream_end(failure)
        # An end that cannot be told is left out: the server then breaks the connection or the stream.
        if end is not None and not self._broken and not self._matched.head:
            await self._body(end, more=False)

    async def _body(self, data: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": more})


def _headers_of(metadata: Metadata) -> Headers:
    return header_pairs(_HEADERS.headers(metadata))

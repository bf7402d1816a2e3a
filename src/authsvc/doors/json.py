"""JSON transcoding on the one address, as ZITADEL's gateway behaves: routes and binding come from the descriptors."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status as StatusProto
from grpc import StatusCode

from authsvc.doors.asgi_types import Headers, Receive, Scope, Send
from authsvc.doors.errors import HTTP_STATUS
from authsvc.doors.http import HttpExchange, respond
from authsvc.doors.limits import Limits
from authsvc.doors.metadata import check_size, header_pairs, metadata_of
from authsvc.rpc.call import Metadata, Metadatum
from authsvc.rpc.method import Method
from authsvc.rpc.status import Status, StatusError
from authsvc.transcoding import BadRequest, MethodNotAllowed, NoRoute, Transcoder, encode
from authsvc.transcoding import Call as Matched

_HEADERS = [(b"content-type", b"application/json"), (b"x-content-type-options", b"nosniff")]
_METADATA_PREFIX = b"grpc-metadata-"
# Headers of the request that become metadata under their own name, and entries of metadata that become headers.
_HEADERS_IN = frozenset({b"authorization", b"accept-language", b"user-agent", b"x-zitadel-orgid"})
_HEADERS_OUT = frozenset({"cache-control", "expires", "pragma", "www-authenticate", "x-request-id"})


class Json:
    """An ASGI application for every method with a google.api.http rule, under `prefix`."""

    def __init__(self, methods: Iterable[Method], prefix: str, limits: Limits) -> None:
        self._methods = {method.descriptor.full_name: method for method in methods}
        self._transcoder = Transcoder([method.descriptor for method in self._methods.values()], prefix=prefix)
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            matched = self._transcoder.match(scope["method"], scope["raw_path"])
        except NoRoute:
            await _refuse(send, 404, StatusCode.NOT_FOUND, "Not Found")
        except MethodNotAllowed as error:
            allow = [(b"allow", ", ".join(error.allowed).encode())]
            await _refuse(send, 405, StatusCode.UNIMPLEMENTED, "Method Not Allowed", allow)
        else:
            exchange = JsonExchange(scope, receive, send, self._limits, matched)
            await exchange.run(self._methods[matched.method.full_name])


class JsonExchange(HttpExchange):
    """A call whose messages are JSON documents."""

    door = "json"
    malformed = StatusCode.INVALID_ARGUMENT

    def __init__(self, scope: Scope, receive: Receive, send: Send, limits: Limits, matched: Matched) -> None:
        super().__init__(scope, receive, send, limits)
        self._query: bytes = scope["query_string"]
        self._matched = matched
        self._http_status: int | None = None  # where HTTP has a better one than the table

    def metadata(self) -> list[Metadatum]:
        """Only what is meant for the call: other headers of a browser are none of a servicer's business."""
        self._http_status = 431
        check_size(self.headers, self.limits.metadata)
        self._http_status = None
        kept = [
            (name.removeprefix(_METADATA_PREFIX), value)
            for name, value in self.headers
            if name in _HEADERS_IN or name.startswith(_METADATA_PREFIX)
        ]
        return self.readable(metadata_of, kept)

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
            return self._matched.message(self._query, bytes(body))
        except BadRequest as error:
            raise StatusError(StatusCode.INVALID_ARGUMENT, str(error)) from None

    async def start(self, metadata: Metadata) -> None:
        """Nothing: the head leaves with the answer, whose status it tells."""

    def encode(self, message: Message) -> bytes:
        """The JSON of a response message."""
        return self._matched.reply(message)

    async def send(self, message: bytes) -> None:
        """Never called: methods with response streams have no route yet."""
        raise NotImplementedError

    async def finish(self, status: Status, initial: Metadata, trailing: Metadata, response: bytes | None) -> None:
        """Send the answer or the error."""
        headers = _HEADERS + _headers_of([*initial, *trailing])
        if response is not None:
            await respond(self._send, 200, headers, response)
        else:
            http_status = self._http_status or HTTP_STATUS[status.code]
            await respond(self._send, http_status, headers, _error(status))


def _error(status: Status) -> bytes:
    try:
        return encode(status.proto())
    except (json_format.Error, TypeError, ValueError):  # a detail of a type that this process does not know
        return encode(StatusProto(code=status.code.value[0], message=status.message))


def _headers_of(metadata: Metadata) -> Headers:
    return header_pairs([(key, value) for key, value in metadata if key in _HEADERS_OUT])


async def _refuse(send: Send, status: int, code: StatusCode, message: str, headers: Headers | None = None) -> None:
    body = encode(StatusProto(code=code.value[0], message=message))
    await respond(send, status, [*_HEADERS, *(headers or [])], body)

"""A service over HTTP and JSON as an ASGI application: handlers in, nothing else needed.

    class Library:
        async def GetBook(self, request, context):
            return Book(name=request.name)

    app = Application(library_pb2.DESCRIPTOR.services_by_name["Library"], Library(), prefix="/v1")

A handler is a coroutine function, or an asynchronous generator function for a stream of responses.
"""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, MutableMapping, Sequence
from contextlib import aclosing, suppress
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any, NoReturn
from urllib.parse import quote, unquote_to_bytes

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.rpc.code_pb2 import Code
from google.rpc.status_pb2 import Status

from ._answer import Answer
from ._call import Call
from ._dialect import Dialect
from ._errors import BadRequest, MethodNotAllowed, NoRoute
from ._transcoder import Transcoder
from .metadata import HeaderRules, Value, encode_binary, seconds_of

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
Failed = tuple[Status, int | None]  # and the status of HTTP, where it is not that of the table

_TOO_LATE: Failed = Status(code=Code.DEADLINE_EXCEEDED, message="deadline exceeded"), None

_log = logging.getLogger(__name__)

# What HTTP carries (RFC 9110, section 5.5); a line end would begin another header.
_HEADER_VALUE = re.compile(r"[\x21-\x7e\xa0-\xff]+( +[\x21-\x7e\xa0-\xff]+)*|")
_PATH_UNIT = re.compile(rb"%[0-9A-Fa-f]{2}|.", re.DOTALL)


class Failure(Exception):
    """Ends a call with a status; `ValueError` for OK, which is none."""

    def __init__(self, code: int, message: str = "", details: Iterable[Message] = (), http_status: int = 0) -> None:
        """Keep a code of google.rpc.Code, a message for the client, details; `http_status` overrules the table."""
        super().__init__(code, message)
        if code == Code.OK:
            raise ValueError("a call cannot fail with OK")
        self.status = Status(code=code, message=message, details=[_packed(detail) for detail in details])
        self.http_status = http_status or None


class Context:
    """What a handler may ask and say beside its messages."""

    def __init__(self, metadata: Iterable[tuple[str, Value]] = ()) -> None:
        """Keep the metadata of the request."""
        self._metadata = tuple(metadata)
        self._trailing: list[tuple[str, Value]] = []

    def invocation_metadata(self) -> Sequence[tuple[str, Value]]:
        """Return the headers of the request that are metadata: bytes under names that end in `-bin`, else text."""
        return self._metadata

    def set_trailing_metadata(self, metadata: Iterable[tuple[str, Value]]) -> None:
        """Set metadata of the response; what the rules list becomes headers, unless a stream has begun.

        Raises:
            ValueError: a value cannot be a header.

        """
        metadata = list(metadata)
        for name, value in metadata:
            if not (name.endswith("-bin") if isinstance(value, bytes) else _HEADER_VALUE.fullmatch(value)):
                raise ValueError(f"not a value for a header: {name}")
        self._trailing = metadata

    def trailing_metadata(self) -> Sequence[tuple[str, Value]]:
        """Return what `set_trailing_metadata` has set."""
        return self._trailing

    async def abort(self, code: Any, details: str = "") -> NoReturn:
        """End the call with an error; the code is a number or a `grpc.StatusCode`."""
        raise Failure(code if isinstance(code, int) else code.value[0], details)


class Application:
    """An ASGI application that serves a service by the `google.api.http` rules of its methods."""

    def __init__(
        self,
        service: ServiceDescriptor,
        handlers: object,
        *,
        prefix: str = "",
        dialect: Dialect | None = None,
        header_rules: HeaderRules | None = None,
        max_body: int = 4 * 1024 * 1024,
    ) -> None:
        """Compile the rules.

        Args:
            service: the descriptor.
            handlers: has an attribute for each method that has a rule, named as in the contract.
            prefix: as `Transcoder` takes it.
            dialect: as `Transcoder` takes it.
            header_rules: which headers are metadata.
            max_body: bytes that a request body may have.

        Raises:
            RouteError: a rule cannot be served.
            AttributeError: a method with a rule has no handler.
            TypeError: a stream of responses has a coroutine function, or a single response a generator function.

        """
        self.transcoder = Transcoder(service.methods, prefix=prefix, dialect=dialect)
        methods = {endpoint.method.name: endpoint.method for endpoint in self.transcoder.endpoints}
        self._handlers = {name: _handler(handlers, method) for name, method in methods.items()}
        self._rules = header_rules or HeaderRules()
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or answer what else a server asks."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})  # before it is accepted: 403
        else:
            raise NotImplementedError("a protocol that ASGI did not have yet")

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, headers = scope["method"], scope["headers"]
        try:
            call = self.transcoder.match(method, _path(scope), scope["query_string"], headers)
        except (NoRoute, MethodNotAllowed) as error:
            await send_answer(send, self.transcoder.unmatched(error, method))
            return
        exchange = _Exchange(call, self._handlers[call.method.name], self._rules, headers, send)
        try:
            body = await _body(receive, self._max_body) if call.takes_body else b""
        except Failure as error:
            await send_answer(send, call.failure(error.status, error.http_status))
        else:
            if body is not None:
                await _unless_gone(exchange.run(body), receive)


def _handler(handlers: object, method: MethodDescriptor) -> Any:
    handler = getattr(handlers, method.name)
    # Other callables may return what is right, and are taken at their word.
    if iscoroutinefunction(handler) if method.server_streaming else isasyncgenfunction(handler):
        wanted = "an asynchronous generator function" if method.server_streaming else "a coroutine function"
        raise TypeError(f"the handler of {method.full_name} must be {wanted}")
    return handler


async def send_answer(send: Send, answer: Answer, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Send an answer, with further headers."""
    start = {"type": "http.response.start", "status": answer.status, "headers": [*answer.headers, *headers]}
    await send(start)
    await send({"type": "http.response.body", "body": answer.body})


async def _live(receive: Receive, send: Send) -> None:
    """Tell a server that starts or stops that there is nothing to wait for."""
    kind = ""
    while kind != "lifespan.shutdown":
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})


def _path(scope: Scope) -> bytes:
    """Return the raw path below the one that the application is mounted at."""
    # Servers need not give the raw path. Without it, an encoded slash in the path cannot be told from a bare one.
    # Whatever is not Unicode in it becomes bytes that are not UTF-8.
    path = scope.get("raw_path") or quote(scope["path"], safe="/:@!$&'()*+,;=", errors="surrogatepass").encode()
    root = scope.get("root_path", "").encode(errors="surrogatepass")
    return _below(root, path) if root else path


def _below(root: bytes, path: bytes) -> bytes:
    """Return what follows the decoded `root` in a raw path; the whole path where that is not below it."""
    start = root
    if not path.startswith(root):
        start = b"".join(_PATH_UNIT.findall(path[: 3 * len(root)])[: len(root)])
        if unquote_to_bytes(start) != root:
            return path
    rest = path[len(start) :]
    if not rest or rest.startswith(b"/"):
        return rest
    return b"/" + rest if root.endswith(b"/") else path


class _Exchange:
    """One request being served."""

    def __init__(self, call: Call, handler: Any, rules: HeaderRules, headers: Headers, send: Send) -> None:
        self._call = call
        self._handler = handler
        self._rules = rules
        self._headers = headers
        self._to_client = send
        self._context = Context()
        self._arrived = asyncio.get_running_loop().time()
        self._deadline: float | None = None
        self._answer: Answer | None = None
        self._started = False
        self._broken = False

    async def run(self, body: bytes) -> None:
        with suppress(_Gone):
            failed = await self._serve(body)
            if failed and not self._started:
                await self._respond(self._call.failure(*failed))
            elif self._answer:
                await self._respond(self._answer)
            else:
                await self._end(failed)

    async def _serve(self, body: bytes) -> Failed | None:
        """Run the handler and send its stream, if it is one; return how the call failed, if it has.

        That is no exception: one would keep what the handler had, until the client has read the answer.
        """
        try:
            request = self._read(body)
            if self._is_late():  # a handler that never waits would not notice
                return _TOO_LATE
            async with asyncio.timeout_at(self._deadline) as deadline:
                await self._handle(request)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return _unexpected()  # nobody cancelled this call: it waited for something that was
        except TimeoutError:
            return _TOO_LATE if deadline.expired() else _unexpected()
        except Failure as error:
            return error.status, error.http_status
        except Exception:  # noqa: BLE001 - the last resort: nothing of it may reach the client
            return _unexpected()
        return None

    def _read(self, body: bytes) -> Message:
        """Read the headers and the message; a `BadRequest` is the client's only here, and the handler's later."""
        try:
            given = [value for name, value in self._headers if name == b"grpc-timeout"]
            if given:
                self._deadline = self._arrived + seconds_of(b",".join(given))
            self._context = Context(self._rules.decoded(self._headers))
            return self._call.message(body)
        except BadRequest as error:
            raise _refused(self._call.status_of(error), error.http_status) from None

    def _is_late(self) -> bool:
        return self._deadline is not None and self._deadline <= asyncio.get_running_loop().time()

    async def _handle(self, request: Message) -> None:
        if self._call.method.server_streaming:
            await self._stream(self._handler(request, self._context))
        else:
            response = await self._handler(request, self._context)
            self._answer = self._call.answer(self._call.encode(response))

    async def _stream(self, responses: AsyncGenerator[Message]) -> None:
        async with aclosing(responses) as messages:
            async for message in messages:
                if self._is_late():  # neither the handler nor the server has waited, or the handler went on regardless
                    raise Failure(_TOO_LATE[0].code, _TOO_LATE[0].message)
                data = self._call.encode(message)
                await self._start()
                if self._call.head:
                    return
                self._broken = True  # if the deadline ends the wait for a slow client, this item is lost
                await self._chunk(self._call.item(data))
                self._broken = False

    async def _respond(self, answer: Answer) -> None:
        await send_answer(self._send, answer, self._outgoing())

    async def _start(self) -> None:
        if not self._started:
            status, headers = self._call.stream_head()
            headers += self._outgoing()
            await self._send({"type": "http.response.start", "status": status, "headers": headers})
            self._started = True  # not before: where a slow client makes it wait, the deadline may end that
            if self._call.head:
                await self._chunk(b"", more=False)

    async def _end(self, failed: Failed | None) -> None:
        await self._start()
        # An end that cannot be told is left out: the server then breaks the connection or the stream.
        if self._broken:
            return
        end = self._call.stream_end(failed[0] if failed else None)
        if end is not None and not self._call.head:
            await self._chunk(end, more=False)

    async def _chunk(self, data: bytes, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def _send(self, event: MutableMapping[str, Any]) -> None:
        try:
            await self._to_client(event)
        except OSError:  # ASGI lets servers say so that the client has gone
            raise _Gone from None

    def _outgoing(self) -> Headers:
        metadata = self._rules.headers(self._context.trailing_metadata())
        return [(name.encode(), _header_value(value)) for name, value in metadata]


def _refused(status: Status, http_status: int) -> Failure:
    failure = Failure(status.code, status.message, http_status=http_status)
    failure.status = status
    return failure


class _Gone(BaseException):
    """The client has gone away while it was being answered; no handler's `except Exception` is meant."""


def _header_value(value: Value) -> bytes:
    return value.encode("latin-1") if isinstance(value, str) else encode_binary(value)


def _unexpected() -> Failed:
    _log.exception("a handler failed")
    return Status(code=Code.INTERNAL, message="internal error"), None


async def _body(receive: Receive, limit: int) -> bytes | None:
    """Read a request body; None if the client goes away meanwhile."""
    body = bytearray()
    more = True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            return None
        body += event.get("body", b"")
        more = event.get("more_body", False)
        if len(body) > limit:
            raise Failure(Code.RESOURCE_EXHAUSTED, f"the body is larger than {limit} bytes", http_status=413)
    return bytes(body)


async def _unless_gone(work: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Await the work, and cancel it when the client goes away."""
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in (task, gone):
            each.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)
    if not task.cancelled():
        task.result()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _packed(detail: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(detail)
    return packed

"""The fuzzer's face over ASGI: the same rules behind an `Application` whose handlers send back what they get."""

from __future__ import annotations

import asyncio
import atexit
import logging
import zlib
from collections.abc import AsyncIterator, Iterable
from time import thread_time
from types import SimpleNamespace
from typing import Any, NoReturn, cast
from urllib.parse import unquote_to_bytes

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.rpc.code_pb2 import Code
from transcoding import driver
from transcoding.fuzz_bombs import MARK, Request
from transcoding.fuzz_faces import (
    ERROR_BYTES,
    Verdict,
    Violation,
    content_type_of,
    is_visible,
    read_json,
    read_stream,
    response_to,
    rules,
    sendable,
    sound,
)

from authsvc.transcoding import MethodNotAllowed, NoRoute
from authsvc.transcoding.asgi import Application

_LARGEST_BODY = 64 * 1024
_ROOTS = ("/api", "/a b")
_REFUSED = frozenset({204, 404, 405})
# What an Item may say that ends its call.
_CODES = {5: Code.CANCELLED, 100: Code.UNIMPLEMENTED, -1: Code.DEADLINE_EXCEEDED}


class Served:
    """An application; whatever is sent to it, it gives whole answers, fails in no way of its own and logs nothing."""

    name = "served"

    def __init__(self, methods: Iterable[MethodDescriptor]) -> None:
        """Compile the rules."""
        methods = list(methods)
        self._handlers = _Handlers()
        made = {method.name: self._handlers.of(method) for method in methods}
        # The methods come from pools of their own, and so have no service in common.
        service = cast("ServiceDescriptor", SimpleNamespace(methods=methods))
        self._app = Application(service, SimpleNamespace(**made), max_body=_LARGEST_BODY)
        self._log = _Log()
        self._loop: asyncio.AbstractEventLoop | None = None

    def check(self, request: Request) -> Verdict:
        """Serve a request.

        Raises:
            Violation: something came out that must not.

        """
        self._handlers.begin()
        self._log.texts.clear()
        logger = logging.getLogger("authsvc.transcoding")
        logger.addHandler(self._log)
        start = thread_time()
        try:
            loop = self._running()
            sent, left = loop.run_until_complete(_ask(self._app, request))
            spent = thread_time() - start
            unfinished = asyncio.all_tasks(loop)
            for task in unfinished:
                task.cancel()
        finally:
            logger.removeHandler(self._log)
        if self._log.texts:
            raise Violation("an error in the log", "\n".join(self._log.texts)[-1000:])
        if unfinished:
            raise Violation("a task that outlives its request", repr(unfinished))
        outcome = self._outcome(request, sent, left=left)
        return Verdict((self.name, self._handlers.called, *outcome), spent)

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._loop.set_exception_handler(lambda _, context: self._log.texts.append(repr(context)))
            atexit.register(self._loop.close)
        return self._loop

    def _refusal(self, request: Request) -> int:
        """The status of a request without a route, wherever the application is mounted; 0 if it has one."""
        try:
            self._app.transcoder.match(request.method, request.path)
        except NoRoute:
            return 404
        except MethodNotAllowed:
            return 204 if request.method == "OPTIONS" else 405
        return 0

    def _outcome(self, request: Request, sent: driver.Request, *, left: bool) -> tuple[str, ...]:
        if left and not sent.complete:
            return ("left",)
        self._whole(sent)
        events = sent.events
        status, headers = events[0]["status"], events[0]["headers"]
        body = b"".join([event["body"] for event in events[1:]])
        self._right(request, sent.scope, status)
        kind = dict(headers).get(b"content-type", b"").decode("latin-1")
        if "more_body" in events[-1]:
            sendable(headers)
            if request.method != "HEAD" and self._handlers.called == "Watch":
                read_stream(kind, body)
            return str(status), kind, "" if sent.complete else "broken"
        ours = status >= 400 or self._handlers.called in {"Do", "In"}
        sound(headers, body, head=request.method == "HEAD", ours=ours)
        if status < 400 or not body:
            return str(status), kind
        message = read_json(body).get("message", "")
        if len(message.encode()) > ERROR_BYTES or MARK in message:
            raise Violation("an error that repeats what the client sent", message)
        return str(status), message.rpartition(": ")[2]

    def _whole(self, sent: driver.Request) -> None:
        """Only raw content that fails in its middle may be broken off."""
        events = sent.events
        if [event["type"] for event in events] != ["http.response.start"] + ["http.response.body"] * (len(events) - 1):
            raise Violation("an answer that is none", repr(events)[:1000])
        if not all(event.get("more_body", False) for event in events[1:-1]):
            raise Violation("an answer that goes on after its end", repr(events)[:1000])
        if not sent.complete and not (self._handlers.called == "Stream" and self._handlers.aborted):
            raise Violation("an answer that is not whole", repr(events)[:1000])

    def _right(self, request: Request, scope: driver.Event, status: int) -> None:
        """No failure of the server, and none of the path but where it belongs."""
        late = any(name == b"grpc-timeout" for name, _ in request.headers)
        if status >= 500 and not (self._handlers.aborted and status in {501, 504}) and not (late and status == 504):
            raise Violation("a status that is the server's fault", str(status))
        if "raw_path" in scope and (status if status in _REFUSED else 0) != self._refusal(request):
            raise Violation("a path that was taken for another", str(status))


class _Handlers:
    """Send back what they get, or fail as it says; and remember what they did."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget the last call."""
        self.called, self.aborted = "", False

    def of(self, method: MethodDescriptor) -> Any:
        """Make the handler of a method."""

        async def single(message: Any, context: Any) -> Any:
            return await self._serve(method, message, context)

        async def stream(message: Any, context: Any) -> AsyncIterator[Any]:
            response = await self._serve(method, message, context)
            size = response.ByteSize()
            for _ in range(size % 4):
                yield response
            if size & 4:
                await self._abort(context, Code.ABORTED)

        return stream if method.server_streaming else single

    async def _serve(self, method: MethodDescriptor, message: Any, context: Any) -> Any:
        self.called = method.name
        for name, value in context.invocation_metadata():
            assert isinstance(value, bytes) == name.endswith("-bin"), (name, value)
        values = [value for name, value in context.invocation_metadata() if name == "authorization"]
        assert MARK not in "".join(values), "a header that came under another name"
        context.set_trailing_metadata([("cache-control", "no-store"), ("x-bin", b"\0"), ("x", MARK)])
        code = _CODES.get(getattr(message, "int32_value", 0))
        if code:
            await self._abort(context, code)
        response = response_to(method, message)
        # Handlers have to look at what they take over from a client into a header.
        if not is_visible(content_type_of(response)):
            await self._abort(context, Code.INVALID_ARGUMENT)
        return response

    async def _abort(self, context: Any, code: int) -> NoReturn:
        self.aborted = True
        await context.abort(code, "the handler failed")
        raise AssertionError


class _Log(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


async def _ask(app: Application, request: Request) -> tuple[driver.Request, bool]:
    """Send a request as some server would; return what came back, and whether the client has left before its end."""
    # What is not the request's own is made of its bytes, so that it is the same again.
    dice = zlib.crc32(request.path + request.query + request.body)
    path, root = request.path, None
    if not dice & 3:
        root = _ROOTS[dice >> 2 & 1]
        path = root.replace(" ", "%20").replace("p", "%70").encode() + path
    sent = driver.Request(
        app,
        request.method,
        "",
        [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers],
        path=unquote_to_bytes(path).decode(errors="surrogateescape"),
        raw_path=path if dice & 0x38 else None,
        root_path=root,
        query_string=request.query,
    )
    left = not dice & 0x3C0
    pieces = _pieces(request.body, 1 + (dice >> 10 & 3))
    for number, piece in enumerate(pieces, start=1):
        sent.give(piece, more=left or number < len(pieces))
    if left:
        sent.leave()
    async with asyncio.timeout(10):
        await sent.task
    return sent, left


def _pieces(body: bytes, count: int) -> list[bytes]:
    size = len(body) // count + 1
    return [body[number * size : (number + 1) * size] for number in range(count)]


SERVED = Served(rules())

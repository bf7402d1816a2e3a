"""What the HTTP doors share: one request as an exchange, and noticing that its client has gone."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import ClassVar, TypeVar

from google.protobuf.message import Message
from grpc import Compression, StatusCode

from authsvc.doors.asgi_types import Headers, Receive, Scope, Send
from authsvc.doors.engine.gone import client_gone
from authsvc.doors.limits import Limits
from authsvc.doors.metadata import Malformed, auth_context_of, check_size, metadata_of, peer_of, timeout_of
from authsvc.rpc.call import Call, Metadata, new_request_id
from authsvc.rpc.method import Method
from authsvc.rpc.status import Status, StatusError
from authsvc.rpc.waiting import Begun
from authsvc.transcoding import Answer
from authsvc.transcoding.asgi import send_answer

# How long a call runs before its client is watched. Most calls end sooner, and need no second task.
_WATCH_AFTER = 0.02
_AHEAD = 64 * 1024  # bytes; about what the HTTP server holds too
_LOOK_EVERY = 0.05  # seconds; how often a client is looked for that has sent more than that

T = TypeVar("T")

_SHUTDOWN = Status(StatusCode.UNAVAILABLE, "the server is shutting down")


async def respond(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    """Send a whole response; `content-length` is added."""
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send_answer(send, Answer(status, headers, body))


async def refuse(send: Send, status: int, *headers: tuple[bytes, bytes]) -> None:
    """Refuse a request for an RPC that is no call; without a body, as Connect takes JSON for an error of its own."""
    await respond(send, status, [*request_id_header(), *headers])


def request_id_header() -> Headers:
    """A new request id, for an answer that no call gives."""
    return [(b"x-request-id", new_request_id().encode())]


class HttpExchange(ABC):
    """One call as one HTTP request; subclasses say how messages and the outcome look as bytes."""

    door: ClassVar[str]
    method: Method
    malformed = StatusCode.INTERNAL  # the code for a header that cannot be read, as at grpcio
    compression = Compression.NoCompression
    compress_next = True

    def __init__(self, scope: Scope, receive: Receive, send: Send, limits: Limits) -> None:
        self._scope = scope
        self.headers: Headers = scope["headers"]
        self.limits = limits
        self._send = send
        self._incoming = Incoming(receive)

    async def run(self, method: Method) -> None:
        """Take the call through the pipeline and send how it ended; nothing when the client went away."""
        self.method = method
        work = Begun(self._serve(method))
        if work.waits:
            with self._incoming:
                await work

    async def _serve(self, method: Method) -> None:
        call = Call(method, self)
        try:
            status = await method.run(call)
        except asyncio.CancelledError:
            status = self._incoming.shutdown()
        await self.finish(status, call.initial_metadata, call.trailing_metadata(), call.response)

    @property
    def peer(self) -> str:
        """The client's address as gRPC writes it."""
        return peer_of(self._scope.get("client"))

    @property
    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """What is known of the connection."""
        return auth_context_of(self._scope.get("scheme", "http"))

    def metadata(self) -> Metadata:
        """The metadata in the request's headers. Raises `StatusError` when they are too large or malformed."""
        check_size(self.headers, self.limits)
        return self.readable(metadata_of, self.headers)

    def timeout(self) -> float | None:
        """The seconds in `grpc-timeout`. Raises `StatusError` when it is malformed."""
        return self.readable(timeout_of, self.headers)

    def readable(self, read: Callable[[Headers], T], headers: Headers) -> T:
        """What `read` finds in the headers. Raises `StatusError`, with the door's code, for what is malformed."""
        try:
            return read(headers)
        except Malformed as error:
            raise StatusError(self.malformed, str(error)) from None

    @property
    def more_body(self) -> bool:
        """Whether more of the request body is to come."""
        return not self._incoming.over

    def chunk(self) -> Awaitable[bytes]:
        """The next piece of the request body; `more_body` tells whether another follows."""
        return self._incoming.chunk()

    @abstractmethod
    async def receive(self) -> Message | None:
        """The next request message; None when there is no other."""

    @abstractmethod
    async def start(self, metadata: Metadata) -> None:
        """Send the response's head now."""

    @abstractmethod
    def encode(self, message: Message) -> bytes:
        """The bytes of a response message. Raises an error for a message that has no such form."""

    @abstractmethod
    async def send(self, message: bytes) -> None:
        """Send one encoded message of a response stream."""

    @abstractmethod
    async def finish(self, status: Status, initial: Metadata, trailing: Metadata, response: bytes | None) -> None:
        """Send how the call ended. `response` is the encoded answer of a unary call that ended well."""


class Incoming:
    """The body of a request, and the block that is cancelled, to end quietly, when the client goes away.

    The body may be asked for before the block is entered, too: it is only for calls that wait. While nobody asks for
    it, up to `_AHEAD` bytes of it are read ahead: only so does ASGI tell that the client has left. Behind more than
    that the HTTP server itself is asked.
    """

    _ended = False
    _reading = False
    _task: asyncio.Task[object] | None = None
    _timer: asyncio.TimerHandle | None = None
    _watcher: asyncio.Future[None] | None = None
    _news: asyncio.Event
    _room: asyncio.Event
    _gone = False

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ahead = bytearray()

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        if self._gone:
            self._leave()
        elif not self._reading:
            self._arm()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if self._timer:
            self._timer.cancel()
        if self._watcher:
            self._watcher.cancel()
        # Any cancellation beside ours, such as the server's shutdown, goes on.
        return self._gone and kind is asyncio.CancelledError and self._task is not None and not self._task.uncancel()

    def shutdown(self) -> Status:
        """The outcome of a cancelled call whose client is still there: only the end of the server cancels it."""
        if self._gone or self._task is None:
            raise asyncio.CancelledError
        self._task.uncancel()
        return _SHUTDOWN

    @property
    def over(self) -> bool:
        """Whether the whole body has been given out."""
        return self._ended and not self._ahead

    async def chunk(self) -> bytes:
        """The next piece of the body; it may be empty only at the end."""
        if self._timer:
            self._timer.cancel()
        self._reading = True
        while not self._ahead and not self._ended:
            if self._gone:  # and the call's own task has not been the one to read
                raise StatusError(StatusCode.CANCELLED, "the client has gone")
            if self._watcher:
                self._news.clear()
                await self._news.wait()
            else:
                await self._take()
        self._reading = False
        if self._watcher:
            self._room.set()
        elif self._task:
            self._arm()
        chunk = bytes(self._ahead)
        self._ahead.clear()
        return chunk

    async def _take(self) -> None:
        event = await self._receive()
        if event["type"] == "http.disconnect":
            self._leave()
            await asyncio.sleep(0)  # where the cancellation arrives when the block itself calls this
        else:
            self._ahead += event.get("body", b"")
            self._ended = not event.get("more_body", False)

    def _leave(self) -> None:
        self._gone = True
        if self._task:
            self._task.cancel()

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_WATCH_AFTER, self._start)

    def _start(self) -> None:
        self._news, self._room = asyncio.Event(), asyncio.Event()
        self._watcher = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        while not self._gone:
            if len(self._ahead) < _AHEAD:
                await self._take()
                self._news.set()
            elif client_gone(self._receive):
                self._leave()
            else:
                await self._wait_for_room()
        self._watcher = None

    async def _wait_for_room(self) -> None:
        self._room.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_EVERY):
                await self._room.wait()

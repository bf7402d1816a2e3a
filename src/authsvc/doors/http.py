"""What the HTTP doors share: one request as an exchange, and noticing that its client has gone."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from types import TracebackType
from typing import ClassVar

from google.protobuf.message import Message
from grpc import StatusCode

from authsvc.doors.asgi_types import Receive, Scope, Send
from authsvc.doors.limits import Limits
from authsvc.doors.metadata import Malformed, check_size, metadata_of, peer_of, timeout_of
from authsvc.rpc.call import Call, Metadata, Metadatum
from authsvc.rpc.method import Method
from authsvc.rpc.status import Status, StatusError

# How long a call runs before its client is watched. Most calls end sooner, and need no second task.
_WATCH_AFTER = 0.02

Headers = list[tuple[bytes, bytes]]


async def respond(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    """Send a whole response; `content-length` is added."""
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class HttpExchange(ABC):
    """One call as one HTTP request; subclasses say how messages and the outcome look as bytes."""

    door: ClassVar[str]
    malformed = StatusCode.INTERNAL  # the code for a header that cannot be read, as at grpcio

    def __init__(self, scope: Scope, receive: Receive, send: Send, limits: Limits) -> None:
        self.peer = peer_of(scope.get("client"))
        self.headers: Headers = scope["headers"]
        self.limits = limits
        self._receive = receive
        self._send = send
        self._client = ClientWatch(receive)
        self.more_body = True

    async def run(self, method: Method) -> None:
        """Take the call through the pipeline and send how it ended; nothing when the client went away."""
        try:
            call = Call(method, self.metadata(), self, timeout_of(self.headers))
        except StatusError as error:
            await self.finish(error.status, [], [], None)
            return
        except Malformed as error:
            await self.finish(Status(self.malformed, str(error)), [], [], None)
            return
        with self._client:
            status = await method.run(call)
            await self.finish(status, call.initial_metadata, call.trailing_metadata(), call.response)

    def metadata(self) -> list[Metadatum]:
        """The metadata in the request's headers. Raises `StatusError` when they are too large, or `Malformed`."""
        check_size(self.headers, self.limits.metadata)
        return metadata_of(self.headers)

    async def chunk(self) -> bytes:
        """The next piece of the request body; `more_body` tells whether another follows."""
        event = await self._receive()
        if event["type"] == "http.disconnect":
            await self._client.gone()
        self.more_body = event.get("more_body", False)
        if not self.more_body:
            self._client.arm()
        body: bytes = event.get("body", b"")
        return body

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


class ClientWatch:
    """Cancels the block it stands around when the client goes away, and lets it end quietly."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Future[None] | None = None
        self._gone = False

    def __enter__(self) -> None:
        self._task = asyncio.current_task()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if self._timer:
            self._timer.cancel()
        if self._watcher:
            self._watcher.cancel()
        # Any cancellation beside ours, such as the server's shutdown, goes on.
        return self._gone and kind is asyncio.CancelledError and self._task is not None and not self._task.uncancel()

    def arm(self) -> None:
        """Start watching soon: the request body has been read, so `receive` has only the disconnect left to tell."""
        self._timer = asyncio.get_running_loop().call_later(_WATCH_AFTER, self._start)

    async def gone(self) -> None:
        """The client has gone: cancel the block."""
        self._gone = True
        if self._task:
            self._task.cancel()
        await asyncio.sleep(0)  # where the cancellation arrives when the block itself calls this

    def _start(self) -> None:
        self._watcher = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        await self.gone()

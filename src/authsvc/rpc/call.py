"""One call: what the servicer sees of it, and what the door has to know when it is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from random import getrandbits
from typing import Any, NamedTuple, NoReturn, Protocol

import grpc
from google.protobuf.any_pb2 import Any as AnyProto
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status as StatusProto

from authsvc.identity.api_keys import KeyHolder
from authsvc.identity.caller import Caller
from authsvc.rpc.checks import checked, code_of, text_of
from authsvc.rpc.status import OK, Status, StatusError

# Every answer is about one person and changes with the next write: nobody may keep it.
_NO_STORE = (("cache-control", "no-store"), ("pragma", "no-cache"), ("expires", "0"))


class Metadatum(NamedTuple):
    """One metadata entry: a lower-case key, and text, or bytes if the key ends in `-bin`."""

    key: str
    value: str | bytes


Metadata = Sequence[tuple[str, str | bytes]]

DETAILS_KEY = "grpc-status-details-bin"
# For how long a stream that never waits may keep the loop for itself, in seconds; a turn of the loop takes a tenth.
_SLICE = 0.0002
# Of the digit that begins the fourth group of a UUID two bits are random.
_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


def new_request_id() -> str:
    """What tells one request from all others: a UUID of random bits (RFC 9562, section 5.4), in lower case."""
    digits = f"{getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"


def _unpacked(trailing: Metadata) -> tuple[tuple[AnyProto, ...], Metadata]:
    """The details of a google.rpc.Status in trailing metadata, where grpc_status puts it, and the other entries."""
    trailing = tuple(trailing)
    packed = [value for key, value in trailing if key == DETAILS_KEY]
    details = tuple(StatusProto.FromString(packed[0]).details) if packed else ()
    return details, checked([entry for entry in trailing if entry[0] != DETAILS_KEY])


class Called(Protocol):
    """What a call has to know of its method."""

    @property
    def full_name(self) -> str:
        """For example `zitadel.auth.v1.AuthService/GetMyUser`."""

    @property
    def response_class(self) -> type[Message]:
        """The class of the messages that answer."""

    @property
    def client_streaming(self) -> bool:
        """Whether the request is a stream of messages."""

    @property
    def server_streaming(self) -> bool:
        """Whether the response is a stream of messages."""


class Exchange(Protocol):
    """What a door does for a call while it runs.

    `compression` is how the servicer wants its messages compressed, and does not change once the initial metadata has
    been sent; `compress_next` is False to leave out the next message. A door that cannot compress ignores both.
    """

    compression: grpc.Compression
    compress_next: bool

    @property
    def door(self) -> str:
        """The door's name in the logs."""

    @property
    def peer(self) -> str:
        """The client's address as gRPC writes it."""

    @property
    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """What is known of the connection, under gRPC's names, for example `transport_security_type`."""

    def metadata(self) -> Metadata:
        """The metadata that the client sent. Raises `StatusError` when it is too large or cannot be read."""

    def timeout(self) -> float | None:
        """The seconds that the client allows, None if it sets no limit. Raises `StatusError` like `metadata`."""

    async def receive(self) -> Message | None:
        """The next request message; None when the client has sent its last. Raises `StatusError` for bad bytes."""

    async def start(self, metadata: Metadata) -> None:
        """Send the initial metadata now; otherwise it leaves with the first message or the end of the call."""

    def encode(self, message: Message) -> bytes:
        """The bytes of a response message. Raises an error for a message that has no such form."""

    async def send(self, message: bytes) -> None:
        """Send one encoded message of a response stream."""


class Call(grpc.aio.ServicerContext[Any, Any]):
    """The context of one call: `grpc.aio.ServicerContext`, and the caller.

    `response` is the encoded answer of a unary method that ended well.
    """

    # What most calls leave as it is.
    response: bytes | None = None
    deadline: float | None = None
    _metadata: Metadata = ()
    _trailing: Metadata = ()
    _rich: tuple[AnyProto, ...] = ()
    _caller: Caller | KeyHolder | None = None
    _code: grpc.StatusCode | None = None
    _details = ""
    _aborted: Status | None = None
    _started = False
    _paused = 0.0
    _done = False
    _cancelled = False
    _callbacks: Sequence[Callable[[Any], None]] = ()

    def __init__(self, method: Called, exchange: Exchange) -> None:
        self.method = method
        self.exchange = exchange
        self.request_id = new_request_id()
        self.initial_metadata: list[tuple[str, str | bytes]] = [("x-request-id", self.request_id), *_NO_STORE]

    # What is ours.

    def open(self, longest: float | None) -> None:
        """Take metadata and deadline from the request; the call may take `longest` seconds, whatever the client allows.

        Raises:
            StatusError: the metadata is too large, or a header cannot be read.
        """
        self._metadata = self.exchange.metadata()
        allowed = self.exchange.timeout()
        if allowed is None or (longest is not None and longest < allowed):
            allowed = longest
        if allowed is not None:
            self.deadline = time.monotonic() + allowed  # the clock of every loop, which other threads can read

    @property
    def caller(self) -> Caller | KeyHolder:
        """Who calls: a `Caller` or, of a method for API keys, a `KeyHolder`; only methods that need one may ask."""
        if self._caller is None:
            raise RuntimeError(f"{self.method.full_name} is public: it has no caller")
        return self._caller

    @caller.setter
    def caller(self, caller: Caller | KeyHolder) -> None:
        self._caller = caller

    @property
    def key(self) -> str | None:
        """The name of the API key that calls, if one does."""
        return self._caller.name if isinstance(self._caller, KeyHolder) else None

    def header(self, key: str) -> list[str]:
        """All text values of the metadata `key`."""
        return [value for name, value in self._metadata if name == key and isinstance(value, str)]

    def languages(self) -> list[str]:
        """BCP 47 tags the caller reads: first that of their profile, then those of `accept-language`, in its order."""
        preferred = self._caller.preferred_language if isinstance(self._caller, Caller) else ""
        accepted = ",".join(self.header("accept-language")).split(",")
        tags = (tag.partition(";")[0].strip() for tag in (preferred, *accepted))
        return [tag for tag in tags if tag]

    def add_trailing_metadata(self, key: str, value: str) -> None:
        """Add one entry to the trailing metadata."""
        self._trailing = (*self._trailing, (key, value))

    async def requests(self) -> AsyncIterator[Message]:
        """The messages of a request stream."""
        while (message := await self.exchange.receive()) is not None:
            yield message

    def outcome(self) -> Status:
        """The status of a call whose servicer returned: an abort counts even if the servicer caught it."""
        if self._aborted:
            return self._aborted
        if self._code is None or self._code is grpc.StatusCode.OK:
            return OK
        return Status(self._code, self._details, self._rich)

    def encode(self, message: Any) -> bytes:
        """The bytes of a response message. Raises an error for anything but the message that the contract names."""
        if not isinstance(message, self.method.response_class):
            raise TypeError(f"{self.method.full_name} returned {type(message).__name__}")
        return self.exchange.encode(message)

    def raise_if_aborted(self) -> None:
        """Stop a servicer that goes on after it has aborted the call."""
        if self._aborted:
            raise StatusError.of(self._aborted)

    def close(self, *, cancelled: bool = False) -> None:
        """The call is over: run the callbacks."""
        self._done, self._cancelled = True, cancelled
        for callback in self._callbacks:
            asyncio.get_running_loop().call_soon(callback, self)  # where its errors hurt nobody

    # grpc.aio.ServicerContext.

    async def read(self) -> Any:
        """The next message of a request stream, or `grpc.aio.EOF`."""
        self.raise_if_aborted()
        message = await self.exchange.receive() if self.method.client_streaming else None
        return grpc.aio.EOF if message is None else message

    async def write(self, message: Message) -> None:
        """Send one message of a response stream. Now and then others get to run: the handler itself may never wait."""
        self.raise_if_aborted()
        if not self.method.server_streaming:
            raise RuntimeError(f"{self.method.full_name} has one response, which it returns")
        encoded = self.encode(message)
        await self._start()
        await self.exchange.send(encoded)
        if time.monotonic() - self._paused > _SLICE:
            await asyncio.sleep(0)
            self._paused = time.monotonic()

    async def send_initial_metadata(self, initial_metadata: Any) -> None:
        """Send the initial metadata, with these entries. Raises `RuntimeError` if it has been sent."""
        self.raise_if_aborted()
        if self._started:
            raise RuntimeError("the initial metadata has been sent")
        self.initial_metadata.extend(checked(initial_metadata))
        await self._start()

    async def _start(self) -> None:
        if not self._started:
            await self.exchange.start(self.initial_metadata)
            self._started = True

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()) -> NoReturn:
        """End the call with an error. What is not given stays as it was set before, as in grpc.aio."""
        self.fail(code, details, trailing_metadata)

    async def abort_with_status(self, status: grpc.Status) -> NoReturn:
        """End the call with a status object, as grpc_status.rpc_status makes them of a google.rpc.Status."""
        self.fail(status.code, status.details, status.trailing_metadata)

    def fail(self, code: grpc.StatusCode, details: str | None = "", trailing_metadata: Any = ()) -> NoReturn:
        """What `abort` does, which never waits. Only the first counts."""
        code, details, trailing = code_of(code), text_of(details), tuple(trailing_metadata or ())
        if code is grpc.StatusCode.OK:
            raise ValueError("a call cannot be aborted with OK")
        rich, others = _unpacked(trailing)
        if self._aborted is None:
            self._code, self._details = code, details or self._details
            if trailing:
                self._rich, self._trailing = rich, others
            self._aborted = Status(code, self._details, self._rich)
        raise StatusError.of(self._aborted)

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        """Replace the metadata that follows the last message; rich details may be among it."""
        self._rich, self._trailing = _unpacked(trailing_metadata)

    def trailing_metadata(self) -> Any:
        """The metadata that follows the last message."""
        return self._trailing

    def invocation_metadata(self) -> Any:
        """The metadata that the client sent."""
        return tuple(Metadatum(key, value) for key, value in self._metadata)

    def set_code(self, code: grpc.StatusCode) -> None:
        """The code to end with when the servicer returns."""
        self._code = code_of(code)

    def set_details(self, details: str) -> None:
        """The message to end with when the servicer returns."""
        self._details = text_of(details)

    def code(self) -> Any:
        """The code chosen so far, or None."""
        return self._code

    def details(self) -> str:
        """The message chosen so far."""
        return self._details

    def time_remaining(self) -> Any:
        """Seconds until the deadline; None without one."""
        if self.deadline is None:
            return None
        return max(self.deadline - time.monotonic(), 0.0)

    def peer(self) -> str:
        """The client's address as gRPC writes it, for example `ipv4:127.0.0.1:50312`."""
        return self.exchange.peer

    def peer_identities(self) -> Iterable[bytes] | None:
        """None: clients are known by their tokens, not by certificates."""
        return None

    def peer_identity_key(self) -> str | None:
        """None: see `peer_identities`."""
        return None

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """What is known of the connection: whether it is encrypted."""
        return self.exchange.auth_context

    def set_compression(self, compression: grpc.Compression) -> None:
        """Compress the response, if the client takes it so. Raises `RuntimeError` after the initial metadata."""
        if self._started:
            raise RuntimeError("compression must be chosen before the initial metadata is sent")
        self.exchange.compression = grpc.Compression(compression)

    def disable_next_message_compression(self) -> None:
        """Leave the next message as it is."""
        self.exchange.compress_next = False

    def add_done_callback(self, callback: Any) -> None:
        """Have `callback` called with this call when it is over."""
        self._callbacks = [*self._callbacks, callback]

    def cancelled(self) -> bool:
        """Whether the call was cancelled: the client went away, or the servicer ended it so."""
        return self._cancelled or self._code is grpc.StatusCode.CANCELLED

    def done(self) -> bool:
        """Whether the call is over, or as good as over by being aborted."""
        return self._done or self._aborted is not None

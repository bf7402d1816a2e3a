"""One call: what the servicer sees of it, and what the door has to know when it is over."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, Protocol

import grpc
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status as StatusProto

from authsvc.identity.caller import Caller
from authsvc.rpc.status import OK, Status, StatusError

# Every answer is about one person and changes with the next write: nobody may keep it.
_NO_STORE = (("cache-control", "no-store"), ("pragma", "no-cache"), ("expires", "0"))


class Metadatum(NamedTuple):
    """One metadata entry: a lower-case key, and text, or bytes if the key ends in `-bin`."""

    key: str
    value: str | bytes


Metadata = Sequence[tuple[str, str | bytes]]

DETAILS_KEY = "grpc-status-details-bin"
_KEY = re.compile(r"(?!grpc-|content-)[0-9a-z_.\-]+", re.ASCII)
_TEXT = re.compile(r"([\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?)?", re.ASCII)
# What HTTP keeps for itself beside `content-` (RFC 9110, section 6.5.1; RFC 9113, section 8.2.2).
_RESERVED = frozenset(
    {"connection", "host", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
_CODES = {code.value[0]: code for code in grpc.StatusCode}


def checked(metadata: Metadata) -> Metadata:
    """Metadata that a servicer sends. Raises `ValueError` for what HTTP cannot carry, or HTTP or gRPC keep."""
    metadata = tuple(metadata)
    for key, value in metadata:
        sound = isinstance(value, bytes) if key.endswith("-bin") else isinstance(value, str) and _TEXT.fullmatch(value)
        if not _KEY.fullmatch(key) or key in _RESERVED or not sound:
            raise ValueError(f"not metadata that can be sent: {key!r}")
    return metadata


def _code(code: grpc.StatusCode | int) -> grpc.StatusCode:
    return _CODES[code] if isinstance(code, int) else code


def _text(details: str | None) -> str:
    details = details or ""
    details.encode()  # raises for what is not text
    return details


class Called(Protocol):
    """What a call has to know of its method."""

    @property
    def full_name(self) -> str:
        """For example `zitadel.auth.v1.AuthService/GetMyUser`."""

    @property
    def response_class(self) -> type[Message]:
        """The class of the messages that answer."""


class Exchange(Protocol):
    """What a door does for a call while it runs."""

    @property
    def door(self) -> str:
        """The door's name in the logs."""

    @property
    def peer(self) -> str:
        """The client's address as gRPC writes it."""

    def metadata(self) -> Sequence[Metadatum]:
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

    def __init__(self, method: Called, exchange: Exchange) -> None:
        self.method = method
        self.exchange = exchange
        self.request_id = secrets.token_hex(8)
        self.initial_metadata: list[tuple[str, str | bytes]] = [("x-request-id", self.request_id), *_NO_STORE]
        self.response: bytes | None = None
        self.deadline: float | None = None
        self._metadata: Sequence[Metadatum] = ()
        self._trailing: list[tuple[str, str | bytes]] = []
        self._caller: Caller | None = None
        self._code: grpc.StatusCode | None = None
        self._details = ""
        self._aborted: Status | None = None
        self._started = False
        self._done = False
        self._cancelled = False
        self._callbacks: list[Callable[[Any], None]] = []

    # What is ours.

    def open(self, longest: float | None) -> None:
        """Take metadata and deadline from the request; the call may take `longest` seconds, whatever the client allows.

        Raises:
            StatusError: the metadata is too large, or a header cannot be read.
        """
        self._metadata = self.exchange.metadata()
        limits = [limit for limit in (self.exchange.timeout(), longest) if limit is not None]
        if limits:
            self.deadline = asyncio.get_running_loop().time() + min(limits)

    @property
    def caller(self) -> Caller:
        """Who calls; only methods that need a caller may ask."""
        if self._caller is None:
            raise RuntimeError(f"{self.method.full_name} is public: it has no caller")
        return self._caller

    @caller.setter
    def caller(self, caller: Caller) -> None:
        self._caller = caller

    def header(self, key: str) -> list[str]:
        """All text values of the metadata `key`."""
        return [value for name, value in self._metadata if name == key and isinstance(value, str)]

    def languages(self) -> list[str]:
        """BCP 47 tags the caller reads: first that of their profile, then those of `accept-language`, in its order."""
        preferred = self._caller.preferred_language if self._caller else ""
        accepted = ",".join(self.header("accept-language")).split(",")
        tags = (tag.partition(";")[0].strip() for tag in (preferred, *accepted))
        return [tag for tag in tags if tag]

    def add_trailing_metadata(self, key: str, value: str) -> None:
        """Add one entry to the trailing metadata."""
        self._trailing.append((key, value))

    async def requests(self) -> AsyncIterator[Message]:
        """The messages of a request stream."""
        while (message := await self.exchange.receive()) is not None:
            yield message

    def outcome(self) -> Status:
        """The status of a call whose servicer returned: an abort counts even if the servicer caught it."""
        if self._aborted:
            return self._aborted
        if self._code in (None, grpc.StatusCode.OK):
            return OK
        return Status(self._code, self._details)

    def encode(self, message: Any) -> bytes:
        """The bytes of a response message. Raises an error for anything but the message that the contract names."""
        if not isinstance(message, self.method.response_class):
            raise TypeError(f"{self.method.full_name} returned {type(message).__name__}")
        return self.exchange.encode(message)

    def close(self, *, cancelled: bool = False) -> None:
        """The call is over: run the callbacks."""
        self._done, self._cancelled = True, cancelled
        for callback in self._callbacks:
            asyncio.get_running_loop().call_soon(callback, self)  # where its errors hurt nobody

    # grpc.aio.ServicerContext.

    async def read(self) -> Any:
        """The next request message, or `grpc.aio.EOF`."""
        message = await self.exchange.receive()
        return grpc.aio.EOF if message is None else message

    async def write(self, message: Message) -> None:
        """Send one message of a response stream."""
        encoded = self.encode(message)
        await self.send_initial_metadata(())
        await self.exchange.send(encoded)

    async def send_initial_metadata(self, initial_metadata: Any) -> None:
        """Send the initial metadata, with these entries, unless that has been done."""
        self.initial_metadata.extend(checked(initial_metadata))
        if not self._started:
            self._started = True
            await self.exchange.start(self.initial_metadata)

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()) -> NoReturn:
        """End the call with an error."""
        self._abort(Status(_code(code), _text(details)), trailing_metadata)

    async def abort_with_status(self, status: grpc.Status) -> NoReturn:
        """End the call with a status object, as grpc_status.rpc_status makes them of a google.rpc.Status."""
        trailing = list(status.trailing_metadata or ())
        packed = [value for key, value in trailing if key == DETAILS_KEY]
        details = tuple(StatusProto.FromString(packed[0]).details) if packed else ()
        others = [entry for entry in trailing if entry[0] != DETAILS_KEY]
        self._abort(Status(_code(status.code), _text(status.details), details), others)

    def _abort(self, status: Status, trailing: Metadata) -> NoReturn:
        if status.code is grpc.StatusCode.OK:
            raise ValueError("a call cannot be aborted with OK")
        self._trailing.extend(checked(trailing))
        self._aborted = self._aborted or status
        raise StatusError(status.code, status.message, status.details)

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        """Replace the metadata that follows the last message."""
        self._trailing = list(checked(trailing_metadata))

    def trailing_metadata(self) -> Any:
        """The metadata that follows the last message."""
        return tuple(self._trailing)

    def invocation_metadata(self) -> Any:
        """The metadata that the client sent."""
        return tuple(self._metadata)

    def set_code(self, code: grpc.StatusCode) -> None:
        """The code to end with when the servicer returns."""
        self._code = _code(code)

    def set_details(self, details: str) -> None:
        """The message to end with when the servicer returns."""
        self._details = _text(details)

    def code(self) -> Any:
        """The code set so far, or None."""
        return self._code

    def details(self) -> str:
        """The message set so far."""
        return self._details

    def time_remaining(self) -> Any:
        """Seconds until the deadline; None without one."""
        if self.deadline is None:
            return None
        return max(self.deadline - asyncio.get_running_loop().time(), 0.0)

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
        """Empty: see `peer_identities`."""
        return {}

    def set_compression(self, compression: grpc.Compression) -> None:
        """Accepted; answers leave uncompressed, which every client must understand."""

    def disable_next_message_compression(self) -> None:
        """Accepted; see `set_compression`."""

    def add_done_callback(self, callback: Any) -> None:
        """Have `callback` called with this call when it is over."""
        self._callbacks.append(callback)

    def cancelled(self) -> bool:
        """Whether the client went away before the end."""
        return self._cancelled

    def done(self) -> bool:
        """Whether the call is over."""
        return self._done

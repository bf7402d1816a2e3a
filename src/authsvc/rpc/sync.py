"""Servicers made of plain functions: they run on threads, and see the call as `grpc.ServicerContext`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn

import grpc

from authsvc.identity.api_keys import KeyHolder
from authsvc.identity.caller import Caller
from authsvc.rpc.call import Call
from authsvc.rpc.status import StatusError
from authsvc.rpc.threads import Threads

_END = object()


def unary(behaviour: Any, pool: Executor) -> Any:
    """The behaviour of a method with one response as a coroutine function."""

    async def run(request: Any, call: Call) -> Any:
        with Threads(call, pool) as threads:
            return await threads.run(behaviour, _request(request, threads), BlockingCall(call, threads))

    return run


def stream(behaviour: Any, pool: Executor) -> Any:
    """The behaviour of a method with a response stream as an asynchronous generator function.

    Each message is asked for when the one before it has been sent. When nobody wants more, the iterator is closed.
    """

    async def run(request: Any, call: Call) -> AsyncIterator[Any]:
        threads = Threads(call, pool)
        responses: Any = ()
        try:
            with threads:
                responses = await threads.run(behaviour, _request(request, threads), BlockingCall(call, threads))
                responses = iter(responses)
                while (response := await threads.run(next, responses, _END)) is not _END:
                    yield response
        except BaseException:
            threads.run_later(getattr(responses, "close", bool))
            raise

    return run


def _request(request: Any, threads: Threads) -> Any:
    return BlockingIterator(request, threads) if isinstance(request, AsyncIterator) else request


class BlockingIterator(Iterator[Any]):
    """The messages of a request stream, waited for on a thread."""

    def __init__(self, messages: AsyncIterator[Any], threads: Threads) -> None:
        self._messages = messages
        self._threads = threads

    def __next__(self) -> Any:
        message = self._threads.wait(partial(_next, self._messages))
        if message is _END:
            raise StopIteration
        return message


async def _next(messages: AsyncIterator[Any]) -> Any:
    return await anext(messages, _END)


class BlockingCall(grpc.ServicerContext):
    """A call as a function on a thread sees it. What it does not say of itself is as in `Call`."""

    def __init__(self, call: Call, threads: Threads) -> None:
        self._call = call
        self._threads = threads

    @property
    def caller(self) -> Caller | KeyHolder:
        """Who calls."""
        return self._call.caller

    def languages(self) -> list[str]:
        """BCP 47 tags the caller reads."""
        return self._call.languages()

    # grpc.RpcContext.

    def is_active(self) -> bool:
        """Whether the call still runs."""
        return not self._threads.over

    def time_remaining(self) -> Any:
        """Seconds until the deadline; None without one."""
        return self._call.time_remaining()

    def cancel(self) -> bool:
        """End the call with CANCELLED, whatever the servicer still does; False if it is over."""
        active = self.is_active()
        if active:
            with suppress(StatusError):
                self._call.fail(grpc.StatusCode.CANCELLED, "the server cancelled the call")
            self._threads.stop()
        return active

    def add_callback(self, callback: Any) -> bool:
        """Have `callback` called without arguments when the call is over; False if it is already."""
        return self._threads.at_end(callback)

    # grpc.ServicerContext.

    def send_initial_metadata(self, initial_metadata: Any) -> None:
        """Send the initial metadata, with these entries."""
        self._threads.wait(partial(self._call.send_initial_metadata, initial_metadata))

    def abort(self, code: Any, details: str = "", trailing_metadata: Any = ()) -> NoReturn:
        """End the call with an error."""
        self._call.fail(code, details, trailing_metadata)

    def abort_with_status(self, status: Any) -> NoReturn:
        """End the call with a status object."""
        self._call.fail(status.code, status.details, status.trailing_metadata)

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        """Replace the metadata that follows the last message."""
        self._call.set_trailing_metadata(trailing_metadata)

    def trailing_metadata(self) -> Any:
        """The metadata that follows the last message."""
        return self._call.trailing_metadata()

    def invocation_metadata(self) -> Any:
        """The metadata that the client sent."""
        return self._call.invocation_metadata()

    def set_code(self, code: Any) -> None:
        """The code to end with when the servicer returns."""
        self._call.set_code(code)

    def code(self) -> Any:
        """The code chosen so far, or None."""
        return self._call.code()

    def set_details(self, details: str) -> None:
        """The message to end with when the servicer returns."""
        self._call.set_details(details)

    def details(self) -> str:
        """The message chosen so far."""
        return self._call.details()

    def set_compression(self, compression: grpc.Compression) -> None:
        """Compress the response, if the client takes it so."""
        self._call.set_compression(compression)

    def disable_next_message_compression(self) -> None:
        """Leave the next message as it is."""
        self._call.disable_next_message_compression()

    def peer(self) -> str:
        """The client's address as gRPC writes it."""
        return self._call.peer()

    def peer_identities(self) -> Iterable[bytes] | None:
        """None: clients are known by their tokens."""
        return self._call.peer_identities()

    def peer_identity_key(self) -> str | None:
        """None: see `peer_identities`."""
        return self._call.peer_identity_key()

    def auth_context(self) -> Mapping[str, Any]:
        """What is known of the connection."""
        return self._call.auth_context()

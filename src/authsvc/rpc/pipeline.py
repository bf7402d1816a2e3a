"""The way of every call: observe, deadline, authenticate, take a place, read, servicer, translate errors.

A method is wrapped once, at start; a door only calls `method.run(call)`. The caller is known from the headers alone,
before the call takes a place and before its request is read: who has no token cannot hold what callers need. Of methods
for users, the one request of a call without a caller is read all the same, so that malformed input is named as such
even without a token, as ZITADEL does. Methods for API keys look at nothing that a stranger sends, as WorkOS's do not.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor

from authsvc.errors import AuthsvcError, InsufficientScope, NotFound, PermissionDenied, TooMany, Unauthenticated
from authsvc.identity.api_keys import KeyAuthenticator
from authsvc.identity.authenticator import Authenticator
from authsvc.identity.bearer import challenge
from authsvc.identity.caller import SCOPES
from authsvc.rpc import sync
from authsvc.rpc.call import Call
from authsvc.rpc.gate import Gate
from authsvc.rpc.status import OK, Status, StatusError
from authsvc.rpc.translate import internal_error, status_of
from authsvc.rpc.waiting import Begun
from authsvc.telemetry.calls import CallLog
from authsvc.telemetry.gauges import Counts, Kind

Behaviour = Callable[[Any, Any], Any]
Handler = Callable[[Call], Coroutine[Any, Any, None]]
Reader = Callable[[Call], Awaitable[Any]]
Responder = Callable[[Any, Call], Awaitable[None]]

_NO_CALLER = (Unauthenticated, NotFound, PermissionDenied)  # what the authenticator of users finds wrong with a token
_CLOCK_STEP = 0.001  # seconds; uvloop's clock does not see less
_NEVER = asyncio.Timeout(None)
_TOO_LATE = Status(grpc.StatusCode.DEADLINE_EXCEEDED, "deadline exceeded")


class Pipeline:
    """Wraps methods.

    `users` and `keys` find out who calls: methods are either for users or for API keys, never for both.
    `unary_timeout` bounds every unary call, in seconds, also where the client allows more. At most `max_calls` run at
    once of each kind, so that none takes the place of another: calls of users, calls with an API key, calls for users
    that lack a usable token and whose request is only read, public unary ones, and public ones that stream. Servicers
    that are not asynchronous share `threads` threads. The calls that have begun and wait for something, whatever that
    is, are counted in `in_flight`.
    """

    def __init__(
        self,
        users: Authenticator,
        keys: KeyAuthenticator,
        log: CallLog,
        unary_timeout: float,
        max_calls: int = 1000,
        threads: int = 32,
        in_flight: Counts | None = None,
    ) -> None:
        self._users, self._keys = users, keys
        self._log = log
        self._unary_timeout = unary_timeout
        self._callers, self._key_holders, self._anonymous = Gate(max_calls), Gate(max_calls), Gate(max_calls)
        self._public, self._public_streams = Gate(max_calls), Gate(max_calls)
        self._pool = ThreadPoolExecutor(threads, "servicer")
        self._in_flight = [0] * len(Kind) if in_flight is None else in_flight

    def wrap(
        self, name: str, descriptor: MethodDescriptor, behaviour: Behaviour, permission: str
    ) -> Callable[[Call], Awaitable[Status]]:
        """The whole way of a call of a method whose servicer has this behaviour; `name` stands in the log.

        `permission` is that of the `Method`.
        """
        handler = self._handler(descriptor, behaviour, permission)
        timeout, kind = None if _streams(descriptor) else self._unary_timeout, _kind(descriptor, permission)

        async def run(call: Call) -> Status:
            started = self._log.clock()
            try:
                status = await self._outcome(handler, call, timeout, kind)
            except asyncio.CancelledError:
                self._log.ended(name, call.exchange.door, call.request_id, grpc.StatusCode.CANCELLED, started, call.key)
                call.close(cancelled=True)
                raise
            self._log.ended(name, call.exchange.door, call.request_id, status.code, started, call.key)
            call.close()
            return status

        return run

    async def _outcome(self, handler: Handler, call: Call, longest: float | None, kind: Kind) -> Status:
        deadline = _NEVER
        try:
            call.open(longest)
            remaining = call.time_remaining()
            if remaining is not None and remaining < _CLOCK_STEP:  # a handler that never waits would not notice
                return _TOO_LATE
            work = Begun(handler(call))
            if work.waits:
                # What does not wait is over before anybody could see it, and so need not be counted.
                self._in_flight[kind] += 1
                try:
                    async with asyncio.timeout_at(call.deadline) as deadline:
                        await work
                finally:
                    self._in_flight[kind] -= 1
            return call.outcome()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return self._unexpected(call)  # nobody cancelled this call: it waited for something that was
        except (StatusError, AuthsvcError) as error:
            return _expected(error, call)
        except TimeoutError:
            return _TOO_LATE if deadline.expired() else self._unexpected(call)
        except Exception as error:  # noqa: BLE001 - the last resort: nothing but an id may reach the client
            return call.outcome() if _not_implemented(error, call) else self._unexpected(call)

    def _unexpected(self, call: Call) -> Status:
        """The status that the servicer chose before it failed, as in grpc.aio, or INTERNAL."""
        error_id, status = internal_error(call.languages())
        self._log.failed(call.method.full_name, call.request_id, error_id)
        chosen = call.outcome()
        return status if chosen is OK else chosen

    def _handler(self, descriptor: MethodDescriptor, behaviour: Behaviour, permission: str) -> Handler:
        read, respond = self._reader(descriptor), self._responder(descriptor, behaviour)
        if permission in SCOPES:
            return self._for_users(permission, read, _within(self._callers, read, respond))
        if permission:
            return self._for_key_holders(permission, _within(self._key_holders, read, respond))
        return _within(self._public_streams if _streams(descriptor) else self._public, read, respond)

    def _for_users(self, permission: str, read: Reader, answer: Handler) -> Handler:
        async def handle(call: Call) -> None:
            authorization, org_ids = call.header("authorization"), call.header("x-zitadel-orgid")
            try:
                call.caller = await self._users.caller(authorization, org_ids, permission)
            except _NO_CALLER:
                with self._anonymous:
                    await read(call)
                raise
            await answer(call)

        return handle

    def _for_key_holders(self, permission: str, answer: Handler) -> Handler:
        async def handle(call: Call) -> None:
            call.caller = await self._keys.holder(call.header("authorization"), permission)
            await answer(call)

        return handle

    def _reader(self, descriptor: MethodDescriptor) -> Reader:
        if descriptor.client_streaming:
            return _requests
        if not descriptor.server_streaming:
            return _request
        # Nothing else bounds the time in which the one request of a response stream arrives.
        return partial(_request_within, self._unary_timeout)

    def _responder(self, descriptor: MethodDescriptor, behaviour: Behaviour) -> Responder:
        if not inspect.iscoroutinefunction(behaviour) and not inspect.isasyncgenfunction(behaviour):
            behaviour = (sync.stream if descriptor.server_streaming else sync.unary)(behaviour, self._pool)
        return _stream_responder(behaviour) if descriptor.server_streaming else _unary_responder(behaviour)


def _streams(descriptor: MethodDescriptor) -> bool:
    return descriptor.client_streaming or descriptor.server_streaming


def _kind(descriptor: MethodDescriptor, permission: str) -> Kind:
    if _streams(descriptor):
        return Kind.STREAMS
    if permission in SCOPES:
        return Kind.USERS
    return Kind.KEYS if permission else Kind.PUBLIC


def _within(gate: Gate, read: Reader, respond: Responder) -> Handler:
    async def answer(call: Call) -> None:
        with gate:
            await respond(await read(call), call)

    return answer


def _request(call: Call) -> Awaitable[Any]:
    return call.exchange.receive()


async def _requests(call: Call) -> Any:
    return call.requests()


async def _request_within(patience: float, call: Call) -> Any:
    try:
        async with asyncio.timeout(patience) as limit:
            return await call.exchange.receive()
    except TimeoutError:
        if limit.expired():
            raise StatusError.of(_TOO_LATE) from None
        raise


def _unary_responder(behaviour: Behaviour) -> Responder:
    async def respond(request: Any, call: Call) -> None:
        response = await behaviour(request, call)
        if call.outcome() is OK:
            call.response = call.encode(response)

    return respond


def _stream_responder(behaviour: Behaviour) -> Responder:
    if inspect.iscoroutinefunction(behaviour):
        return behaviour  # it writes its messages itself, by `context.write`

    async def respond(request: Any, call: Call) -> None:
        async with aclosing(behaviour(request, call)) as messages:
            async for message in messages:
                await call.write(message)

    return respond


def _not_implemented(error: Exception, call: Call) -> bool:
    """Whether the servicer left the method to the generated base class, which says so twice."""
    return isinstance(error, NotImplementedError) and call.outcome().code is grpc.StatusCode.UNIMPLEMENTED


def _expected(error: StatusError | AuthsvcError, call: Call) -> Status:
    if isinstance(error, StatusError):
        return error.status
    if isinstance(error, TooMany):
        call.add_trailing_metadata("retry-after", str(error.retry_after))
    if isinstance(error, Unauthenticated | InsufficientScope):
        call.add_trailing_metadata("www-authenticate", challenge(error))
    return status_of(error, call.languages())

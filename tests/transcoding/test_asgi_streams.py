"""Streams of an ASGI application: when each message leaves, and how they end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.message_factory import GetMessageClass

from authsvc.transcoding import BadRequest
from authsvc.transcoding.asgi import Application, Failure

from .driver import Request, ask
from .foreign import methods, rule

LIST = methods({"List": rule("GET", "/items")}, server_streaming=True)
Item: Any = GetMessageClass(LIST[0].output_type)
READ = methods({"Read": rule("GET", "/items")}, server_streaming=True, output_type=".google.api.HttpBody")
HttpBody: Any = GetMessageClass(READ[0].output_type)
KINDS = ("application/json", "application/x-ndjson", "text/event-stream")


def listing(handler: Any) -> Application:
    """An application that streams items."""
    return Application(LIST[0].containing_service, SimpleNamespace(List=handler))


def reading(handler: Any) -> Application:
    """An application that streams raw content."""
    return Application(READ[0].containing_service, SimpleNamespace(Read=handler))


async def _count(request: Any, context: Any) -> AsyncIterator[Any]:
    for number in range(1, request.int32_value + 1):
        yield Item(int32_value=number)
    if request.id:
        raise Failure(8, "enough")


def items(kind: str, body: bytes) -> list[Any]:
    """The JSON values of a body."""
    if kind == KINDS[0]:
        return list(json.loads(body))
    if kind == KINDS[1]:
        return [json.loads(line) for line in body.splitlines()]
    return [json.loads(event.rpartition(b"data: ")[2]) for event in body.split(b"\n\n")[:-1]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [0, 1, 3])
async def test_a_stream_in_each_form(kind: str, count: int) -> None:
    """Zero, one or many messages, each in an event of its own, and no length beforehand."""
    reply = await ask(listing(_count), "GET", f"/items?int32Value={count}", [("accept", kind)])
    assert (reply.status, reply.header("content-type")) == (200, kind)
    assert reply.header("content-length") is None
    assert items(kind, reply.body) == [{"int32Value": number + 1} for number in range(count)]
    assert len(reply.events) == count + 2


@pytest.mark.parametrize("kind", KINDS)
async def test_an_error_before_the_first_message_is_a_status(kind: str) -> None:
    """Nothing has been sent, so it is an answer like that of any call."""
    for target, status in (("/items?id=x", 429), ("/items?fields=no", 400), ("/items?int32Value=x", 400)):
        reply = await ask(listing(_count), "GET", target, [("accept", kind)])
        assert (reply.status, reply.header("content-type")) == (status, "application/json")
        assert json.loads(reply.body)["code"] in {3, 8}


@pytest.mark.parametrize("kind", KINDS)
async def test_an_error_after_the_first_message_is_the_last_item(kind: str) -> None:
    """The status has left; the body ends properly with the error."""
    reply = await ask(listing(_count), "GET", "/items?int32Value=1&id=x", [("accept", kind)])
    assert reply.status == 200
    assert items(kind, reply.body) == [{"int32Value": 1}, {"error": {"code": 8, "message": "enough"}}]
    assert (b"event: error\n" in reply.body) is (kind == KINDS[2])


@pytest.mark.parametrize("what", ["raises", "is given nonsense", "yields nonsense", "yields nonsense first"])
async def test_a_handler_that_fails_in_mid_stream(what: str, caplog: pytest.LogCaptureFixture) -> None:
    """Its failure is an internal error without particulars, and is logged."""

    async def fail(request: Any, context: Any) -> AsyncIterator[Any]:
        if what != "yields nonsense first":
            yield Item(id="a")
        if what == "raises":
            raise RuntimeError("secret")
        if what == "is given nonsense":
            raise BadRequest("id", "of what the handler itself has read")
        yield 5

    reply = await ask(listing(fail), "GET", "/items")
    failure = {"code": 13, "message": "internal error"}
    if what == "yields nonsense first":
        assert (reply.status, json.loads(reply.body)) == (500, failure)
    else:
        assert (reply.status, json.loads(reply.body)) == (200, [{"id": "a"}, {"error": failure}])
    assert len(caplog.records) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_message_leaves_at_once(kind: str) -> None:
    """While the handler still waits for what comes next."""
    go = asyncio.Event()

    async def wait(request: Any, context: Any) -> AsyncIterator[Any]:
        yield Item(id="a")
        await go.wait()
        yield Item(id="b")

    request = Request(listing(wait), "GET", "/items", [("accept", kind)])
    events = list(await request.sent(2))
    assert b'{"id":"a"}' in events[1]["body"]
    assert events[1]["more_body"]
    assert not request.task.done()
    go.set()
    assert items(kind, (await request.reply()).body) == [{"id": "a"}, {"id": "b"}]


async def test_a_client_that_leaves_cancels_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    """An idle handler is cancelled at once, and nothing more is sent."""
    how = []

    async def wait(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            yield Item(id="a")
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            how.append("cancelled")
            raise

    request = Request(listing(wait), "GET", "/items")
    await request.sent(2)
    request.leave()
    await request.soon()
    assert request.task.done()
    assert (how, len(request.events), caplog.records) == (["cancelled"], 2, [])


async def test_a_stream_that_never_waits_is_cancelled_too() -> None:
    """The server's turn comes with every message."""
    closed = asyncio.Event()

    async def endless(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            while True:
                yield Item()
        finally:
            closed.set()

    request = Request(listing(endless), "GET", "/items")
    await request.sent(5)
    request.leave()
    async with asyncio.timeout(1):
        await request.task
    assert closed.is_set()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_deadline_in_mid_stream(kind: str) -> None:
    """The last item says so, and the handler is cancelled."""
    closed = []

    async def wait(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            yield Item(id="a")
            await asyncio.sleep(5)
        finally:
            closed.append(True)

    reply = await ask(listing(wait), "GET", "/items", [("accept", kind), ("grpc-timeout", "500m")])
    late = {"error": {"code": 4, "message": "deadline exceeded"}}
    assert (items(kind, reply.body), closed) == ([{"id": "a"}, late], [True])


@pytest.mark.parametrize("reads", [1, 2, 5])
@pytest.mark.parametrize("kind", [*KINDS, "raw"])
async def test_a_deadline_with_a_client_that_does_not_read(
    kind: str, reads: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The handler is released; the item on its way is lost, so the answer is broken off without a further word."""
    closed = []

    async def endless(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            while True:
                yield HttpBody(data=b"a") if kind == "raw" else Item(id="a")
        finally:
            closed.append(True)

    app = reading(endless) if kind == "raw" else listing(endless)
    request = Request(app, "GET", "/items", [("accept", kind), ("grpc-timeout", "500m")], reads=reads)
    await request.sent(reads)
    await request.soon()
    assert (closed, request.task.done()) == ([], False)
    async with asyncio.timeout(5):
        await request.task
    assert (closed, len(request.events), request.complete) == ([True], reads, False)
    assert caplog.records == []


async def test_a_deadline_before_the_head_has_left_is_a_status() -> None:
    """A slow client may keep even the head waiting; nothing has been sent then, so the error is a whole answer."""
    sent: list[Any] = []
    closed = []

    async def send(event: Any) -> None:
        if not sent and event["status"] == 200:
            await asyncio.sleep(5)
        sent.append(event)

    async def endless(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            while True:
                yield Item()
        finally:
            closed.append(True)

    headers = [(b"grpc-timeout", b"200m")]
    scope = {"type": "http", "method": "GET", "raw_path": b"/items", "query_string": b"", "headers": headers}
    async with asyncio.timeout(3):
        await listing(endless)(scope, asyncio.Queue[dict[str, Any]]().get, send)
    assert [event["type"] for event in sent] == ["http.response.start", "http.response.body"]
    assert (sent[0]["status"], json.loads(sent[1]["body"])["code"], closed) == (504, 4, [True])


async def test_a_deadline_of_a_stream_that_never_waits() -> None:
    """Neither the handler nor the server lets the clock have its turn; each message looks at it."""
    sent: list[bytes] = []

    async def send(event: Any) -> None:
        sent.append(event.get("body", b""))

    async def endless(request: Any, context: Any) -> AsyncIterator[Any]:
        while len(sent) < 1_000_000:
            yield Item(id="a")

    headers = [(b"grpc-timeout", b"200m")]
    scope = {"type": "http", "method": "GET", "raw_path": b"/items", "query_string": b"", "headers": headers}
    await listing(endless)(scope, asyncio.Queue[dict[str, Any]]().get, send)
    assert json.loads(b"".join(sent))[-1] == {"error": {"code": 4, "message": "deadline exceeded"}}
    assert 2 < len(sent) < 1_000_000


async def test_a_deadline_of_a_handler_that_goes_on_regardless() -> None:
    """A cancellation that it keeps to itself does not let it send more."""
    closed = []

    async def stubborn(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            while True:
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(5)
                yield Item(id="a")
        finally:
            closed.append(True)

    reply = await ask(listing(stubborn), "GET", "/items", [("grpc-timeout", "200m")])
    assert (reply.status, json.loads(reply.body)["code"], closed) == (504, 4, [True])


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_head_of_a_stream(count: int) -> None:
    """The head that GET would have; the handler is closed when the first message is there."""
    closed = []

    async def note(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            async for message in _count(request, context):
                yield message
        finally:
            closed.append(request.int32_value)

    target = f"/items?int32Value={count}"
    got = await ask(listing(note), "GET", target, [("accept", KINDS[2])])
    head = await ask(listing(note), "HEAD", target, [("accept", KINDS[2])])
    assert (head.status, head.headers, head.body) == (200, got.headers, b"")
    assert len(head.events) == 2
    assert closed == [count, count]


async def test_head_of_a_stream_that_fails() -> None:
    """Before the first message it has the status of GET; after that nobody hears of it."""
    head = await ask(listing(_count), "HEAD", "/items?id=x")
    assert (head.status, head.body) == (429, b"")
    assert (await ask(listing(_count), "HEAD", "/items?id=x&int32Value=1")).status == 200


async def test_metadata_of_a_stream_leaves_with_its_head() -> None:
    """What is set before the first message becomes headers; what is set later is too late."""

    async def note(request: Any, context: Any) -> AsyncIterator[Any]:
        context.set_trailing_metadata([("cache-control", "no-store")])
        yield Item()
        context.set_trailing_metadata([("cache-control", "public"), ("expires", "0")])

    reply = await ask(listing(note), "GET", "/items")
    assert (reply.header("cache-control"), reply.header("expires")) == ("no-store", None)


async def test_a_stream_may_be_any_asynchronous_iterator() -> None:
    """Such as what a decorated handler returns: the contract says that it is a stream."""

    def decorated(request: Any, context: Any) -> Any:
        return _count(request, context)

    assert items(KINDS[0], (await ask(listing(decorated), "GET", "/items?int32Value=2")).body)[1] == {"int32Value": 2}


def test_a_handler_of_the_wrong_kind_stops_the_start() -> None:
    """A coroutine function cannot be a stream, and a generator function is no single response."""

    async def single(request: Any, context: Any) -> Any:
        return request

    with pytest.raises(TypeError, match=r"the handler of shop.Shop.List must be an asynchronous generator function"):
        listing(single)
    get = methods({"Get": rule("GET", "/items")})[0].containing_service
    with pytest.raises(TypeError, match=r"the handler of shop.Shop.Get must be a coroutine function"):
        Application(get, SimpleNamespace(Get=_count))


# Raw content


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_raw_content_in_pieces(count: int) -> None:
    """One body under the type of its first piece, whatever `Accept` says."""

    async def read(request: Any, context: Any) -> AsyncIterator[Any]:
        for number in range(count):
            yield HttpBody(content_type="text/csv" if number == 0 else "", data=b"%d\n" % number)

    reply = await ask(reading(read), "GET", "/items", [("accept", "text/event-stream")])
    assert reply.body == b"".join(b"%d\n" % number for number in range(count))
    assert reply.header("content-type") == ("text/csv" if count else "application/octet-stream")


async def test_raw_content_that_fails_is_broken_off(caplog: pytest.LogCaptureFixture) -> None:
    """The body is left without its end, so that no client takes it for the whole."""

    async def read(request: Any, context: Any) -> AsyncIterator[Any]:
        yield HttpBody(data=b"a")
        raise Failure(8, "enough")

    request = Request(reading(read), "GET", "/items")
    reply = await request.reply()
    assert (reply.status, reply.body, request.complete) == (200, b"a", False)
    assert caplog.records == []


async def test_raw_content_that_fails_at_first_is_a_status() -> None:
    """Before the first piece it is an error like any other."""

    async def read(request: Any, context: Any) -> AsyncIterator[Any]:
        raise Failure(5, "none")
        yield

    reply = await ask(reading(read), "GET", "/items")
    assert (reply.status, json.loads(reply.body)) == (404, {"code": 5, "message": "none"})


async def test_a_bad_type_of_raw_content_is_500(caplog: pytest.LogCaptureFixture) -> None:
    """It gets into no header."""

    async def read(request: Any, context: Any) -> AsyncIterator[Any]:
        yield HttpBody(content_type="text/plain\r\nset-cookie: a=b", data=b"a")

    reply = await ask(reading(read), "GET", "/items")
    assert (reply.status, json.loads(reply.body)) == (500, {"code": 13, "message": "internal error"})
    assert reply.header("set-cookie") is None
    assert len(caplog.records) == 1


async def test_head_of_raw_content() -> None:
    """Its type is that of the first piece."""

    async def read(request: Any, context: Any) -> AsyncIterator[Any]:
        yield HttpBody(content_type="text/csv", data=b"a")
        raise Failure(8, "enough")

    head = await ask(reading(read), "HEAD", "/items")
    assert (head.status, head.header("content-type"), head.body) == (200, "text/csv", b"")

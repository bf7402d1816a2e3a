"""Streams and raw content through the JSON door, on the wire."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import orjson
import pytest
from doors.peers import H2Stream, Headers, Response, asgi, h2_peer, http1, http1_request, parse_http1
from doors.stage import Engine, Line, Sleeper, Stage, eventually, playing, stage_service
from google.api.httpbody_pb2 import HttpBody

RECITE, PLAY, PAINT = "/auth/v1/recite", "/auth/v1/play", "/auth/v1/paint"
ARRAY, LINES, EVENTS = KINDS = ("application/json", "application/x-ndjson", "text/event-stream")
WIRES: list[tuple[str, Engine]] = [("HTTP/1.1", "zttp"), ("HTTP/1.1", "httptools"), ("HTTP/2", "zttp")]
SOON = 0.15  # seconds, of which 0.02 pass before a call's client is watched
TRIES = 3  # a machine that does something else meanwhile may be late once


@pytest.fixture(name="wire", params=WIRES, ids=[" on ".join(wire) for wire in WIRES])
def _wire(request: pytest.FixtureRequest) -> tuple[str, Engine]:
    """The version of HTTP that a client speaks, and the engine that serves it."""
    found: tuple[str, Engine] = request.param
    return found


@pytest.fixture(autouse=True)
def _no_traceback(caplog: pytest.LogCaptureFixture, logs: list[Any]) -> Iterator[None]:
    """No outcome here is a surprise to the server: it logs no traceback."""
    caplog.set_level(logging.WARNING)
    yield
    assert not [record for record in caplog.records if record.exc_info]
    assert not [entry for entry in logs if "exception" in entry]


async def fetch(
    stage: Stage, version: str, target: str, headers: Headers = (), method: str = "GET", body: bytes | None = None
) -> Response:
    """One request, and the whole response to it."""
    if version == "HTTP/1.1":
        return await http1(stage.port, http1_request(method, target, headers, body))
    async with h2_peer(stage.port) as peer:
        stream = peer.open(target, headers, method, end=body is None)
        if body is not None:
            stream.send(body, end=True)
        async with asyncio.timeout(5):
            await stream.over.wait()
        assert stream.reset is None
        return response_of(stream)


def response_of(stream: H2Stream) -> Response:
    """What has come so far over HTTP/2."""
    return Response(int(dict(stream.headers)[":status"]), stream.headers, bytes(stream.data))


class Reading:
    """A response that is being read."""

    def __init__(self) -> None:
        self.raw = bytearray()
        self.ended = False

    async def until(self, part: bytes) -> None:
        """Wait until this has come."""
        await eventually(lambda: part in self.raw)


@asynccontextmanager
async def reading(stage: Stage, version: str, target: str, headers: Headers = ()) -> AsyncIterator[Reading]:
    """Read a response as it comes; the client leaves at the end of the block."""
    found = Reading()
    if version == "HTTP/2":
        async with h2_peer(stage.port) as peer:
            stream = peer.open(target, headers, "GET", end=True)
            found.raw = stream.data
            yield found
            stream.cancel()
        return
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    writer.write(http1_request("GET", target, headers))

    async def read() -> None:
        while data := await reader.read(65_536):
            found.raw += data
        found.ended = True

    task = asyncio.ensure_future(read())
    try:
        yield found
    finally:
        writer.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def items(kind: str, body: bytes) -> list[Any]:
    """The JSON values of a body."""
    if kind == ARRAY:
        return list(orjson.loads(body))
    if kind == LINES:
        return [orjson.loads(line) for line in body.splitlines()]
    return [orjson.loads(event.rpartition(b"data: ")[2]) for event in body.split(b"\n\n")[:-1]]


def numbers(count: int) -> list[Any]:
    """The items that count."""
    return [{"text": "a", **({"number": str(number)} if number else {})} for number in range(count)]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stream_arrives_whole(kind: str, wire: tuple[str, Engine]) -> None:
    """Zero, one or many messages, in the form that the client asks for."""
    version, engine = wire
    async with playing(http=engine) as stage:
        for count in (0, 1, 100):
            response = await fetch(stage, version, f"{RECITE}?text=a&number={count}", [("accept", kind)])
            assert (response.status, response.header("content-type")) == (200, kind)
            assert items(kind, response.body) == numbers(count)
            assert response.header("content-length") is None
            assert response.header("cache-control") == "no-store"
            assert response.header("x-request-id")


async def test_a_stream_may_be_asked_for_by_post() -> None:
    """With the request in the body; the parameters of the system stay in the query."""
    async with playing() as stage:
        response = await fetch(stage, "HTTP/1.1", RECITE + "?$fields=text", (), "POST", b'{"number":2,"text":"a"}')
        assert orjson.loads(response.body) == [{"text": "a"}] * 2
        response = await fetch(stage, "HTTP/1.1", RECITE + "?$alt=sse", (), "POST", b'{"number":1,"text":"a"}')
        assert response.body == b'data: {"text":"a"}\n\n'


async def test_a_stream_of_one_field() -> None:
    """`response_body` is taken out of each message."""
    async with playing() as stage:
        target = RECITE + "/texts?number=2&text=a"
        assert (await fetch(stage, "HTTP/1.1", target)).body == b'["a",\n"a"]'
        assert (await fetch(stage, "HTTP/1.1", target, [("accept", LINES)])).body == b'"a"\n"a"\n'


async def test_events_may_be_indented() -> None:
    """Then each line is a line of data; lines of JSON stay as they are."""
    async with playing() as stage:
        target = RECITE + "?number=1&text=a&prettyPrint=true"
        response = await fetch(stage, "HTTP/1.1", target, [("accept", EVENTS)])
        assert response.body == b'data: {\ndata:   "text": "a"\ndata: }\n\n'
        assert (await fetch(stage, "HTTP/1.1", target, [("accept", LINES)])).body == b'{"text":"a"}\n'


@pytest.mark.parametrize("how", ["abort", "set_code", "fields", "number"])
async def test_an_error_before_the_first_message_is_a_status(how: str, wire: tuple[str, Engine]) -> None:
    """It is answered like that of any call, whatever form the stream would have had."""
    version, engine = wire

    async def behaviour(request: Any, context: Any) -> AsyncIterator[Any]:
        if how == "abort":
            await context.abort(grpc.StatusCode.NOT_FOUND, "none")
        context.set_code(grpc.StatusCode.NOT_FOUND)
        context.set_details("none")
        return
        yield

    query = {"fields": "?fields=no", "number": "?number=x"}.get(how, "")
    async with playing(http=engine, Recite=behaviour) as stage:
        for kind in KINDS:
            response = await fetch(stage, version, RECITE + query, [("accept", kind)])
            assert response.header("content-type") == "application/json"
            assert response.header("content-length") == str(len(response.body))
            status, body = response.status, orjson.loads(response.body)
            assert (status, body["code"]) == ((400, 3) if query else (404, 5))


@pytest.mark.parametrize("how", ["abort", "set_code", "early metadata"])
@pytest.mark.parametrize("kind", KINDS)
async def test_an_error_in_mid_stream_is_the_last_item(how: str, kind: str, wire: tuple[str, Engine]) -> None:
    """Once the head has left, with a message or with early metadata, the body tells the error and ends properly."""
    version, engine = wire

    async def behaviour(request: Any, context: Any) -> AsyncIterator[Any]:
        if how == "early metadata":
            await context.send_initial_metadata((("www-authenticate", "Bearer"),))
        else:
            yield Line(text="a")
        context.set_code(grpc.StatusCode.DATA_LOSS)
        context.set_details("lost")
        if how != "set_code":
            await context.abort(grpc.StatusCode.DATA_LOSS, "lost")

    async with playing(http=engine, Recite=behaviour) as stage:
        response = await fetch(stage, version, RECITE, [("accept", kind)])
    assert (response.status, response.header("content-type")) == (200, kind)
    failure = {"error": {"code": 15, "message": "lost"}}
    assert items(kind, response.body) == [*([] if how == "early metadata" else [{"text": "a"}]), failure]
    assert (b"event: error\n" in response.body) is (kind == EVENTS)
    assert response.header("www-authenticate") == ("Bearer" if how == "early metadata" else None)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_message_leaves_at_once(kind: str, wire: tuple[str, Engine]) -> None:
    """It can be read while the handler waits for the next."""
    version, engine = wire
    go = asyncio.Event()

    async def behaviour(request: Any, context: Any) -> AsyncIterator[Any]:
        yield Line(text="first")
        await go.wait()
        yield Line(text="second")

    async with (
        playing(http=engine, Recite=behaviour) as stage,
        reading(stage, version, RECITE, [("accept", kind)]) as response,
    ):
        await response.until(b'{"text":"first"}')
        assert b"second" not in response.raw
        go.set()
        await response.until(b'{"text":"second"}')


async def test_early_metadata_leaves_at_once(wire: tuple[str, Engine]) -> None:
    """The head does not wait for the first message."""
    version, engine = wire
    go = asyncio.Event()

    async def behaviour(request: Any, context: Any) -> AsyncIterator[Any]:
        await context.send_initial_metadata(())
        await go.wait()
        yield Line(text="a")

    async with playing(http=engine, Recite=behaviour) as stage:
        if version == "HTTP/1.1":
            async with reading(stage, version, RECITE) as response:
                await response.until(b"\r\n\r\n")
        else:
            async with h2_peer(stage.port) as peer:
                stream = peer.open(RECITE, (), "GET", end=True)
                await eventually(lambda: bool(stream.headers))
                assert (dict(stream.headers)[":status"], stream.over.is_set()) == ("200", False)
        go.set()


@pytest.mark.parametrize("state", ["idle", "sending"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_that_leaves_cancels_the_handler(
    kind: str, state: str, wire: tuple[str, Engine], logs: list[Any]
) -> None:
    """Soon, whether the handler waits or sends without pause; the call is logged as cancelled."""
    version, engine = wire
    delays = []
    for _ in range(TRIES):
        sleeper, ended = Sleeper(), asyncio.Event()

        async def endless(request: Any, context: Any, ended: asyncio.Event = ended) -> AsyncIterator[Any]:
            try:
                while True:
                    yield Line(number=1)
                    await asyncio.sleep(0)
            finally:
                ended.set()

        async with playing(http=engine, Recite=sleeper.stream if state == "idle" else endless) as stage:
            async with reading(stage, version, RECITE, [("accept", kind)]) as response:
                await response.until(b'{"number":"1"}')
                await asyncio.sleep(0.03)
            left = asyncio.get_running_loop().time()
            async with asyncio.timeout(5):
                await (sleeper.ended if state == "idle" else ended).wait()
            delays.append(asyncio.get_running_loop().time() - left)
            await eventually(lambda: len(logs) == len(delays))
        if delays[-1] < SOON:
            break
    assert min(delays) < SOON
    assert {entry["code"] for entry in logs} == {"CANCELLED"}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_deadline_in_mid_stream(kind: str, wire: tuple[str, Engine]) -> None:
    """The last item says that the time is over, and the handler is cancelled."""
    version, engine = wire
    sleeper = Sleeper()
    async with playing(http=engine, Recite=sleeper.stream) as stage:
        response = await fetch(stage, version, RECITE, [("accept", kind), ("grpc-timeout", "500m")])
    late = {"error": {"code": 4, "message": "deadline exceeded"}}
    assert items(kind, response.body) == [{"number": "1"}, late]
    assert sleeper.how == "cancelled"


@pytest.mark.parametrize("count", [0, 1, 100])
async def test_head_of_a_stream(count: int, wire: tuple[str, Engine]) -> None:
    """The headers that GET has, but for what frames a body, and no body."""
    version, engine = wire
    async with playing(http=engine) as stage:
        target = f"{RECITE}?number={count}"
        got = await fetch(stage, version, target, [("accept", EVENTS)])
        head = await fetch(stage, version, target, [("accept", EVENTS)], "HEAD")
        assert (head.status, head.body) == (200, b"")
        without = {"x-request-id", "date", "transfer-encoding"}
        same = [[pair for pair in response.headers if pair[0] not in without] for response in (got, head)]
        assert same[0] == same[1]
        failed = await fetch(stage, version, RECITE + "?number=x", (), "HEAD")
        assert (failed.status, failed.body) == (400, b"")


async def test_head_of_a_stream_leaves_the_connection_usable() -> None:
    """Nothing of a body follows the head that could be taken for the next answer."""
    async with playing() as stage:
        first = http1_request("HEAD", RECITE + "?number=3").replace(b"connection: close\r\n", b"")
        second = http1_request("GET", RECITE + "?number=1&text=last")
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        writer.write(first)
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(second)
        async with asyncio.timeout(5):
            rest = await reader.read()
        writer.close()
    assert head.startswith(b"HTTP/1.1 200 ")
    assert parse_http1(rest).body == b'[{"text":"last"}]'


async def test_head_ends_an_endless_stream() -> None:
    """The handler is closed when its first message is there."""
    sleeper = Sleeper()
    async with playing(Recite=sleeper.stream) as stage:
        head = await fetch(stage, "HTTP/1.1", RECITE, (), "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert not sleeper.began.is_set()


async def test_a_servicer_may_write_its_messages_itself() -> None:
    """By `context.write`, as grpc.aio allows it, in every form and for HEAD."""

    async def behaviour(request: Any, context: Any) -> None:
        for number in range(2):
            await context.write(Line(text="a", number=number))

    async with playing(Recite=behaviour) as stage:
        for kind in KINDS:
            response = await fetch(stage, "HTTP/1.1", RECITE, [("accept", kind)])
            assert items(kind, response.body) == numbers(2)
        assert (await fetch(stage, "HTTP/1.1", RECITE, (), "HEAD")).status == 200


# Raw content


async def test_raw_content_in_pieces(wire: tuple[str, Engine]) -> None:
    """One content under the type of its first piece, whatever `Accept` says."""
    version, engine = wire
    async with playing(http=engine) as stage:
        for count in (0, 1, 100):
            response = await fetch(stage, version, f"{PLAY}?number={count}&text=text/csv", [("accept", EVENTS)])
            assert response.body == b"".join(b"%d\n" % number for number in range(count))
            assert response.header("content-type") == ("text/csv" if count else "application/octet-stream")
            assert response.header("x-content-type-options") == "nosniff"


async def test_raw_content_waits_for_its_type(wire: tuple[str, Engine]) -> None:
    """Early metadata does not leave before the first piece, and an error before that is still a status."""
    version, engine = wire

    async def behaviour(request: Any, context: Any) -> AsyncIterator[Any]:
        await context.send_initial_metadata((("www-authenticate", "Bearer"),))
        if request.number:
            await context.abort(grpc.StatusCode.NOT_FOUND, "none")
        yield HttpBody(content_type="text/csv", data=b"piece")

    async with playing(http=engine, Play=behaviour) as stage:
        for target, status, kind in ((PLAY, 200, "text/csv"), (PLAY + "?number=1", 404, "application/json")):
            for method in ("GET", "HEAD"):
                response = await fetch(stage, version, target, (), method)
                assert (response.status, response.header("content-type")) == (status, kind)
                assert response.header("www-authenticate") == "Bearer"


@pytest.mark.parametrize("how", ["abort", "deadline"])
async def test_raw_content_that_fails_is_broken_off(how: str, wire: tuple[str, Engine]) -> None:
    """The client sees that it is incomplete: no last chunk over HTTP/1.1, a reset over HTTP/2, where others live on."""
    version, engine = wire

    async def behaviour(request: Any, context: Any) -> AsyncIterator[Any]:
        yield HttpBody(content_type="text/csv", data=b"piece")
        if how == "abort":
            await context.abort(grpc.StatusCode.DATA_LOSS, "lost")
        await asyncio.sleep(5)

    headers = [("grpc-timeout", "500m")] if how == "deadline" else []
    async with playing(http=engine, Play=behaviour) as stage:
        if version == "HTTP/2":
            async with h2_peer(stage.port) as peer:
                stream = peer.open(PLAY, headers, "GET", end=True)
                async with asyncio.timeout(5):
                    await stream.over.wait()
                assert (bytes(stream.data), stream.reset is not None, peer.gone) == (b"piece", True, False)
                other = peer.open(RECITE + "?number=1&text=a", (), "GET", end=True)
                async with asyncio.timeout(5):
                    await other.over.wait()
                assert bytes(other.data) == b'[{"text":"a"}]'
        else:
            async with reading(stage, version, PLAY, headers) as response:
                await eventually(lambda: response.ended)
            assert response.raw.endswith(b"5\r\npiece\r\n")
            with pytest.raises(AssertionError, match="cut short"):
                parse_http1(bytes(response.raw))


async def test_raw_content_that_fails_at_first_is_a_status(wire: tuple[str, Engine]) -> None:
    """Before its first piece it is an error like any other."""
    version, engine = wire

    async def behaviour(request: Any, context: Any) -> AsyncIterator[Any]:
        await context.abort(grpc.StatusCode.NOT_FOUND, "none")
        yield

    async with playing(http=engine, Play=behaviour) as stage:
        response = await fetch(stage, version, PLAY)
    assert (response.status, orjson.loads(response.body)) == (404, {"code": 5, "message": "none"})
    assert response.header("content-type") == "application/json"


@pytest.mark.parametrize("kind", ["image/png", "application/json", "text/plain; charset=latin1", ""])
@pytest.mark.parametrize("data", [b"", b"\x89PNG\0\xff", b"{"])
async def test_raw_content_comes_and_goes(kind: str, data: bytes, wire: tuple[str, Engine]) -> None:
    """Bytes and content type of the request are those of the message, and those of the answer."""
    version, engine = wire
    seen: list[Any] = []

    async def behaviour(request: Any, context: Any) -> Any:
        seen.append((request.content_type, request.data))
        return request

    async with playing(http=engine, Paint=behaviour) as stage:
        response = await fetch(stage, version, PAINT, [("content-type", kind)] if kind else [], "POST", data)
    assert seen == [(kind, data)]
    assert (response.status, response.body) == (200, data)
    assert response.header("content-type") == (kind or "application/octet-stream")
    assert response.header("content-length") == str(len(data))


async def test_large_raw_content_is_compressed() -> None:
    """When asked for, like JSON."""
    async with playing() as stage:
        headers = [("content-type", "text/plain"), ("accept-encoding", "gzip")]
        response = await fetch(stage, "HTTP/1.1", PAINT, headers, "POST", b"x" * 4000)
    assert (response.header("content-encoding"), response.header("vary")) == ("gzip", "accept-encoding")
    assert gzip.decompress(response.body) == b"x" * 4000
    assert response.header("content-length") == str(len(response.body))


@pytest.mark.parametrize("kind", ["text/plain\r\nset-cookie: a=b", "text/\0", "text/\u00fc", "text/plain\n"])
async def test_a_content_type_that_is_no_header_is_500(kind: str, logs: list[Any]) -> None:
    """Nothing of it reaches the client, in a single answer or a stream; the log has it as a failure."""

    async def paint(request: Any, context: Any) -> Any:
        return HttpBody(content_type=kind, data=b"x")

    async def play(request: Any, context: Any) -> AsyncIterator[Any]:
        yield HttpBody(content_type=kind, data=b"x")

    app = stage_service(Paint=paint, Play=play).one_address()
    for method, target in (("POST", PAINT), ("GET", PLAY)):
        response = await asgi(app, target, method=method)
        assert (response.status, orjson.loads(response.body)["code"]) == (500, 13)
        assert response.header("set-cookie") is None
        assert response.header("content-type") == "application/json"
    assert sum("exception" in entry for entry in logs) == 2
    logs.clear()


async def test_a_deadline_before_the_head_has_left_is_a_status() -> None:
    """A slow client may keep even the head waiting; nothing has been sent then, so the error is a whole answer."""
    sent: list[Any] = []

    async def send(event: Any) -> None:
        if not sent and event["status"] == 200:
            await asyncio.sleep(5)
        sent.append(event)

    app: Any = stage_service().one_address()
    headers = [(b"grpc-timeout", b"20m")]
    scope = {"type": "http", "method": "GET", "path": RECITE, "raw_path": RECITE.encode(), "query_string": b"number=1"}
    async with asyncio.timeout(3):
        await app(scope | {"headers": headers}, asyncio.Queue[dict[str, Any]]().get, send)
    assert [event["type"] for event in sent] == ["http.response.start", "http.response.body"]
    assert (sent[0]["status"], orjson.loads(sent[1]["body"])["code"]) == (504, 4)

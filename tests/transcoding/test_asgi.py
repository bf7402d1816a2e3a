"""A service as an ASGI application: requests in, events out."""

from __future__ import annotations

import asyncio
import gzip
import json
import weakref
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import ErrorInfo

from authsvc.transcoding import BadRequest, Dialect, HeaderRules, aip193_error
from authsvc.transcoding.asgi import Application, Failure

from .driver import Reply, Request, ask
from .foreign import methods, rule

SHOP = methods(
    {
        "Get": rule("GET", "/items/{id}"),
        "Put": rule("PUT", "/items/{id}", body="*"),
        "Hidden": None,
    }
)
SERVICE = SHOP[0].containing_service
Item: Any = GetMessageClass(SHOP[0].output_type)


async def _echo(request: Any, context: Any) -> Any:
    return request


def application(*, get: Any = _echo, put: Any = _echo, **more: Any) -> Application:
    """The application of a shop whose handlers behave so."""
    return Application(SERVICE, SimpleNamespace(Get=get, Put=put), prefix="/v1", **more)


def error(reply: Reply) -> tuple[int, int, str]:
    """HTTP status, code and message of an error."""
    assert reply.header("content-type") == "application/json"
    body = json.loads(reply.body)
    return reply.status, body["code"], body.get("message", "")


async def test_a_call_goes_through_its_handler() -> None:
    """Path, query and body become the request, and what the handler returns is the answer."""
    reply = await ask(application(), "PUT", "/v1/items/a", body=b'{"name":"n"}')
    assert (reply.status, reply.body) == (200, b'{"id":"a","name":"n"}')
    assert reply.headers == [
        ("content-type", "application/json"),
        ("x-content-type-options", "nosniff"),
        ("vary", "x-goog-fieldmask"),
        ("content-length", "21"),
    ]
    reply = await ask(application(), "GET", "/v1/items/a?name=n&fields=name")
    assert (reply.status, reply.body) == (200, b'{"name":"n"}')


async def test_a_body_may_come_in_pieces() -> None:
    """However it is cut, also with empty pieces."""
    body = b'{"name":"n"}'
    pieces = [body[index : index + 1] for index in range(len(body))]
    for cut in (pieces, [b"", *pieces, b""], [body, b""]):
        assert (await ask(application(), "PUT", "/v1/items/a", body=cut)).body == b'{"id":"a","name":"n"}'
    assert (await ask(application(), "PUT", "/v1/items/a", body=[b"", b""])).body == b'{"id":"a"}'


async def test_no_body_is_waited_for_where_none_is_taken() -> None:
    """A GET is answered at once, and what comes as its body is dropped."""
    request = Request(application(), "GET", "/v1/items/a")
    assert (await request.reply()).body == b'{"id":"a"}'
    assert (await ask(application(max_body=1), "GET", "/v1/items/a", body=b"x" * 100)).status == 200


async def test_a_path_without_a_route_is_404() -> None:
    """In the format of errors."""
    assert error(await ask(application(), "GET", "/v1/nowhere")) == (404, 5, "Not Found")
    assert error(await ask(application(), "GET", "/items/a")) == (404, 5, "Not Found")
    head = await ask(application(), "HEAD", "/v1/nowhere")
    assert (head.status, head.body) == (404, b"")


async def test_another_method_is_405() -> None:
    """With the methods that there are; OPTIONS is answered with them."""
    reply = await ask(application(), "DELETE", "/v1/items/a")
    assert (error(reply), reply.header("allow")) == ((405, 12, "Method Not Allowed"), "GET, HEAD, OPTIONS, PUT")
    reply = await ask(application(), "OPTIONS", "/v1/items/a")
    assert (reply.status, reply.headers, reply.body) == (204, [("allow", "GET, HEAD, OPTIONS, PUT")], b"")


async def test_head_is_get_without_the_body() -> None:
    """The call runs, and its answer has the headers of GET."""

    async def get(request: Any, context: Any) -> Any:
        context.set_trailing_metadata([("cache-control", "no-store")])
        return Item(name="x" * 5000) if request.id == "a" else await context.abort(5, "x" * 5000)

    for path in ("/v1/items/a", "/v1/items/b"):
        for headers in ([], [("accept-encoding", "gzip")]):
            got = await ask(application(get=get), "GET", path, headers)
            head = await ask(application(get=get), "HEAD", path, headers)
            assert (head.status, head.headers, head.body) == (got.status, got.headers, b"")
            assert got.header("content-length") == str(len(got.body))


async def test_large_answers_are_compressed() -> None:
    """Answers and errors."""

    async def get(request: Any, context: Any) -> Any:
        return Item(name="x" * 5000) if request.id == "a" else await context.abort(5, "x" * 5000)

    for path, name in (("/v1/items/a", "name"), ("/v1/items/b", "message")):
        reply = await ask(application(get=get), "GET", path, [("accept-encoding", "gzip")])
        assert reply.header("content-encoding") == "gzip"
        assert json.loads(gzip.decompress(reply.body))[name] == "x" * 5000


ENCODED = "content-encoding: is not supported; send the body as it is"
TIMEOUT = "grpc-timeout: must be one to eight digits and a unit"


@pytest.mark.parametrize(
    ("target", "headers", "body", "status", "message"),
    [
        ("/v1/items/a", [], b"{", 400, "the body is not JSON"),
        ("/v1/items/a", [], b'{"id":"b"}', 400, "id: differs from the path"),
        ("/v1/items/a?no=1", [], b"{}", 400, "the query has an unknown parameter"),
        ("/v1/items/a?fields=no", [], b"{}", 400, "fields: names a field that the response does not have"),
        ("/v1/items/%FF", [], b"{}", 400, "id: is not UTF-8"),
        ("/v1/items/a", [("content-type", "text/csv")], b"{}", 415, "content-type: must be application/json, in UTF-8"),
        ("/v1/items/a", [("content-encoding", "gzip")], b"{}", 415, ENCODED),
        ("/v1/items/a", [("grpc-timeout", "1")], b"{}", 400, TIMEOUT),
        ("/v1/items/a", [("grpc-timeout", "")], b"{}", 400, TIMEOUT),
        ("/v1/items/a", [("grpc-timeout", "1S")] * 2, b"{}", 400, TIMEOUT),
        ("/v1/items/a", [("grpc-metadata-x-bin", "*")], b"{}", 400, "grpc-metadata-x-bin: must be base64"),
    ],
)  # fmt: skip
async def test_a_bad_request_runs_no_handler(
    target: str, headers: Any, body: bytes, status: int, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told what is wrong with it, and nothing is logged."""

    async def never(request: Any, context: Any) -> Any:
        raise AssertionError

    reply = await ask(application(put=never), "PUT", target, headers, body)
    assert error(reply) == (status, 3, message)
    assert caplog.records == []


@pytest.mark.parametrize("cut", [1, 3, 10])
async def test_a_large_body_is_413(cut: int) -> None:
    """Exactly the limit is taken; beyond it nothing more is read, and no handler runs."""
    body = b'{"name":"n"}'
    pieces = [body[start : start + cut] for start in range(0, len(body), cut)]
    assert (await ask(application(max_body=len(body)), "PUT", "/v1/items/a", body=pieces)).status == 200
    reply = await ask(application(max_body=len(body) - 1), "PUT", "/v1/items/a", body=pieces)
    assert error(reply) == (413, 8, "the body is larger than 11 bytes")
    endless = Request(application(max_body=10), "PUT", "/v1/items/a")
    endless.give(b"x" * 11, more=True)
    assert (await endless.reply()).status == 413


@pytest.mark.parametrize(
    "failure",
    [
        RuntimeError("secret"),
        TimeoutError("secret"),
        KeyError("secret"),
        OSError("secret"),
        BadRequest("id", "of what the handler itself has read"),
    ],
)
async def test_a_handler_that_fails_is_500(failure: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """The client learns nothing of it, and the log everything."""

    async def get(request: Any, context: Any) -> Any:
        raise failure

    reply = await ask(application(get=get), "GET", "/v1/items/a")
    assert error(reply) == (500, 13, "internal error")
    assert [(record.name, record.levelname) for record in caplog.records] == [("authsvc.transcoding.asgi", "ERROR")]
    assert caplog.records[0].exc_info is not None
    assert caplog.records[0].exc_info[1] is failure


@pytest.mark.parametrize("answer", [None, 5, "text"])
async def test_a_handler_that_returns_no_message_is_500(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be written is a failure of the handler."""

    async def get(request: Any, context: Any) -> Any:
        return answer

    assert error(await ask(application(get=get), "GET", "/v1/items/a")) == (500, 13, "internal error")
    assert len(caplog.records) == 1


async def test_a_handler_that_waited_for_something_cancelled_is_500(caplog: pytest.LogCaptureFixture) -> None:
    """A cancellation that is nobody's wish to end this call is a failure like any other."""

    async def get(request: Any, context: Any) -> Any:
        waiting = asyncio.ensure_future(asyncio.sleep(5))
        asyncio.get_running_loop().call_soon(waiting.cancel)
        await waiting

    assert error(await ask(application(get=get), "GET", "/v1/items/a")) == (500, 13, "internal error")
    assert len(caplog.records) == 1


@pytest.mark.parametrize("code", [Code.NOT_FOUND, 5, grpc.StatusCode.NOT_FOUND])
async def test_a_call_can_be_aborted(code: Any) -> None:
    """With a number or a `grpc.StatusCode`, as with grpc.aio; nothing after it runs."""

    async def get(request: Any, context: Any) -> Any:
        await context.abort(code, "none")
        raise AssertionError

    assert error(await ask(application(get=get), "GET", "/v1/items/a")) == (404, 5, "none")


async def test_a_failure_has_details() -> None:
    """They reach the client, and an HTTP status that overrules the table."""

    async def get(request: Any, context: Any) -> Any:
        raise Failure(Code.NOT_FOUND, "gone", [ErrorInfo(reason="OLD")], http_status=410)

    reply = await ask(application(get=get, dialect=Dialect(errors=aip193_error)), "GET", "/v1/items/a")
    assert reply.status == 410
    assert json.loads(reply.body)["error"] == {
        "code": 410,
        "status": "NOT_FOUND",
        "message": "gone",
        "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "OLD"}],
    }


async def test_ok_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    """A handler that aborts with OK is wrong."""
    with pytest.raises(ValueError, match="OK"):
        Failure(Code.OK)

    async def get(request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.OK, "fine")

    assert error(await ask(application(get=get), "GET", "/v1/items/a")) == (500, 13, "internal error")
    assert len(caplog.records) == 1


async def test_an_error_format_that_fails_is_not_swallowed() -> None:
    """Where not even an error can be written, the server has to know."""

    class BrokenError(Exception):
        pass

    def form(*_: Any) -> Any:
        raise BrokenError

    async def get(request: Any, context: Any) -> Any:
        await context.abort(5)

    with pytest.raises(BrokenError):
        await ask(application(get=get, dialect=Dialect(errors=form)), "GET", "/v1/items/a")


# Metadata and deadlines


async def test_metadata_goes_in_and_out() -> None:
    """What the rules list, in either direction, with answers and with errors."""
    seen: list[Any] = []

    async def get(request: Any, context: Any) -> Any:
        seen.extend(context.invocation_metadata())
        context.set_trailing_metadata([("x", "1"), ("cache-control", "no-store"), ("set-cookie", "a=b")])
        assert context.trailing_metadata()[0] == ("x", "1")
        return request if request.id == "a" else await context.abort(5)

    headers = [("authorization", "Bearer \xe9"), ("grpc-metadata-y", "2"), ("cookie", "c=d"), ("host", "h")]
    for path in ("/v1/items/a", "/v1/items/b"):
        reply = await ask(application(get=get), "GET", path, headers)
        assert seen == [("authorization", "Bearer \xe9"), ("y", "2")]
        assert reply.header("cache-control") == "no-store"
        assert {"x", "set-cookie"}.isdisjoint(name for name, _ in reply.headers)
        seen.clear()
    rules = HeaderRules(incoming=frozenset({b"cookie"}), outgoing=frozenset({"x"}))
    reply = await ask(application(get=get, header_rules=rules), "GET", "/v1/items/a", headers)
    assert seen == [("y", "2"), ("cookie", "c=d")]
    assert (reply.header("x"), reply.header("cache-control")) == ("1", None)


async def test_binary_metadata_is_bytes() -> None:
    """As in gRPC, in either direction."""
    seen: list[Any] = []

    async def get(request: Any, context: Any) -> Any:
        seen.extend(context.invocation_metadata())
        context.set_trailing_metadata([("x-bin", b"\0\1"), ("y-bin", "AAE")])
        return request

    rules = HeaderRules(outgoing=frozenset({"x-bin", "y-bin"}))
    headers = [("grpc-metadata-x-bin", "AAE, AAE=,"), ("grpc-metadata-x", "AAE")]
    reply = await ask(application(get=get, header_rules=rules), "GET", "/v1/items/a", headers)
    assert seen == [("x-bin", b"\0\1"), ("x-bin", b"\0\1"), ("x-bin", b""), ("x", "AAE")]
    assert (reply.header("x-bin"), reply.header("y-bin")) == ("AAE", "AAE")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("cache-control", value) for value in ("a\r\nset-cookie: a=b", "a\n", "\0", "\u20ac", " a", "a ", "\x7f")],
        ("cache-control", b"no-store"),
    ],
)
async def test_metadata_that_is_no_header_is_an_error(
    name: str, value: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A value that HTTP cannot carry is refused where it is set, and adds nothing to the answer."""

    async def get(request: Any, context: Any) -> Any:
        context.set_trailing_metadata([(name, value)])
        return request

    reply = await ask(application(get=get), "GET", "/v1/items/a")
    assert error(reply) == (500, 13, "internal error")
    assert reply.header("cache-control") is None
    assert len(caplog.records) == 1


async def test_a_deadline_ends_the_call(caplog: pytest.LogCaptureFixture) -> None:
    """504 when the time of `grpc-timeout` is over, and the handler is cancelled."""
    how = []

    async def get(request: Any, context: Any) -> Any:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            how.append("cancelled")
            raise

    reply = await ask(application(get=get), "GET", "/v1/items/a", [("grpc-timeout", "200m")])
    assert (error(reply), how) == ((504, 4, "deadline exceeded"), ["cancelled"])
    assert caplog.records == []
    assert (await ask(application(), "GET", "/v1/items/a", [("grpc-timeout", "5S")])).status == 200


async def test_a_deadline_that_is_over_runs_no_handler() -> None:
    """Its time runs from the arrival of the request, and a handler that never waits would not notice."""

    async def never(request: Any, context: Any) -> Any:
        raise AssertionError

    reply = await ask(application(get=never), "GET", "/v1/items/a", [("grpc-timeout", "0S")])
    assert error(reply) == (504, 4, "deadline exceeded")
    request = Request(application(put=never), "PUT", "/v1/items/a", [("grpc-timeout", "20m")])
    request.give(b"{", more=True)
    await asyncio.sleep(0.05)
    request.give(b"}")
    assert error(await request.reply()) == (504, 4, "deadline exceeded")


async def test_a_deadline_does_not_cut_an_answer() -> None:
    """An answer that is being sent to a slow client is sent whole, and only once."""
    sent: list[Any] = []

    async def send(event: Any) -> None:
        await asyncio.sleep(0.25)
        sent.append(event["type"])

    scope = {"type": "http", "method": "GET", "raw_path": b"/v1/items/a", "query_string": b""}
    headers = {"headers": [(b"grpc-timeout", b"200m")]}
    await application()(scope | headers, asyncio.Queue[dict[str, Any]]().get, send)
    assert sent == ["http.response.start", "http.response.body"]


@pytest.mark.parametrize("seconds", [0, 5])
async def test_a_slow_client_holds_no_handler(seconds: int) -> None:
    """The handler has returned before its answer is sent, or is cancelled before the error is."""
    how = []

    async def get(request: Any, context: Any) -> Any:
        try:
            await asyncio.sleep(seconds)
        finally:
            how.append("ended")
        return request

    request = Request(application(get=get), "GET", "/v1/items/a", [("grpc-timeout", "200m")], reads=0)
    await asyncio.sleep(0.25)
    assert (how, request.task.done()) == (["ended"], False)
    request.leave()
    async with asyncio.timeout(5):
        await request.task
    assert request.events == []


@pytest.mark.parametrize("how", ["returns", "fails"])
async def test_a_slow_client_holds_nothing_of_the_handler(how: str) -> None:
    """What it had is released before anything is sent."""

    class Costly:
        pass

    kept = []

    async def get(request: Any, context: Any) -> Any:
        costly = Costly()
        kept.append(weakref.ref(costly))
        if how == "fails":
            await context.abort(5)
        return request

    request = Request(application(get=get), "GET", "/v1/items/a", reads=0)
    await request.soon()
    assert ([each() for each in kept], request.task.done()) == ([None], False)
    request.leave()
    async with asyncio.timeout(5):
        await request.task


# Clients that leave


@pytest.mark.parametrize("body", [None, b'{"na'], ids=["before the body", "within the body"])
async def test_a_client_that_leaves_early_runs_no_handler(body: bytes | None) -> None:
    """Nothing is answered to a request that never was complete."""

    async def never(request: Any, context: Any) -> Any:
        raise AssertionError

    request = Request(application(put=never), "PUT", "/v1/items/a")
    if body is not None:
        request.give(body, more=True)
    request.leave()
    async with asyncio.timeout(5):
        await request.task
    assert request.events == []


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_a_client_that_leaves_cancels_the_handler(method: str, caplog: pytest.LogCaptureFixture) -> None:
    """At once, whatever the handler makes of it; nothing is answered, and nothing is logged."""
    began, how = asyncio.Event(), list[str]()

    async def wait(request: Any, context: Any) -> Any:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            how.append("cancelled")
            raise

    request = Request(application(get=wait, put=wait), method, "/v1/items/a")
    request.give()
    await began.wait()
    request.leave()
    await request.soon()
    assert request.task.done()
    assert (how, request.events, caplog.records) == (["cancelled"], [], [])


async def test_a_server_that_stops_cancels_the_handler() -> None:
    """A cancellation from outside reaches the handler and goes on."""
    began, how = asyncio.Event(), list[str]()

    async def wait(request: Any, context: Any) -> Any:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            how.append("ended")

    request = Request(application(get=wait), "GET", "/v1/items/a")
    await began.wait()
    request.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request.task
    assert how == ["ended"]


async def test_a_server_may_refuse_to_send(caplog: pytest.LogCaptureFixture) -> None:
    """ASGI lets `send` raise when the client has gone; that is no failure of the handler."""

    async def send(event: Any) -> None:
        raise ConnectionResetError

    scope = {"type": "http", "method": "GET", "raw_path": b"/v1/items/a", "query_string": b"", "headers": []}
    async with asyncio.timeout(5):
        await application()(scope, asyncio.Queue[dict[str, Any]]().get, send)
    assert caplog.records == []

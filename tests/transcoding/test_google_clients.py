"""Google's generated REST clients: what they send arrives, and what they are sent they understand.

Such a client is little more than the helpers of google.api_core around `requests`: `transcode_request` divides a
message into path, query and body, `flatten_query_params` spells out the query, `from_http_response` reads errors and
`ResponseIterator` reads streams. These tests use the same helpers in the same order.
"""

from __future__ import annotations

import asyncio
import json
import socket
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any, NamedTuple, cast

import pytest
import requests
import uvicorn
from google.api import http_pb2
from google.protobuf import any_pb2, json_format
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2
from google.rpc.code_pb2 import Code
from google.rpc.status_pb2 import Status
from hypothesis import assume, given
from hypothesis import strategies as st
from transcoding.examples import examples
from transcoding.foreign import methods, rule
from transcoding.protojson.strategies import canonical, messages

from authsvc.transcoding import Call, Dialect, NoRoute, Transcoder, aip193_error
from authsvc.transcoding._fields import STRINGS, WRAPPERS
from authsvc.transcoding.asgi import Application, Context, Failure

with warnings.catch_warnings(action="ignore", category=ImportWarning):  # it would like to have grpcio-status
    from google.api_core import exceptions, rest_helpers, rest_streaming

HOST = "http://shop.example"
STRICT = Dialect(errors=aip193_error)

# The helpers refuse "." and ".." as segments, and take an empty text for a missing one. A slash stays a slash.
_segments = st.text(min_size=1, max_size=6).filter(lambda text: "/" not in text and text not in {".", ".."})
_segments |= st.sampled_from(
    ["a:b", ":publish", "%2F", "100%", "a b+c", "é?#&=", "\0\n", "...", "~-._", "{x}", "*", "**"]
)
_rests = st.lists(_segments | st.just(""), min_size=1, max_size=4).map("/".join).filter(bool)
# They write a bool as `True` and bytes as `b'…'`, infinities and NaN as Python does: no variables for these.
_doubles = st.floats(allow_nan=False, allow_infinity=False)


def _names(*collections: str) -> st.SearchStrategy[str]:
    parts = [part for collection in collections for part in (st.just(collection), _segments)]
    return st.tuples(*parts).map("/".join)


class Case(NamedTuple):
    """A rule with texts and numbers for the variables of its path, by dotted field name."""

    rule: http_pb2.HttpRule
    variables: dict[str, st.SearchStrategy[Any]]


# Only the five methods that HttpRule has fields for: the helpers know no custom ones. They take a body for a message,
# so it cannot be a scalar, repeated or map field; and they have nothing for a wildcard without a name.
CASES = {
    "Get": Case(rule("GET", "/v1/{name=shelves/*/books/*}"), {"name": _names("shelves", "books")}),
    "GetPart": Case(rule("GET", "/v1/items/{id}/parts/{name}"), {"id": _segments, "name": _segments}),
    "GetNested": Case(
        rule("GET", "/v1/nested/{child.id}/{child.child.name=*}"),
        {"child.id": _segments, "child.child.name": _segments},
    ),
    "GetByNumbers": Case(
        rule("GET", "/v1/numbers/{int32_value}/{uint64_value}/{double_value}/{float_value}/{colour}"),
        {
            "int32_value": st.integers(-(1 << 31), (1 << 31) - 1),
            "uint64_value": st.integers(0, (1 << 64) - 1),
            "double_value": _doubles,
            "float_value": st.floats(width=32, allow_nan=False, allow_infinity=False),
            "colour": st.integers(0, 5),
        },
    ),
    "GetFile": Case(rule("GET", "/v1/files/{name=**}"), {"name": _rests}),
    "GetFolder": Case(rule("GET", "/v1/{name=folders/**}"), {"name": _rests.map(lambda rest: f"folders/{rest}")}),
    "GetOfAnyParent": Case(
        rule(
            "GET",
            "/v1/{name=projects/*/logs/*}",
            additional_bindings=[
                rule("GET", "/v1/{name=organizations/*/logs/*}"),
                rule("GET", "/v1/{name=logs/*}/of/{id}"),
            ],
        ),
        {"name": _names("projects", "logs") | _names("organizations", "logs") | _names("logs"), "id": _segments},
    ),
    "Search": Case(rule("POST", "/v1/items:search", body="*"), {}),
    "Publish": Case(rule("POST", "/v1/{name=shelves/*}:publish", body="*"), {"name": _names("shelves")}),
    "Check": Case(rule("GET", "/v1/{name=shelves/*}:check"), {"name": _names("shelves")}),
    "Create": Case(rule("POST", "/v1/{name=shelves/*}/items", body="child"), {"name": _names("shelves")}),
    "Update": Case(
        rule("PATCH", "/v1/{child.name=shelves/*/items/*}", body="child"), {"child.name": _names("shelves", "items")}
    ),
    "Replace": Case(rule("PUT", "/v1/items/{id}", body="*"), {"id": _segments}),
    "Delete": Case(rule("DELETE", "/v1/{name=shelves/*/items/*}"), {"name": _names("shelves", "items")}),
}
METHODS = methods({name: case.rule for name, case in CASES.items()})
TRANSCODER = Transcoder(METHODS, dialect=STRICT)
ITEM = METHODS[0].input_type
POOL = ITEM.file.pool
Item: Any = GetMessageClass(ITEM)
# As generated clients have them, for each RPC.
OPTIONS: dict[str, list[dict[str, str]]] = {name: [] for name in CASES}
for _endpoint in TRANSCODER.endpoints:
    _rule = _endpoint.rule
    _option = {"method": _rule.http_method.lower(), "uri": _rule.path} | ({"body": _rule.body} if _rule.body else {})
    OPTIONS[_endpoint.method.name].append(_option)


class Parts(NamedTuple):
    """The arguments that a generated client calls `requests.request` with."""

    method: str
    path: str
    params: list[tuple[str, str]]
    data: str | None

    @classmethod
    def of(
        cls, options: list[dict[str, str]], message: Any, *, numbers: bool, required: dict[str, Any] | None = None
    ) -> Parts:
        """Let the helpers divide a message."""
        transcoded, body, query = rest_helpers.transcode_request(options, message, required, numbers)
        params = rest_helpers.flatten_query_params(query, strict=True)  # type: ignore[no-untyped-call]
        return cls(transcoded["method"].upper(), transcoded["uri"], params, body)

    def arrive(self) -> tuple[Call, bytes]:
        """Return the call that it becomes on the other side, and its body."""
        request = requests.Request(self.method, HOST + self.path, params=self.params, data=self.data).prepare()
        raw_path, _, query = request.path_url.partition("?")
        body = cast("str | None", request.body) or ""
        headers = [(b"content-type", b"application/json")]
        return TRANSCODER.match(self.method, raw_path.encode(), query.encode(), headers), body.encode()


@pytest.mark.parametrize("name", CASES)
@examples(24)
@given(data=st.data(), numbers=st.booleans())
def test_request_arrives_as_the_same_message(name: str, data: st.DataObject, *, numbers: bool) -> None:
    """Whatever a client can say, the service hears; also where it adds the defaults of required fields."""
    message = data.draw(_expressible(name))
    required = data.draw(st.sampled_from([None, {"renamed": ""}, {"otherName": "", "sizes": [], "boolValue": False}]))
    if "body" in OPTIONS[name][0] or (required and {"renamed", "bool_value"} & _set_fields(message)):
        required = None
    call, body = Parts.of(OPTIONS[name], message, numbers=numbers, required=required).arrive()
    arrived = call.message(body)
    assert call.method.name == name
    assert canonical(arrived) == canonical(message), f"{message}\nbecame\n{arrived}"


def test_every_binding_is_taken() -> None:
    """Names of each form choose the binding of their form, on both sides."""
    taken = []
    for name in ("projects/p/logs/l", "organizations/o/logs/l", "logs/l"):
        call, body = Parts.of(OPTIONS["GetOfAnyParent"], Item(name=name, id="i", tags=["t"]), numbers=True).arrive()
        assert call.message(body) == Item(name=name, id="i", tags=["t"])
        taken.append(call.template)
    assert taken == [option["uri"] for option in OPTIONS["GetOfAnyParent"]]


def _set_fields(message: Any) -> set[str]:
    return {field.name for field, _ in message.ListFields()}


@st.composite
def _expressible(draw: st.DrawFn, name: str) -> Any:
    """Draw a message that the helpers can say by a rule."""
    message, case = Item(), CASES[name]
    for part in draw(st.lists(messages(Item), min_size=1, max_size=4)):
        for field, _ in message.ListFields():
            part.ClearField(field.name)
        message.MergeFrom(part)
    body = case.rule.body
    if body and body != "*":
        # They always send a body, so they cannot leave its field unset.
        getattr(message, body).SetInParent()
    for field, _ in message.ListFields():
        if body in {"*", field.name}:
            _suit_body(message, field)
        else:
            _suit_query(message, field)
    for path, values in case.variables.items():
        *outer, last = path.split(".")
        holder = message
        for step in outer:
            holder = getattr(holder, step)
        setattr(holder, last, draw(values))
    return message


def _suit_body(message: Any, field: Any) -> None:
    """Clear every Any of a type outside the default pool: the helpers look nowhere else."""
    for each in _contents(message, field):
        if each.DESCRIPTOR.full_name == "google.protobuf.Any":
            try:
                json_format.MessageToJson(each)
            except TypeError:
                each.Clear()
        else:
            for inner, _ in each.ListFields():
                _suit_body(each, inner)


def _suit_query(message: Any, field: Any) -> None:
    """Clear what no query can say: google.api.http leaves out maps, repeated messages and the free types.

    The helpers write the parts of a message, so one without any would get lost.
    """
    kind = field.message_type
    if kind is None or kind.full_name in STRINGS | WRAPPERS:
        return
    if not field.is_repeated and kind.file.package != "google.protobuf":
        content = getattr(message, field.name)
        for inner, _ in content.ListFields():
            _suit_query(content, inner)
        if content.ListFields():
            return
    message.ClearField(field.name)


def _contents(message: Any, field: Any) -> Iterator[Any]:
    content = getattr(message, field.name)
    if field.message_type is None:
        return
    if field.message_type.GetOptions().map_entry:
        if field.message_type.fields_by_name["value"].message_type is not None:
            yield from (content[key] for key in content)
    elif field.is_repeated:
        yield from content
    else:
        yield content


@examples(60)
@given(message=messages(Item))
def test_answer_with_enum_numbers_is_read_back(message: Any) -> None:
    """A client that asks for enum numbers gets them, and reads the message that was sent."""
    assume(_readable(message))
    call, body = Parts.of(OPTIONS["Search"], Item(), numbers=True).arrive()
    call.message(body)
    answer = call.answer(call.encode(message)).body
    assert all(type(colour) is int for colour in json.loads(answer).get("colours", []))
    arrived = json_format.Parse(answer, Item(), ignore_unknown_fields=True, descriptor_pool=POOL)
    assert canonical(arrived) == canonical(message)


def _readable(message: Any) -> bool:
    """Whether the client's reader reads what its own writer writes; it does not for the largest float."""
    pool = message.DESCRIPTOR.file.pool
    try:
        json_format.Parse(
            json_format.MessageToJson(message, descriptor_pool=pool), type(message)(), descriptor_pool=pool
        )
    except json_format.ParseError:
        return False
    return True


ERRORS = {
    Code.CANCELLED: exceptions.Cancelled,
    Code.UNKNOWN: exceptions.InternalServerError,
    Code.INVALID_ARGUMENT: exceptions.BadRequest,
    Code.DEADLINE_EXCEEDED: exceptions.GatewayTimeout,
    Code.NOT_FOUND: exceptions.NotFound,
    Code.ALREADY_EXISTS: exceptions.Conflict,
    Code.PERMISSION_DENIED: exceptions.Forbidden,
    Code.UNAUTHENTICATED: exceptions.Unauthorized,
    Code.RESOURCE_EXHAUSTED: exceptions.TooManyRequests,
    Code.FAILED_PRECONDITION: exceptions.BadRequest,
    Code.ABORTED: exceptions.Conflict,
    Code.OUT_OF_RANGE: exceptions.BadRequest,
    Code.UNIMPLEMENTED: exceptions.MethodNotImplemented,
    Code.INTERNAL: exceptions.InternalServerError,
    Code.UNAVAILABLE: exceptions.ServiceUnavailable,
    Code.DATA_LOSS: exceptions.InternalServerError,
}
INFO = error_details_pb2.ErrorInfo(reason="SOLD_OUT", domain="shop.example", metadata={"shelf": "7"})
HINT = error_details_pb2.BadRequest(field_violations=[{"field": "name", "description": "is süß"}])


@pytest.mark.parametrize("code", ERRORS, ids=Code.Name)
def test_error_is_understood(code: Code.ValueType) -> None:
    """A client raises the exception of the code, with the message, the details and the reason."""
    status = Status(code=code, message='it is "gone"', details=[_packed(INFO), _packed(HINT)])
    call, _ = Parts.of(OPTIONS["Search"], Item(), numbers=False).arrive()
    error = _error(_response(call.failure(status)))
    assert isinstance(error, ERRORS[code])
    assert error.message == f'GET {HOST}/: it is "gone"'
    assert (error.reason, error.domain, error.metadata) == ("SOLD_OUT", "shop.example", {"shelf": "7"})
    violations = [{"field": "name", "description": "is süß"}]
    assert error.details[1] == {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations}


def test_refusal_is_understood() -> None:
    """A client that calls what is not there raises NotFound, too."""
    error = _error(_response(TRANSCODER.unmatched(NoRoute(), "GET")))
    assert isinstance(error, exceptions.NotFound)
    assert error.message == f"GET {HOST}/: Not Found"


def _error(response: requests.Response) -> Any:
    return exceptions.from_http_response(response)  # type: ignore[no-untyped-call]


def _packed(detail: Any) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed


def _response(answer: Any) -> requests.Response:
    response = requests.Response()
    response.status_code, response._content = answer.status, answer.body
    response.headers.update({name.decode(): value.decode() for name, value in answer.headers})
    response.request = requests.Request("GET", HOST).prepare()
    return response


WATCH = Transcoder([*methods({"Watch": rule("GET", "/v1/watch")}, server_streaming=True)], dialect=STRICT)
Event: Any = GetMessageClass(WATCH.endpoints[0].method.output_type)


class _Pieces:
    """The part of `requests.Response` that reads a stream, which comes in pieces cut anywhere."""

    def __init__(self, text: str, cuts: list[int]) -> None:
        edges = sorted({0, len(text), *(cut % len(text) for cut in cuts)})
        self._pieces = [text[start:end] for start, end in pairwise(edges)]

    def iter_content(self, *, decode_unicode: bool) -> Iterator[str]:
        assert decode_unicode
        return iter(self._pieces)

    def close(self) -> None:
        """Nothing to close."""


def _watched(sent: list[Any], cuts: list[int], failure: Status | None = None) -> Iterator[Any]:
    call = WATCH.match("GET", "/v1/watch", b"$alt=json;enum-encoding=int")
    call.message()
    body = b"".join([call.item(call.encode(message)) for message in sent]) + (call.stream_end(failure) or b"")
    pieces = cast("requests.Response", _Pieces(body.decode(), cuts))
    return rest_streaming.ResponseIterator(pieces, Event)


def _without_any(message: Any) -> Any:
    for field, _ in message.ListFields():
        _suit_body(message, field)
    return message


@examples(40)
@given(
    sent=st.lists(messages(Event, depth=1).map(_without_any), max_size=3),
    cuts=st.lists(st.integers(0, 1 << 16), max_size=12),
)
def test_stream_is_read_wherever_it_is_cut(sent: list[Any], cuts: list[int]) -> None:
    """A client sees each message of a stream, whatever pieces the network makes of the array."""
    assume(all(_readable(message) for message in sent))
    assert [canonical(message) for message in _watched(sent, cuts)] == [canonical(message) for message in sent]


@given(cuts=st.lists(st.integers(0, 1 << 16), max_size=12))
def test_error_in_a_stream_is_no_message(cuts: list[int]) -> None:
    """A client does not take the error at the end of a stream for one more message."""
    stream = _watched([Event(id="first")], cuts, Status(code=Code.ABORTED, message="over"))
    assert next(stream) == Event(id="first")
    with pytest.raises(json_format.ParseError, match="error"):
        next(stream)


class Shop:
    """Handlers for the RPCs above, and for those of a test of its own."""

    def __getattr__(self, name: str) -> Any:
        """Echo, whatever the RPC is."""
        return self._echo

    async def _echo(self, request: Any, context: Context) -> Any:
        if request.id == "gone":
            raise Failure(Code.NOT_FOUND, "it is gone", [INFO])
        return request

    async def Watch(self, request: Any, context: Context) -> AsyncIterator[Any]:
        """Count, with texts of every length of UTF-8."""
        for number in range(request.int32_value):
            yield type(request)(int32_value=number, name='"{é€😀}\\"[', tags=["]"] * number)


@asynccontextmanager
async def _serving(*, server_streaming: bool) -> AsyncIterator[str]:
    """Serve a shop over HTTP by uvicorn, until the end of the block."""
    rules = {"Watch": rule("POST", "/v1/watch", body="*")} if server_streaming else _rules()
    service = methods(rules, server_streaming=server_streaming)[0].containing_service
    application = Application(service, Shop(), dialect=STRICT)
    config = uvicorn.Config(application, lifespan="off", ws="none", log_config=None, access_log=False)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await server.startup([listener])
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            await server.shutdown([listener])


def _rules() -> dict[str, http_pb2.HttpRule | None]:
    return {name: case.rule for name, case in CASES.items()}


def _call(url: str, name: str, message: Any) -> Any:
    """Call as the method of a generated client does."""
    parts = Parts.of(OPTIONS[name], message, numbers=True)
    headers = {"Content-Type": "application/json"}
    with requests.Session() as session:
        response = session.request(
            parts.method, url + parts.path, params=parts.params, data=parts.data, headers=headers
        )
        if response.status_code >= 400:
            raise _error(response)
        return json_format.Parse(response.content, Item(), ignore_unknown_fields=True)


ODD = "é%2F :?#&+😀"
CALLS: dict[str, dict[str, Any]] = {
    "Get": {"name": f"shelves/{ODD}/books/b:c", "tags": ["a b", ODD], "colours": [1, 2], "when": {"seconds": 1}},
    "GetPart": {"id": ODD, "name": ":", "double_value": 1e-9, "maybe_count": 0},
    "GetNested": {"child": {"id": ODD, "child": {"name": "n"}, "wrapped_text": {"value": ""}}},
    "GetByNumbers": {"int32_value": -5, "uint64_value": 1 << 63, "double_value": 1e22, "float_value": 0.5, "colour": 2},
    "GetFile": {"name": f"/a//{ODD}/", "bytes_value": b"\xff\xfe"},
    "GetOfAnyParent": {"name": f"organizations/{ODD}/logs/l", "id": ODD},
    "Search": {"labels": {ODD: ODD}, "children": [{"id": "1"}, {}], "struct": {"fields": {ODD: {"bool_value": True}}}},
    "Publish": {"name": f"shelves/{ODD}", "tags": ["long"] * 1000},
    "Check": {"name": f"shelves/{ODD}"},
    "Create": {"name": "shelves/s", "child": {"id": ODD}, "id": "query"},
    "Update": {"child": {"name": f"shelves/s/items/{ODD}", "id": "i"}, "mask": {"paths": ["name", "wrapped_int"]}},
    "Replace": {"id": ODD, "nested_choice": {}},
    "Delete": {"name": "shelves/s/items/i", "renamed": "r"},
}


async def test_calls_over_http() -> None:
    """Over a real connection, every RPC echoes what the client says, and an error arrives with its details."""
    async with _serving(server_streaming=False) as url:
        for name, fields in CALLS.items():
            message = Item(**fields)
            assert await asyncio.to_thread(_call, url, name, message) == message
        with pytest.raises(exceptions.NotFound, match="it is gone") as caught:
            await asyncio.to_thread(_call, url, "Replace", Item(id="gone"))
        assert caught.value.reason == "SOLD_OUT"


async def test_stream_over_http() -> None:
    """Over a real connection, a stream is read message by message."""

    def watch(url: str) -> list[Any]:
        with requests.Session() as session:
            response = session.post(f"{url}/v1/watch", data='{"int32Value":5}', stream=True)
            return list(rest_streaming.ResponseIterator(response, Event))

    async with _serving(server_streaming=True) as url:
        seen = await asyncio.to_thread(watch, url)
    assert [event.int32_value for event in seen] == [0, 1, 2, 3, 4]
    assert {event.name for event in seen} == {'"{é€😀}\\"['}
    assert [list(event.tags) for event in seen] == [["]"] * number for number in range(5)]

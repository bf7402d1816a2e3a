"""The choices of a face beside its style: what errors explain, types of answers, answers without a body."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from google.protobuf.message_factory import GetMessageClass
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import BadRequest as BadRequestDetail
from google.rpc.status_pb2 import Status
from transcoding.driver import ask
from transcoding.foreign import method, rule
from transcoding.test_call import call_of, header, response

from authsvc.transcoding import BadRequest, Dialect, NoRoute, Transcoder
from authsvc.transcoding.asgi import Application
from authsvc.transcoding.protojson import Style

EMPTY = ".google.protobuf.Empty"
GET = rule("GET", "/a")
POST = rule("POST", "/a", body="*")
EXPLAIN = Dialect(explain=True)


def refusal(made: Any, query: str = "", body: bytes = b"", headers: Any = None, dialect: Dialect = EXPLAIN) -> Status:
    """How a call ends whose request does not fit."""
    call = call_of(made, query, headers, dialect=dialect)
    with pytest.raises(BadRequest) as caught:
        call.message(body)
    return call.status_of(caught.value)


def violation(status: Status) -> tuple[str, str, str]:
    """The only violation in it: field, reason, description."""
    (detail,) = status.details
    found = BadRequestDetail()
    assert detail.Unpack(found)
    (each,) = found.field_violations
    return each.field, each.reason, each.description


@pytest.mark.parametrize(
    ("query", "body", "found"),
    [
        ("int32Value=abc", b"", ("int32Value", "", "must be an integer")),
        ("int32_value=1e99", b"", ("int32Value", "", "is out of range for int32")),
        ("id=a&id=b", b"", ("id", "", "is given twice")),
        ("child.colour=GREEN", b"", ("child.colour", "", "is not a known value")),
        ("fields=nothing", b"", ("fields", "", "names a field that the response does not have")),
        ("prettyPrint=7", b"", ("prettyPrint", "", "must be true or false")),
        ("orgId=7", b"", ("orgId", "UNKNOWN_FIELD", "is not a known field")),
        ("or%67%20=7", b"", ("org ", "UNKNOWN_FIELD", "is not a known field")),
        ("", b'{"child":{"int32Value":"x"}}', ("child.int32Value", "", "must be an integer")),
        ("", b'{"children":[{},{"nope":1}]}', ("children[1].nope", "UNKNOWN_FIELD", "is not a known field")),
        ("", b'{"nope":1}', ("nope", "UNKNOWN_FIELD", "is not a known field")),
    ],
)
def test_a_refusal_names_the_field_for_programs(query: str, body: bytes, found: tuple[str, str, str]) -> None:
    """A google.rpc.BadRequest says which field or parameter is wrong; unknown ones by the name that was given."""
    status = refusal(POST if body else GET, query, body)
    assert status.code == Code.INVALID_ARGUMENT
    assert violation(status) == found


def test_fields_are_named_as_the_client_has_to_write_them() -> None:
    """With proto names, the names in errors are those, in queries, bodies and paths, however they were given."""
    style = Style(proto_names=True)
    dialect = Dialect(explain=True, style=style)
    assert violation(refusal(GET, "int32Value=x", dialect=dialect))[0] == "int32_value"
    assert violation(refusal(POST, body=b'{"child":{"int32Value":"x"}}', dialect=dialect))[0] == "child.int32_value"
    twice = refusal(POST, body=b'{"int32Value":1,"int32_value":1}', dialect=dialect)
    assert (violation(twice)[0], twice.message) == ("int32_value", "int32_value: is given twice")
    transcoder = Transcoder([method(rule("GET", "/a/{child.int32_value}"))], dialect=dialect)
    call = transcoder.match("GET", "/a/x")
    with pytest.raises(BadRequest) as caught:
        call.message()
    assert violation(call.status_of(caught.value))[0] == "child.int32_value"


@pytest.mark.parametrize(
    ("made", "query", "body", "headers"),
    [
        (POST, "", b"{", None),
        (POST, "", b"[]", None),
        (POST, "", b"{}", {"content-type": "text/plain"}),
        (POST, "", b"{}", {"content-encoding": "gzip"}),
        (GET, "&".join(["a=1"] * 1001), b"", None),
    ],
    ids=["not JSON", "no object", "type", "encoding", "too many"],
)
def test_where_no_field_is_wrong_none_is_named(made: Any, query: str, body: bytes, headers: Any) -> None:
    """A body that is not JSON, and a header, are no fields."""
    status = refusal(made, query, body, headers)
    assert (status.code, list(status.details)) == (Code.INVALID_ARGUMENT, [])
    assert status.message


@pytest.mark.parametrize(("query", "body"), [("int32Value=abc", b""), ("orgId=7", b""), ("", b'{"nope":1}')])
def test_usually_there_is_the_text_alone(query: str, body: bytes) -> None:
    """Without `explain` the text of the error is all, and repeats nothing that the client has made up."""
    made = POST if body else GET
    status = refusal(made, query, body, dialect=Dialect())
    assert not status.details
    assert status.message == refusal(made, query, body).message
    assert "orgId" not in status.message
    assert "nope" not in status.message


@pytest.mark.parametrize("name", [b"%ff", b"\xff", b"%00%0d%0a", b"x" * 5000, "\u00e9".encode() * 200])
def test_any_name_can_be_told(name: bytes) -> None:
    """What is no text is replaced, what is long is cut, and the error can be sent."""
    transcoder = Transcoder([method(GET)], dialect=EXPLAIN)
    call = transcoder.match("GET", "/a", name + b"=1")
    with pytest.raises(BadRequest) as caught:
        call.message()
    body = orjson.loads(call.failure(call.status_of(caught.value)).body)
    field = body["details"][0]["fieldViolations"][0]["field"]
    assert 0 < len(field.encode()) <= 100


class Shop:
    """Handlers of the service."""

    async def Do(self, request: Any, context: Any) -> Any:
        """Answer with the request."""
        return request


async def test_the_application_explains_too() -> None:
    """Where handlers are served by this library, its refusals have the detail, and those of headers have none."""
    do = method(GET)
    app = Application(do.containing_service, Shop(), dialect=EXPLAIN)
    found = await ask(app, "GET", "/a?int32Value=x")
    assert found.status == 400
    (detail,) = orjson.loads(found.body)["details"]
    assert detail["fieldViolations"] == [{"field": "int32Value", "description": "must be an integer"}]
    late = await ask(app, "GET", "/a", [("grpc-timeout", "soon")])
    assert (late.status, sorted(orjson.loads(late.body))) == (400, ["code", "message"])


UTF8 = "application/json; charset=utf-8"


def test_answers_and_errors_are_of_the_chosen_type() -> None:
    """Also those to requests that have no route; a stream of one JSON value too."""
    dialect = Dialect(content_type=UTF8)
    call = call_of(GET, dialect=dialect)
    call.message()
    assert header(call.answer(call.encode(response(call, id="a"))), "content-type") == UTF8
    assert header(call.failure(Status(code=5)), "content-type") == UTF8
    refused = Transcoder([method(GET)], dialect=dialect).unmatched(NoRoute(), "GET")
    assert header(refused, "content-type") == UTF8
    for accept, kind in (("", UTF8), ("application/json", UTF8), ("text/event-stream", "text/event-stream")):
        stream = call_of(GET, headers={"accept": accept}, dialect=dialect, server_streaming=True)
        stream.message()
        assert dict(stream.stream_head()[1])[b"content-type"].decode() == kind


def test_large_answers_of_the_chosen_type_are_compressed() -> None:
    """Parameters of the type change nothing about that."""
    call = call_of(GET, headers={"accept-encoding": "gzip"}, dialect=Dialect(content_type=UTF8))
    call.message()
    assert header(call.answer(call.encode(response(call, id="a" * 2000))), "content-encoding") == "gzip"


@pytest.mark.parametrize(
    "kind", ["", "text/html", "application/json; charset=latin1", "application/json\r\nx: y", "application/json;\u00e9"]
)
def test_the_type_must_be_one_of_json(kind: str) -> None:
    """A type under which clients would not read JSON, or that is no header, is refused."""
    with pytest.raises(ValueError, match=r"^content_type: must be a type of JSON, in UTF-8$"):
        Dialect(content_type=kind)


@pytest.mark.parametrize(("head", "verb"), [(False, "GET"), (True, "HEAD")])
def test_an_empty_answer_may_have_no_body(verb: str, *, head: bool) -> None:
    """Then it has neither content nor a type, whatever was asked for, and says that it is 0 bytes long."""
    transcoder = Transcoder([method(GET, output_type=EMPTY)], dialect=Dialect(empty_bodies=True))
    asked = [(b"accept-encoding", b"gzip"), (b"x-goog-fieldmask", b"*")]
    call = transcoder.match(verb, "/a", b"prettyPrint=true", asked)
    call.message()
    answer = call.answer(call.encode(response(call)))
    assert (answer.status, answer.body) == (200, b"")
    assert (header(answer, "content-type"), header(answer, "content-length")) == (None, "0")
    assert call.head == head
    assert header(call.failure(Status(code=5)), "content-type") == "application/json"


def test_usually_an_empty_answer_is_an_object() -> None:
    """By default it is `{}`."""
    call = call_of(GET, output_type=EMPTY)
    call.message()
    answer = call.answer(call.encode(response(call)))
    assert (answer.body, header(answer, "content-type")) == (b"{}", "application/json")


@pytest.mark.parametrize(
    ("made", "more", "body"),
    [
        (GET, {}, b"{}"),
        (rule("GET", "/a", response_body="empty"), {}, b""),
        (rule("GET", "/a", response_body="id"), {}, b'""'),
        (rule("GET", "/a", response_body="children"), {}, b"[]"),
        (GET, {"output_type": EMPTY, "server_streaming": True}, b"{}"),
    ],
    ids=["no fields set", "empty part", "scalar part", "list", "stream"],
)
def test_only_a_type_without_fields_is_empty(made: Any, more: Any, body: bytes) -> None:
    """A message that merely has nothing set is an object; so are the messages of a stream."""
    call = call_of(made, dialect=Dialect(empty_bodies=True), **more)
    call.message()
    assert call.encode(GetMessageClass(call.method.output_type)()) == body


WHOLE = Style(
    defaults=True, proto_names=True, millis=True, nullable=lambda field: field.name in {"when", "maybe_count"}
)


def test_the_choices_of_a_style_go_together() -> None:
    """Defaults, nulls, empty maps, names and times, in the whole answer, in a part of it, and behind a mask."""
    message = {"id": "a", "child": {"when": {"seconds": 1, "nanos": 5_000_000}}}
    call = call_of(GET, "fields=id,labels,when,maybeCount,child(when,maybe_count,labels),wrapped_text",
                   dialect=Dialect(style=WHOLE))  # fmt: skip
    call.message()
    child: dict[str, Any] = {"when": "1970-01-01T00:00:01.005Z", "maybe_count": None, "labels": {}}
    expected = {"id": "a", "labels": {}, "when": None, "maybe_count": None, "child": child}
    assert orjson.loads(call.encode(response(call, **message))) == expected
    part = call_of(
        rule("GET", "/a", response_body="child"), "fields=when,id,wrapped_text", dialect=Dialect(style=WHOLE)
    )
    part.message()
    assert orjson.loads(part.encode(response(part, **message))) == {"id": "", "when": child["when"]}
    assert orjson.loads(part.encode(response(part))) == {"id": "", "when": None}


@pytest.mark.parametrize("unknown", ["reject", "ignore"])
def test_a_face_may_have_no_system_parameters(unknown: Any) -> None:
    """Then the mask in a header means nothing, parameters of these names are unknown, and `Vary` names neither."""
    dialect = Dialect(system_parameters=False, unknown=unknown)
    mask = {"x-goog-fieldmask": "tags,nothing"}
    call = call_of(GET, headers=mask, dialect=dialect)
    call.message()
    answer = call.answer(call.encode(response(call, id="a")))
    assert (answer.body, header(answer, "vary")) == (b'{"id":"a"}', None)
    stream = call_of(GET, headers=mask, dialect=dialect, server_streaming=True)
    stream.message()
    assert dict(stream.stream_head()[1])[b"vary"] == b"accept"
    for query in ("fields=tags", "$fields=tags", "prettyPrint=true", "alt=sse", "$alt=json;enum-encoding=int", "key=a"):
        call = call_of(GET, query, dialect=dialect)
        if unknown == "reject":
            with pytest.raises(BadRequest, match=r"^the query has an unknown parameter$"):
                call.message()
        else:
            call.message()
            assert call.encode(response(call, id="a", colour=1)) == b'{"id":"a","colour":"RED"}'

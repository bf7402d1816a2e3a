"""One request and its answer, without a network: bodies by content type, raw content, streams, failures."""

import gzip
import json
from typing import Any

import pytest
from google.protobuf.message_factory import GetMessageClass
from google.rpc.status_pb2 import Status

from authsvc.transcoding import BadRequest, Call, Dialect, Transcoder, aip193_error
from authsvc.transcoding.protojson import EncodeError

from .foreign import method, rule

LENIENT = Dialect(unknown="ignore", lenient_bodies=True)
BODY = ".google.api.HttpBody"
FILE = ".shop.File"


def call_of(
    made: Any, query: str = "", headers: dict[str, str] | None = None, *, dialect: Any = None, **more: Any
) -> Call:
    """The call that a request to the only rule becomes; the rule's path is `/a`."""
    transcoder = Transcoder([method(made, **more)], dialect=dialect)
    lines = [(name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
    return transcoder.match(made.WhichOneof("pattern").upper(), "/a", query.encode(), lines)


def response(call: Call, **fields: Any) -> Any:
    """A response message."""
    return GetMessageClass(call.method.output_type)(**fields)


def header(answer: Any, name: str) -> str | None:
    """The only value of a header."""
    values = [value.decode() for key, value in answer.headers if key == name.encode()]
    assert len(values) < 2
    return values[0] if values else None


POST = rule("POST", "/a", body="*")


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=UTF-8", "application/problem+json", None]
)
def test_json_is_read(kind: str | None) -> None:
    """JSON in UTF-8, and a body that does not say what it is."""
    call = call_of(POST, headers={"content-type": kind} if kind is not None else {})
    assert call.message(b'{"id":"\xc3\xbc"}').id == "\u00fc"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/json; charset=latin1", "application/x-www-form-urlencoded"]
)
def test_other_bodies_are_415(kind: str) -> None:
    """Any other type is refused by name; without a body nobody looks at it, and the lenient dialect never does."""
    with pytest.raises(BadRequest) as caught:
        call_of(POST, headers={"content-type": kind}).message(b"{}")
    assert caught.value.http_status == 415
    assert str(caught.value) == "content-type: must be application/json, in UTF-8"
    call_of(POST, headers={"content-type": kind}).message()
    call_of(rule("GET", "/a"), headers={"content-type": kind}).message(b"{}")
    assert call_of(POST, headers={"content-type": kind}, dialect=LENIENT).message(b'{"id":"a"}').id == "a"  # type: ignore[attr-defined]


@pytest.mark.parametrize("dialect", [None, LENIENT], ids=["strict", "lenient"])
@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip", "GZIP"])
@pytest.mark.parametrize("made", [POST, rule("POST", "/a", body="content")], ids=["json", "raw"])
def test_encoded_bodies_are_415(dialect: Any, coding: str, made: Any) -> None:
    """A compressed body is refused, whoever reads it; `identity` is no encoding."""
    kinds = {"input_type": FILE}
    with pytest.raises(BadRequest, match=r"^content-encoding: is not supported") as caught:
        call_of(made, headers={"content-encoding": coding}, dialect=dialect, **kinds).message(gzip.compress(b"{}"))
    assert caught.value.http_status == 415
    call_of(made, headers={"content-encoding": "Identity"}, dialect=dialect, **kinds).message(b"{}")


@pytest.mark.parametrize(
    ("made", "kinds"),
    [(POST, {"input_type": BODY}), (rule("POST", "/a", body="content"), {"input_type": FILE})],
    ids=["whole", "field"],
)
@pytest.mark.parametrize("kind", ["text/csv; charset=latin1", "image/png", "application/json", ""])
@pytest.mark.parametrize("data", [b"", b"\xff\0\n", b"{"])
def test_raw_bodies_are_taken_as_they_are(made: Any, kinds: Any, kind: str, data: bytes) -> None:
    """A google.api.HttpBody has the bytes and the content type of the request, whatever they are, even no bytes."""
    call = call_of(made, headers={"content-type": kind} if kind else {}, **kinds)
    message: Any = call.message(data)
    content = getattr(message, "content", message)
    assert (content.data, content.content_type) == (data, kind)


def test_raw_bodies_leave_the_query_to_other_fields() -> None:
    """Beside the field of the body the request has fields from the query."""
    call = call_of(rule("POST", "/a", body="content"), "name=n", input_type=FILE)
    message: Any = call.message(b"data")
    assert (message.name, message.content.data) == ("n", b"data")


@pytest.mark.parametrize(
    ("made", "kind", "fields"),
    [
        (rule("GET", "/a"), BODY, {}),
        (rule("GET", "/a", response_body="content"), FILE, {"name": "x"}),
    ],
    ids=["whole", "field"],
)
def test_raw_answers_are_given_as_they_are(made: Any, kind: str, fields: Any) -> None:
    """A google.api.HttpBody is the body of the answer, and its content type the header."""
    call = call_of(made, output_type=kind)
    call.message()
    content = {"content_type": "text/csv; charset=utf-8", "data": b"a,b\n\xff"}
    answer = call.answer(call.encode(response(call, **(fields | {"content": content} if fields else content))))
    assert answer.body == b"a,b\n\xff"
    assert header(answer, "content-type") == "text/csv; charset=utf-8"
    assert header(answer, "content-length") == "5"


@pytest.mark.parametrize(("kind", "sent"), [("", "application/octet-stream"), (" text/plain ", "text/plain")])
def test_the_type_of_a_raw_answer(kind: str, sent: str) -> None:
    """Without a type it is bytes; blanks around one, which HTTP/2 forbids, are dropped."""
    call = call_of(rule("GET", "/a"), output_type=BODY)
    call.message()
    assert header(call.answer(call.encode(response(call, content_type=kind))), "content-type") == sent


@pytest.mark.parametrize(
    "kind", ["text/plain\r\nset-cookie: a=b", "text/plain\n", "text/\0", "text/\u00fc", "text/plain\x7f", "\u2028"]
)
def test_a_type_that_is_no_header_is_an_error(kind: str) -> None:
    """Nothing of it gets into the answer: the server has failed."""
    call = call_of(rule("GET", "/a"), output_type=BODY)
    call.message()
    with pytest.raises(EncodeError):
        call.encode(response(call, content_type=kind, data=b"x"))


def test_raw_answers_are_compressed_like_others() -> None:
    """When asked for, from the same size on."""
    call = call_of(rule("GET", "/a"), headers={"accept-encoding": "gzip"}, output_type=BODY)
    call.message()
    answer = call.answer(call.encode(response(call, content_type="text/plain", data=b"x" * 5000)))
    assert header(answer, "content-encoding") == "gzip"
    assert gzip.decompress(answer.body) == b"x" * 5000


def test_a_list_of_raw_contents_is_json() -> None:
    """Only one content can be a body: a repeated HttpBody is written like any message."""
    call = call_of(rule("GET", "/a", response_body="pages"), output_type=FILE)
    call.message()
    answer = call.answer(call.encode(response(call, pages=[{"data": b"a"}])))
    assert json.loads(answer.body) == [{"data": "YQ=="}]
    assert header(answer, "content-type") == "application/json"


def test_a_list_of_raw_contents_is_read_as_json() -> None:
    """As the body of a request, too: its content type has to be that of JSON."""
    made = rule("POST", "/a", body="pages")
    message: Any = call_of(made, input_type=FILE).message(b'[{"contentType":"text/csv","data":"YQ=="}]')
    assert [(page.content_type, page.data) for page in message.pages] == [("text/csv", b"a")]
    with pytest.raises(BadRequest) as caught:
        call_of(made, headers={"content-type": "text/csv"}, input_type=FILE).message(b"a")
    assert caught.value.http_status == 415


def test_a_query_puts_nothing_into_raw_content() -> None:
    """A servicer that gives back what it got answers no header of the client's choice."""
    call = call_of(rule("GET", "/a"), "contentType=%0d%0a&data=AQI", dialect=LENIENT, input_type=BODY, output_type=BODY)
    answer = call.answer(call.encode(call.message()))
    assert (header(answer, "content-type"), answer.body) == ("application/octet-stream", b"")
    with pytest.raises(BadRequest, match="unknown parameter"):
        call_of(rule("GET", "/a"), "contentType=%0d%0a", input_type=BODY, output_type=BODY).message()


def test_parameters_about_json_leave_raw_answers_alone() -> None:
    """Raw content is neither indented nor cut."""
    call = call_of(rule("GET", "/a"), "prettyPrint=true&fields=data&alt=sse", output_type=BODY)
    call.message()
    assert call.answer(call.encode(response(call, data=b'{"a":1}'))).body == b'{"a":1}'


# Failures


def test_a_failure_is_an_answer() -> None:
    """In the format of the dialect, with the status of the table or a better one, indented when asked for."""
    call = call_of(rule("GET", "/a"), "prettyPrint=true", dialect=Dialect(errors=aip193_error))
    call.message()
    answer = call.failure(Status(code=5, message="none"))
    assert (answer.status, json.loads(answer.body)["error"]["status"]) == (404, "NOT_FOUND")
    assert answer.body.startswith(b'{\n  "error"')
    assert header(answer, "content-type") == "application/json"
    assert call.failure(Status(code=8), 413).status == 413


def test_a_large_failure_is_compressed() -> None:
    """Errors are answers like others."""
    call = call_of(rule("GET", "/a"), headers={"accept-encoding": "gzip"})
    answer = call.failure(Status(code=5, message="x" * 5000))
    assert json.loads(gzip.decompress(answer.body)) == {"code": 5, "message": "x" * 5000}
    assert header(answer, "content-encoding") == "gzip"


LARGE = {"name": "x" * 5000}


@pytest.mark.parametrize("http_method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("mask", ["", "name"])
@pytest.mark.parametrize("coding", ["", "gzip"])
def test_json_answers_vary_by_mask_and_coding(http_method: str, mask: str, coding: str) -> None:
    """Caches have to know it of every answer, also of one to a request without a mask (RFC 9110, section 12.5.5)."""
    made = POST if http_method == "POST" else rule("GET", "/a")
    transcoder = Transcoder([method(made)])
    given = {"x-goog-fieldmask": mask, "accept-encoding": coding}
    lines = [(name.encode(), value.encode()) for name, value in given.items() if value]
    for fields, vary in (({"name": "x"}, "x-goog-fieldmask"), (LARGE, "accept-encoding, x-goog-fieldmask")):
        call = transcoder.match(http_method, "/a", b"", lines)
        call.message()
        answer = call.answer(call.encode(response(call, **fields)))
        assert (answer.status, header(answer, "vary")) == (200, vary)


def test_other_answers_do_not_vary_by_mask() -> None:
    """Raw content has no fields to choose from, and errors are written in full."""
    call = call_of(rule("GET", "/a"), headers={"x-goog-fieldmask": "data"}, output_type=BODY)
    call.message()
    for data, vary in ((b"x", None), (b"x" * 5000, "accept-encoding")):
        content = response(call, content_type="text/plain", data=data)
        assert header(call.answer(call.encode(content)), "vary") == vary
    assert header(call.failure(Status(code=5)), "vary") is None
    assert header(call.failure(Status(code=5, message="x" * 5000)), "vary") == "accept-encoding"


def test_compression_can_be_turned_off() -> None:
    """By the dialect, for answers and errors of any size; they then do not vary by the encoding."""
    dialect = Dialect(compress=False)
    call = call_of(rule("GET", "/a"), headers={"accept-encoding": "gzip"}, dialect=dialect)
    call.message()
    answers = [call.answer(call.encode(response(call, **LARGE))), call.failure(Status(code=5, message="x" * 5000))]
    assert [header(answer, "vary") for answer in answers] == ["x-goog-fieldmask", None]
    for answer in answers:
        assert header(answer, "content-encoding") is None
        assert b"x" * 5000 in answer.body


@pytest.mark.parametrize("kinds", [{"output_type": BODY}, {"server_streaming": True}], ids=["raw", "stream"])
def test_a_failure_is_json_whatever_was_to_come(kinds: Any) -> None:
    """Of a raw answer or of a stream that has not begun, too."""
    call = call_of(rule("GET", "/a"), headers={"accept": "text/event-stream"}, **kinds)
    call.message()
    answer = call.failure(Status(code=5, message="none"))
    assert (answer.status, json.loads(answer.body)) == (404, {"code": 5, "message": "none"})
    assert header(answer, "content-type") == "application/json"


# Streams


def stream(call: Call, *messages: dict[str, Any], failure: Status | None = None) -> tuple[dict[str, str], bytes | None]:
    """Headers and body of a stream; None as the body if it is broken off."""
    items = []
    for number, message in enumerate(messages):
        data = call.encode(response(call, **message))
        if number == 0:
            status, headers = call.stream_head()
        items.append(call.item(data))
    if not messages:
        status, headers = call.stream_head()
    assert status == 200
    found = {name.decode(): value.decode() for name, value in headers}
    assert len(found) == len(headers)
    end = call.stream_end(failure)
    return found, None if end is None else b"".join([*items, end])


def streaming(query: str = "", accept: str = "", **more: Any) -> Call:
    """A call with a stream of responses, its request read."""
    made = rule("GET", "/a", response_body=more.pop("response_body", ""))
    call = call_of(made, query, {"accept": accept} if accept else {}, server_streaming=True, **more)
    call.message()
    return call


A, B = {"id": "a", "name": "x"}, {"id": "b", "name": "y"}
LINES, EVENTS = "application/x-ndjson", "text/event-stream"
INDENTED = b'data: {\ndata:   "id": "%b"\ndata: }\n\n'


@pytest.mark.parametrize(
    ("accept", "query", "body"),
    [
        ("", "", b'[{"id":"a","name":"x"},\n{"id":"b","name":"y"}]'),
        (LINES, "", b'{"id":"a","name":"x"}\n{"id":"b","name":"y"}\n'),
        (EVENTS, "", b'data: {"id":"a","name":"x"}\n\ndata: {"id":"b","name":"y"}\n\n'),
        ("", "fields=id", b'[{"id":"a"},\n{"id":"b"}]'),
        (LINES, "fields=id", b'{"id":"a"}\n{"id":"b"}\n'),
        (LINES, "fields=id&prettyPrint=true", b'{"id":"a"}\n{"id":"b"}\n'),
        ("", "fields=id&prettyPrint=true", b'[{\n  "id": "a"\n},\n{\n  "id": "b"\n}]'),
        (EVENTS, "fields=id&prettyPrint=true", INDENTED % b"a" + INDENTED % b"b"),
        ("", "alt=sse&fields=id", b'data: {"id":"a"}\n\ndata: {"id":"b"}\n\n'),
        (LINES, "$alt=sse&fields=id", b'data: {"id":"a"}\n\ndata: {"id":"b"}\n\n'),
    ],
)  # fmt: skip
def test_each_message_of_a_stream_is_an_answer(accept: str, query: str, body: bytes) -> None:
    """Framed as `Accept` or `alt=sse` says, masked and indented each by itself; a line stays one line."""
    headers, found = stream(streaming(query, accept), A, B)
    assert found == body
    expected = EVENTS if "sse" in query else accept or "application/json"
    assert headers == {
        "content-type": expected,
        "x-content-type-options": "nosniff",
        "vary": "accept, x-goog-fieldmask",
        "x-accel-buffering": "no",
    }


def test_response_body_of_a_stream() -> None:
    """What it names is taken out of every message."""
    assert stream(streaming(response_body="name"), A, B)[1] == b'["x",\n"y"]'
    assert stream(streaming(accept=LINES, response_body="child"), {"child": A}, {})[1] == b'{"id":"a","name":"x"}\n{}\n'


@pytest.mark.parametrize(
    ("accept", "body"),
    [
        ("", b'[{"id":"a","name":"x"},\n{"error":{"code":8,"message":"enough"}}]'),
        (LINES, b'{"id":"a","name":"x"}\n{"error":{"code":8,"message":"enough"}}\n'),
        (EVENTS, b'data: {"id":"a","name":"x"}\n\nevent: error\ndata: {"error":{"code":8,"message":"enough"}}\n\n'),
    ],
)
def test_an_error_in_mid_stream_is_its_last_item(accept: str, body: bytes) -> None:
    """A client can tell it from every message."""
    assert stream(streaming(accept=accept), A, failure=Status(code=8, message="enough"))[1] == body


def test_a_raw_stream_is_one_content() -> None:
    """The pieces follow each other under the content type of the first."""
    call = streaming(output_type=BODY, accept=EVENTS)
    pieces = ({"content_type": "text/csv", "data": b"a"}, {"content_type": "text/html", "data": b""}, {"data": b"b"})
    headers, body = stream(call, *pieces)
    assert (headers["content-type"], body) == ("text/csv", b"ab")
    assert "vary" not in headers
    assert stream(streaming(output_type=BODY))[0]["content-type"] == "application/octet-stream"
    assert stream(streaming(output_type=BODY), {"data": b"a"})[0]["content-type"] == "application/octet-stream"


def test_a_raw_stream_in_a_field() -> None:
    """`response_body` may name the content."""
    call = streaming(output_type=FILE, response_body="content")
    headers, body = stream(call, {"content": {"content_type": "text/csv", "data": b"a"}}, {"content": {"data": b"b"}})
    assert (headers["content-type"], body) == ("text/csv", b"ab")


def test_an_error_in_a_raw_stream_breaks_it_off() -> None:
    """There is nothing that could be added to the content."""
    assert stream(streaming(output_type=BODY), {"data": b"a"}, failure=Status(code=8))[1] is None


def test_streams_know_nothing_of_each_other() -> None:
    """Two calls of one route are framed independently."""
    transcoder = Transcoder([method(rule("GET", "/a"), server_streaming=True)])
    first, second = (transcoder.match("GET", "/a") for _ in range(2))
    message = response(first, id="a")
    assert [call.item(call.encode(message)) for call in (first, second)] == [b'[{"id":"a"}'] * 2

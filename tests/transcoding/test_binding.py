"""Bindings: path, body and query into one message, and the rules refused at start."""

from typing import Any

import pytest

from authsvc.transcoding import BadRequest, Dialect, HttpRule, RouteError
from authsvc.transcoding._binding import Binding
from authsvc.transcoding._query import NameTables
from authsvc.transcoding._template import parse
from authsvc.transcoding.protojson import Codec

from .foreign import method

LENIENT = Dialect(unknown="ignore", lenient_bodies=True)


def _binding(path: str, body: str = "", dialect: Dialect = LENIENT, **types: str) -> Binding:
    codec = Codec(dialect.style, unknown=dialect.unknown, rest_ignored=dialect.lenient_bodies)
    return Binding(method(None, **types), HttpRule("GET", path, body), parse(path), codec, dialect, NameTables())


def _bind(binding: Binding, captures: dict[str, str], query: bytes, data: bytes) -> Any:
    return binding.bind(captures, query, "application/json", data)[0]


@pytest.mark.parametrize(
    ("path", "body", "captures", "query", "data", "expected"),
    [
        ("/x", "", {}, b"", b"", "{}"),
        ("/{id}", "", {"id": "a%20b%2Fc"}, b"", b"", '{"id":"a b/c"}'),
        ("/{id=a/*}", "", {"id": "a/b%20b%2Fc"}, b"", b"", '{"id":"a/b b%2Fc"}'),
        ("/{id=**}", "", {"id": ""}, b"name=n", b"", '{"name":"n"}'),
        ("/{child.int32_value}", "", {"child.int32_value": "7"}, b"", b"", '{"child":{"int32Value":7}}'),
        ("/{colour}", "", {"colour": "RED"}, b"", b"", '{"colour":"RED"}'),
        ("/{bool_value}/{bytes_value}", "", {"bool_value": "true", "bytes_value": "AQI"}, b"", b"",
         '{"boolValue":true,"bytesValue":"AQI="}'),
        ("/{right}", "", {"right": "0"}, b"", b"", '{"right":0}'),
        ("/x", "", {}, b"id=q", b"not even JSON", '{"id":"q"}'),
        ("/x", "*", {}, b"id=q", b'{"name":"b"}', '{"name":"b"}'),
        ("/{id}", "*", {"id": "p"}, b"", b'{"name":"b"}', '{"id":"p","name":"b"}'),
        ("/{id}", "*", {"id": "p"}, b"", b'{"id":"p"}', '{"id":"p"}'),
        ("/{id}", "*", {"id": "p"}, b"", b" ", '{"id":"p"}'),
        ("/{id}", "*", {"id": "p"}, b"", b'{"id":""}', '{"id":"p"}'),
        ("/{int32_value}", "*", {"int32_value": "7"}, b"", b'{"int32Value":0}', '{"int32Value":7}'),
        ("/{nested_choice.id}", "*", {"nested_choice.id": "p"}, b"", b'{"nestedChoice":{"name":"b"}}',
         '{"nestedChoice":{"id":"p","name":"b"}}'),
        ("/{nested_choice.id}/{nested_choice.name}", "", {"nested_choice.id": "p", "nested_choice.name": "q"}, b"", b"",
         '{"nestedChoice":{"id":"p","name":"q"}}'),
        ("/{left}/{child.right}", "", {"left": "p", "child.right": "1"}, b"", b"", '{"left":"p","child":{"right":1}}'),
        ("/{nested_choice.id}", "nested_choice", {"nested_choice.id": "p"}, b"", b'{"name":"b"}',
         '{"nestedChoice":{"id":"p","name":"b"}}'),
        ("/x", "child", {}, b"id=q&child.name=no", b'{"id":"b"}', '{"id":"q","child":{"id":"b"}}'),
        ("/x", "child", {}, b"", b"", "{}"),
        ("/x", "child", {}, b"", b"null", "{}"),
        ("/{child.id}", "child", {"child.id": "p"}, b"", b'{"name":"b"}', '{"child":{"id":"p","name":"b"}}'),
        ("/x", "tags", {}, b"", b'["a"]', '{"tags":["a"]}'),
        ("/x", "renamed", {}, b"", b'"a"', '{"otherName":"a"}'),
        ("/x", "value", {}, b"", b"null", '{"value":null}'),
        ("/x", "labels", {}, b"", b'{"a":"b"} trailing', '{"labels":{"a":"b"}}'),
    ],
)  # fmt: skip
def test_fields_come_from_path_body_and_query(
    path: str, body: str, captures: dict[str, str], query: bytes, data: bytes, expected: str
) -> None:
    """Each field has one source; a body is read only where the rule has one."""
    message = _bind(_binding(path, body), captures, query, data)
    assert message == Codec().decode(type(message), expected.encode())


@pytest.mark.parametrize(
    ("path", "body", "captures", "query", "data", "field", "reason"),
    [
        ("/{int32_value}", "", {"int32_value": "x"}, b"", b"", "int32Value", "must be an integer"),
        ("/{child.uint32_value}", "", {"child.uint32_value": "-1"}, b"", b"", "child.uint32Value",
         "is out of range for uint32"),
        ("/{id}", "", {"id": "%ff"}, b"", b"", "id", "is not UTF-8"),
        ("/{id}", "", {"id": "%4"}, b"", b"", "id", "has a malformed percent-encoding"),
        ("/{colour}", "", {"colour": "MAUVE"}, b"", b"", "colour", "is not a known value"),
        ("/{id}", "", {"id": "p"}, b"id=p", b"", "id", "is already given by the path"),
        ("/{id}", "*", {"id": "p"}, b"id=q", b"", "id", "is already given by the path"),
        ("/{id}", "*", {"id": "p"}, b"", b'{"id":"evil"}', "id", "differs from the path"),
        ("/{child.id}", "child", {"child.id": "p"}, b"", b'{"id":"no"}', "child.id", "differs from the path"),
        ("/{maybe_count}", "*", {"maybe_count": "1"}, b"", b'{"maybeCount":0}', "maybeCount",
         "differs from the path"),
        ("/{left}", "*", {"left": "p"}, b"", b'{"right":1}', "left", "excludes another field of the request"),
        ("/{nested_choice.id}", "*", {"nested_choice.id": "p"}, b"", b'{"right":1}', "nestedChoice.id",
         "excludes another field of the request"),
        ("/{child.nested_choice.id}", "*", {"child.nested_choice.id": "p"}, b"", b'{"child":{"left":"x"}}',
         "child.nestedChoice.id", "excludes another field of the request"),
        ("/{left}", "", {"left": "p"}, b"right=1", b"", "right", "excludes another field of the request"),
        ("/x", "*", {}, b"", b'{"child":{"id":5}}', "child.id", "must be a string"),
        ("/x", "child", {}, b"", b'{"id":5}', "child.id", "must be a string"),
        ("/x", "child", {}, b"", b"[]", "child", "must be a JSON object"),
        ("/x", "tags", {}, b"", b'["a",1]', "tags[1]", "must be a string"),
        ("/x", "*", {}, b"", b"[]", "", "must be a JSON object"),
    ],
)  # fmt: skip
def test_contradiction_or_misfit_is_refused(
    path: str, body: str, captures: dict[str, str], query: bytes, data: bytes, field: str, reason: str
) -> None:
    """The path can be contradicted by nobody, and a value that does not fit names its field."""
    with pytest.raises(BadRequest) as caught:
        _bind(_binding(path, body), captures, query, data)
    assert (caught.value.field, caught.value.reason) == (field, reason)


@pytest.mark.parametrize(("query", "data"), [(b"no=1", b""), (b"", b'{"no":1}')])
def test_unknown_policy_covers_query_and_body(query: bytes, data: bytes) -> None:
    """Unknown parameters and body fields are refused by default; `ignore` skips both."""
    assert not _bind(_binding("/x", "*"), {}, query, data).ListFields()
    with pytest.raises(BadRequest, match="unknown"):
        _bind(_binding("/x", "*", Dialect()), {}, query, data)


@pytest.mark.parametrize(
    ("path", "body", "column", "reason"),
    [
        ("/a/{no}", "", 4, "the request has no field no"),
        ("/{child.no}", "", 2, "the request has no field child.no"),
        ("/{id.x}", "", 2, "the request has no field id.x"),
        ("/{otherName}", "", 2, "the request has no field otherName"),
        ("/{tags}", "", 2, "tags is repeated, which a path cannot hold"),
        ("/{children.id}", "", 2, "children.id is repeated, which a path cannot hold"),
        ("/{labels}", "", 2, "labels is repeated, which a path cannot hold"),
        ("/{child}", "", 2, "child is a message, which a path cannot hold"),
        ("/{when}", "", 2, "when is a message, which a path cannot hold"),
        ("/x", "no", 0, "the body field no is not a top-level field of the request"),
        ("/x", "child.id", 0, "the body field child.id is not a top-level field of the request"),
        ("/{id}", "id", 2, "the body field id is also bound by the path"),
        ("/{when.seconds}", "", 2, "when.seconds is inside a well-known type"),
        ("/{left}/{right}", "", 9, "right and left exclude each other"),
        ("/{left}/{nested_choice.id}", "", 9, "nested_choice.id and left exclude each other"),
        ("/{child.left}/{child.right}", "*", 15, "child.right and child.left exclude each other"),
        ("/{left}", "right", 2, "left and the body field right exclude each other"),
        ("/x/{left}", "nested_choice", 4, "left and the body field nested_choice exclude each other"),
    ],
)
def test_rule_that_does_not_fit_stops_the_start(path: str, body: str, column: int, reason: str) -> None:
    """A rule is checked against the request when it is compiled, and the error names the place."""
    with pytest.raises(RouteError) as caught:
        _binding(path, body)
    assert (caught.value.reason, caught.value.column) == (reason, column)
    assert (caught.value.method, caught.value.template) == ("shop.Shop.Do", path)


def test_http_body_takes_the_body_as_it_is() -> None:
    """A body that is a google.api.HttpBody is not parsed: its bytes and its content type are the message."""
    binding = _binding("/x", "*", input_type=".google.api.HttpBody")
    message, _ = binding.bind({}, b"", "image/png", b"\x89PNG{")
    assert (message.content_type, message.data) == ("image/png", b"\x89PNG{")  # type: ignore[attr-defined]


def test_a_list_of_http_bodies_is_plain_json() -> None:
    """Only one content can be a body: a repeated google.api.HttpBody is read like any list of messages."""
    binding = _binding("/x", "pages", input_type=".shop.File")
    assert not binding.raw_body
    message = _bind(binding, {}, b"name=n", b'[{"contentType":"text/csv","data":"YQ=="},{}]')
    assert [(page.content_type, page.data) for page in message.pages] == [("text/csv", b"a"), ("", b"")]
    assert message.name == "n"


@pytest.mark.parametrize(("body", "takes"), [("", False), ("*", True), ("child", True)])
def test_binding_says_whether_it_reads_a_body(body: str, *, takes: bool) -> None:
    """A door may leave the body of a body-less rule unread."""
    assert _binding("/x", body).takes_body is takes

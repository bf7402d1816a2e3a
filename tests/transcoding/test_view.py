"""System parameters: what a request says about the form of its answer."""

import json
from typing import Any

import pytest
from google.protobuf.message_factory import GetMessageClass

from authsvc.transcoding import BadRequest, Dialect, Transcoder
from authsvc.transcoding.protojson import Style

from .foreign import method, rule

FIELDS: dict[str, Any] = {
    "id": "a",
    "int32_value": 1,
    "colour": 1,
    "colours": [1, 2, 7],
    "tags": ["x"],
    "child": {"id": "c", "colour": 2},
    "labels": {"k": "v"},
}


def answer(query: str, headers: dict[str, str] | None = None, *, post: bool = False, **more: Any) -> bytes:
    """The body that answers a GET, or a POST whose body is the whole message."""
    dialect = more.pop("dialect", None)
    do = method(rule("POST" if post else "GET", "/a", body="*" if post else "", **more))
    lines = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    call = Transcoder([do], dialect=dialect).match("POST" if post else "GET", "/a", query.encode(), lines)
    call.message(b"{}" if post else b"")
    return call.answer(call.encode(GetMessageClass(do.output_type)(**FIELDS))).body


PLAIN = answer("")


@pytest.mark.parametrize("dollar", ["", "$"], ids=["bare", "dollar"])
@pytest.mark.parametrize("post", [False, True], ids=["GET", "POST"])
@pytest.mark.parametrize("unknown", ["reject", "ignore"])
def test_parameters_of_the_system_go_with_every_rule(dollar: str, post: bool, unknown: Any) -> None:  # noqa: FBT001
    """With a dollar sign or without, also where the body has all fields, and whatever is done with unknown names."""
    dialect = Dialect(unknown=unknown)
    assert answer(f"{dollar}fields=id", post=post, dialect=dialect) == b'{"id":"a"}'
    assert answer(f"{dollar}prettyPrint=true", post=post, dialect=dialect).startswith(b'{\n  "id": "a"')
    assert answer(f"{dollar}alt=json", post=post, dialect=dialect) == PLAIN
    for name in ("key", "access_token", "quotaUser", "uploadType", "upload_protocol", ".xgafv", "callback"):
        assert answer(f"{dollar}{name}=x", post=post, dialect=dialect) == PLAIN


@pytest.mark.parametrize(
    "query", ["$alt=json;enum-encoding=int", "alt=json;enum-encoding=int", "%24alt=json%3Benum-encoding%3Dint"]
)
def test_enums_as_numbers(query: str) -> None:
    """`enum-encoding=int` makes a number of every enum, wherever it is."""
    value = json.loads(answer(query))
    assert (value["colour"], value["colours"], value["child"]["colour"]) == (1, [1, 2, 7], 2)


@pytest.mark.parametrize("numbers", [False, True])
def test_the_encoding_of_enums_overrules_the_style(numbers: bool) -> None:  # noqa: FBT001
    """Whatever a face writes by itself, a client gets what it asks for, and without asking what is usual."""
    dialect = Dialect(style=Style(enum_numbers=numbers))
    found = {
        option: json.loads(answer(f"$alt=json{option}&fields=colour", dialect=dialect))["colour"]
        for option in ("", ";enum-encoding=int", ";enum-encoding=string")
    }
    assert found == {"": 1 if numbers else "RED", ";enum-encoding=int": 1, ";enum-encoding=string": "RED"}


def test_the_style_stays_otherwise() -> None:
    """Enums as numbers change nothing else of the style."""
    dialect = Dialect(style=Style(proto_names=True))
    assert b'"int32_value":1' in answer("$alt=json;enum-encoding=int", dialect=dialect)


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("prettyPrint=true", b'{\n  "id": "a",\n  "tags": [\n    "x"\n  ]\n}'),
        ("prettyPrint=false", b'{"id":"a","tags":["x"]}'),
    ],
)
def test_pretty_print(query: str, body: bytes) -> None:
    """Indented by two spaces when asked for, the same value in any case."""
    assert answer(f"{query}&fields=id,tags") == body


@pytest.mark.parametrize(
    ("query", "headers", "body"),
    [
        ("fields=id", {}, b'{"id":"a"}'),
        ("fields=id%2Ctags", {}, b'{"id":"a","tags":["x"]}'),
        ("fields=child%28id%29", {}, b'{"child":{"id":"c"}}'),
        ("", {"x-goog-fieldmask": "id"}, b'{"id":"a"}'),
        ("", {"x-goog-fieldmask": "child.id,tags"}, b'{"tags":["x"],"child":{"id":"c"}}'),
        ("fields=tags", {"x-goog-fieldmask": "id"}, b'{"tags":["x"]}'),
        ("fields=", {}, PLAIN),
        ("fields", {}, PLAIN),
        ("", {"x-goog-fieldmask": ""}, PLAIN),
        ("fields=*", {}, PLAIN),
    ],
)
def test_fields_select_a_part_of_the_answer(query: str, headers: dict[str, str], body: bytes) -> None:
    """From the query or else from the header; an empty mask asks for everything (AIP-157)."""
    assert answer(query, headers) == body


def test_a_mask_in_several_header_lines_is_one() -> None:
    """Lines of one header are one list (RFC 9110, section 5.3)."""
    do = method(rule("GET", "/a"))
    call = Transcoder([do]).match("GET", "/a", b"", [(b"x-goog-fieldmask", b"id"), (b"x-goog-fieldmask", b"tags")])
    call.message()
    assert call.encode(GetMessageClass(do.output_type)(**FIELDS)) == b'{"id":"a","tags":["x"]}'


def test_all_parameters_together() -> None:
    """They do not get in each other's way."""
    assert answer("$alt=json;enum-encoding=int&$prettyPrint=true&$fields=colour") == b'{\n  "colour": 1\n}'


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("alt=", "alt: must be json or sse"),
        ("alt=xml", "alt: must be json or sse"),
        ("alt=JSON", "alt: must be json or sse"),
        ("$alt=proto", "alt: must be json or sse"),
        ("alt=json;enum-encoding=float", "alt: must be json or sse"),
        ("alt=json;enum-encoding", "alt: must be json or sse"),
        ("alt=json;pretty=int", "alt: must be json or sse"),
        ("alt=json;enum-encoding=int;enum-encoding=int", "alt: must be json or sse"),
        ("prettyPrint=", "prettyPrint: must be true or false"),
        ("$prettyPrint=1", "prettyPrint: must be true or false"),
        ("prettyPrint=True", "prettyPrint: must be true or false"),
        ("fields=no", "fields: names a field"),
        ("$fields=id,", "fields: must be field names"),
        ("fields=%FF", "fields: "),
        ("alt=%zz", "alt: "),
        ("fields=id&fields=id", "fields: is given twice"),
        ("fields=id&$fields=id", "fields: is given twice"),
        ("alt=json&$alt=json", "alt: is given twice"),
        ("key=1&key=1", "key: is given twice"),
    ],
)
@pytest.mark.parametrize("unknown", ["reject", "ignore"])
def test_bad_values_are_refused(query: str, message: str, unknown: Any) -> None:
    """A value that a parameter cannot have, and one given twice, is 400 that names the parameter."""
    with pytest.raises(BadRequest) as caught:
        answer(query, dialect=Dialect(unknown=unknown))
    assert str(caught.value).startswith(message)
    assert caught.value.http_status == 400


def test_a_bad_mask_in_the_header_is_refused() -> None:
    """The header is judged like the parameter."""
    with pytest.raises(BadRequest, match=r"^fields: names a field"):
        answer("", {"x-goog-fieldmask": "no"})


def test_a_field_of_the_request_has_its_name_for_itself() -> None:
    """A request field called like a parameter is what the bare name means; the dollar sign still means the system."""
    do = method(rule("GET", "/a"), input_type=".shop.Clash")
    query = b"alt=xml&fields=no&fields=no&prettyPrint=2&key=7&$fields=id&$prettyPrint=true"
    call = Transcoder([do]).match("GET", "/a", query)
    request: Any = call.message()
    assert (request.alt, request.fields, request.pretty_print, request.key) == ("xml", ["no", "no"], "2", 7)
    assert call.encode(GetMessageClass(do.output_type)(**FIELDS)) == b'{\n  "id": "a"\n}'


def test_a_field_that_the_body_has_is_no_parameter() -> None:
    """With body `*` a bare name is neither: the field comes from the body, and the system hears the dollar sign."""
    do = method(rule("POST", "/a", body="*"), input_type=".shop.Clash")
    call = Transcoder([do]).match("POST", "/a", b"$fields=id")
    request: Any = call.message(b'{"fields":["x"]}')
    assert request.fields == ["x"]
    assert call.encode(GetMessageClass(do.output_type)(**FIELDS)) == b'{"id":"a"}'
    with pytest.raises(BadRequest, match="unknown parameter"):
        Transcoder([do]).match("POST", "/a", b"fields=id").message()


@pytest.mark.parametrize(
    ("field", "query", "body"),
    [
        ("child", "fields=id", b'{"id":"c"}'),
        ("child", "$alt=json;enum-encoding=int", b'{"id":"c","colour":2}'),
        ("colour", "$alt=json;enum-encoding=int", b"1"),
        ("colours", "$alt=json;enum-encoding=int", b"[1,2,7]"),
        ("labels", "fields=k", b'{"k":"v"}'),
        ("labels", "fields=l", b"{}"),
        ("tags", "prettyPrint=true", b'[\n  "x"\n]'),
        ("id", "prettyPrint=true", b'"a"'),
    ],
)
def test_parameters_are_about_the_body_of_the_response(field: str, query: str, body: bytes) -> None:
    """With `response_body` they see what the client sees."""
    assert answer(query, response_body=field) == body


@pytest.mark.parametrize("field", ["id", "tags", "colour"])
def test_a_body_without_fields_has_no_mask(field: str) -> None:
    """A mask for an answer that is no object is refused, and an empty one is none."""
    assert answer("fields=", response_body=field) == answer("", response_body=field)
    with pytest.raises(BadRequest, match="looks inside a value that has no fields"):
        answer("fields=id", response_body=field)


@pytest.mark.parametrize("query", ["alt=sse", "$alt=sse", "alt=sse;enum-encoding=string"])
def test_events_mean_nothing_to_a_single_answer(query: str) -> None:
    """`alt=sse` is about streams; any other answer stays JSON."""
    assert answer(query) == PLAIN

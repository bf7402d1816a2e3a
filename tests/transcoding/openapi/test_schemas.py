"""Messages and enums as JSON Schemas."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from transcoding.foreign import method, rule
from transcoding.openapi.support import Json, books, checked, described, fits, get, only, operations, rpc, schema

from authsvc.transcoding import Call, Dialect, Transcoder
from authsvc.transcoding.protojson import Codec, Style, short_enum_name

ITEM = "shop.Item"
INT32 = {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1, "examples": [0]}
UINT32 = {"type": "integer", "format": "uint32", "minimum": 0, "maximum": 2**32 - 1, "examples": [0]}
INT64 = {"type": "string", "format": "int64", "pattern": "^-?[0-9]+$", "examples": ["0"]}
UINT64 = {"type": "string", "format": "uint64", "pattern": "^[0-9]+$", "examples": ["0"]}
SPECIAL = {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]}
COLOUR = {"$ref": "#/components/schemas/shop.Colour"}
CHILD = {"$ref": f"#/components/schemas/{ITEM}"}
TIME = {"type": "string", "format": "date-time", "examples": ["2026-01-31T12:00:00Z"]}


def foreign() -> MethodDescriptor:
    """A method on the message with a field of every kind."""
    return method(rule("POST", "/items", body="*"))


@cache
def item(style: Style | None = None) -> Json:
    """The document that describes it, written in this style; to be read, not changed."""
    return checked([foreign()], dialect=Dialect(style=style or Style()))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("id", {"type": "string"}),
        ("boolValue", {"type": "boolean"}),
        ("bytesValue", {"type": "string", "contentEncoding": "base64"}),
        ("int32Value", INT32),
        ("sint32Value", INT32),
        ("uint32Value", UINT32),
        ("int64Value", INT64),
        ("uint64Value", UINT64),
        ("fixed64Value", UINT64),
        ("floatValue", {"anyOf": [{"type": "number", "format": "float"}, SPECIAL]}),
        ("doubleValue", {"anyOf": [{"type": "number", "format": "double"}, SPECIAL]}),
        ("colour", COLOUR),
        ("colours", {"type": "array", "items": COLOUR}),
        ("tags", {"type": "array", "items": {"type": "string"}}),
        ("maybeCount", INT32),
        ("child", CHILD),
        ("children", {"type": "array", "items": CHILD}),
        ("otherName", {"type": "string"}),
        ("when", TIME),
        ("whens", {"type": "array", "items": TIME}),
        ("mask", {"type": "string", "format": "field-mask"}),
        ("struct", {"type": "object", "additionalProperties": True}),
        ("value", {}),
        ("values", {"type": "array", "items": {}}),
        ("list", {"type": "array", "items": {}}),
        ("any", {"$ref": "#/components/schemas/google.protobuf.Any"}),
        ("empty", {"$ref": "#/components/schemas/google.protobuf.Empty"}),
        ("nullValue", {"type": "null"}),
        ("wrappedInt", {**INT64, "type": ["string", "null"]}),
        ("wrappedText", {"type": ["string", "null"]}),
        ("labels", {"type": "object", "additionalProperties": {"type": "string"}}),
        ("counts", {"type": "object", "additionalProperties": INT64, "propertyNames": {"pattern": "^-?[0-9]+$"}}),
        ("flags", {"type": "object", "additionalProperties": COLOUR, "propertyNames": {"enum": ["true", "false"]}}),
        ("items", {"type": "object", "additionalProperties": CHILD}),
    ],
)
def test_fields_follow_protojson(name: str, expected: Json) -> None:
    """Each kind of field has the schema of what ProtoJSON writes for it."""
    assert schema(item(), ITEM)["properties"][name] == expected


def test_a_wrapped_double_may_be_null() -> None:
    """Null is one more alternative where there are several."""
    made = described(
        books(get("/a"), "message Box { google.protobuf.DoubleValue d = 1; }").replace("Get(Book)", "Get(Box)")
    )
    found = {each["schema"]["anyOf"][0]["type"] for each in only(made)[1]["parameters"]}
    assert found == {"number"}
    body = described(
        books(rpc('post: "/a" body: "*"', takes="Box"), "message Box { google.protobuf.DoubleValue d = 1; }")
    )
    assert schema(body, "books.v1.Box")["properties"]["d"]["anyOf"][-1] == {"type": "null"}


def test_keys_of_unsigned_maps_have_no_sign() -> None:
    """The names of a map's object follow the type of its keys."""
    text = books(rpc('post: "/a" body: "*"', takes="Box"), "message Box { map<uint64, string> m = 1; }")
    assert schema(described(text), "books.v1.Box")["properties"]["m"]["propertyNames"] == {"pattern": "^[0-9]+$"}


def full() -> Any:
    """A message with most of its fields set."""
    message: Any = GetMessageClass(foreign().input_type)(
        id="a", int32_value=-1, int64_value=2**60, uint64_value=2**63, double_value=float("nan"), bytes_value=b"\xff",
        colour=1, tags=["t"], colours=[2], maybe_count=0, right=3, labels={"a": "b"}, counts={-1: 2}, flags={True: 1},
    )  # fmt: skip
    message.child.children.add().when.FromJsonString("2026-01-31T12:00:00.5Z")
    message.pause.FromMilliseconds(-1500)
    message.mask.paths.append("a_b.c")
    message.struct["a"] = [1, None, {"b": True}]
    message.value.null_value = 0
    message.any.Pack(message.pause)
    message.wrapped_int.value = 5
    return message


def test_what_protobuf_writes_fits() -> None:
    """A message written by protobuf itself follows its schema."""
    written = json.loads(json_format.MessageToJson(full()))
    assert len(written) > 18
    assert fits(item(), ITEM, written)


@pytest.mark.parametrize(
    "style",
    [
        Style(defaults=True),
        Style(proto_names=True),
        Style(enum_numbers=True),
        Style(nullable=lambda field: field.name != "child"),
        Style(millis=True),
        Style(enum_name=short_enum_name),
        Style(defaults=True, proto_names=True, nullable=lambda field: field.name == "when", enum_name=short_enum_name),
    ],
)
@pytest.mark.parametrize("message", [full(), type(full())()], ids=["full", "empty"])
def test_what_a_style_writes_fits(style: Style, message: Any) -> None:
    """Whatever the style, what is written follows the schemas made for it, and has no other properties."""
    made = item(style=style)
    schema(made, ITEM)["additionalProperties"] = False
    assert fits(made, ITEM, json.loads(Codec(style).encode(message)))


@pytest.mark.parametrize(
    "value",
    [
        {"id": 1},
        {"int32Value": 2**31},
        {"int64Value": "1.5"},
        {"doubleValue": "many"},
        {"colour": "GREEN"},
        {"tags": "a"},
        {"flags": {"maybe": "RED"}},
        {"when": "yesterday"},
        {"pause": "1 s"},
        {"child": {"child": {"boolValue": 1}}},
    ],
)
def test_what_is_no_protojson_does_not_fit(value: object) -> None:
    """The schemas are not so wide that everything fits."""
    assert not fits(item(), ITEM, value)


def test_enums_have_the_names_of_the_style() -> None:
    """Their values, and what is said about them, go by the names that are chosen; one that two have is there once."""
    enum = """
        enum BookState {
          option allow_alias = true;
          // Nobody knows.
          BOOK_STATE_UNSPECIFIED = 0;
          // On the shelf.
          BOOK_STATE_THERE = 1;
          THERE = 1;
        }
        message Find { BookState state = 1; }
    """
    made = described(books(get("/a", takes="Find"), enum), dialect=Dialect(style=Style(enum_name=short_enum_name)))
    found = schema(made, "books.v1.BookState")
    assert found["anyOf"][0] == {"type": "string", "enum": ["unspecified", "there"]}
    assert found["description"] == "- `unspecified`: Nobody knows.\n- `there`: On the shelf."


NAMELESS = Style(enum_name=lambda value: short_enum_name(value) if value.number else "")


@pytest.mark.parametrize(("syntax", "numbers"), [("proto3", None), ("proto2", [1])])
def test_a_value_without_a_name_is_not_described(syntax: str, numbers: list[int] | None) -> None:
    """Neither its name nor its number nor what is said of it."""
    text = """
        enum Sort {
          // Nothing is said.
          SORT_UNSPECIFIED = 0;
          // Upwards.
          SORT_UP = 1;
        }
        message Find { optional Sort sort = 1; }
        service Books { rpc Get(Find) returns (Find) { option (google.api.http) = {get: "/a"}; } }
    """
    head = f'syntax = "{syntax}"; package books.v1; import "google/api/annotations.proto";'
    found = schema(described(text, head=head, dialect=Dialect(style=NAMELESS)), "books.v1.Sort")
    assert found["anyOf"][0] == {"type": "string", "enum": ["up"]}
    assert found["anyOf"][1].get("enum") == numbers
    assert found["description"] == "- `up`: Upwards."


def test_names_alone_where_no_numbers_are() -> None:
    """A style with names of its own writes no numbers, unless it is asked to by `$alt` or they are its form."""
    text = books(get("/a", takes="Find"), "enum Sort { SORT_UP = 0; } message Find { Sort sort = 1; }")
    names = {"type": "string", "enum": ["up"]}
    plain = Dialect(style=Style(enum_name=short_enum_name), system_parameters=False)
    assert schema(described(text, dialect=plain), "books.v1.Sort") == names
    for dialect in (
        replace(plain, system_parameters=True),
        replace(plain, style=Style(enum_name=short_enum_name, enum_numbers=True)),
        replace(plain, style=Style()),
    ):
        assert len(schema(described(text, dialect=dialect), "books.v1.Sort")["anyOf"]) == 2


def test_fields_that_must_be_set_are_required() -> None:
    """In answers, where they always are, and in requests, whatever the style leaves out of answers."""
    must = "[(google.api.field_behavior) = REQUIRED]"
    told = f"message Told {{ Inner inner = 1 {must}; string id = 2; }} message Inner {{ string id = 1 {must}; }}"
    for rules in (
        get("/a", takes="google.protobuf.Empty", gives="Told"),
        rpc('post: "/a" body: "*"', takes="Told", gives="google.protobuf.Empty"),
    ):
        made = described(books(rules, told))
        assert schema(made, "books.v1.Told")["required"] == ["inner"]
        assert schema(made, "books.v1.Inner")["required"] == ["id"]


WHOLE = Style(defaults=True, nullable=lambda field: field.name == "note")
NOTED = (
    "message Noted { string id = 1; optional string note = 2; optional string other = 3; repeated string tags = 4; }"
)


def test_what_answers_always_have_is_required() -> None:
    """With `defaults` every field without presence, and those that are null when they are unset."""
    made = described(
        books(get("/a", takes="google.protobuf.Empty", gives="Noted"), NOTED), dialect=Dialect(style=WHOLE)
    )
    assert schema(made, "books.v1.Noted")["required"] == ["id", "note", "tags"]
    assert schema(made, "books.v1.Noted")["properties"]["note"] == {"type": ["string", "null"]}
    plain = described(books(get("/a", takes="google.protobuf.Empty", gives="Noted"), NOTED))
    assert "required" not in schema(plain, "books.v1.Noted")


def test_nothing_is_required_of_clients() -> None:
    """A message that is, or is inside of, the body of any request may lack what answers always have."""
    outer = NOTED + " message Outer { Noted noted = 1; }"
    text = books(
        rpc('post: "/a" body: "*"', takes="Outer", gives="google.protobuf.Empty")
        + get("/b", name="Other", takes="google.protobuf.Empty", gives="Noted")
        + get("/c", name="Third", takes="google.protobuf.Empty"),
        outer,
    )
    made = described(text, dialect=Dialect(style=WHOLE))
    assert "required" not in schema(made, "books.v1.Outer")
    assert "required" not in schema(made, "books.v1.Noted")
    assert schema(made, "books.v1.Book")["required"] == ["name", "pages"]


def test_errors_may_lack_what_answers_always_have() -> None:
    """They leave out what is empty, whatever the style."""
    made = described(books(get("/a")), dialect=Dialect(style=WHOLE))
    assert "required" not in schema(made, "google.rpc.Status")


def test_names_follow_the_style() -> None:
    """With proto names, properties and parameters have them."""
    made = item(style=Style(proto_names=True))
    assert {"int32_value", "renamed", "wrapped_text"} <= schema(made, ITEM)["properties"].keys()
    text = books(
        get("/{shelf_name}/books", takes="Find"), "message Find { string shelf_name = 1; int32 page_size = 2; }"
    )
    path, operation = only(described(text, dialect=Dialect(style=Style(proto_names=True))))
    assert path == "/{shelf_name}/books"
    assert [parameter["name"] for parameter in operation["parameters"]] == ["shelf_name", "page_size"]


KINDS = "enum Kind { option allow_alias = true; NONE = 0; SOME = 7; ANY = 7; LESS = -1; }"
KIND_NAMES = {"type": "string", "enum": ["NONE", "SOME", "ANY", "LESS"]}
ANY_INT32 = {"type": "integer", "format": "int32"}
NUMBERS = Dialect(style=Style(enum_numbers=True))


def kind(syntax: str, dialect: Dialect | None = None) -> Json:
    """The schema of an enum in a file of this syntax."""
    head = f'syntax = "{syntax}"; package books.v1; import "google/api/annotations.proto";'
    label = "optional " if syntax == "proto2" else ""
    text = f"{KINDS} message Box {{ {label}Kind kind = 1; }}"
    text += 'service Books { rpc Get(Box) returns (Box) { option (google.api.http) = { post: "/a" body: "*" }; } }'
    return schema(described(text, head=head, dialect=dialect), "books.v1.Kind")


def test_an_open_enum_is_a_name_or_any_number() -> None:
    """The form that the style writes comes first; numbers without a name are no mistake."""
    assert kind("proto3") == {"anyOf": [KIND_NAMES, ANY_INT32]}
    found = kind("proto3", NUMBERS)
    assert found["anyOf"] == [ANY_INT32, KIND_NAMES]
    assert "`SOME` (7)" in found["description"]


def test_a_closed_enum_is_a_name_or_its_number() -> None:
    """Enums of proto2 hold no other numbers; each is there once, with its name beside."""
    listed = {**ANY_INT32, "enum": [-1, 0, 7], "x-enum-varnames": ["LESS", "NONE", "SOME"]}
    assert kind("proto2") == {"anyOf": [KIND_NAMES, listed]}
    assert kind("proto2", NUMBERS)["anyOf"] == [listed, KIND_NAMES]


@pytest.mark.parametrize("dialect", [Dialect(), NUMBERS], ids=["names", "numbers"])
@pytest.mark.parametrize("encoding", ["int", "string"])
@pytest.mark.parametrize("number", [0, 1, 77, -(2**31)])
def test_enums_in_either_encoding_fit(dialect: Dialect, encoding: str, number: int) -> None:
    """What a client gets that asks for names or for numbers follows the schema, unknown numbers too."""
    transcoder = Transcoder([foreign()], dialect=dialect)
    message = GetMessageClass(foreign().output_type)(colour=number, colours=[number])
    call: Call = transcoder.match("POST", "/items", f"$alt=json;enum-encoding={encoding}".encode())
    call.message(b"{}")
    assert fits(item(dialect.style), ITEM, json.loads(call.encode(message)))


def test_fields_with_presence_may_be_null() -> None:
    """Where the style writes null for unset fields, the schemas allow it, and only there."""
    made = item(style=Style(nullable=lambda field: field.name != "child"))
    found = schema(made, ITEM)["properties"]
    assert found["maybeCount"]["type"] == ["integer", "null"]
    assert found["when"]["type"] == ["string", "null"]
    assert found["any"] == {"anyOf": [{"$ref": "#/components/schemas/google.protobuf.Any"}, {"type": "null"}]}
    assert (found["child"], found["int32Value"], found["value"]) == (CHILD, INT32, {})
    assert fits(made, ITEM, {"maybeCount": None, "any": None, "value": None})
    assert not fits(made, ITEM, {"child": None})


def test_times_show_the_precision_of_the_style() -> None:
    """With milliseconds the example has them."""
    found = schema(item(style=Style(millis=True)), ITEM)["properties"]["when"]
    assert found["examples"] == ["2026-01-31T12:00:00.000Z"]


COMMENTED = books(
    rpc('post: "/a" body: "*"', takes="Box"),
    """
    // A box.
    message Box {
      option deprecated = true;
      // Who owns it.
      string owner = 1 [deprecated = true];
      // The book in it.
      Book book = 2;
      // What closes it.
      oneof lock { string key = 3; int32 code = 4; }
      optional string note = 5;
      Kind kind = 6;
      string id = 7 [(google.api.field_behavior) = OUTPUT_ONLY];
      string secret = 8 [(google.api.field_behavior) = INPUT_ONLY];
    }
    // Its kind.
    enum Kind {
      option deprecated = true;
      // Nobody
      // knows.
      UNKNOWN = 0;
      SMALL = 1 [deprecated = true];
      LARGE = 2;
    }
    """,
)


def test_comments_and_options_are_carried_over() -> None:
    """What is said about messages, fields and enums stands in their schemas, as does that they are deprecated."""
    made = described(COMMENTED)
    box, kind = schema(made, "books.v1.Box"), schema(made, "books.v1.Kind")
    assert (box["deprecated"], kind["deprecated"]) == (True, True)
    assert box["properties"]["owner"] == {"type": "string", "description": "Who owns it.", "deprecated": True}
    book = {"$ref": "#/components/schemas/books.v1.Book", "description": "The book in it."}
    assert box["properties"]["book"] == book
    assert box["properties"]["id"] == {"type": "string", "readOnly": True}
    assert box["properties"]["secret"] == {"type": "string", "writeOnly": True}
    assert kind["description"] == "Its kind.\n\n- `UNKNOWN`: Nobody knows.\n- `SMALL`: Deprecated."


def test_oneofs_are_described() -> None:
    """A message says which of its fields exclude each other; a lone optional field excludes none."""
    box = schema(described(COMMENTED), "books.v1.Box")
    assert box["description"] == "A box.\n\nWhat closes it. At most one of `key`, `code` is set."
    assert "required" not in box


def test_without_comments_there_are_no_descriptions() -> None:
    """Nothing is made up where nothing is known."""
    box = schema(described(COMMENTED, comments=None), "books.v1.Box")
    assert box["properties"]["owner"] == {"type": "string", "deprecated": True}


def test_required_fields_of_proto2_are_required() -> None:
    """proto2 has fields that must be there; the schema says so."""
    head = 'syntax = "proto2"; package books.v1; import "google/api/annotations.proto";'
    text = "message Book { required string name = 1; optional string note = 2; }"
    text += 'service Books { rpc Get(Book) returns (Book) { option (google.api.http) = { post: "/a" body: "*" }; } }'
    assert schema(described(text, head=head), "books.v1.Book")["required"] == ["name"]


def test_only_what_is_referred_to_is_there() -> None:
    """Components are the messages and enums that some operation or error needs, sorted by name."""
    made = described(books(get("/a", gives="google.protobuf.Empty"), "message Unused { Book book = 1; }"))
    names = ["google.protobuf.Any", "google.protobuf.Empty", "google.rpc.Status"]
    assert list(made["components"]["schemas"]) == names
    assert schema(made, "google.protobuf.Empty") == {"type": "object", "properties": {}}
    assert len(operations(made)) == 1

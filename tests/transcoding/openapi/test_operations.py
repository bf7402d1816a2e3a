"""Operations: parameters, bodies, answers, security."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.rpc.status_pb2 import Status
from transcoding.openapi.support import (
    Json,
    books,
    checked,
    described,
    get,
    only,
    operations,
    parameters,
    pool,
    rpc,
    schema,
)

from authsvc.transcoding import Dialect, ErrorFormat, Transcoder, aip193_error, status_error
from authsvc.transcoding.openapi import SYSTEM_PARAMETERS, Security, document

BOOK = {"$ref": "#/components/schemas/books.v1.Book"}
JSON = "application/json"
RAW = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
FIND = """
    message Find {
      string parent = 1;
      Filter filter = 2;
      int32 page_size = 3 [(google.api.field_behavior) = REQUIRED, deprecated = true];
      repeated Kind kinds = 4;
      google.protobuf.FieldMask mask = 5;
      google.protobuf.Int64Value limit = 6;
      google.protobuf.Struct struct = 7;
      repeated Book books = 8;
      map<string, string> labels = 9;
      google.protobuf.NullValue nothing = 10;
      repeated google.protobuf.Duration pauses = 11;
      google.api.HttpBody cover = 12;
    }
    message Filter {
      // When it was written.
      google.protobuf.Timestamp since = 1;
      Filter and = 2;
      Book book = 3;
      string text = 4 [(google.api.field_behavior) = REQUIRED];
    }
    enum Kind { NONE = 0; SOME = 1; }
"""


def query(template: str = "/{parent}/books", more: str = "", **options: Any) -> dict[str, Json]:
    """The query parameters of a search by GET."""
    _, operation = only(described(books(rpc(f'get: "{template}" {more}', takes="Find"), FIND), **options))
    return {name: each for name, each in parameters(operation).items() if each["in"] == "query"}


def test_unbound_fields_are_query_parameters() -> None:
    """Every field that a query can hold is a parameter, nested ones by dots; a type inside itself is not entered."""
    assert list(query()) == [
        "filter.since", "filter.book.name", "filter.book.pages", "filter.text", "pageSize", "kinds", "mask", "limit",
        "pauses",
    ]  # fmt: skip


def test_query_parameters_have_the_schemas_of_their_fields() -> None:
    """Repeated fields are arrays, well-known types one value, wrappers what they wrap."""
    found = query()
    assert found["kinds"]["schema"] == {"type": "array", "items": {"$ref": "#/components/schemas/books.v1.Kind"}}
    assert found["mask"]["schema"] == {"type": "string", "format": "field-mask"}
    assert (found["limit"]["schema"]["type"], found["limit"]["schema"]["format"]) == ("string", "int64")
    assert found["filter.since"]["schema"]["format"] == "date-time"
    assert found["filter.since"]["description"] == "When it was written."


def test_types_that_hold_each_other_end() -> None:
    """However many ways lead through the types, there are no more parameters than a query may have."""
    kinds = [f"K{number}" for number in range(9)]
    fields = "".join(f"{kind} k{number} = {number + 1}; " for number, kind in enumerate(kinds))
    text = "".join(f"message {kind} {{ {fields} string text = 100; }}" for kind in kinds)
    service = pool(books(get("/a", takes="K0"), text)).FindServiceByName("books.v1.Books")
    _, operation = only(document(Transcoder(service.methods), title="Books", version="1"))
    assert len(operation["parameters"]) == 1000


def test_required_parameters_are_those_whose_fields_are() -> None:
    """A field that must be set makes its parameter required, unless what is around it may be left out."""
    found = query()
    assert [name for name, each in found.items() if each.get("required")] == ["pageSize"]
    assert [name for name, each in found.items() if each.get("deprecated")] == ["pageSize"]


def test_nested_path_variables_are_no_query_parameters() -> None:
    """A nested field that the path binds is not asked for again; its neighbours are."""
    found = query("/a/{filter.book.name}")
    assert "filter.book.name" not in found
    assert {"filter.book.pages", "parent"} <= found.keys()


def test_a_body_takes_all_that_is_left() -> None:
    """With `*`, there is no query; what the path takes is not asked for again in the body."""
    path, operation = only(described(books(rpc('post: "/{parent}" body: "*"', takes="Find"), FIND)))
    assert (path, list(parameters(operation))) == ("/{parent}", ["parent"])
    body = operation["requestBody"]["content"][JSON]["schema"]
    assert "parent" not in body["properties"]
    assert {"filter", "pageSize", "labels"} <= body["properties"].keys()


def test_a_body_without_path_variables_is_the_message() -> None:
    """Then there is a reference; the same where the path binds what is deeper in it."""
    _, operation = only(described(books(rpc('post: "/a" body: "*"'))))
    assert operation["requestBody"] == {"content": {JSON: {"schema": BOOK}}}
    _, operation = only(described(books(rpc('post: "/a/{sequel.name}" body: "*"'))))
    assert operation["requestBody"] == {"content": {JSON: {"schema": BOOK}}}


def test_a_body_may_be_one_field() -> None:
    """The field is the body, the others are path and query."""
    found = query(more='body: "filter"')
    assert list(found) == ["pageSize", "kinds", "mask", "limit", "pauses"]
    _, operation = only(described(books(rpc('post: "/{parent}" body: "books"', takes="Find"), FIND)))
    assert operation["requestBody"]["content"][JSON]["schema"] == {"type": "array", "items": BOOK}


def test_an_answer_may_be_one_field() -> None:
    """`response_body` names what is sent."""
    _, operation = only(described(books(rpc('get: "/a" response_body: "pages"'))))
    assert operation["responses"]["200"]["content"][JSON]["schema"]["format"] == "int64"
    _, operation = only(described(books(rpc('get: "/a" response_body: "sequel"'))))
    assert operation["responses"]["200"]["content"] == {JSON: {"schema": BOOK}}


def test_raw_bodies_are_of_any_type() -> None:
    """google.api.HttpBody is content of any kind, in whole and as a field, asked and answered."""
    raw = "google.api.HttpBody"
    _, operation = only(described(books(rpc('post: "/a" body: "*"', takes=raw, gives=raw))))
    assert operation["requestBody"] == {"content": RAW}
    assert operation["responses"]["200"]["content"] == RAW
    text = books(rpc('post: "/a" body: "file" response_body: "file"', takes="Put", gives="Put"),
                 "message Put { string name = 1; google.api.HttpBody file = 2; }")  # fmt: skip
    _, operation = only(described(text))
    assert operation["requestBody"] == {"content": RAW}
    assert operation["responses"]["200"]["content"] == RAW


def test_streams_have_three_forms() -> None:
    """A stream of answers is an array, lines or events."""
    made = described(books(get("/a", gives="stream Book")))
    answer = only(made)[1]["responses"]["200"]
    assert answer["content"] == {
        JSON: {"schema": {"type": "array", "items": BOOK}},
        "application/x-ndjson": {"schema": BOOK},
        "text/event-stream": {"schema": BOOK},
    }
    assert "error after it" in answer["description"]


def test_several_raw_bodies_are_json() -> None:
    """A repeated google.api.HttpBody is an array of objects, since content cannot be repeated."""
    text = books(rpc('get: "/a" response_body: "files"', gives="Put"),
                 "message Put { repeated google.api.HttpBody files = 1; }")  # fmt: skip
    _, operation = only(described(text))
    files = {"type": "array", "items": {"$ref": "#/components/schemas/google.api.HttpBody"}}
    assert operation["responses"]["200"]["content"] == {JSON: {"schema": files}}


def test_raw_streams_are_raw() -> None:
    """A stream of google.api.HttpBody is its content."""
    _, operation = only(described(books(get("/a", gives="stream google.api.HttpBody"))))
    assert operation["responses"]["200"]["content"] == RAW


def test_each_binding_is_an_operation() -> None:
    """Additional bindings have operations of their own, with ids of their own."""
    http = 'get: "/a/{name}" additional_bindings { get: "/b" } additional_bindings { post: "/b" body: "*" }'
    found = operations(described(books(rpc(http))))
    ids = {place: operation["operationId"] for place, operation in found.items()}
    assert ids == {("GET", "/a/{name}"): "Books_Get", ("GET", "/b"): "Books_Get_2", ("POST", "/b"): "Books_Get_3"}
    assert {operation["x-rpc"] for operation in found.values()} == {"books.v1.Books/Get"}


def test_ids_are_unique_whatever_the_names() -> None:
    """A method whose name is the numbered id of another gets the next number."""
    http = 'get: "/a" additional_bindings { get: "/b" }'
    found = operations(described(books(rpc(http) + get("/c", name="Get_2"))))
    assert [each["operationId"] for each in found.values()] == ["Books_Get", "Books_Get_2", "Books_Get_2_2"]


def test_services_of_the_same_name_go_by_their_full_names() -> None:
    """Ids and tags tell services of two packages apart."""
    head = 'syntax = "proto3"; package {}.v1; import "google/api/annotations.proto";'
    methods: list[MethodDescriptor] = []
    for name in ("one", "two"):
        known = pool(books(get(f"/{name}")), head=head.format(name))
        methods += known.FindServiceByName(f"{name}.v1.Books").methods
    made = checked(methods)
    assert [each["operationId"] for each in operations(made).values()] == ["one_v1_Books_Get", "two_v1_Books_Get"]
    assert [tag["name"] for tag in made["tags"]] == ["one.v1.Books", "two.v1.Books"]


@pytest.mark.parametrize("kind", ["HEAD", "OPTIONS", "TRACE"])
def test_custom_methods_that_openapi_knows(kind: str) -> None:
    """They have their place in the path item."""
    made = described(books(rpc(f'custom {{ kind: "{kind}" path: "/a" }}')))
    assert list(operations(made)) == [(kind, "/a")]


def test_the_answer_to_head_has_no_content() -> None:
    """Only its headers are sent."""
    _, operation = only(described(books(rpc('custom { kind: "HEAD" path: "/a" }'))))
    assert operation["responses"]["200"] == {"description": "The answer."}


@pytest.mark.parametrize("kind", ["*", "PURGE", "M-SEARCH"])
def test_custom_methods_that_openapi_does_not_know(kind: str) -> None:
    """They are listed beside the path item's operations."""
    made = described(books(rpc(f'custom {{ kind: "{kind}" path: "/a" }}')))
    assert operations(made) == {}
    (other,) = made["paths"]["/a"]["x-other-operations"]
    assert (other["method"], other["operation"]["operationId"]) == (kind, "Books_Get")


def test_comments_say_what_an_operation_does() -> None:
    """The first sentence of the method's comment is the summary, the whole the description."""
    text = books(
        """
        // Finds a book, e.g. by name
        // and year; slowly. Needs a card.
        //
        // And patience.
        """
        + get("/a")
    )
    _, operation = only(described(text))
    assert operation["summary"] == "Finds a book, e.g. by name and year; slowly"
    assert operation["description"] == "Finds a book, e.g. by name\nand year; slowly. Needs a card.\n\nAnd patience."


def test_deprecated_methods_and_services() -> None:
    """The operations of either are deprecated."""
    one = books(get("/a").replace("option", "option deprecated = true; option", 1))
    assert only(described(one))[1]["deprecated"] is True
    assert only(described(books("option deprecated = true;" + get("/a"))))[1]["deprecated"] is True
    assert "deprecated" not in only(described(books(get("/a"))))[1]


BEARER = {"bearer": {"type": "http", "scheme": "bearer"}}


def test_guarded_methods_ask_for_proof() -> None:
    """They name what is enough, and how a caller is told that it is missing; the others do neither."""
    text = books(get("/open", name="Open") + get("/closed", name="Closed"))
    security = Security(schemes=BEARER, required=lambda method: [{"bearer": []}] if method.name == "Closed" else [])
    made = described(text, security=security)
    found = operations(made)
    closed, unguarded = found["GET", "/closed"], found["GET", "/open"]
    assert closed["security"] == [{"bearer": []}]
    assert list(closed["responses"]) == ["200", "401", "default"]
    assert "security" not in unguarded
    assert list(unguarded["responses"]) == ["200", "default"]
    assert "WWW-Authenticate" in made["components"]["responses"]["Unauthenticated"]["headers"]
    assert made["components"]["securitySchemes"] == BEARER


def test_methods_may_ask_for_different_proofs() -> None:
    """Each names its own, and all schemes are there."""
    text = books(get("/one", name="One") + get("/two", name="Two"))
    schemes = BEARER | {"key": {"type": "apiKey", "in": "header", "name": "x-key"}}
    asked: dict[str, list[dict[str, list[str]]]] = {
        "One": [{"bearer": []}],
        "Two": [{"key": []}, {"bearer": ["admin"]}],
    }
    made = described(text, security=Security(schemes=schemes, required=lambda method: asked[str(method.name)]))
    found = operations(made)
    assert found["GET", "/one"]["security"] == asked["One"]
    assert found["GET", "/two"]["security"] == asked["Two"]
    assert made["components"]["securitySchemes"] == schemes


def test_an_answer_without_a_body_is_described_as_that() -> None:
    """Where the dialect sends none for a message without fields; messages with fields, and streams, have content."""
    text = books(
        get("/a", name="A", gives="google.protobuf.Empty")
        + get("/b", name="B")
        + get("/c", name="C", gives="stream google.protobuf.Empty")
    )
    for empty_bodies in (False, True):
        found = operations(described(text, dialect=Dialect(empty_bodies=empty_bodies)))
        has = {path: "content" in operation["responses"]["200"] for (_, path), operation in found.items()}
        assert has == {"/a": not empty_bodies, "/b": True, "/c": True}


def test_answers_are_of_the_type_of_the_dialect() -> None:
    """Without its parameters, which nobody looks answers up by; bodies of requests are JSON, whatever answers are."""
    text = books(rpc('post: "/a" body: "*"') + get("/b", name="Watch", gives="stream Book"))
    made = described(text, dialect=Dialect(content_type="application/hal+json; charset=utf-8"))
    found = operations(made)
    assert list(found["POST", "/a"]["requestBody"]["content"]) == [JSON]
    assert list(found["POST", "/a"]["responses"]["200"]["content"]) == ["application/hal+json"]
    stream = found["GET", "/b"]["responses"]["200"]["content"]
    assert list(stream) == ["application/hal+json", "application/x-ndjson", "text/event-stream"]
    assert stream["application/hal+json"]["schema"]["type"] == "array"
    assert list(made["components"]["responses"]["Error"]["content"]) == ["application/hal+json"]


def test_shared_parameters_stand_at_every_operation() -> None:
    """They are components; a field of the same name takes the place of one."""
    made = described(books(get("/a") + get("/b", name="Other", takes="Box"), "message Box { string fields = 1; }"),
                     shared_parameters=SYSTEM_PARAMETERS)  # fmt: skip
    names = {path: [each.get("$ref", each.get("name")) for each in operation["parameters"]]
             for (_, path), operation in operations(made).items()}  # fmt: skip
    shared = [f"#/components/parameters/{name}" for name in ("fields", "fieldMask", "prettyPrint", "alt")]
    assert names == {"/a": ["name", "pages", *shared], "/b": ["fields", *shared[1:]]}
    known = {name: (each["name"], each["in"]) for name, each in made["components"]["parameters"].items()}
    assert known == {
        "fields": ("fields", "query"),
        "fieldMask": ("X-Goog-FieldMask", "header"),
        "prettyPrint": ("prettyPrint", "query"),
        "alt": ("$alt", "query"),
    }


def error_of(errors: Any) -> tuple[Json, Json]:
    """The schema of errors in a document of a transcoder that writes them so, and that document."""
    made = described(books(get("/a")), dialect=Dialect(errors=errors))
    assert only(made)[1]["responses"]["default"] == {"$ref": "#/components/responses/Error"}
    return made["components"]["responses"]["Error"]["content"][JSON]["schema"], made


def test_errors_are_described_as_the_transcoder_writes_them() -> None:
    """Every operation refers to the error: a google.rpc.Status, or one of AIP-193."""
    error, made = error_of(status_error)
    assert error == {"$ref": "#/components/schemas/google.rpc.Status"}
    assert list(schema(made, "google.rpc.Status")["properties"]) == ["code", "message", "details"]
    assert "code of gRPC" in schema(made, "google.rpc.Status")["properties"]["code"]["description"]
    error, made = error_of(aip193_error)
    assert list(error["properties"]["error"]["properties"]) == ["code", "message", "status", "details"]
    assert list(made["components"]["schemas"]) == ["books.v1.Book", "google.protobuf.Any"]


def test_errors_of_ones_own_are_described_if_their_format_tells() -> None:
    """A format with a schema has that one, which may refer to messages; from a plain function comes any JSON."""

    def own(error: Any, details: list[Any], http_status: int) -> tuple[int, Any]:
        return http_status, [error.message]

    assert error_of(own)[0] == {}
    assert error_of(ErrorFormat(own))[0] == {}
    assert error_of(ErrorFormat(own, lambda _: {"type": "array"}))[0] == {"type": "array"}
    error, made = error_of(ErrorFormat(own, lambda schema_of: schema_of(Status.DESCRIPTOR)))
    assert schema(made, error["$ref"].rpartition("/")[2])["type"] == "object"


def test_the_head_of_the_document() -> None:
    """Title, version, description, and a tag for each service with its comment."""
    made = described("// Books.\n" + books(get("/a")).replace("service", "// Sells books.\nservice"), description="Hi.")
    assert made["openapi"].startswith("3.1.")
    assert made["info"] == {"title": "Books", "version": "1", "description": "Hi."}
    assert made["tags"] == [{"name": "books.v1.Books", "description": "Sells books."}]


def test_no_routes_make_a_document_too() -> None:
    """A server without routes has an empty document."""
    made = checked([])
    assert made["paths"] == {}

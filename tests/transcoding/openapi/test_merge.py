"""Several documents as one."""

from __future__ import annotations

from copy import deepcopy

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from transcoding.openapi.support import Json, books, described, get, only, operations, rpc

from authsvc.transcoding import Dialect, aip193_error
from authsvc.transcoding.openapi import SYSTEM_PARAMETERS, Security, merged
from authsvc.transcoding.protojson import Style

BEARER = Security(schemes={"bearer": {"type": "http", "scheme": "bearer"}}, required=lambda _: [{"bearer": []}])
SNAKE = Dialect(style=Style(proto_names=True), errors=aip193_error)
SHELF = "message Shelf { Book first_book = 1; }"


def both(first: Json, second: Json) -> Json:
    """One document of two, which is valid and leaves them as they are."""
    before = deepcopy([first, second])
    made = merged(first, second)
    assert [first, second] == before
    assert [error.message for error in OpenAPIV31SpecValidator(made).iter_errors()] == []
    return made


def test_one_document_is_itself() -> None:
    """There is nothing to merge it with."""
    one = described(books(get("/a")))
    assert merged(one) == one


def test_paths_and_tags_of_all_are_there() -> None:
    """In their order; the head is that of the first."""
    one = described(books(get("/a")), title="One")
    two = described(books(get("/b")).replace("service Books", "service More"), "books.v1.More", title="Two")
    made = both(one, two)
    assert list(made["paths"]) == ["/a", "/b"]
    assert made["info"]["title"] == "One"
    assert made["tags"] == [{"name": "books.v1.Books"}, {"name": "books.v1.More"}]


def test_what_is_the_same_is_there_once() -> None:
    """Schemas, parameters, answers and schemes that do not differ are shared."""
    options: Json = {"security": BEARER, "shared_parameters": SYSTEM_PARAMETERS}
    one, two = described(books(get("/a")), **options), described(books(get("/b")), **options)
    made = both(one, two)
    assert made["components"] == one["components"] == two["components"]
    assert [operation["operationId"] for operation in operations(made).values()] == ["Books_Get", "Books_Get_2"]
    assert len(made["tags"]) == 1


def test_what_differs_gets_another_name() -> None:
    """Errors and messages of a second dialect stand beside those of the first, and its operations refer to them."""
    text = books(get("/a", gives="Shelf"), SHELF)
    one, two = described(text), described(text.replace('"/a"', '"/b"'), dialect=SNAKE)
    made = both(one, two)
    assert list(made["components"]["responses"]) == ["Error", "Error_2"]
    found = operations(made)
    assert found["GET", "/a"]["responses"]["default"] == {"$ref": "#/components/responses/Error"}
    assert found["GET", "/b"]["responses"]["default"] == {"$ref": "#/components/responses/Error_2"}
    schemas = made["components"]["schemas"]
    assert list(schemas["books.v1.Shelf"]["properties"]) == ["firstBook"]
    assert list(schemas["books.v1.Shelf_2"]["properties"]) == ["first_book"]
    assert "books.v1.Book_2" not in schemas


def test_what_refers_to_something_else_is_something_else() -> None:
    """Two components of the same text differ if those do that they refer to."""
    text = books(
        get("/a", gives="Case"),
        "message Case { Shelf shelf = 1; } message Shelf { Inner inner = 1; } message Inner { string long_name = 1; }",
    )
    made = both(described(text), described(text.replace('"/a"', '"/b"'), dialect=SNAKE))
    schemas = made["components"]["schemas"]
    reference = schemas["books.v1.Case_2"]["properties"]["shelf"]
    assert reference == {"$ref": "#/components/schemas/books.v1.Shelf_2"}
    assert schemas["books.v1.Shelf_2"]["properties"]["inner"] == {"$ref": "#/components/schemas/books.v1.Inner_2"}
    answer = operations(made)["GET", "/b"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": "#/components/schemas/books.v1.Case_2"}


def test_three_and_more_documents() -> None:
    """Each that differs has its own names."""
    documents = [
        described(books(get(f"/{number}")), dialect=Dialect(errors=lambda status, details, code: (code, {})))
        if number == 3
        else described(books(get(f"/{number}")), dialect=Dialect() if number == 1 else SNAKE)
        for number in (1, 2, 3)
    ]
    made = merged(*documents)
    assert list(made["components"]["responses"]) == ["Error", "Error_2", "Error_3"]
    assert [each["operationId"] for each in operations(made).values()] == ["Books_Get", "Books_Get_2", "Books_Get_3"]


def test_operations_without_a_place_are_numbered_too() -> None:
    """Those in `x-other-operations` have names that no other has."""
    text = 'custom: {{ kind: "LOCK" path: "{}" }}'
    made = both(described(books(rpc(text.format("/a")))), described(books(rpc(text.format("/b")))))
    names = [item["x-other-operations"][0]["operation"]["operationId"] for item in made["paths"].values()]
    assert names == ["Books_Get", "Books_Get_2"]


@pytest.mark.parametrize("path", ["/a/{name}", "/a/{pages}"])
def test_a_path_is_of_one_document(path: str) -> None:
    """Two for the same path, whatever its parameters are called, cannot be one."""
    one, two = described(books(get("/a/{name}"))), described(books(get(path)))
    with pytest.raises(ValueError, match=r"^/a/{\w+}: two documents have this path$"):
        merged(one, two)


def test_schemes_of_one_name_are_the_same() -> None:
    """Whoever reads a requirement knows a scheme by its name alone."""
    one = described(books(get("/a")), security=BEARER)
    other = Security(schemes={"bearer": {"type": "http", "scheme": "basic"}}, required=BEARER.required)
    two = described(books(get("/b")), security=other)
    with pytest.raises(ValueError, match=r"^bearer: two documents have different security schemes of this name$"):
        merged(one, two)


def test_a_property_called_ref_is_no_reference() -> None:
    """Only what refers to a component follows its new name."""
    one, two = described(books(get("/a")), dialect=SNAKE), described(books(get("/b")))
    two["paths"]["/b"]["get"]["x-note"] = {"properties": {"$ref": {"type": "string"}}, "$ref": "#/elsewhere"}
    made = merged(one, two)
    assert made["paths"]["/b"]["get"]["x-note"] == two["paths"]["/b"]["get"]["x-note"]
    assert only(one)[0] == "/a"

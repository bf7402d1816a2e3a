"""Path templates as OpenAPI paths and path parameters."""

from __future__ import annotations

import pytest
from transcoding.openapi.support import (
    Json,
    books,
    described,
    get,
    only,
    operations,
    parameters,
    rpc,
)

from authsvc.transcoding.openapi._paths import singular

FIND = """
    message Find {
      // Which book.
      string name = 1;
      string parent = 2;
      int64 number = 3;
      Kind kind = 4;
      Book book = 5;
      string shelf_id = 6;
    }
    enum Kind { NONE = 0; SOME = 1; }
"""
SEGMENT = {"type": "string", "pattern": "^[^/]+$"}
TEXT = {"type": "string", "minLength": 1}


def found(template: str, **options: str) -> tuple[str, dict[str, Json]]:
    """The path and the path parameters of a GET of this template."""
    path, operation = only(described(books(get(template, takes="Find"), FIND), **options))
    return path, {name: each for name, each in parameters(operation).items() if each["in"] == "path"}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("/a", "/a"),
        ("/a/{name}", "/a/{name}"),
        ("/a/{shelf_id}", "/a/{shelfId}"),
        ("/a/{name=*}", "/a/{name}"),
        ("/a/{book.name}", "/a/{book.name}"),
        ("/a/{book.sequel.name}:open", "/a/{book.sequel.name}:open"),
        ("/a/{number}/b/{kind}:open", "/a/{number}/b/{kind}:open"),
        ("/v1/{name=publishers/*/books/*}", "/v1/publishers/{publisher}/books/{book}"),
        ("/v1/{book.name=publishers/*}:sell", "/v1/publishers/{publisher}:sell"),
        ("/v1/{name=publishers/*/books/**}", "/v1/publishers/{publisher}/books/{book}"),
        ("/v1/{parent=publishers/*}/books", "/v1/publishers/{publisher}/books"),
        ("/v1/{parent=publishers/*}/{name=books/*}", "/v1/publishers/{publisher}/books/{book}"),
        ("/v1/{name=**}", "/v1/{name}"),
        ("/v1/{name=*/*}", "/v1/{name}/{name_2}"),
        ("/v1/{name=books/*}/books/{parent=books/*}", "/v1/books/{book}/books/books/{book_2}"),
        ("/v1/{name=config}", "/v1/config"),
        ("/v1/{name=config/main}", "/v1/config/main"),
        ("/v1/*/books/**", "/v1/{v1}/books/{book}"),
        ("/*/*", "/{segment}/{segment_2}"),
        ("/a~b/{name=c%20d/*}", "/a~b/c%20d/{c_20d}"),
    ],
)
def test_templates_become_paths(template: str, expected: str) -> None:
    """Literals stay, each wildcard becomes a parameter, the verb is kept."""
    path, named = found(template)
    assert path == expected
    assert [f"{{{name}}}" in path for name in named] == [True] * path.count("{")


def test_the_prefix_comes_first() -> None:
    """Every path begins with the prefix."""
    assert found("/a/{name}", prefix="/auth/v1")[0] == "/auth/v1/a/{name}"


def test_a_variable_of_one_segment_is_its_field() -> None:
    """It has the field's schema and comment; an empty text would match no path."""
    named = found("/a/{name}/{number}/{kind}")[1]
    assert named["name"] == {
        "name": "name", "in": "path", "required": True, "description": "Which book.", "schema": TEXT,
    }  # fmt: skip
    assert named["number"]["schema"]["format"] == "int64"
    assert named["kind"]["schema"] == {"$ref": "#/components/schemas/books.v1.Kind"}


def test_parts_of_a_variable_say_what_they_are_part_of() -> None:
    """A wildcard of a variable of several segments is one of them, and its description shows the whole."""
    named = found("/v1/{name=publishers/*/books/*}")[1]
    assert [each["schema"] for each in named.values()] == [SEGMENT, SEGMENT]
    expected = "Which book.\n\n`name` is `publishers/{publisher}/books/{book}`."
    assert {each["description"] for each in named.values()} == {expected}


def test_the_rest_of_a_path_may_hold_slashes() -> None:
    """The parameter of `**` says so, and has no pattern against it."""
    named = found("/v1/{parent=publishers/**}")[1]
    assert named["publisher"]["schema"] == TEXT
    assert named["publisher"]["description"].endswith("May hold slashes, which are sent as they are.")


def test_wildcards_without_a_variable_are_parameters_too() -> None:
    """OpenAPI has no other way to leave a segment open."""
    named = found("/v1/*/books/**")[1]
    assert [each["schema"] for each in named.values()] == [SEGMENT, TEXT]


def test_paths_that_differ_in_names_only_are_one() -> None:
    """OpenAPI forbids them to be two: the names of the first serve for both."""
    text = books(get("/a/{name}:x", takes="Find") + rpc('delete: "/a/{parent}:x"', name="Drop", takes="Find"), FIND)
    found = operations(described(text))
    assert list(found) == [("GET", "/a/{name}:x"), ("DELETE", "/a/{name}:x")]
    bound, *_ = found["DELETE", "/a/{name}:x"]["parameters"]
    assert (bound["name"], bound["in"], bound["description"]) == ("name", "path", "`parent` is `{name}`.")


def test_the_names_of_the_first_serve_in_descriptions_too() -> None:
    """The second operation describes its variable with the names that the path has."""
    text = get("/v1/books/{shelf_id}", takes="Find") + rpc('put: "/v1/{name=books/*}"', name="Put", takes="Find")
    put = operations(described(books(text, FIND)))["PUT", "/v1/books/{shelfId}"]
    assert put["parameters"][0]["name"] == "shelfId"
    assert put["parameters"][0]["description"] == "Which book.\n\n`name` is `books/{shelfId}`."


def test_no_operation_is_lost_where_paths_collapse() -> None:
    """Templates that OpenAPI cannot tell apart share a path item; the later operation stands beside the first."""
    text = get("/v1/{name=books/*}", takes="Find") + get("/v1/{name=books/**}", name="Walk", takes="Find")
    made = described(books(text, FIND))
    item = made["paths"]["/v1/books/{book}"]
    assert item["get"]["operationId"] == "Books_Get"
    (other,) = item["x-other-operations"]
    assert (other["method"], other["operation"]["operationId"]) == ("GET", "Books_Walk")
    assert other["operation"]["x-path-template"] == "/v1/{name=books/**}"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("books", "book"),
        ("categories", "category"),
        ("shelves", "shelf"),
        ("drives", "drive"),
        ("addresses", "address"),
        ("boxes", "box"),
        ("branches", "branch"),
        ("dishes", "dish"),
        ("access", "access"),
        ("me", "me"),
        ("s", "s"),
    ],
)
def test_collections_name_what_is_in_them(word: str, expected: str) -> None:
    """The common English plurals are undone; any other word stays."""
    assert singular(word) == expected

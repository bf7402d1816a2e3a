"""The document of the running server, held against what the server answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2
import orjson
import pytest
from harness import NO_CERTIFICATES, Server
from interop.support import BAD_TOKEN, CALLS
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

Call = tuple[str, str, dict[str, Any]]
HEALTHZ: Call = ("GET", "/auth/v1/healthz", {})


@pytest.fixture(scope="module")
def document(server: Server) -> Any:
    """What the server says about itself, without a token."""
    with httpx2.Client(base_url=server.url, trust_env=False, verify=NO_CERTIFICATES) as client:
        return client.get("/openapi.json").json()


def ask(server: Server, call: Call, token: str = "", more: Mapping[str, str] | None = None) -> httpx2.Response:
    """Make a call, with more headers."""
    verb, path, request = call
    with httpx2.Client(base_url=server.url, trust_env=False, verify=NO_CERTIFICATES) as client:
        content = orjson.dumps(request) if verb == "POST" else None
        headers = {**(more or {}), **({"authorization": f"Bearer {token}"} if token else {})}
        return client.request(verb, path, content=content, headers=headers)


def mistakes(document: Any, schema: Any, value: Any) -> list[str]:
    """What does not follow a schema of the document, in which every object may have the properties it knows only."""
    root = {"components": closed(document["components"]), **schema}
    validator = Draft202012Validator(root, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [error.message for error in validator.iter_errors(value)]


def closed(schema: Any) -> Any:
    """Schemas that allow no property that they do not know."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {} if "additionalProperties" in schema or "properties" not in schema else {"additionalProperties": False}
    return {name: closed(inner) for name, inner in schema.items()} | strict


def content(document: Any, call: Call, status: str) -> Any:
    """The schema of the answer to a call."""
    verb, path, _ = call
    response = document["paths"][path][verb.lower()]["responses"][status]
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return response["content"]["application/json"]["schema"]


def test_the_document_is_valid(document: Any) -> None:
    """It follows the specification of OpenAPI 3.1."""
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


@pytest.mark.parametrize("call", [*CALLS.values(), HEALTHZ], ids=[*CALLS, "Healthz"])
def test_answers_follow_the_document(document: Any, server: Server, gigi: str, call: Any) -> None:
    """What the server answers has the documented properties, and no others, in their documented form."""
    response = ask(server, call, gigi)
    assert response.status_code == 200
    assert mistakes(document, content(document, call, "200"), response.json()) == []


@pytest.mark.parametrize("name", CALLS)
def test_answers_with_numbers_follow_the_document(document: Any, server: Server, gigi: str, name: str) -> None:
    """Enums may be asked for as numbers, as the document says at the parameter; the same schemas hold."""
    verb, path, request = call = CALLS[name]
    alt = document["components"]["parameters"]["alt"]
    assert "json;enum-encoding=int" in alt["schema"]["enum"]
    numbers = ask(server, (verb, f"{path}?{alt['name']}=json;enum-encoding=int", request), gigi).json()
    assert numbers != ask(server, call, gigi).json()
    assert mistakes(document, content(document, call, "200"), numbers) == []


def test_fields_are_asked_for_as_the_document_says(document: Any, server: Server, gigi: str) -> None:
    """The parameters for partial answers are a query parameter and a header, and the former goes first."""
    verb, path, request = call = CALLS["GetMyUser"]
    shared = document["components"]["parameters"]
    fields, mask = shared["fields"], shared["fieldMask"]
    assert (fields["in"], mask["in"]) == ("query", "header")
    by_header = {mask["name"]: "user.state"}
    assert ask(server, call, gigi, by_header).json() == {"user": {"state": "USER_STATE_ACTIVE"}}
    both = ask(server, (verb, f"{path}?{fields['name']}=user.userName", request), gigi, by_header)
    assert list(both.json()["user"]) == ["userName"]


def test_a_wrong_answer_would_be_seen(document: Any, server: Server, gigi: str) -> None:
    """The schemas are strict enough to notice a wrong value and an unknown property."""
    call = CALLS["GetMyUser"]
    answer = ask(server, call, gigi).json()
    schema = content(document, call, "200")
    answer["user"]["state"] = "USER_STATE_HAPPY"
    answer["user"]["shoeSize"] = 43
    assert len(mistakes(document, schema, answer)) == 2


@pytest.mark.parametrize("name", CALLS)
def test_refusals_follow_the_document(document: Any, server: Server, name: str) -> None:
    """Where a token is missing or wrong, status, header and body are those of the documented 401."""
    for token in ("", BAD_TOKEN):
        response = ask(server, CALLS[name], token)
        assert response.status_code == 401
        assert mistakes(document, content(document, CALLS[name], "401"), response.json()) == []
        assert response.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("path", ["/user_management/users", "/user_management/users/{id}/sessions", "/events"])
def test_refusals_of_back_ends_follow_the_document(document: Any, server: Server, gigi: str, path: str) -> None:
    """Without an API key, or with a token in its place, the answer is the documented error of that face."""
    for token in ("", BAD_TOKEN, gigi):
        response = ask(server, ("GET", path, {}), token)
        assert (response.status_code, response.json()) == (401, {"message": "Unauthorized"})
        assert response.headers["content-type"] == "application/json; charset=utf-8"
        assert mistakes(document, content(document, ("GET", path, {}), "401"), response.json()) == []


def test_other_errors_follow_the_document(document: Any, server: Server, gigi: str) -> None:
    """Any other error has the form of the `default` answer."""
    verb, path, _ = call = CALLS["ListMyUserGrants"]
    response = ask(server, (verb, path, {"query": {"limit": 1001}}), gigi)
    assert response.status_code == 400
    assert mistakes(document, content(document, call, "default"), response.json()) == []


def test_operations_that_need_a_token_are_those_that_say_so(document: Any, server: Server) -> None:
    """Without a token, the operations with security answer 401, the others do not."""
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            status = ask(server, (verb.upper(), path, {})).status_code
            assert (status == 401) == ("security" in operation), path

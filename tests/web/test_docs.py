"""/openapi.json and /docs."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import orjson
import pytest
from doors.peers import AsgiReply, asgi
from doors.stage import NAME, stage_service
from openapi_spec_validator import OpenAPIV31SpecValidator

from authsvc.app import ACCOUNT, AUTH, AUTHENTICATION, EVENTS, JSON_PREFIX, USER_MANAGEMENT, api_document
from authsvc.identity.caller import SCOPES
from authsvc.transcoding import Transcoder
from authsvc.web.docs import docs

BACK_ENDS = [*USER_MANAGEMENT.methods, *EVENTS.methods]
PATHS = sorted(docs(dict).paths)


async def ask(path: str) -> AsgiReply:
    """One request to the one address, without a token."""
    return await asgi(stage_service().one_address(), path, method="GET")


@pytest.mark.parametrize("path", PATHS)
async def test_the_policy_lets_in_nothing_from_elsewhere(path: str) -> None:
    """Scripts, styles and calls come from and go to this server; no script stands in the page."""
    header = (await ask(path)).header("content-security-policy") or ""
    policy = {name: value for name, _, value in (each.strip().partition(" ") for each in header.split(";"))}
    assert policy.pop("img-src") == "'self' data:"
    assert set(policy.values()) == {"'none'", "'self'"}
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"


@pytest.mark.parametrize("path", PATHS)
async def test_docs_can_be_turned_off(path: str) -> None:
    """A service without docs knows none of the paths."""
    service = replace(stage_service(), docs=False)
    assert (await asgi(service.one_address(), path, method="GET")).status == 404
    assert (await asgi(service.one_address(), "/debug/healthz", method="GET")).status == 200


async def test_the_page_names_only_files_of_ours() -> None:
    """Every address in the page is that of a file that is served."""
    page = (await ask("/docs")).body.decode()
    found = set(re.findall(r'(?:src|href)="([^"]+)"', page))
    assert found - {"data:,"} == {path.removeprefix("/") for path in PATHS} - {"docs"}


def places(document: Any) -> set[tuple[str, str, str]]:
    """HTTP method, template and RPC of every operation."""
    return {
        (verb.upper(), operation["x-path-template"], operation["x-rpc"])
        for item in document["paths"].values()
        for verb, operation in item.items()
    }


def routes(methods: Any) -> set[tuple[str, str, str]]:
    """The same of every route that the JSON door has."""
    return {
        (each.rule.http_method, each.rule.path, f"{each.method.containing_service.full_name}/{each.method.name}")
        for each in Transcoder(methods, prefix=JSON_PREFIX).endpoints
    }


async def test_every_route_of_the_door_is_in_the_document() -> None:
    """What is served is described, and nothing else, whatever the services."""
    service = stage_service()
    found = places(orjson.loads((await ask("/openapi.json")).body))
    assert found == routes([method.descriptor for method in service.methods.values()])
    assert ("POST", "/say", f"{NAME}/Say") in found
    assert places(api_document()) == routes([*AUTH.methods, *ACCOUNT.methods, *BACK_ENDS, *AUTHENTICATION.methods])


async def test_methods_that_need_a_caller_say_so() -> None:
    """The others ask for nothing."""
    document = orjson.loads((await ask("/openapi.json")).body)
    assert "security" in document["paths"]["/auth/v1/whisper"]["get"]
    assert "security" not in document["paths"]["/auth/v1/say"]["post"]


def test_the_service_says_how_to_sign_in() -> None:
    """There are a bearer scheme for tokens that somebody has, and OAuth 2 with the authorization code flow."""
    schemes = api_document()["components"]["securitySchemes"]
    assert schemes["bearer"]["scheme"] == "bearer"
    flow = schemes["oauth2"]["flows"]["authorizationCode"]
    assert (flow["authorizationUrl"], flow["tokenUrl"]) == ("/oauth/v2/authorize", "/oauth/v2/token")
    assert list(flow["scopes"]) == list(SCOPES.values())


def test_tokens_can_be_pasted_first() -> None:
    """People who may choose are led to what this page can do; OAuth 2 is for clients that are registered."""
    document = api_document()
    assert list(document["components"]["securitySchemes"]) == ["bearer", "oauth2", "apiKey"]
    assert "PKCE (S256)" in document["components"]["securitySchemes"]["oauth2"]["description"]
    requirements = document["paths"]["/auth/v1/users/me"]["get"]["security"]
    assert requirements == [{"bearer": []}, {"oauth2": ["openid"]}]
    requirements = document["paths"]["/auth/v1/users/me/sessions/_sign_out_all"]["post"]["security"]
    assert requirements == [{"bearer": []}, {"oauth2": ["sign_out"]}]


def test_back_ends_have_keys() -> None:
    """Each of their methods asks for an API key with its permission and for nothing else, under no prefix."""
    document = api_document()
    asked = {
        (verb, path): operation.get("security")
        for path, item in document["paths"].items()
        for verb, operation in item.items()
        if operation["x-rpc"].startswith("workos.") and AUTHENTICATION.full_name not in operation["x-rpc"]
    }
    assert len(asked) == len(BACK_ENDS)
    assert asked["get", "/user_management/users/{id}/sessions"] == [{"apiKey": ["session.read"]}]
    assert asked["post", "/user_management/sessions/revoke"] == [{"apiKey": ["session.write"]}]
    assert {name for one in asked.values() for each in one for name in each} == {"apiKey"}
    scheme = document["components"]["securitySchemes"]["apiKey"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_both_faces_are_one_valid_document() -> None:
    """Each has its own errors; messages and enums are described as the face that they belong to writes them."""
    document = api_document()
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
    errors = {
        (operation["x-rpc"].partition(".")[0], operation["responses"]["default"]["$ref"])
        for item in document["paths"].values()
        for operation in item.values()
    }
    of_face = dict(errors)
    assert len(errors) == len(of_face) == 3
    assert of_face["authsvc"] == of_face["zitadel"] != of_face["workos"]
    schemas = document["components"]["schemas"]
    session = schemas["workos.user_management.v1.Session"]
    assert session["properties"]["ended_at"]["type"] == ["string", "null"]
    status = schemas["workos.user_management.v1.SessionStatus"]
    assert (status["type"], status["enum"]) == ("string", ["active", "expired", "revoked"])
    order = schemas["workos.user_management.v1.Order"]
    assert (order["type"], order["enum"]) == ("string", ["asc", "desc", "normal"])
    assert schemas["workos.user_management.v1.RevokeSessionRequest"]["required"] == ["session_id"]
    assert "required" not in schemas["zitadel.user.v1.User"]


SOMETIMES = {"Session": {"organization_id", "impersonator"}}


@pytest.mark.parametrize(
    "name", ["User", "Session", "Event", "ListUsersResponse", "ListSessionsResponse", "ListEventsResponse"]
)
def test_what_back_ends_always_get_is_required(name: str) -> None:
    """Of what is sent to back ends all is always there, as null if need be, but for what a session may lack."""
    schema = api_document()["components"]["schemas"][f"workos.user_management.v1.{name}"]
    assert set(schema["required"]) == set(schema["properties"]) - SOMETIMES.get(name, set())


def test_system_parameters_are_described_where_they_are_known() -> None:
    """The operations of ZITADEL's face have those of Google's clients, those of WorkOS's face none."""
    shared = {
        operation["x-rpc"].partition(".")[0]: [
            each["$ref"] for each in operation.get("parameters", []) if "$ref" in each
        ]
        for item in api_document()["paths"].values()
        for operation in item.values()
    }
    assert {face: len(found) for face, found in shared.items()} == {"authsvc": 4, "workos": 0, "zitadel": 4}


def test_the_limit_of_a_page_is_described() -> None:
    """The numbers that the type allows are more than those that are accepted; the comment says which."""
    query = api_document()["components"]["schemas"]["zitadel.v1.ListQuery"]["properties"]
    assert "1 to 1000; 0 means 1000" in query["limit"]["description"]


def test_the_contract_s_comments_are_in_the_document() -> None:
    """What the `.proto` files say about methods and fields stands with them."""
    document = api_document()
    assert document["paths"]["/auth/v1/users/me"]["get"]["description"].startswith("The caller: names")
    user = document["components"]["schemas"]["zitadel.user.v1.User"]["properties"]["userName"]
    assert user["description"] == "Name inside the organization."

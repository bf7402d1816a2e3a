"""/openapi.json and /docs over HTTP."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from typing import Any

import orjson
import pytest
from doors.peers import AsgiReply, asgi, http1, http1_request
from doors.stage import NAME, playing, stage_service
from openapi_spec_validator import OpenAPIV31SpecValidator

from authsvc.app import AUTH, AUTHENTICATION, EVENTS, JSON_PREFIX, USER_MANAGEMENT, api_document
from authsvc.doors.docs import Docs
from authsvc.transcoding import Transcoder

PATHS = sorted(Docs.PATHS)
BACK_ENDS = [*USER_MANAGEMENT.methods, *EVENTS.methods]
TYPES = {
    "/docs": "text/html; charset=utf-8",
    "/docs/start.js": "text/javascript; charset=utf-8",
    "/docs/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "/docs/swagger-ui.css": "text/css; charset=utf-8",
    "/openapi.json": "application/json",
}


async def ask(path: str, method: str = "GET", headers: Any = ()) -> AsgiReply:
    """One request to the one address, without a token."""
    return await asgi(stage_service().one_address(), path, headers, method=method)


@pytest.mark.parametrize("path", PATHS)
async def test_files_are_served_to_anybody(path: str) -> None:
    """Each is there without a token, of its type, to be asked for again and never guessed at."""
    reply = await ask(path)
    assert (reply.status, reply.header("content-type")) == (200, TYPES[path])
    assert reply.header("cache-control") == "no-cache"
    assert reply.header("x-content-type-options") == "nosniff"
    assert reply.header("content-length") == str(len(reply.body))
    assert len(reply.body) > 100


@pytest.mark.parametrize("path", PATHS)
async def test_the_policy_lets_in_nothing_from_elsewhere(path: str) -> None:
    """Scripts, styles and calls come from and go to this server; no script stands in the page."""
    header = (await ask(path)).header("content-security-policy") or ""
    policy = {name: value for name, _, value in (each.strip().partition(" ") for each in header.split(";"))}
    assert policy.pop("img-src") == "'self' data:"
    assert set(policy.values()) == {"'none'", "'self'"}
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"


GZIP = [("accept-encoding", "gzip, deflate, br")]


@pytest.mark.parametrize("headers", [[], GZIP], ids=["plain", "gzip"])
async def test_head_is_get_without_the_content(headers: Any) -> None:
    """Status and headers are those of GET."""
    got, head = await ask("/docs", headers=headers), await ask("/docs", "HEAD", headers)
    assert (head.status, head.headers, head.body) == (got.status, got.headers, b"")


@pytest.mark.parametrize("path", PATHS)
async def test_files_are_compressed_for_those_who_ask(path: str) -> None:
    """The same content, smaller, under a tag of its own; caches are told what it depends on."""
    plain, small = await ask(path), await ask(path, headers=GZIP)
    assert (plain.header("content-encoding"), small.header("content-encoding")) == (None, "gzip")
    assert gzip.decompress(small.body) == plain.body
    assert int(small.header("content-length") or 0) == len(small.body) < len(plain.body)
    assert plain.header("vary") == small.header("vary") == "accept-encoding"
    assert small.header("etag") != plain.header("etag")
    assert small.header("content-type") == plain.header("content-type")


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "*;q=0", "gzip;q=0.5, identity"])
async def test_nothing_is_compressed_for_others(accepted: str) -> None:
    """Who does not like gzip gets the files as they are."""
    reply = await ask("/openapi.json", headers=[("accept-encoding", accepted)])
    assert reply.header("content-encoding") is None
    assert orjson.loads(reply.body)["info"]["title"] == "authsvc"


async def test_what_is_known_compressed_is_not_sent_again() -> None:
    """Each form has its own tag: that of one is no reason to keep back the other."""
    docs = Docs({})
    plain, small = await asgi(docs, "/docs", method="GET"), await asgi(docs, "/docs", GZIP, method="GET")
    for first, headers, status in [(small, GZIP, 304), (small, [], 200), (plain, GZIP, 200), (plain, [], 304)]:
        again = [*headers, ("if-none-match", first.header("etag") or "")]
        reply = await asgi(docs, "/docs", again, method="GET")
        assert (reply.status, reply.header("vary")) == (status, "accept-encoding")
        assert reply.header("content-encoding") == (("gzip" if headers else None) if status == 200 else None)


async def test_a_file_is_compressed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at the start, which it would make slower, but when it is first asked for; then it is kept."""
    done: list[int] = []
    compress = gzip.compress

    def count(data: bytes, *options: Any, **more: Any) -> bytes:
        done.append(len(data))
        return compress(data, *options, **more)

    monkeypatch.setattr(gzip, "compress", count)
    docs = Docs({})
    await asgi(docs, "/docs", method="GET")
    assert done == []
    bodies = [(await asgi(docs, "/docs", GZIP, method="GET")).body for _ in range(2)]
    assert (len(done), bodies[0]) == (1, bodies[1])


@pytest.mark.parametrize("tags", ["{}", "W/{}", '"other", {}', "*"])
async def test_what_is_known_is_not_sent_again(tags: str) -> None:
    """A request that names the entity tag gets 304, with the headers that matter to a cache."""
    tag = (await ask("/openapi.json")).header("etag")
    reply = await ask("/openapi.json", headers=[("if-none-match", tags.format(tag))])
    assert (reply.status, reply.body, reply.header("etag")) == (304, b"", tag)
    assert reply.header("cache-control") == "no-cache"


async def test_what_has_changed_is_sent() -> None:
    """Another tag is no reason to send nothing, and different files have different tags."""
    assert (await ask("/openapi.json", headers=[("if-none-match", '"other"')])).status == 200
    assert len({(await ask(path)).header("etag") for path in PATHS}) == len(PATHS)


@pytest.mark.parametrize("path", PATHS)
async def test_other_methods_are_not_allowed(path: str) -> None:
    """Files can be read only; OPTIONS tells so."""
    for method in ("POST", "PUT", "DELETE", "get"):
        reply = await ask(path, method)
        assert (reply.status, reply.header("allow")) == (405, "GET, HEAD, OPTIONS")
    reply = await ask(path, "OPTIONS")
    assert (reply.status, reply.body, reply.header("allow")) == (204, b"", "GET, HEAD, OPTIONS")


@pytest.mark.parametrize(
    "path", ["/docs/", "/docs/index.html", "/docs/../openapi.json", "/openapi.json/", "/docs/LICENSE"]
)
async def test_only_fixed_paths_are_served(path: str) -> None:
    """No path leads to any other file."""
    assert (await ask(path)).status == 404


@pytest.mark.parametrize("path", PATHS)
async def test_docs_can_be_turned_off(path: str) -> None:
    """A service without docs knows none of the paths."""
    service = replace(stage_service(), docs=False)
    assert (await asgi(service.one_address(), path, method="GET")).status == 404
    assert (await asgi(service.one_address(), "/debug/healthz", method="GET")).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_files_over_a_real_connection(method: str) -> None:
    """The server adds nothing to the head that would contradict it."""
    async with playing() as stage:
        reply = await http1(stage.port, http1_request(method, "/docs"))
    assert reply.status == (204 if method == "OPTIONS" else 200)
    assert reply.body.startswith(b"<!DOCTYPE html>") == (method == "GET")


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
    assert places(api_document()) == routes([*AUTH.methods, *BACK_ENDS, *AUTHENTICATION.methods])


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
    assert list(flow["scopes"]) == ["openid"]


def test_tokens_can_be_pasted_first() -> None:
    """People who may choose are led to what this page can do; OAuth 2 is for clients that are registered."""
    document = api_document()
    assert list(document["components"]["securitySchemes"]) == ["bearer", "oauth2", "apiKey"]
    assert "PKCE (S256)" in document["components"]["securitySchemes"]["oauth2"]["description"]
    requirements = document["paths"]["/auth/v1/users/me"]["get"]["security"]
    assert requirements == [{"bearer": []}, {"oauth2": ["openid"]}]


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
        operation["responses"]["default"]["$ref"]: operation["x-rpc"].partition(".")[0]
        for item in document["paths"].values()
        for operation in item.values()
    }
    assert sorted(errors.values()) == ["workos", "zitadel"]
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
    assert {face: len(found) for face, found in shared.items()} == {"workos": 0, "zitadel": 4}


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

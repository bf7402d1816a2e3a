"""Pages of other origins in a real browser: what they can call and read under a policy, and what without one."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import orjson
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_health.v1 import health_pb2
from harness import Server, serving
from interop.support import (
    BAD_TOKEN,
    HERE,
    INVALID_TOKEN,
    INVALID_TOKEN_DETAIL,
    browser,
    error_details,
    from_base64,
    json_answer,
    node,
    origin,
    tls,
)

CLIENTS = ["connect-web", "grpc-web-text", "grpc-web-binary"]
STREAMING = ["connect-web", "grpc-web-text"]
# By name: the policy of a server, and whether pages send credentials to it.
TARGETS = {"plain": False, "credentials": True, "anybody": False, "greedy": True, "closed": False}
OPEN = ["plain", "credentials", "anybody"]
SERVING = 1
CUT_OFF = {"error": "TypeError: Failed to fetch"}


@pytest.fixture(scope="module")
def chromium() -> str:
    """A browser of this machine."""
    return str(browser())


@pytest.fixture(scope="module")
def pages() -> Iterator[dict[str, str]]:
    """Two origins, only one of which the policies list."""
    with origin() as listed, origin() as foreign:
        yield {"listed": listed, "foreign": foreign}


@pytest.fixture(scope="module")
def servers(
    server: Server, pages: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Server]]:
    """A server for every policy, all on one database; that for anybody has TLS, and so HTTP/2."""
    folder = tmp_path_factory.mktemp("origins")
    named = {"cors_origins": pages["listed"]}
    policies = {"plain": named, "credentials": {**named, "cors_credentials": "true"}}
    policies["anybody"] = {"cors_origins": "*", **tls(folder)}
    with ExitStack() as stack:
        running = {
            name: stack.enter_context(serving(server.database_url, folder / f"{name}.log", grpc_listen="off", **policy))
            for name, policy in policies.items()
        }
        yield {**running, "greedy": running["plain"], "closed": server}


@pytest.fixture(scope="module")
def seen(chromium: str, servers: dict[str, Server], pages: dict[str, str], gigi: str) -> Any:
    """What the pages could read, by origin, server, client and call; and their requests on the wire."""
    file = FileDescriptorSet()
    health_pb2.DESCRIPTOR.CopyToProto(file.file.add())
    shared = {"token": gigi, "badToken": BAD_TOKEN, "health": base64.b64encode(file.SerializeToString()).decode()}
    targets = {
        name: {"url": servers[name].url, "credentials": credentials, **shared} for name, credentials in TARGETS.items()
    }
    task = {"executablePath": chromium, "pages": pages, "targets": targets}
    return orjson.loads(node(HERE / "browser" / "cross-origin.mjs", orjson.dumps(task).decode()))


def calls(seen: Any, target: str, client: str, page: str = "listed") -> Any:
    """What a client in a page could read of a server, by call."""
    return seen[page]["seen"][target][client]


def sent(seen: Any, servers: dict[str, Server], target: str, page: str = "listed") -> Any:
    """The requests that the browser really sent to a server, preflights included."""
    return [each for each in seen[page]["wire"] if each["url"].startswith(servers[target].url) and "headers" in each]


@pytest.mark.parametrize("target", OPEN)
@pytest.mark.parametrize("client", CLIENTS)
def test_unary_calls(seen: Any, server: Server, gigi: str, target: str, client: str) -> None:
    """Clients of gRPC-Web, binary and text, read an answer, although they send a token and a deadline."""
    assert calls(seen, target, client)["user"]["user"] == json_answer(server, gigi, "GetMyUser")


@pytest.mark.parametrize("target", OPEN)
@pytest.mark.parametrize("client", CLIENTS)
def test_errors_with_details(seen: Any, target: str, client: str) -> None:
    """A page reads code, message and details of an error."""
    failure = calls(seen, target, client)["failure"]
    assert (failure["code"], failure["message"]) == (16, INVALID_TOKEN)
    details = failure["details"] if "details" in failure else error_details(from_base64(failure["statusDetails"]))
    assert details == [INVALID_TOKEN_DETAIL]


@pytest.mark.parametrize("target", OPEN)
@pytest.mark.parametrize("client", STREAMING)
def test_streams(seen: Any, target: str, client: str) -> None:
    """A page reads the first message of a stream that goes on, and may leave."""
    assert calls(seen, target, client)["stream"] == {"statuses": [SERVING]}


@pytest.mark.parametrize("target", OPEN)
@pytest.mark.parametrize("client", CLIENTS)
def test_deadlines_of_streams(seen: Any, target: str, client: str) -> None:
    """A stream with a deadline ends in DEADLINE_EXCEEDED after what came in time."""
    outcome = calls(seen, target, client)["deadline"]
    assert (outcome["statuses"], outcome["code"]) == ([SERVING], 4)


@pytest.mark.parametrize("target", OPEN)
def test_the_server_keeps_the_deadline(seen: Any, target: str) -> None:
    """It is the server that has read `grpc-timeout` and ends the stream: one message, and a frame with the status."""
    body = base64.b64decode(calls(seen, target, "fetch")["deadline"]["body"])
    flags, length = struct.unpack(">BI", body[:5])
    rest = body[5 + length :]
    assert (flags, rest[:1]) == (0, b"\x80")
    assert rest[5:].splitlines()[0] == b"grpc-status: 4"


@pytest.mark.parametrize("target", OPEN)
def test_metadata_of_the_response(seen: Any, target: str) -> None:
    """Headers that browsers hide unless they are exposed are read by the client of gRPC-Web and by `fetch`."""
    assert len(calls(seen, target, "connect-web")["user"]["requestId"]) == 36
    assert len(calls(seen, target, "fetch")["user"]["headers"]["x-request-id"]) == 36
    assert "invalid_token" in calls(seen, target, "fetch")["failure"]["headers"]["www-authenticate"]
    assert "GET" in calls(seen, target, "fetch")["notAllowed"]["headers"]["allow"]
    assert calls(seen, target, "fetch")["document"]["headers"]["etag"]


@pytest.mark.parametrize("target", OPEN)
def test_json(seen: Any, target: str) -> None:
    """With `fetch` a page reads answers, errors of every kind, probes and the document."""
    outcomes = calls(seen, target, "fetch")
    statuses = {
        "user": 200,
        "again": 200,
        "simple": 200,
        "search": 200,
        "failure": 401,
        "nowhere": 404,
        "notAllowed": 405,
        "tooLarge": 413,
        "unsupported": 415,
        "probe": 200,
        "document": 200,
        "deadline": 200,
    }
    assert {name: outcomes[name].get("status") for name in statuses} == statuses
    body = orjson.loads(base64.b64decode(outcomes["failure"]["body"]))
    assert [{"id": detail["id"], "message": detail["message"]} for detail in body["details"]] == [INVALID_TOKEN_DETAIL]


@pytest.mark.parametrize("target", OPEN)
def test_headers_that_are_not_allowed(seen: Any, target: str) -> None:
    """A page cannot send a header that the policy does not list."""
    assert calls(seen, target, "fetch")["unasked"] == CUT_OFF


@pytest.mark.parametrize("target", ["credentials", "anybody"])
def test_preflights_are_kept(seen: Any, servers: dict[str, Server], target: str) -> None:
    """One preflight serves all calls of a path, whatever their method and headers, that the policy allows."""
    paths = [each for each in sent(seen, servers, target) if each["url"].endswith("/auth/v1/users/me")]
    asked = [each["headers"]["access-control-request-headers"] for each in paths if each["method"] == "OPTIONS"]
    assert sorted(asked) == ["authorization,x-goog-fieldmask", "authorization,x-not-in-the-list"]
    assert sorted(each["method"] for each in paths) == ["DELETE", "GET", "GET", "GET", "OPTIONS", "OPTIONS"]


def test_credentials_travel(seen: Any, servers: dict[str, Server]) -> None:
    """Where the policy allows it a cookie comes with every call, and with no preflight."""
    requests = sent(seen, servers, "credentials")
    preflights = [each for each in requests if each["method"] == "OPTIONS"]
    assert len(preflights) > 5
    assert {each["headers"].get("cookie") for each in preflights} == {None}
    assert {each["headers"].get("cookie") for each in requests if each not in preflights} == {"crumb=1"}


def test_over_http_2(seen: Any, servers: dict[str, Server]) -> None:
    """With TLS, preflights and calls go over HTTP/2, where all is as it is over HTTP/1.1."""
    for target, protocol in (("credentials", "http/1.1"), ("anybody", "h2")):
        assert {each["protocol"] for each in sent(seen, servers, target)} == {protocol}


NOTHING = [
    *(("foreign", target) for target in TARGETS if target != "anybody"),
    # Credentials that the policy does not allow, and a server without a policy.
    ("listed", "greedy"),
    ("listed", "closed"),
]


@pytest.mark.parametrize(("page", "target"), NOTHING)
def test_pages_that_can_read_nothing(seen: Any, page: str, target: str) -> None:
    """No client reads anything: no answer, no message, no status, no detail."""
    outcomes = dict(calls(seen, target, "fetch", page))
    assert outcomes.pop("opaque") == {"status": 0, "type": "opaque", "headers": {}, "body": ""}
    assert len(outcomes) > 10
    assert {name: outcome for name, outcome in outcomes.items() if outcome != CUT_OFF} == {}
    for client in CLIENTS:
        outcomes = calls(seen, target, client, page)
        assert "error" in outcomes["user"]
        assert (outcomes["failure"]["code"], outcomes["failure"].get("statusDetails")) == (2, None)
        assert outcomes["failure"].get("details", []) == []
        for stream in ("stream", "deadline"):
            if stream in outcomes:
                assert (outcomes[stream]["statuses"], outcomes[stream]["code"]) == ([], 2)


@pytest.mark.parametrize("target", ["plain", "credentials", "closed"])
def test_pages_that_cannot_even_ask(seen: Any, servers: dict[str, Server], target: str) -> None:
    """After such a preflight the browser sends nothing that a caller could be known by, and no gRPC-Web."""
    requests = sent(seen, servers, target, "foreign")
    assert {"GET", "OPTIONS"} == {each["method"] for each in requests}
    assert [each for each in requests if {"authorization", "content-type"} & each["headers"].keys()] == []


def test_pages_of_anybody(seen: Any, server: Server, gigi: str) -> None:
    """Under `*` any page calls with the token it has."""
    for client in CLIENTS:
        assert calls(seen, "anybody", client, "foreign")["user"]["user"] == json_answer(server, gigi, "GetMyUser")


@pytest.mark.parametrize("page", ["listed", "foreign"])
def test_pages_without_an_origin(seen: Any, page: str) -> None:
    """A sandboxed frame, whose origin is null, reads only what everybody may, in whichever page it is."""
    blocked = dict.fromkeys(TARGETS, "blocked")
    assert seen[page]["sandboxed"] == blocked | {"anybody": "read"}

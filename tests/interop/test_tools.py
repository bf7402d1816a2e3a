from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
import pytest
from harness import Server
from interop.documented import ANSWERS, CURL, HOST, TOKEN, kinds
from interop.support import (
    BAD_TOKEN,
    CALLS,
    INVALID_TOKEN,
    INVALID_TOKEN_DETAIL,
    SERVICE,
    from_base64,
    json_answer,
    run,
    system_tool,
    tool,
)
from zitadel.message_pb2 import ErrorDetail

SERVICES = {
    "authsvc.account.v1.AccountService",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "workos.user_management.v1.AuthenticationService",
    "workos.user_management.v1.EventsService",
    "workos.user_management.v1.UserManagementService",
    SERVICE,
}
# What grpcurl adds to the code of a status to make its exit status.
GRPCURL_STATUS = 64
MACHINE = "weaver-birds@zitadel.com"
# Left out of an answer when it is not known: the zero value of an enum.
OPTIONAL = {"user.human.profile.gender"}


@pytest.fixture(params=["one address", "grpcio"])
def address(request: pytest.FixtureRequest, server: Server) -> str:
    """Each address that speaks native gRPC."""
    return server.address if request.param == "one address" else server.grpcio_address


def grpcurl(*arguments: str, check: bool = True) -> tuple[int, str]:
    """The exit status of grpcurl and what it printed."""
    done = run(tool("grpcurl"), "-plaintext", *arguments, check=check)
    return done.returncode, done.stdout + done.stderr


def test_grpcurl_lists_the_services(address: str) -> None:
    """Reflection, as grpcurl asks for it, lists every service and no other."""
    _, listed = grpcurl(address, "list")
    assert set(listed.split()) == SERVICES


def test_grpcurl_lists_the_methods(address: str) -> None:
    """Reflection gives the methods of a service."""
    _, listed = grpcurl(address, "list", SERVICE)
    assert set(listed.split()) == {f"{SERVICE}.{name}" for name in [*CALLS, "Healthz"]}


@pytest.mark.parametrize(
    ("symbol", "line"),
    [
        (SERVICE, 'option (.google.api.http) = { post:"/usergrants/me/_search" body:"*" };'),
        (SERVICE, 'option (.zitadel.v1.auth_option) = { permission:"authenticated" };'),
        ("zitadel.v1.ListQuery", "uint32 limit = 2;"),
        ("zitadel.user.v1.UserState", "USER_STATE_LOCKED = 4;"),
        ("zitadel.v1.ErrorDetail", "string id = 1;"),
    ],
)
def test_grpcurl_describes_the_contract(address: str, symbol: str, line: str) -> None:
    """Reflection gives whole descriptors, options and error details included."""
    _, described = grpcurl(address, "describe", symbol)
    assert line in re.sub(r" +", " ", described)


@pytest.mark.parametrize("method", CALLS)
def test_grpcurl_calls(address: str, server: Server, gigi: str, method: str) -> None:
    """What grpcurl prints is what plain JSON answers."""
    request = orjson.dumps(CALLS[method][2]).decode()
    _, printed = grpcurl("-H", f"authorization: Bearer {gigi}", "-d", request, address, f"{SERVICE}/{method}")
    assert orjson.loads(printed) == json_answer(server, gigi, method)


def test_grpcurl_without_a_token(address: str) -> None:
    """A call without a token ends with UNAUTHENTICATED and no details."""
    exit_status, printed = grpcurl("-format-error", address, f"{SERVICE}/GetMyUser", check=False)
    assert exit_status == GRPCURL_STATUS + 16
    assert orjson.loads(printed) == {"code": 16, "message": "auth header missing"}


def test_grpcurl_with_a_bad_token(address: str) -> None:
    """A call with a bad token ends with UNAUTHENTICATED and the ErrorDetail, which grpcurl decodes by reflection."""
    header = f"authorization: Bearer {BAD_TOKEN}"
    exit_status, printed = grpcurl("-format-error", "-H", header, address, f"{SERVICE}/GetMyUser", check=False)
    assert exit_status == GRPCURL_STATUS + 16
    assert orjson.loads(printed) == {
        "code": 16,
        "message": INVALID_TOKEN,
        "details": [{"@type": "type.googleapis.com/zitadel.v1.ErrorDetail", **INVALID_TOKEN_DETAIL}],
    }


class Way(NamedTuple):
    """How buf reaches the service."""

    flags: tuple[str, ...]
    url: str


BUF_WAYS = {
    "grpc": ("--protocol", "grpc"),
    "grpc by grpcio": ("--protocol", "grpc"),
    "grpcweb over HTTP/1.1": ("--protocol", "grpcweb"),
    "grpcweb over HTTP/2": ("--protocol", "grpcweb", "--http2-prior-knowledge"),
}


@pytest.fixture(params=BUF_WAYS)
def way(request: pytest.FixtureRequest, server: Server) -> Way:
    """Each protocol that buf speaks and we do, on each address."""
    url = f"http://{server.grpcio_address}" if "grpcio" in request.param else server.url
    return Way(BUF_WAYS[request.param], url)


@pytest.mark.parametrize("method", CALLS)
def test_buf_curl_calls(way: Way, server: Server, gigi: str, method: str) -> None:
    """What buf prints, with a schema learnt by reflection over the same protocol, is what plain JSON answers."""
    call = ["-H", f"authorization: Bearer {gigi}", "-d", orjson.dumps(CALLS[method][2]).decode()]
    printed = run(tool("buf"), "curl", *way.flags, *call, f"{way.url}/{SERVICE}/{method}").stdout
    assert orjson.loads(printed) == json_answer(server, gigi, method)


def test_buf_curl_with_a_bad_token(way: Way) -> None:
    """Buf shows the code, the message and the ErrorDetail of a refused call."""
    call = ["-H", f"authorization: Bearer {BAD_TOKEN}", f"{way.url}/{SERVICE}/GetMyUser"]
    done = run(tool("buf"), "curl", *way.flags, *call, check=False)
    assert done.returncode
    assert done.stderr.startswith("{"), done.stderr
    error = orjson.loads(done.stderr)
    assert (error["code"], error["message"]) == ("unauthenticated", INVALID_TOKEN)
    (detail,) = error["details"]
    assert detail["type"] == "zitadel.v1.ErrorDetail"
    assert ErrorDetail.FromString(from_base64(detail["value"])) == ErrorDetail(**INVALID_TOKEN_DETAIL)


def documented_curl(server: Server, token: str, method: str) -> Any:
    """The answer to a line of the documentation, run by a shell after filling in the gaps."""
    system_tool("curl")
    line = CURL[method]
    assert (line.count(HOST), line.count(TOKEN)) == (1, 1)
    return orjson.loads(run("sh", "-c", line.replace(HOST, server.url).replace(TOKEN, token)).stdout)


def documented_kinds(method: str, *, without: str = "") -> dict[str, str]:
    """The kinds of all documented values, without a part that the answer cannot have."""
    return {path: kind for path, kind in kinds(ANSWERS[method]) if not without or not path.startswith(f"{without}.")}


def is_documented(path: str, kind: str, documented: Mapping[str, str]) -> bool:
    """Whether a value is of the documented kind; one documented as text may look like anything that is text."""
    expected = documented.get(path)
    return kind == expected or (expected == "text" and kind not in {"bool", "int", "float", "NoneType"})


@pytest.mark.parametrize("method", CURL)
def test_documented_curl_lines_get_the_documented_answer(server: Server, gigi: str, method: str) -> None:
    """A line as written gets every documented field and no other, each of the documented kind."""
    answer = list(kinds(documented_curl(server, gigi, method)))
    documented = documented_kinds(method, without="user.machine")
    assert dict(answer).keys() | OPTIONAL == documented.keys() | OPTIONAL
    assert [(path, kind) for path, kind in answer if not is_documented(path, kind, documented)] == []


def test_the_documented_machine(server: Server) -> None:
    """A program has the documented part `machine` in full instead of the part `human`, and never signed in."""
    answer = list(kinds(documented_curl(server, server.token(MACHINE), "GetMyUser")))
    documented = documented_kinds("GetMyUser", without="user.human")
    assert dict(answer).keys() | {"lastLogin"} == documented.keys()
    assert [(path, kind) for path, kind in answer if not is_documented(path, kind, documented)] == []


@pytest.mark.parametrize(
    ("path", "content_type", "body"),
    [
        ("/auth/v1/healthz", "application/json", "{}"),
        ("/debug/healthz", "text/plain; charset=utf-8", "ok"),
        ("/debug/ready", "application/json", '"ok"'),
    ],
)
def test_curl_probes(server: Server, path: str, content_type: str, body: str) -> None:
    """The probes answer 200 to a plain curl, without a token."""
    line = shlex.join(["curl", "-sS", "-w", "\n%{http_code} %{content_type}", f"{server.url}{path}"])
    system_tool("curl")
    assert run("sh", "-c", line).stdout == f"{body}\n200 {content_type}"

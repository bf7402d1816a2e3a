"""Every case through every door: the outcomes do not differ in any field."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from authsvc_account.v1.account_pb2 import SignOutAllRequest, SignOutRequest
from google.protobuf.message import Message
from harness import BROWSER, GIGI, Server, command, serving
from parity.clients import CLIENTS, Outcome, Target
from zitadel import auth_pb2, object_pb2

from authsvc.domain.clock import now
from authsvc.domain.tokens import token_hash


@dataclass
class Case:
    """A call, and the code and message it must end with; `{token}` in a header stands for a token of `user`."""

    code: grpc.StatusCode
    message: str = ""
    method: str = "GetMyUser"
    request: Message = field(default_factory=auth_pb2.GetMyUserRequest)
    headers: dict[str, str] = field(default_factory=lambda: {"authorization": "Bearer {gigi}"})


def _grants(offset: int = 0, limit: int = 0, *, asc: bool = False) -> Message:
    return auth_pb2.ListMyUserGrantsRequest(query=object_pb2.ListQuery(offset=offset, limit=limit, asc=asc))


def _with(**headers: str) -> dict[str, str]:
    return {key.replace("_", "-"): value for key, value in headers.items()}


OK = grpc.StatusCode.OK
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
UNUSABLE = "Errors.Token.Invalid (AUTH-7fs1e)"
GONE = "User could not be found (QUERY-Dfbg2)"
SESSIONS = auth_pb2.ListMyUserSessionsRequest()

CASES = {
    "healthz without a token": Case(OK, method="Healthz", request=auth_pb2.HealthzRequest(), headers={}),
    "a person": Case(OK),
    "a machine": Case(OK, headers=_with(authorization="Bearer {machine}")),
    "sessions of the browser": Case(OK, method="ListMyUserSessions", request=SESSIONS),
    "no browser, no sessions": Case(
        OK, method="ListMyUserSessions", request=SESSIONS, headers=_with(authorization="Bearer {machine}")
    ),
    "somebody is signed out": Case(OK, method="SignOut", request=SignOutRequest(session_id="69629023906488335")),
    "somebody of another browser": Case(
        grpc.StatusCode.NOT_FOUND,
        "The browser has no such session (AUTHSVC-SE001)",
        method="SignOut",
        request=SignOutRequest(session_id="69629023906488338"),
    ),
    "no browser to sign out of": Case(
        grpc.StatusCode.NOT_FOUND,
        "The token belongs to no browser (AUTHSVC-SE002)",
        method="SignOutAll",
        request=SignOutAllRequest(),
        headers=_with(authorization="Bearer {machine}"),
    ),
    "signing out without a token": Case(
        UNAUTHENTICATED, "auth header missing", method="SignOutAll", request=SignOutAllRequest(), headers={}
    ),
    "all grants": Case(OK, method="ListMyUserGrants", request=auth_pb2.ListMyUserGrantsRequest()),
    "a page of grants": Case(OK, method="ListMyUserGrants", request=_grants(offset=1, limit=1, asc=True)),
    "a page past the end": Case(OK, method="ListMyUserGrants", request=_grants(offset=2**64 - 1, limit=1)),
    "the largest limit": Case(OK, method="ListMyUserGrants", request=_grants(limit=1000)),
    "a limit too large": Case(
        grpc.StatusCode.INVALID_ARGUMENT,
        "query.limit: must not exceed 1000 (AUTHSVC-L1m1t)",
        "ListMyUserGrants",
        _grants(limit=1001),
    ),
    "no header": Case(UNAUTHENTICATED, "auth header missing", headers={}),
    "no bearer": Case(UNAUTHENTICATED, "invalid auth header (AUTH-toLo1)", headers=_with(authorization="Basic eA==")),
    "scheme alone": Case(UNAUTHENTICATED, "invalid auth header (AUTH-toLo1)", headers=_with(authorization="Bearer")),
    "scheme in lower case": Case(OK, headers=_with(authorization="bearer {gigi}")),
    "garbage": Case(UNAUTHENTICATED, UNUSABLE, headers=_with(authorization="Bearer garbage")),
    "two words": Case(UNAUTHENTICATED, UNUSABLE, headers=_with(authorization="Bearer {gigi} {gigi}")),
    "a changed token": Case(UNAUTHENTICATED, UNUSABLE, headers=_with(authorization="Bearer {gigi}x")),
    "an expired token": Case(UNAUTHENTICATED, UNUSABLE, headers=_with(authorization="Bearer {expired}")),
    "a revoked token": Case(UNAUTHENTICATED, UNUSABLE, headers=_with(authorization="Bearer {revoked}")),
    "a signed-out session": Case(UNAUTHENTICATED, UNUSABLE, headers=_with(authorization="Bearer {signed_out}")),
    "a locked user": Case(UNAUTHENTICATED, UNUSABLE, headers=_with(authorization="Bearer {locked}")),
    "an inactive organization": Case(
        UNAUTHENTICATED, "Errors.Org.NotActive (AUTH-oR9nA)", headers=_with(authorization="Bearer {closed}")
    ),
    "a deleted user": Case(grpc.StatusCode.NOT_FOUND, GONE, headers=_with(authorization="Bearer {deleted}")),
    "a deleted user's sessions": Case(
        grpc.StatusCode.NOT_FOUND, GONE, "ListMyUserSessions", SESSIONS, _with(authorization="Bearer {deleted}")
    ),
    "a known organization": Case(OK, headers=_with(authorization="Bearer {gigi}", x_zitadel_orgid="69629023906488334")),
    "an unknown organization": Case(
        grpc.StatusCode.PERMISSION_DENIED,
        "Organisation doesn't exist (AUTH-Bs7Ds)",
        headers=_with(authorization="Bearer {gigi}", x_zitadel_orgid="1"),
    ),
    "no number for an organization": Case(
        grpc.StatusCode.PERMISSION_DENIED,
        "Organisation doesn't exist (AUTH-Bs7Ds)",
        headers=_with(authorization="Bearer {gigi}", x_zitadel_orgid="ZITADEL"),
    ),
}


@dataclass(frozen=True)
class Scene:
    """The running server and a token for each kind of holder."""

    target: Target
    tokens: dict[str, str]


@pytest.fixture(scope="module")
def scene(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A server of its own, whose database the fixture then changes behind its back."""
    folder = tmp_path_factory.mktemp("parity")
    file = folder / "authsvc.db"
    file.write_bytes(demo.read_bytes())
    with serving(f"sqlite:///{file}", folder / "log") as server:
        yield Scene(Target(server.url, server.address, server.grpcio_address), _tokens(server, folder))


PEOPLE = """
orgs:
  - id: 7001
    name: Parity
    domains: [parity.example]
    users:
      - { id: 7011, userName: locked, state: STATE_LOCKED, human: { firstName: L, lastName: L } }
      - { id: 7012, userName: deleted, state: STATE_DELETED, human: { firstName: D, lastName: D } }
      - { id: 7013, userName: leaver, human: { firstName: S, lastName: S } }
  - id: 7002
    name: Closed
    domains: [closed.example]
    state: STATE_CLOSED
    users:
      - { id: 7021, userName: member, human: { firstName: M, lastName: M } }
agents:
  - id: 7100
    sessions: [{ id: 7110, user: leaver@parity.example, state: STATE_SESSION }]
"""
BEFORE = {"LOCKED": "active", "DELETED": "active", "CLOSED": "active", "SESSION": "active"}
AFTER = {"LOCKED": "locked", "DELETED": "deleted", "CLOSED": "inactive", "SESSION": "terminated"}


def _apply(server: Server, folder: Path, states: dict[str, str]) -> None:
    text = PEOPLE
    for name, state in states.items():
        text = text.replace(f"STATE_{name}", state)
    file = folder / "people.yaml"
    file.write_text(text)
    command("apply", str(file), database_url=server.database_url)


def _tokens(server: Server, folder: Path) -> dict[str, str]:
    _apply(server, folder, BEFORE)
    tokens = {
        "gigi": server.token(GIGI, BROWSER),
        "machine": server.token("weaver-birds@zitadel.com"),
        "expired": server.token(GIGI, BROWSER),
        "revoked": server.token(GIGI, BROWSER),
        "locked": server.token("locked@parity.example"),
        "deleted": server.token("deleted@parity.example"),
        "signed_out": server.token("leaver@parity.example", "7100"),
        "closed": server.token("member@closed.example"),
    }
    _apply(server, folder, AFTER)
    command("token", "revoke", tokens["revoked"], database_url=server.database_url)
    _expire(server, tokens["expired"])
    return tokens


def _expire(server: Server, token: str) -> None:
    """Let the life of a token have been over this very moment, which nobody has to wait for."""
    path = server.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=20)) as connection, connection:
        row = (now(), token_hash(token))
        changed = connection.execute("UPDATE access_tokens SET expires_at = ? WHERE token_hash = ?", row)
        assert changed.rowcount == 1


async def _outcomes(scene: Scene, case: Case) -> dict[str, Outcome]:
    headers = {key: value.format(**scene.tokens) for key, value in case.headers.items()}
    return {door: await client(scene.target, case.method, case.request, headers) for door, client in CLIENTS.items()}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_every_door_gives_the_same_outcome(scene: Scene, case: Case) -> None:
    """A call ends with the expected status, and in every field the same way behind every door."""
    outcomes = await _outcomes(scene, case)
    first = outcomes["grpc"]
    assert (first.code, first.message) == (case.code, case.message)
    assert (first.answer is not None) == (case.code is OK)
    for door, outcome in outcomes.items():
        assert outcome == first, door


async def test_answers_are_not_empty(scene: Scene) -> None:
    """The answers compared above hold data: names, three people on the browser, three grants."""
    user = (await _outcomes(scene, CASES["a person"]))["grpc"].answer
    sessions = (await _outcomes(scene, CASES["sessions of the browser"]))["grpc"].answer
    grants = (await _outcomes(scene, CASES["all grants"]))["grpc"].answer
    assert isinstance(user, auth_pb2.GetMyUserResponse)
    assert isinstance(sessions, auth_pb2.ListMyUserSessionsResponse)
    assert isinstance(grants, auth_pb2.ListMyUserGrantsResponse)
    assert user.user.preferred_login_name == GIGI
    assert len(sessions.result) == 3
    assert grants.details.total_result == len(grants.result) == 3


@pytest.mark.parametrize("door", ["grpc", "grpcio", "web", "web-text"])
async def test_unknown_methods_are_unimplemented(scene: Scene, door: str) -> None:
    """The gRPC doors answer UNIMPLEMENTED to a method that the service does not have, and name it."""
    request = auth_pb2.HealthzRequest()
    outcome = await CLIENTS[door](scene.target, "RemoveMyUser", request, {})
    assert outcome.code is grpc.StatusCode.UNIMPLEMENTED
    assert outcome.message == "unknown method RemoveMyUser for service zitadel.auth.v1.AuthService"


async def test_unknown_json_path_is_not_found(scene: Scene) -> None:
    """The JSON door answers 404 with the gateway's body to a path without a route."""
    outcome = await CLIENTS["json"](scene.target, "RemoveMyUser", auth_pb2.HealthzRequest(), {})
    assert (outcome.code, outcome.message) == (grpc.StatusCode.NOT_FOUND, "Not Found")


@pytest.mark.parametrize("door", CLIENTS)
async def test_no_time_left(scene: Scene, door: str) -> None:
    """A call whose deadline has passed on arrival ends with DEADLINE_EXCEEDED behind every door."""
    headers = {"authorization": f"Bearer {scene.tokens['gigi']}", "grpc-timeout": "1n"}
    outcome = await CLIENTS[door](scene.target, "GetMyUser", auth_pb2.GetMyUserRequest(), headers)
    assert outcome.code is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.parametrize("door", [door for door in CLIENTS if door != "json"])
async def test_large_requests_are_refused(scene: Scene, door: str) -> None:
    """A request message above the limit ends with RESOURCE_EXHAUSTED behind every door."""
    padding = auth_pb2.ListMyUserGrantsRequest()
    padding.MergeFromString(b"\x7a\x80\x80\x14" + bytes(20 * 2**14))  # an unknown field of 320 KiB
    outcome = await CLIENTS[door](scene.target, "ListMyUserGrants", padding, {})
    assert outcome.code is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("door", CLIENTS)
async def test_large_metadata_is_refused(scene: Scene, door: str) -> None:
    """Metadata above the limit ends with RESOURCE_EXHAUSTED behind every door."""
    # In pieces, because the HTTP/1.1 engine itself refuses a single header of this size.
    headers = {f"x-padding-{number}": "x" * 5_500 for number in range(3)}
    outcome = await CLIENTS[door](scene.target, "Healthz", auth_pb2.HealthzRequest(), headers)
    assert outcome.code is grpc.StatusCode.RESOURCE_EXHAUSTED

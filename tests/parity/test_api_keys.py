"""Calls with an API key through every door: the outcomes do not differ, and JSON says the same in WorkOS's words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc
import httpx2
import pytest
from authsvc_workos.user_management.v1 import events_pb2, user_management_pb2
from google.protobuf.message import Message
from harness import BROWSER, GIGI, NO_CERTIFICATES, Server, command, serving
from parity.clients import CLIENTS, Outcome, Target
from zitadel import auth_pb2

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
NOT_FOUND = grpc.StatusCode.NOT_FOUND
INVALID = grpc.StatusCode.INVALID_ARGUMENT
OK = grpc.StatusCode.OK
DOORS = {door: client for door, client in CLIENTS.items() if door != "json"}
BY_KEY = {"authorization": "Bearer {all}"}
REQUEST_ID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
NO_USER = "user_01E4ZCR3C56J083X43JQXF3JK5"
_USERS = "/user_management/users"


@dataclass
class Case:
    """A call by a binary door and by JSON, and how it must end; `body` is JSON's if it is a POST.

    `{name}` in a header, and `GIGI` in a request, stand for what the scene has under that name.
    """

    code: grpc.StatusCode
    message: str
    method: str
    request: Message
    target: str
    error: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: BY_KEY)
    body: dict[str, str] | None = None


def _refused(headers: dict[str, str]) -> Case:
    return _list_users(UNAUTHENTICATED, "Unauthorized", 401, headers)


def _list_users(code: grpc.StatusCode, message: str, status: int, headers: dict[str, str]) -> Case:
    request = user_management_pb2.ListUsersRequest()
    return Case(code, message, "ListUsers", request, _USERS, {"message": message}, status, headers)


def _missing(user_id: str, shown: str | None = None) -> Case:
    shown = user_id if shown is None else shown
    message = f"User not found: '{shown}'."
    request = user_management_pb2.GetUserRequest(id=user_id)
    error = {"message": message, "code": "entity_not_found", "entity_id": shown}
    return Case(NOT_FOUND, message, "GetUser", request, f"{_USERS}/{quote(user_id, safe='')}", error, 404)


def _no_session(session_id: str) -> Case:
    shown = session_id if len(session_id) <= 200 else f"{session_id[:200]}…"
    message = f"Session not found: '{shown}'."
    request = user_management_pb2.RevokeSessionRequest(session_id=session_id)
    error = {"message": message, "code": "entity_not_found", "entity_id": shown}
    target, body = "/user_management/sessions/revoke", {"session_id": session_id}
    return Case(NOT_FOUND, message, "RevokeSession", request, target, error, 404, body=body)


LACKING = "The API key does not have the permission {}."
CASES = {
    "people": _list_users(OK, "", 200, dict(BY_KEY)),
    "scheme in lower case": _list_users(OK, "", 200, {"authorization": "bearer {all}"}),
    "a key with that permission alone": _list_users(OK, "", 200, {"authorization": "Bearer {reader}"}),
    "the organization of a header": _list_users(OK, "", 200, {**BY_KEY, "x-zitadel-orgid": "none"}),
    "a person": Case(OK, "", "GetUser", user_management_pb2.GetUserRequest(id="GIGI"), f"{_USERS}/GIGI"),
    "sessions": Case(
        OK, "", "ListSessions", user_management_pb2.ListSessionsRequest(id="GIGI"), f"{_USERS}/GIGI/sessions"
    ),
    "events": Case(OK, "", "ListEvents", events_pb2.ListEventsRequest(), "/events"),
    "no header": _refused({}),
    "an empty header": _refused({"authorization": ""}),
    "scheme alone": _refused({"authorization": "Bearer"}),
    "another scheme": _refused({"authorization": "Basic eA=="}),
    "an unknown key": _refused({"authorization": "Bearer sk_unknown"}),
    "a changed key": _refused({"authorization": "Bearer {all}x"}),
    "two words": _refused({"authorization": "Bearer {all} {all}"}),
    "a revoked key": _refused({"authorization": "Bearer {revoked}"}),
    "a user's token": _refused({"authorization": "Bearer {gigi}"}),
    "a key without the permission": Case(
        grpc.StatusCode.PERMISSION_DENIED,
        LACKING.format("session.read"),
        "ListSessions",
        user_management_pb2.ListSessionsRequest(id="GIGI"),
        f"{_USERS}/GIGI/sessions",
        {"message": LACKING.format("session.read")},
        403,
        {"authorization": "Bearer {reader}"},
    ),
    "an unknown person": _missing(NO_USER),
    "no id": _missing("invalid"),
    "quotes": _missing("'\"`\\"),
    "line ends": _missing("a\r\nx-injected: 1\r\n\r\nb"),
    "control characters": _missing("".join(map(chr, [*range(1, 32), *range(127, 160)]))),
    "a zero byte": _missing("a\0b"),
    "percent signs": _missing("%0d%0a %41 %%"),
    "other scripts": _missing("gr\u00fcn \u0645\u0631\u062d\u0628\u0627 \u4f60\u597d \U0001f992"),
    "what Unicode keeps for itself": _missing("\ufeff\ufffe\uffff\u202e\u2028\U0010ffff"),
    "200 giraffes": _missing("\U0001f992" * 200),
    "a long id": _missing("x" * 3000, "x" * 200 + "…"),
    "an unknown session": _no_session("session_01H93ZY4F80QPBEZ1R5B2SHQG9"),
    "no session": _no_session("\n"),
    "4 KiB": _no_session("x" * 4096),
    "4 KiB that are escaped": _no_session("\n" * 4096),
    "4096 giraffes": _no_session("\U0001f992" * 4096),
}


@dataclass(frozen=True)
class Scene:
    """The running server, and what the cases name."""

    target: Target
    names: dict[str, str]

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers with the names replaced."""
        return {key: value.format(**self.names) for key, value in headers.items()}

    def request(self, message: Message) -> Message:
        """A request with the name replaced."""
        made = type(message).FromString(message.SerializeToString())
        if getattr(made, "id", "") == "GIGI":
            made.id = self.names["person"]  # type: ignore[attr-defined]
        return made


def _key(server: Server, name: str, *more: str) -> str:
    return command("apikey", "create", "--name", name, *more, database_url=server.database_url).stdout.strip()


@pytest.fixture(scope="module")
def scene(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A server of its own with API keys and a signed-in person."""
    folder = tmp_path_factory.mktemp("keys")
    file = folder / "authsvc.db"
    file.write_bytes(demo.read_bytes())
    with serving(f"sqlite:///{file}", folder / "log") as server:
        names = {
            "gigi": server.token(GIGI, BROWSER),
            "all": _key(server, "all"),
            "reader": _key(server, "reader", "--permissions", "user.read"),
            "revoked": _key(server, "revoked"),
            "other": _key(server, "other", "--permissions", "session.read"),
        }
        command("apikey", "revoke", "revoked", database_url=server.database_url)
        people = httpx2.get(server.url + _USERS, headers={"authorization": f"Bearer {names['all']}"}).json()["data"]
        names["person"] = next(person["id"] for person in people if person["first_name"] == "Gigi")
        yield Scene(Target(server.url, server.address, server.grpcio_address), names)


async def _json(scene: Scene, case: Case) -> httpx2.Response:
    url = scene.target.url + case.target.replace("GIGI", scene.names["person"])
    verb = "GET" if case.body is None else "POST"
    async with httpx2.AsyncClient(verify=NO_CERTIFICATES) as client:
        return await client.request(verb, url, headers=scene.headers(case.headers), json=case.body)


async def _outcomes(scene: Scene, case: Case) -> dict[str, Outcome]:
    request, headers = scene.request(case.request), scene.headers(case.headers)
    return {door: await client(scene.target, case.method, request, headers) for door, client in DOORS.items()}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_every_door_gives_the_same_outcome(scene: Scene, case: Case) -> None:
    """A call ends with the expected status, and in every field the same way behind every binary door."""
    outcomes = await _outcomes(scene, case)
    first = outcomes["grpc"]
    assert (first.code, first.message) == (case.code, case.message)
    assert (first.answer is not None) == (case.code is OK)
    for door, outcome in outcomes.items():
        assert outcome == first, door


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_json_says_the_same(scene: Scene, case: Case) -> None:
    """The JSON door has the status and the error body of the same outcome, and the same metadata, among it an id."""
    response = await _json(scene, case)
    assert response.status_code == case.status
    assert REQUEST_ID.fullmatch(response.headers["x-request-id"])
    assert "x-injected" not in response.headers
    outcome = (await _outcomes(scene, case))["grpc"]
    if case.code is OK:
        assert response.json()["object"] in {"list", "user"}
    else:
        assert response.json() == case.error
    seen = {key: response.headers.get(key) for key in outcome.metadata}
    assert seen == outcome.metadata


NOT_OURS: dict[str, tuple[str, str, bytes]] = {
    "a limit that is no number": ("GET", f"{_USERS}?limit=x", b""),
    "an unknown parameter": ("GET", "/events?what=1", b""),
    "a path that is not UTF-8": ("GET", f"{_USERS}/%FF", b""),
    "a body that is not JSON": ("POST", "/user_management/sessions/revoke", b"{"),
    "a field of another type": ("POST", "/user_management/sessions/revoke", b'{"session_id":7}'),
    "a body that is too large": ("POST", "/user_management/sessions/revoke", b"x" * 300_000),
}


@pytest.mark.parametrize(("verb", "target", "body"), NOT_OURS.values(), ids=NOT_OURS.keys())
async def test_a_stranger_learns_nothing_of_a_request(scene: Scene, verb: str, target: str, body: bytes) -> None:
    """401 comes before anything that is wrong with a request, and 403 as well."""
    async with httpx2.AsyncClient(base_url=scene.target.url, verify=NO_CERTIFICATES) as client:
        for token, status in ((None, 401), ("sk_other", 401), ("{revoked}", 401), ("{gigi}", 401), ("{other}", 403)):
            given = {} if token is None else scene.headers({"authorization": f"Bearer {token}"})
            response = await client.request(verb, target, content=body, headers=given)
            assert response.status_code == status, token
        allowed = await client.request(verb, target, content=body, headers=scene.headers(BY_KEY))
        assert allowed.status_code in {400, 413, 422}


REVOKE = "/user_management/sessions/revoke"
ERRORS: dict[str, tuple[str, str, bytes, str, int, str]] = {
    "no JSON": ("POST", REVOKE, b"{", "application/json", 400, "the body is not JSON"),
    "no object": ("POST", REVOKE, b"[]", "application/json", 400, "must be a JSON object"),
    "no route": ("GET", "/user_management/nothing", b"", "", 404, "Not Found"),
    "no route, two slashes": ("GET", "//user_management/nothing", b"", "", 404, "Not Found"),
    "no event": ("GET", "/events/nothing", b"", "", 404, "Not Found"),
    "another method": ("DELETE", REVOKE, b"", "", 405, "Method Not Allowed"),
    "too large": ("POST", REVOKE, b" " * 300_000, "", 413, "request message larger than 262144 bytes"),
    "too long": ("GET", f"{_USERS}?email={'x' * 5000}", b"", "", 414, "URI Too Long"),
    "a form": (
        *("POST", REVOKE, b"session_id=1", "application/x-www-form-urlencoded"),
        *(415, "content-type: must be application/json, in UTF-8"),
    ),
    "no UTF-8": ("GET", f"{_USERS}/%FF", b"", "", 422, "Validation failed."),
}


@pytest.mark.parametrize(("verb", "target", "body", "kind", "status", "message"), ERRORS.values(), ids=ERRORS.keys())
async def test_errors_of_http(
    scene: Scene, verb: str, target: str, body: bytes, kind: str, status: int, message: str
) -> None:
    """Whatever is wrong with a request of HTTP, its answer is JSON with a message and has an id."""
    headers = scene.headers(BY_KEY) | ({"content-type": kind} if kind else {})
    async with httpx2.AsyncClient(verify=NO_CERTIFICATES) as client:
        response = await client.request(verb, scene.target.url + target, content=body, headers=headers)
    assert (response.status_code, response.json()["message"]) == (status, message)
    assert response.headers["content-type"].partition(";")[0] == "application/json"
    assert REQUEST_ID.fullmatch(response.headers["x-request-id"])


@pytest.mark.parametrize("slashes", ["/", "//", "///"])
async def test_a_base_url_may_end_in_a_slash(scene: Scene, slashes: str) -> None:
    """Clients that put it before the path as it is are answered as all others."""
    async with httpx2.AsyncClient(verify=NO_CERTIFICATES) as client:
        url = f"{scene.target.url}{slashes}user_management/users"
        response = await client.get(url, headers=scene.headers(BY_KEY))
    assert (response.status_code, response.json()["object"]) == (200, "list")


@pytest.mark.parametrize("door", DOORS)
async def test_a_stranger_learns_nothing_through_any_door(scene: Scene, door: str) -> None:
    """What is wrong with a parameter is told to those alone who may use the method."""
    request = user_management_pb2.ListUsersRequest(limit=101)
    outcomes = [
        await DOORS[door](scene.target, "ListUsers", request, scene.headers({"authorization": f"Bearer {token}"}))
        for token in ("sk_other", "{other}", "{all}")
    ]
    assert [outcome.code for outcome in outcomes] == [UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED, INVALID]


async def test_answers_are_not_empty(scene: Scene) -> None:
    """The answers compared above hold data, and the same ids by JSON as by gRPC."""
    for name in ("people", "sessions", "events"):
        answer: Any = (await _outcomes(scene, CASES[name]))["grpc"].answer
        shown = (await _json(scene, CASES[name])).json()["data"]
        assert [each["id"] for each in shown] == [each.id for each in answer.data]
        assert shown, name


PARAMETERS: dict[str, dict[str, int]] = {"limit of 0": {"limit": 0}, "limit of 101": {"limit": 101}}


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS.keys())
async def test_parameters_are_refused_alike(scene: Scene, parameters: dict[str, int]) -> None:
    """A parameter out of its range is INVALID_ARGUMENT with a violation that names it; JSON says the same with 422."""
    request = user_management_pb2.ListUsersRequest(**parameters)  # type: ignore[arg-type]
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    case = Case(INVALID, "", "ListUsers", request, f"{_USERS}?{query}", {}, 422)
    outcomes = await _outcomes(scene, case)
    first = outcomes["grpc"]
    assert first.code is INVALID
    assert all(outcome == first for outcome in outcomes.values())
    response = await _json(scene, case)
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["field"] == "limit"
    assert first.message == f"limit: {error['message']}"
    assert f'"reason": "{error["code"]}"' in first.details[0]


@pytest.mark.parametrize("door", CLIENTS)
async def test_an_api_key_is_no_access_token(scene: Scene, door: str) -> None:
    """A method for users refuses an API key like any unusable token."""
    headers = scene.headers(BY_KEY)
    outcome = await CLIENTS[door](scene.target, "GetMyUser", auth_pb2.GetMyUserRequest(), headers)
    assert (outcome.code, outcome.message) == (UNAUTHENTICATED, "Errors.Token.Invalid (AUTH-7fs1e)")


@pytest.mark.parametrize("door", ["grpc", "grpcio"])
async def test_request_ids_by_native_grpc(scene: Scene, door: str) -> None:
    """The initial metadata of every call has a UUID of version 4 in lower case, another for each."""
    address = scene.target.address if door == "grpc" else scene.target.grpcio_address
    seen = []
    async with grpc.aio.insecure_channel(address) as channel:
        for headers in (scene.headers(BY_KEY), {}):
            method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
                "/workos.user_management.v1.UserManagementService/ListUsers"
            )
            call = method(b"", metadata=list(headers.items()))
            await call.code()
            metadata = [*await call.initial_metadata(), *await call.trailing_metadata()]
            seen.append(str(dict(metadata)["x-request-id"]))
    assert len(set(seen)) == 2
    assert all(map(REQUEST_ID.fullmatch, seen))

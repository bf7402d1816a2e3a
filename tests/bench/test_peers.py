"""The peers in Python that authsvc is measured beside: the same answers, or the comparison says nothing."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from typing import Any, NamedTuple

import pytest
from harness import BROWSER, GIGI, ROOT, command, demo_database, environment, serving
from zitadel.auth_pb2 import GetMyUserResponse

PATHS = {
    "GetMyUser": ("GET", "/auth/v1/users/me"),
    "ListMyUserGrants": ("POST", "/auth/v1/usergrants/me/_search"),
    "ListMyUserSessions": ("POST", "/auth/v1/users/me/sessions/_search"),
}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("GetMyUser", {}),
    ("ListMyUserGrants", {}),
    ("ListMyUserGrants", {"query": {"offset": "1", "limit": 1, "asc": True}}),
    ("ListMyUserGrants", {"query": {"offset": "9"}}),
    ("ListMyUserSessions", {}),
]
# A person in a browser, one with everything that a person can have, one who has next to nothing, and a program.
HOLDERS = [(GIGI, "--agent", BROWSER), ("zora@zitadel.com",), ("olli@zitadel.com",), ("weaver-birds@zitadel.com",)]
PEERS = ("fastapi_orm", "connect")


class Site(NamedTuple):
    """The ports of authsvc and of the peers, on one database, and tokens for it."""

    ports: dict[str, int]
    database_url: str
    tokens: list[str]


def call(port: int, verb: str, path: str, body: dict[str, Any], token: str) -> tuple[int, Any]:
    """The status and the document that answer a call."""
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(verb, path, None if verb == "GET" else json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())


def ask(site: Site, peer: str, method: str, body: dict[str, Any], token: str) -> tuple[int, Any]:
    """A call by a method's name: connectrpc knows no paths but its own."""
    verb, path = ("POST", f"/zitadel.auth.v1.AuthService/{method}") if peer == "connect" else PATHS[method]
    return call(site.ports[peer], verb, path, body, token)


def grpc_web(port: int, token: str) -> tuple[GetMyUserResponse, str]:
    """The message and the trailers that answer GetMyUser over gRPC-Web."""
    headers = {"authorization": f"Bearer {token}", "content-type": "application/grpc-web+proto"}
    with closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("POST", "/zitadel.auth.v1.AuthService/GetMyUser", bytes(5), headers)
        body = connection.getresponse().read()
    end = 5 + int.from_bytes(body[1:5])
    return GetMyUserResponse.FromString(body[5:end]), body[end + 5 :].decode().strip()


@contextmanager
def running(peer: str, database_url: str) -> Iterator[int]:
    """The port of a peer, as long as the block lasts."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    program = [sys.executable, str(ROOT / "bench" / "peers" / f"{peer}.py")]
    process = subprocess.Popen(
        [*program, "--database", database_url, "--listen", f"127.0.0.1:{port}"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment({"PYTHONPATH": str(ROOT / ".venv" / "peers")}),
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield port
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """All of them, on the demo data."""
    folder = tmp_path_factory.mktemp("peers")
    url = demo_database(folder)
    tokens = [command("token", "create", "--user", *holder, database_url=url).stdout.strip() for holder in HOLDERS]
    with ExitStack() as stack, ThreadPoolExecutor() as threads:
        starting = [threads.submit(stack.enter_context, running(peer, url)) for peer in PEERS]
        server = stack.enter_context(serving(url, folder / "log"))
        ports = {peer: start.result() for peer, start in zip(PEERS, starting, strict=True)}
        yield Site({"authsvc": int(server.address.rpartition(":")[2]), **ports}, url, tokens)


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize(("method", "body"), CALLS)
def test_peers_answer_as_authsvc_does(site: Site, peer: str, method: str, body: dict[str, Any]) -> None:
    """A peer's document for each kind of caller is authsvc's, whatever the method."""
    expected = [ask(site, "authsvc", method, body, token) for token in site.tokens]
    assert {status for status, _ in expected} == {200}
    assert [ask(site, peer, method, body, token) for token in site.tokens] == expected


def test_connectrpc_speaks_grpc_web_as_authsvc_does(site: Site) -> None:
    """Over gRPC-Web it is the same message, and the same status at the end."""
    answers = [grpc_web(site.ports[name], site.tokens[0]) for name in ("authsvc", "connect")]
    assert answers[0] == answers[1]
    assert answers[0][0].user.preferred_login_name == GIGI
    assert answers[0][1] == "grpc-status: 0"


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("token", ["nonsense", ""])
def test_peers_refuse_bad_tokens(site: Site, peer: str, token: str) -> None:
    """A peer that let everybody in would save itself the look at the token."""
    assert [ask(site, peer, method, {}, token)[0] for method in PATHS] == [401, 401, 401]


@pytest.mark.parametrize("peer", PEERS)
def test_peers_refuse_revoked_tokens(site: Site, peer: str) -> None:
    """A token counts only as long as authsvc takes it, too."""
    token = command("token", "create", "--user", GIGI, database_url=site.database_url).stdout.strip()
    assert ask(site, peer, "GetMyUser", {}, token)[0] == 200
    command("token", "revoke", token, database_url=site.database_url)
    assert ask(site, peer, "GetMyUser", {}, token)[0] == 401

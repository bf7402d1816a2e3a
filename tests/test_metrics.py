"""What `/metrics` tells of a whole service, whatever its workers do."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import httpx2
import psutil
import pytest
from authsvc_account.v1 import account_pb2, account_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from harness import BROWSER, GIGI, NO_CERTIFICATES, Server, children_of, command, serving

NOTHING = {"users": 0, "keys": 0, "public": 0, "streams": 0}
_NOBODYS = "1"  # the id of a session
_TEXT = re.compile(
    r"(?:# HELP (authsvc_[a-z_]+) [^\n]+\n# TYPE \1 gauge\n"
    r'(?:\1(?:\{[a-z]+="[a-z]+"\})? (?:0|[1-9]\d*)\n)+){3}'
)
_FREE = "127.0.0.1:0"


@pytest.fixture(scope="module")
def server(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service with two workers of each kind."""
    folder = tmp_path_factory.mktemp("metrics")
    (folder / "authsvc.db").write_bytes(demo.read_bytes())
    with serving(f"sqlite:///{folder / 'authsvc.db'}", folder / "log", workers="2", metrics_listen=_FREE) as running:
        yield running


def test_calls_of_all_workers_and_doors_are_added_up(server: Server) -> None:
    """While the database takes no writes, every call that wants to write counts, by its kind; and none afterwards."""
    token = server.token(GIGI, BROWSER)
    key = command("apikey", "create", "--name", "all", database_url=server.database_url).stdout.strip()
    calls: list[Callable[[], object]] = [
        *[partial(_sign_out_json, server, token)] * 5,
        *[partial(_sign_out_grpc, server.address, token)] * 4,
        *[partial(_sign_out_grpc, server.grpcio_address, token)] * 3,
        *[partial(_revoke_json, server, key)] * 2,
    ]
    with ThreadPoolExecutor(len(calls)) as threads:
        with _no_writes(server.database_url), _watching(server):
            ended = [threads.submit(call) for call in calls]
            _until(lambda: _scraped(server) == {"users": 12, "keys": 2, "public": 0, "streams": 1})
        assert {future.result() for future in ended} == {"as expected"}
    _until(lambda: _scraped(server) == NOTHING)


def test_what_a_dead_worker_counted_is_forgotten(database: str, tmp_path: Path) -> None:
    """The calls of a killed worker count no more, and the successor of the one that is asked goes on answering."""
    with serving(database, tmp_path / "log", metrics_listen=_FREE) as server, ExitStack() as stack:
        web, grpcio = children_of(server.process.pid)
        token = server.token(GIGI)
        stack.enter_context(_watching(server, server.grpcio_address))
        for _ in range(2):
            stack.enter_context(_upload(server, token))
        _until(lambda: _scraped(server) == NOTHING | {"users": 2, "streams": 1})
        os.kill(grpcio, signal.SIGKILL)
        _until(lambda: _scraped(server)["streams"] == 0)
        os.kill(web, signal.SIGKILL)
        _until(lambda: _scraped(server)["users"] == 0)


def test_a_reload_loses_no_count(database: str, tmp_path: Path) -> None:
    """While workers are replaced every scrape is answered, and calls of those that leave count until they end."""
    with serving(database, tmp_path / "log", workers="2", metrics_listen=_FREE) as server:
        token = server.token(GIGI)
        for number in (1, 2):
            with _upload(server, token) as upload:
                _until(lambda: _scraped(server) == NOTHING | {"users": 1})
                server.process.send_signal(signal.SIGHUP)
                _until(lambda: len(children_of(server.process.pid)) == 8)
                until = time.monotonic() + 1.5  # by then the first one is to leave
                while time.monotonic() < until:
                    assert _scraped(server) == NOTHING | {"users": 1}
                upload.sendall(b"}")
                assert upload.recv(100).startswith(b"HTTP/1.1 200")
            while server.logged().count("authsvc: reloaded\n") < number:
                _scraped(server)
            assert _scraped(server) == NOTHING


def test_nothing_else_is_there(server: Server) -> None:
    """Other paths are not found, other methods not allowed, and HEAD is GET without the text."""
    with httpx2.Client(base_url=f"http://{server.metrics_address}", verify=NO_CERTIFICATES) as client:
        got, head = client.get("/metrics?x=y"), client.head("/metrics")
        assert got.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(got.content)))
        for path in ("/", "/metrics/", "/debug/healthz", "/auth/v1/users/me", "/openapi.json"):
            assert client.get(path).status_code == 404
        refused = client.post("/metrics", content=b"x")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    assert httpx2.get(f"{server.url}/metrics", verify=NO_CERTIFICATES).status_code == 404


def test_it_is_off_unless_asked_for(server: Server, database: str, tmp_path: Path) -> None:
    """A service listens where metrics are asked for only if the setting says so."""
    with serving(database, tmp_path / "log") as plain:
        assert _listening(plain) == {_port(plain.address), _port(plain.grpcio_address)}
    assert _listening(server) == {
        _port(each) for each in (server.address, server.grpcio_address, server.metrics_address)
    }


def _scraped(server: Server) -> dict[str, int]:
    """What is told now, by kind."""
    with closing(http.client.HTTPConnection(server.metrics_address, timeout=10)) as connection:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        assert answer.status == 200
        told = _TEXT.fullmatch(answer.read().decode())
        assert told
    return {kind: int(count) for kind, count in re.findall(r'kind="(\w+)"\} (\d+)', told[0])}


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _listening(server: Server) -> set[int]:
    """The ports on which any process of a service listens."""
    supervisor = psutil.Process(server.process.pid)
    held = [held for process in (supervisor, *supervisor.children()) for held in process.net_connections("tcp")]
    return {each.laddr.port for each in held if each.status == psutil.CONN_LISTEN}


@contextmanager
def _no_writes(database_url: str) -> Iterator[None]:
    """Keep all writers of a database waiting."""
    with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@contextmanager
def _watching(server: Server, address: str = "") -> Iterator[None]:
    """A stream that is open until the end of the block."""
    with grpc.insecure_channel(address or server.address) as channel:
        watch: Any = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        next(watch)
        yield
        watch.cancel()


@contextmanager
def _upload(server: Server, token: str) -> Iterator[socket.socket]:
    """A call whose request lacks its last byte."""
    host, _, port = server.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = f"POST /auth/v1/usergrants/me/_search HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n"
        connection.sendall(f"{head}content-length: 2\r\n\r\n{{".encode())
        yield connection


def _sign_out_json(server: Server, token: str) -> str:
    """Sign out of a session that there is not, as `_sign_out_grpc` does."""
    url = f"{server.url}/auth/v1/users/me/sessions/{_NOBODYS}"
    answer = httpx2.delete(url, headers={"authorization": f"Bearer {token}"}, verify=NO_CERTIFICATES, timeout=20)
    return "as expected" if answer.status_code == 404 else answer.text


def _sign_out_grpc(address: str, token: str) -> str:
    # With a connection of its own, so that calls are spread over the workers.
    with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub: Any = account_pb2_grpc.AccountServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        metadata = [("authorization", f"Bearer {token}")]
        with pytest.raises(grpc.RpcError) as raised:
            stub.SignOut(account_pb2.SignOutRequest(session_id=_NOBODYS), metadata=metadata, timeout=20)
        code = raised.value.code()
    return "as expected" if code is grpc.StatusCode.NOT_FOUND else code.name


def _revoke_json(server: Server, key: str) -> str:
    url = f"{server.url}/user_management/sessions/revoke"
    body = {"session_id": "session_01H93ZY4F80QPBEZ1R5B2SHQG8"}
    answer = httpx2.post(url, headers={"authorization": f"Bearer {key}"}, json=body, verify=NO_CERTIFICATES, timeout=20)
    return "as expected" if answer.status_code == 200 else answer.text


def _until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until the condition holds."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not come to be"
        time.sleep(0.01)

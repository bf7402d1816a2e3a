"""Start, stop, restart and refusal of the real command."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import grpc
import h2.config
import h2.connection
import h2.events
import httpx2
import psutil
import pytest
from harness import BROWSER, GIGI, NO_CERTIFICATES, Server, authsvc, children_of, environment, query, serving


def test_sigterm_ends_with_status_zero(database: str, tmp_path: Path) -> None:
    """After SIGTERM the service ends by itself with status 0 and leaves no process behind."""
    with serving(database, tmp_path / "log") as server:
        children = _children(server)
        assert len(children) == 2
        assert server.stop() == 0
        assert not [child for child in children if psutil.pid_exists(child)]


@dataclass(frozen=True)
class Life:
    """What there was of a service while it ran, and what is left of it."""

    workers: int
    grpcio_address: str
    health: str
    token: str
    status: int
    log: str
    database_url: str


@pytest.fixture(scope="module")
def life(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Life:
    """A service without grpcio's port that says all it can, from its start over a few requests to Ctrl+C."""
    folder = tmp_path_factory.mktemp("life")
    url = f"sqlite:///{shutil.copy(demo, folder)}"
    with serving(url, folder / "log", log_level="debug", grpc_listen="off") as server:
        workers, token = len(_children(server)), server.token(GIGI, BROWSER)
        with httpx2.Client(base_url=server.url, verify=NO_CERTIFICATES) as client:
            health = client.get("/debug/healthz").text
            for sent in (token, token[:-1]):
                client.get("/auth/v1/users/me?canary=q", headers={"authorization": f"Bearer {sent}"})
                client.post("/auth/v1/usergrants/me/_search", content=b'{"canary": 1}')
        status = server.stop(signal.SIGINT)
        return Life(workers, server.grpcio_address, health, token, status, server.logged(), url)


def test_sigint_is_as_good_as_sigterm(life: Life) -> None:
    """Ctrl+C ends the service in the same orderly way."""
    assert life.status == 0


def test_sigterm_before_ready(database: str) -> None:
    """A service told to stop while it starts ends at once, with status 0."""
    command = [sys.executable, "-m", "authsvc", "serve", "--listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, env=environment({"AUTHSVC_DATABASE_URL": database, "AUTHSVC_WORKERS": "1"}))
    assert _eventually(lambda: len(children_of(process.pid)) == 2)
    process.terminate()
    assert process.wait(5) == 0


def test_drain_keeps_answering_while_not_ready(database: str, tmp_path: Path) -> None:
    """During the drain delay calls are answered while the readiness probe already refuses."""
    with serving(database, tmp_path / "log", drain_delay="1", grpc_listen="off") as server:
        token = server.token(GIGI)
        with httpx2.Client(base_url=server.url, verify=NO_CERTIFICATES) as client:
            assert client.get("/debug/ready").status_code == 200
            server.process.terminate()
            assert _eventually(lambda: client.get("/debug/ready").status_code == 412)
            answer = client.get("/auth/v1/users/me", headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == 200
        assert server.process.wait(10) == 0


def test_new_connections_are_refused_during_the_drain(database: str, tmp_path: Path) -> None:
    """While calls of both workers are finished after SIGTERM, who connects is refused instead of waiting in vain."""
    path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
    forever = threading.Event()
    with serving(database, tmp_path / "log") as server, grpc.insecure_channel(server.grpcio_address) as channel:
        host, _, port = server.address.rpartition(":")
        stream: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(path)
        call = stream(b"" for _ in iter(lambda: forever.wait(20), True))
        with socket.create_connection((host, int(port))) as upload:
            upload.sendall(b"POST /auth/v1/usergrants/me/_search HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{")
            time.sleep(0.5)
            server.process.terminate()
            assert _eventually(lambda: not _accepts(server.address), 2)
            assert len(_children(server)) == 2
            upload.sendall(b"}")
            assert upload.recv(100).startswith(b"HTTP/1.1 401")
        call.cancel()
        forever.set()
        assert server.process.wait(10) == 0


def test_only_the_one_address(life: Life) -> None:
    """With grpc_listen off there is one worker and no second port."""
    assert life.grpcio_address == ""
    assert life.workers == 1
    assert life.health == "ok"


def test_httptools_serves_http_1(database: str, tmp_path: Path) -> None:
    """The conservative HTTP engine serves JSON just as well."""
    with serving(database, tmp_path / "log", "--http", "httptools", grpc_listen="off") as server:
        token = server.token(GIGI, BROWSER)
        answer = httpx2.get(f"{server.url}/auth/v1/users/me", headers={"authorization": f"Bearer {token}"})
        assert answer.json()["user"]["preferredLoginName"] == GIGI


@pytest.mark.parametrize("worker", [0, 1], ids=["web", "grpcio"])
def test_a_worker_that_dies_is_replaced(database: str, tmp_path: Path, worker: int) -> None:
    """A killed worker comes back on the same addresses."""
    with serving(database, tmp_path / "log") as server:
        victim = _children(server)[worker]
        os.kill(victim, signal.SIGKILL)
        assert _eventually(lambda: len(_children(server)) == 2 and victim not in _children(server))
        assert _eventually(lambda: _accepts(server.address) and _accepts(server.grpcio_address))
        assert server.stop() == 0


def test_the_others_go_on_when_a_worker_dies(database: str, tmp_path: Path) -> None:
    """While one of two web workers is dead all who connect are answered, and only that one is started again."""
    with serving(database, tmp_path / "log", workers="2", grpc_listen="off") as server:
        victim, other = _children(server)
        os.kill(victim, signal.SIGKILL)
        for _ in range(12):
            with httpx2.Client(base_url=server.url, verify=NO_CERTIFICATES) as client:
                assert client.get("/debug/healthz").status_code == 200
        assert _eventually(lambda: len(_children(server)) == 2 and victim not in _children(server))
        assert other in _children(server)
        assert server.logged().count("authsvc: the web worker ended (-9); starting another in 1 s") == 1
        assert server.stop() == 0


def test_workers_do_not_outlive_a_killed_supervisor(database: str, tmp_path: Path) -> None:
    """When the supervisor is killed, the workers drain and end too."""
    with serving(database, tmp_path / "log") as server:
        children = _children(server)
        server.process.kill()
        assert _eventually(lambda: not any(_alive(child) for child in children))


def test_a_taken_port_is_named(database: str) -> None:
    """A port in use stops the start with a sentence that names the setting and the address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for setting in ("--listen", "--grpc-listen"):
            other = "--grpc-listen" if setting == "--listen" else "--listen"
            result = authsvc("serve", setting, address, other, "127.0.0.1:0", check=False, database_url=database)
            assert result.returncode == 1
            name = setting.removeprefix("--").replace("-", "_")
            assert result.stderr.splitlines()[-1].startswith(f"authsvc: {name}: cannot listen on {address}")
            assert "Traceback" not in result.stderr


def test_no_database_is_named(tmp_path: Path) -> None:
    """Without a database the start ends with the command that makes one."""
    url = f"sqlite:///{tmp_path}/none.db"
    result = authsvc("serve", "--listen", "127.0.0.1:0", "--grpc-listen", "off", check=False, database_url=url)
    assert result.returncode == 1
    assert result.stderr == f"authsvc: the database {tmp_path}/none.db does not exist; run `authsvc migrate`\n"
    assert not (tmp_path / "none.db").exists()


def test_activity_is_written_down_at_the_end(life: Life) -> None:
    """When a session was used last is in the database once the service has ended, though it is written behind."""
    used = "SELECT active_at >= created_at FROM sessions WHERE active_at IS NOT NULL"
    assert query(life.database_url, used) == [(1,)]


def test_logs_hold_no_token(life: Life) -> None:
    """No token, and no header or body of a request, ever reaches the log."""
    assert life.token[:-1] not in life.log
    assert "canary" not in life.log
    assert life.log.count('"event":"call"') == 4


def test_broken_headers_do_not_bring_a_token_into_the_log(database: str, tmp_path: Path) -> None:
    """A token beside bytes that are no text is refused, and does not reach the log; every line there is JSON."""
    with serving(database, tmp_path / "log", log_level="debug") as server:
        token = server.token(GIGI)
        for address in (server.address, server.grpcio_address):
            for headers in ([("authorization", f"Bearer {token}\xff")], [("grpc-timeout", token)], [("x-bin", token)]):
                _send_grpc(address, [(name.encode(), value.encode("latin-1")) for name, value in headers])
        server.stop()
        assert token not in server.logged()
        assert all(json.loads(line) for line in server.logged().splitlines())


def test_an_open_stream_is_told_of_the_shutdown(database: str, tmp_path: Path) -> None:
    """A stream that outlasts the drain ends as UNAVAILABLE, and leaves no traceback in the log."""
    with serving(database, tmp_path / "log", drain_timeout="1", grpc_listen="off") as server:
        with grpc.insecure_channel(server.address) as channel:
            path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
            forever = threading.Event()
            stream: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(path)
            call = stream(b"" for _ in iter(lambda: forever.wait(20), True))
            time.sleep(0.5)
            server.process.terminate()
            with pytest.raises(grpc.RpcError):
                next(call)
            assert call.code() is grpc.StatusCode.UNAVAILABLE
            forever.set()
        assert server.process.wait(10) == 0
        assert "Traceback" not in server.logged()


def _send_grpc(address: str, headers: list[tuple[bytes, bytes]]) -> None:
    """Send one call whose headers no gRPC library would send, and wait for the end of its stream."""
    peer = h2.connection.H2Connection(h2.config.H2Configuration(validate_outbound_headers=False))
    peer.initiate_connection()
    path = b"/zitadel.auth.v1.AuthService/GetMyUser"
    head = [(b":method", b"POST"), (b":path", path), (b":scheme", b"http"), (b":authority", b"localhost")]
    peer.send_headers(1, [*head, (b"content-type", b"application/grpc"), (b"te", b"trailers"), *headers])
    peer.send_data(1, bytes(5), end_stream=True)
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(peer.data_to_send())
        while data := connection.recv(65_536):
            events = peer.receive_data(data)
            connection.sendall(peer.data_to_send())
            if any(isinstance(event, h2.events.StreamEnded | h2.events.StreamReset) for event in events):
                return
    raise AssertionError("the call did not end")


def _children(server: Server) -> list[int]:
    return children_of(server.process.pid)


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _accepts(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False


def _eventually(condition: object, seconds: float = 10) -> bool:
    assert callable(condition)
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if condition():
            return True
        time.sleep(0.05)
    return False

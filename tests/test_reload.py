"""SIGHUP: workers with the settings as they are now take over from those there are, and no call fails."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pytest
import trustme
from harness import GIGI, NO_CERTIFICATES, Server, children_of, environment, serving
from zitadel import auth_pb2, auth_pb2_grpc

Call = Callable[[], object]
_ME = "/auth/v1/users/me"
_GET_MY_USER = "/zitadel.auth.v1.AuthService/GetMyUser"
_NO_RETRIES = (("grpc.enable_retries", 0),)


def test_no_call_fails_during_reloads(database: str, tmp_path: Path) -> None:
    """Clients of the one address that never try again lose no call while all workers are replaced three times."""
    with serving(database, tmp_path / "log", workers="2") as server, ExitStack() as stack:
        kinds = {kind.__name__: stack.enter_context(kind(server, server.token(GIGI))) for kind in _KINDS}
        with _calling(kinds) as calls:
            for number in range(3):
                before = children_of(server.process.pid)
                _reload(server, number + 1)
                after = children_of(server.process.pid)
                assert len(after) == 4
                assert not set(before) & set(after)
                for kind in kinds:
                    calls.wait_for_more(kind)
        assert not [failure for kind, failure in calls.failures if kind != "_grpcio"]
        # grpcio cancels what arrives until its client knows that it ends: with one call at a time, one for each end.
        lost = [failure for kind, failure in calls.failures if kind == "_grpcio"]
        assert len(lost) <= 3 * 2
        assert all("StatusCode.CANCELLED" in failure or "StatusCode.UNAVAILABLE" in failure for failure in lost)
    assert "ended" not in server.logged()
    assert "Traceback" not in server.logged()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The settings file of a service."""
    return tmp_path / "authsvc.toml"


def _from(file: Path, database: str) -> AbstractContextManager[Server]:
    """A service that has from the file what may change, and its ports."""
    return serving(database, file.parent / "log", "--config", str(file), listen=None, grpc_listen=None, workers=None)


_PORTS = 'listen = "127.0.0.1:0"\ngrpc_listen = "off"\n'


def test_new_settings_count(database: str, file: Path) -> None:
    """What the file says now is served on the same address, by as many workers as it says now."""
    file.write_text(f"{_PORTS}workers = 1")
    with _from(file, database) as server:
        assert _status(server, "/docs") == 200
        for number, (workers, docs, status) in enumerate([(3, "false", 404), (1, "true", 200)], start=1):
            file.write_text(f"{_PORTS}docs = {docs}\nworkers = {workers}")
            _reload(server, number)
            assert len(children_of(server.process.pid)) == workers
            assert {_status(server, "/docs") for _ in range(12)} == {status}


def test_wrong_settings_change_nothing(database: str, file: Path) -> None:
    """A mistake, an address that differs and a worker that cannot start are told in a line; the workers stay."""
    file.write_text(f"{_PORTS}workers = 2")
    no_key = file.with_name("no.key")
    no_key.write_bytes(b"short")
    no_key.chmod(0o600)
    with _from(file, database) as server:
        before = children_of(server.process.pid)
        for told, wrong in (
            (f"{file}: workers: input should be greater than or equal to 1", f"{_PORTS}workers = 0"),
            ("listen cannot change while the service runs", 'listen = "127.0.0.1:1"\ngrpc_listen = "off"'),
            ("grpc_listen cannot change while the service runs", 'listen = "127.0.0.1:0"\ngrpc_listen = "127.0.0.1:0"'),
            ("metrics_listen cannot change while the service runs", f'{_PORTS}metrics_listen = "127.0.0.1:0"'),
            (f"secret_key_file: {no_key} must hold 32", f'{_PORTS}workers = 3\nsecret_key_file = "{no_key}"'),
        ):
            file.write_text(wrong)
            server.process.send_signal(signal.SIGHUP)
            _until(partial(_is_logged, server, f"authsvc: not reloaded: {told}"))
            assert server.logged().endswith("; the workers go on as they are\n")
            _until(lambda: children_of(server.process.pid) == before)
            assert {_status(server, _ME) for _ in range(8)} == {401}
        assert server.stop() == 0


def test_a_new_certificate_is_served(database: str, tmp_path: Path) -> None:
    """After SIGHUP new connections of both ports get the certificate that is in the file now."""
    files = {"tls_cert": tmp_path / "cert.pem", "tls_key": tmp_path / "key.pem"}
    authorities = trustme.CA(), trustme.CA()
    _issue(authorities[0], *files.values())
    settings = {name: str(path) for name, path in files.items()}
    with serving(database, tmp_path / "log", **settings) as server:
        _issue(authorities[1], *files.values())
        _reload(server, 1)
        context = ssl.create_default_context()
        authorities[1].configure_trust(context)
        context.set_alpn_protocols(["h2"])
        for address in (server.address, server.grpcio_address):
            with (
                socket.create_connection(_split(address), 5) as raw,
                context.wrap_socket(raw, server_hostname="localhost"),
            ):
                pass


def test_a_hangup_of_the_terminal_is_no_reload(database: str, tmp_path: Path) -> None:
    """When the terminal of a service is closed, for which the kernel sends SIGHUP, the service drains and ends."""
    ours, theirs = os.openpty()
    line = [
        sys.executable,
        "-m",
        "authsvc",
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--grpc-listen",
        "off",
        "--workers",
        "1",
    ]
    # A process of its own session takes the first terminal that it opens as its own.
    shell = ["setsid", "--wait", "sh", "-c", 'exec "$@" < "$0"', os.ttyname(theirs), *line]
    with (tmp_path / "out").open("w") as out:
        variables = environment({"AUTHSVC_DATABASE_URL": database})
        process = subprocess.Popen(shell, stdout=out, stderr=out, env=variables)
    os.close(theirs)
    try:
        _until(lambda: "ready" in (tmp_path / "out").read_text())
        os.close(ours)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
    assert "reloaded" not in (tmp_path / "out").read_text()


# Clients, each of which makes one call after another.


@contextmanager
def _json(server: Server, token: str) -> Iterator[Call]:
    """HTTP/1.1 with a connection that is kept alive."""
    headers = {"authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=server.url, verify=NO_CERTIFICATES, headers=headers) as client:
        yield lambda: client.get(_ME).raise_for_status()


@contextmanager
def _json_anew(server: Server, token: str) -> Iterator[Call]:
    """HTTP/1.1 with a new connection for each call."""

    def call() -> None:
        with closing(http.client.HTTPConnection(server.address, timeout=10)) as connection:
            connection.request("GET", _ME, headers={"authorization": f"Bearer {token}"})
            assert connection.getresponse().status == 200

    yield call


@contextmanager
def _grpc_web(server: Server, token: str) -> Iterator[Call]:
    """gRPC-Web over a connection that is kept alive."""
    headers = {"authorization": f"Bearer {token}", "content-type": "application/grpc-web+proto"}
    with httpx2.Client(base_url=server.url, verify=NO_CERTIFICATES, headers=headers) as client:

        def call() -> None:
            answer = client.post(_GET_MY_USER, content=bytes(5))
            assert b"grpc-status:0" in answer.content.replace(b" ", b"")

        yield call


@contextmanager
def _grpc(server: Server, token: str) -> Iterator[Call]:
    """Native gRPC on the one address."""
    with _stub(server.address, token) as call:
        yield call


@contextmanager
def _grpcio(server: Server, token: str) -> Iterator[Call]:
    """Native gRPC on grpcio's port."""
    # A connection that the old server still resets in its backlog is made anew; without waiting, each call until then
    # would fail at once, as many as fit into the time.
    with _stub(server.grpcio_address, token, wait_for_ready=True) as call:
        yield call


_KINDS = (_json, _json_anew, _grpc_web, _grpc, _grpcio)


@contextmanager
def _stub(address: str, token: str, *, wait_for_ready: bool = False) -> Iterator[Call]:
    with grpc.insecure_channel(address, options=_NO_RETRIES) as channel:
        stub: Any = auth_pb2_grpc.AuthServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        yield lambda: stub.GetMyUser(
            auth_pb2.GetMyUserRequest(),
            metadata=[("authorization", f"Bearer {token}")],
            timeout=10,
            wait_for_ready=wait_for_ready,
        )


class _Calls:
    """The calls that are being made, and what went wrong with them."""

    def __init__(self) -> None:
        self.failures: list[tuple[str, str]] = []
        self.over = threading.Event()
        self._made: dict[str, int] = {}

    def make(self, kind: str, call: Call) -> None:
        """Call until it is over."""
        while not self.over.is_set():
            try:
                call()
            except Exception as error:  # noqa: BLE001 - all that can happen is wrong
                self.failures.append((kind, repr(error)))
            self._made[kind] = self._made.get(kind, 0) + 1
            self.over.wait(0.002)  # others need the processor, too

    def wait_for_more(self, kind: str) -> None:
        """Wait for a few more calls of a kind."""
        enough = self._made.get(kind, 0) + 3
        _until(lambda: self._made.get(kind, 0) >= enough)


@contextmanager
def _calling(kinds: dict[str, Call]) -> Iterator[_Calls]:
    calls = _Calls()
    with ThreadPoolExecutor(len(kinds)) as threads:
        try:
            for kind, call in kinds.items():
                threads.submit(calls.make, kind, call)
            for kind in kinds:
                calls.wait_for_more(kind)
            yield calls
        finally:
            calls.over.set()


def _reload(server: Server, number: int) -> None:
    """Reload, the so-manieth time, and wait until it is done."""
    server.process.send_signal(signal.SIGHUP)
    _until(lambda: server.logged().count("authsvc: reloaded\n") == number)


def _is_logged(server: Server, text: str) -> bool:
    return text in server.logged()


def _status(server: Server, path: str) -> int:
    with closing(http.client.HTTPConnection(server.address, timeout=5)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def _issue(authority: trustme.CA, cert: Path, key: Path) -> None:
    leaf = authority.issue_cert("127.0.0.1", "localhost")
    leaf.private_key_pem.write_to_path(str(key))
    cert.unlink(missing_ok=True)
    for part in leaf.cert_chain_pems:
        part.write_to_path(str(cert), append=True)


def _until(condition: Callable[[], bool], seconds: float = 30) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not come to be"
        time.sleep(0.01)

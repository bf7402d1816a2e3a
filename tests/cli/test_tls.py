"""`authsvc serve` with a certificate."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import h2.config
import h2.connection
import h2.events
import httpx2
import pytest
import trustme
from harness import BROWSER, GIGI, Server, serving
from zitadel import auth_pb2, auth_pb2_grpc


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    """An authority of the tests' own."""
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(demo: Path, ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server with a certificate for 127.0.0.1 and localhost."""
    folder = tmp_path_factory.mktemp("tls")
    leaf = ca.issue_cert("127.0.0.1", "localhost")
    leaf.private_key_pem.write_to_path(str(folder / "key.pem"))
    for part in leaf.cert_chain_pems:
        part.write_to_path(str(folder / "cert.pem"), append=True)
    url = f"sqlite:///{shutil.copy(demo, folder)}"
    files = {"tls_cert": str(folder / "cert.pem"), "tls_key": str(folder / "key.pem")}
    with serving(url, folder / "log", call_timeout="2", **files) as running:
        yield running


@pytest.fixture(scope="module")
def token(tls: Server) -> str:
    """A token of Gigi Giraffe on her browser."""
    return tls.token(GIGI, BROWSER)


def _context(ca: trustme.CA, *protocols: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


def _connect(server: Server, context: ssl.SSLContext, address: str = "") -> ssl.SSLSocket:
    host, _, port = (address or server.address).rpartition(":")
    return context.wrap_socket(socket.create_connection((host, int(port)), timeout=10), server_hostname=host)


def test_json_over_http_1(tls: Server, ca: trustme.CA, token: str) -> None:
    """JSON is answered over HTTP/1.1, with and without ALPN."""
    assert tls.url.startswith("https://")
    answer = httpx2.get(
        f"{tls.url}/auth/v1/users/me", headers={"authorization": f"Bearer {token}"}, verify=_context(ca)
    )
    assert answer.http_version == "HTTP/1.1"
    assert answer.json()["user"]["preferredLoginName"] == GIGI
    with _connect(tls, _context(ca)) as plain:
        assert plain.selected_alpn_protocol() is None
        plain.sendall(b"GET /debug/healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        assert plain.makefile("rb").read().endswith(b"\r\n\r\nok")


@pytest.mark.parametrize(
    ("offered", "chosen"), [(("h2", "http/1.1"), "h2"), (("http/1.1",), "http/1.1"), (("h2",), "h2")]
)
def test_alpn(tls: Server, ca: trustme.CA, offered: tuple[str, ...], chosen: str) -> None:
    """HTTP/2 is chosen by whoever offers it."""
    with _connect(tls, _context(ca, *offered)) as connection:
        assert connection.selected_alpn_protocol() == chosen
        assert connection.version() in {"TLSv1.2", "TLSv1.3"}


@pytest.mark.parametrize("end", ["by an empty frame", "with the headers"])
@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_json_over_http_2(tls: Server, ca: trustme.CA, token: str, verb: str, end: str) -> None:
    """JSON is answered over HTTP/2, whether the headers end a request without a body or an empty frame does."""
    path = "/auth/v1/users/me" if verb == "GET" else "/auth/v1/users/me/sessions/_search"
    with _connect(tls, _context(ca, "h2")) as connection:
        peer = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        peer.initiate_connection()
        head = [(":method", verb), (":path", path), (":scheme", "https"), (":authority", "localhost")]
        peer.send_headers(1, [*head, ("authorization", f"Bearer {token}")], end_stream=end == "with the headers")
        if end == "by an empty frame":
            peer.end_stream(1)
        connection.sendall(peer.data_to_send())
        headers, body = _answer(connection, peer)
    assert headers[":status"] == "200"
    assert GIGI in str(json.loads(body))


def _answer(connection: ssl.SSLSocket, peer: h2.connection.H2Connection) -> tuple[dict[str, str], bytes]:
    headers: dict[str, str] = {}
    body = b""
    while data := connection.recv(65_536):
        for event in peer.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                headers = {str(name): str(value) for name, value in event.headers}
            elif isinstance(event, h2.events.DataReceived):
                body += event.data
            elif isinstance(event, h2.events.StreamEnded):
                return headers, body
        connection.sendall(peer.data_to_send())
    raise AssertionError("the connection ended before the answer")


@pytest.mark.parametrize("address", ["one address", "grpcio"])
def test_native_grpc(tls: Server, ca: trustme.CA, token: str, address: str) -> None:
    """The grpcio client calls both addresses with the authority's certificate alone, and sends its token as usual."""
    target = tls.address if address == "one address" else tls.grpcio_address
    trusted = grpc.ssl_channel_credentials(ca.cert_pem.bytes())
    credentials = grpc.composite_channel_credentials(trusted, grpc.access_token_call_credentials(token))
    with grpc.secure_channel(target, credentials) as channel:
        stub: Any = auth_pb2_grpc.AuthServiceStub(channel)  # type: ignore[no-untyped-call]
        user = stub.GetMyUser(auth_pb2.GetMyUserRequest(), timeout=10).user
        sessions = stub.ListMyUserSessions(auth_pb2.ListMyUserSessionsRequest(), timeout=10).result
    assert user.preferred_login_name == GIGI
    assert len(sessions) == 3


@pytest.mark.parametrize("address", ["one address", "grpcio"])
def test_nothing_without_tls(tls: Server, address: str) -> None:
    """Neither address answers a client that does not speak TLS."""
    target = tls.address if address == "one address" else tls.grpcio_address
    with grpc.insecure_channel(target) as channel:
        stub: Any = auth_pb2_grpc.AuthServiceStub(channel)  # type: ignore[no-untyped-call]
        with pytest.raises(grpc.RpcError) as caught:
            stub.Healthz(auth_pb2.HealthzRequest(), timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("address", ["one address", "grpcio"])
def test_who_trusts_nobody(tls: Server, address: str) -> None:
    """A client that does not know the authority refuses the certificate, and the server goes on."""
    target = tls.address if address == "one address" else tls.grpcio_address
    with pytest.raises(ssl.SSLCertVerificationError):
        _connect(tls, ssl.create_default_context(), target)
    assert tls.process.poll() is None


def test_old_versions_are_refused(tls: Server) -> None:
    """TLS 1.1 and older are not spoken."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl")
    for address in (tls.address, tls.grpcio_address):
        command = [openssl, "s_client", "-connect", address, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]
        run = subprocess.run(command, input=b"", capture_output=True, check=False, timeout=10)
        assert b"Cipher is (NONE)" in run.stdout

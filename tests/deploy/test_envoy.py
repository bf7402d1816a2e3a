"""The real Envoy with deploy/envoy.yaml, in front of three real services on one database."""

from __future__ import annotations

import base64
import json
import shutil
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pytest
from deploy.proxy import HEALTHY, Proxy, reserved_port, running_proxy
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from harness import BROWSER, GIGI, NO_CERTIFICATES, Server, environment, query, serving
from interop.oidc.person import Person
from parity.clients import CLIENTS, Target
from zitadel.auth_pb2 import GetMyUserRequest, GetMyUserResponse, ListMyUserSessionsRequest

WATCH = "/grpc.health.v1.Health/Watch"
GET_MY_USER = "/zitadel.auth.v1.AuthService/GetMyUser"
ME = "/auth/v1/users/me"
FORGED = {"x-forwarded-for": "203.0.113.9", "forwarded": "for=203.0.113.9"}
KINDS = {"web": "application/grpc-web+proto", "web-text": "application/grpc-web-text"}
ZORA, ELSEWHERE = "zora@zitadel.com", "69629023906488337"
PASSWORD = "correct horse battery staple"
_DRAIN_DELAY = 2.0


@dataclass
class Site:
    """Three services, and the proxy in front of them."""

    proxy: Proxy
    servers: list[Server]
    database_url: str

    @property
    def url(self) -> str:
        """The address that people use."""
        return f"http://{self.proxy.address}"


@pytest.fixture(scope="module")
def site(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site, which the tests change nothing of but tokens and passwords, and the last ones stop a part of."""
    folder = tmp_path_factory.mktemp("site")
    url = f"sqlite:///{shutil.copy(demo, folder)}"
    with ExitStack() as stack:
        port = stack.enter_context(reserved_port())
        settings = {
            "issuer": f"http://127.0.0.1:{port}",
            "trusted_proxies": "127.0.0.1",
            "grpc_listen": "off",
            "drain_delay": str(_DRAIN_DELAY),
        }
        starting = [serving(url, folder / f"log{number}", **settings) for number in range(3)]
        with ThreadPoolExecutor(3) as threads:
            servers = list(threads.map(stack.enter_context, starting))
        proxy = stack.enter_context(running_proxy(port, [server.address for server in servers], folder))
        yield Site(proxy, servers, url)


@pytest.fixture(scope="module")
def token(site: Site) -> str:
    """A token that no test revokes."""
    return site.servers[0].token(GIGI, BROWSER)


def client(site: Site, *, http2: bool = False, source: str | None = None) -> httpx2.Client:
    """A client of the proxy, over HTTP/1.1 or over HTTP/2 with prior knowledge."""
    transport = httpx2.HTTPTransport(http1=not http2, http2=http2, local_address=source, verify=NO_CERTIFICATES)
    return httpx2.Client(base_url=site.url, transport=transport, timeout=10)


def bearer(token: str) -> dict[str, str]:
    """What every call is given beside its request."""
    return {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize("http2", [False, True], ids=["HTTP/1.1", "HTTP/2"])
def test_json_passes(site: Site, token: str, *, http2: bool) -> None:
    """JSON is answered over HTTP/1.1 and over HTTP/2, bodies in chunks included."""
    with client(site, http2=http2) as http:
        me = http.get(ME, headers=bearer(token))
        assert me.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
        assert me.json()["user"]["preferredLoginName"] == GIGI
        assert "server" not in me.headers
        search = http.post(f"{ME}/sessions/_search", headers=bearer(token), content=iter([b"{", b"}"]))
        assert search.json()["result"]
        closing = http.get(ME, headers=bearer("nonsense") | ({} if http2 else {"connection": "close"}))
        assert (closing.status_code, closing.json()["code"]) == (401, 16)


@pytest.mark.parametrize("door", ["grpc", "web", "web-text", "json"])
async def test_every_content_type_passes_unchanged(site: Site, token: str, door: str) -> None:
    """Answers, errors and metadata through the proxy are those that the service itself gives."""
    through = Target(site.url, site.proxy.address, "")
    straight = Target(site.servers[0].url, site.servers[0].address, "")
    for method, request in (("GetMyUser", GetMyUserRequest()), ("ListMyUserSessions", ListMyUserSessionsRequest())):
        for headers in (bearer(token), bearer("nonsense"), {}):
            expected = await CLIENTS[door](straight, method, request, headers)
            outcome = await CLIENTS[door](through, method, request, headers)
            # When something was asked for last, and how many changes there have been, is not the proxy's doing.
            expected.answer, outcome.answer = None, None
            assert outcome == expected
            assert (outcome.code is grpc.StatusCode.OK) == (headers == bearer(token))


def test_a_native_stream_passes_at_once(site: Site) -> None:
    """A stream of native gRPC gives its first message while it is open."""
    with grpc.insecure_channel(site.proxy.address) as channel:
        call = _watch(channel)
        assert next(call).status == HealthCheckResponse.SERVING
        assert call.is_active()
        call.cancel()


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_of_grpc_web_passes_at_once(site: Site, kind: str) -> None:
    """A stream of gRPC-Web, binary or text, gives its first message while it is open."""
    body = struct.pack(">BI", 0, 0)
    content = base64.b64encode(body) if kind == "web-text" else body
    with (
        client(site) as http,
        http.stream("POST", WATCH, content=content, headers={"content-type": KINDS[kind]}) as answer,
    ):
        first = next(answer.iter_raw())
        frame = base64.b64decode(first) if kind == "web-text" else first
        assert HealthCheckResponse.FromString(frame[5:]).status == HealthCheckResponse.SERVING
        assert answer.headers["content-type"].startswith("application/grpc-web")


def test_the_account_page_passes(site: Site) -> None:
    """The files of the account page and of /docs are those that the service serves."""
    paths = ["/account", "/account/account.js", "/account/account.css", "/docs", "/openapi.json"]
    with client(site) as http, httpx2.Client(base_url=site.servers[0].url, verify=NO_CERTIFICATES) as direct:
        for path in paths:
            through, straight = http.get(path), direct.get(path)
            assert (through.status_code, through.content) == (200, straight.content), path
            assert through.headers.get("etag") == straight.headers.get("etag")


@pytest.mark.parametrize(
    "path",
    ["/auth/v1//users/me", "/auth/v1/x/../users/me", "/auth/v1/users%2Fme", "//user_management/users", "/%61uth"],
)
def test_paths_pass_as_they_are(site: Site, path: str) -> None:
    """Slashes, dots and escapes in a path lead where the service itself says, to an answer or to none."""
    through, straight = _raw_status(site.proxy.address, path), _raw_status(site.servers[0].address, path)
    assert through == straight


def test_the_clients_address_arrives(site: Site) -> None:
    """A session has the address of who signed in: not the proxy's, and not one that they claim to have."""
    addresses = "SELECT ip_address FROM sessions"
    before = set(query(site.database_url, addresses))
    setting = [sys.executable, "-m", "authsvc", "user", "password", ZORA]
    variables = environment({"AUTHSVC_DATABASE_URL": site.database_url})
    subprocess.run(setting, input=PASSWORD, text=True, check=True, env=variables)
    with Person(site.url, ZORA, PASSWORD) as person:
        person._client = client(site, source="127.0.0.2")
        person._client.headers.update(FORGED)
        person.go(f"{site.url}/login")
        assert person.asked == 1
    assert set(query(site.database_url, addresses)) - before == {("127.0.0.2",)}


def test_a_revocation_counts_everywhere_within_a_second(site: Site) -> None:
    """Who signs out at one service has no access at any, nor through the proxy, within a second."""
    token = site.servers[0].token(ZORA, ELSEWHERE)
    with ExitStack() as stack:
        urls = [*(server.url for server in site.servers), site.url]
        clients = [stack.enter_context(httpx2.Client(base_url=url, verify=NO_CERTIFICATES)) for url in urls]
        assert [each.get(ME, headers=bearer(token)).status_code for each in clients] == [200] * 4
        assert clients[0].post(f"{ME}/sessions/_sign_out_all", headers=bearer(token), json={}).status_code == 200
        since = time.monotonic()
        while [each.get(ME, headers=bearer(token)).status_code for each in clients] != [401] * 4:
            assert time.monotonic() - since < 1
        assert time.monotonic() - since < 1


def test_accesses_are_logged_without_tokens(site: Site, token: str) -> None:
    """Each request is a line of JSON that tells what became of it, and holds neither its token nor its query."""
    with client(site) as http:
        answer = http.get(f"{ME}?canary=query", headers=bearer(token) | {"x-canary": "header"})
    number = answer.headers["x-request-id"]
    _eventually(lambda: number in site.proxy.accesses())
    lines = [json.loads(line) for line in site.proxy.accesses().splitlines()]
    (line,) = [line for line in lines if line["request_id"] == number]
    assert (line["method"], line["path"], line["status"], line["client"]) == ("GET", ME, 200, "127.0.0.1")
    assert line["replica"] in {server.address for server in site.servers}
    assert token not in site.proxy.accesses()
    assert "canary" not in site.proxy.accesses()


def test_nothing_in_the_configuration_is_out_of_date(site: Site) -> None:
    """Envoy starts without a warning of settings that it will not know any more."""
    assert "deprecated" not in site.proxy.logged().lower()


@dataclass
class Load:
    """Callers that go on until told to stop: how many calls each has made, and every one that failed."""

    site: Site
    token: str
    over: threading.Event = field(default_factory=threading.Event)
    counts: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def call(self, name: str, once: Callable[[], str | None]) -> None:
        """Call again and again; `once` gives what is wrong with its answer."""
        self.counts[name] = 0
        while not self.over.wait(0.004):
            if wrong := once():
                self.failures.append(f"{name}, call {self.counts[name]}: {wrong}")
            self.counts[name] += 1

    def json(self, *, http2: bool) -> None:
        """Ask in JSON, on one connection."""
        with client(self.site, http2=http2) as http:
            self.call(f"json{1 + http2}", lambda: _is_ok(http.get(ME, headers=bearer(self.token))))

    def web(self) -> None:
        """Ask by gRPC-Web."""
        headers = bearer(self.token) | {"content-type": KINDS["web"]}
        with client(self.site) as http:
            self.call("web", lambda: _is_ok(http.post(GET_MY_USER, content=bytes(5), headers=headers)))

    def grpc(self) -> None:
        """Ask by native gRPC, by a client that tries nothing twice."""
        with grpc.insecure_channel(self.site.proxy.address, [("grpc.enable_retries", 0)]) as channel:
            ask: grpc.UnaryUnaryMultiCallable[GetMyUserRequest, GetMyUserResponse] = channel.unary_unary(
                GET_MY_USER, GetMyUserRequest.SerializeToString, GetMyUserResponse.FromString
            )

            def once() -> str | None:
                try:
                    ask(GetMyUserRequest(), metadata=tuple(bearer(self.token).items()), timeout=10)
                except grpc.RpcError as error:
                    return str(error)
                return None

            self.call("grpc", once)


def test_a_service_leaves_without_a_failed_call(site: Site, token: str) -> None:
    """While one of three is stopped by SIGTERM under constant load of every kind, and ends, no call fails."""
    load = Load(site, token)
    leaving = site.servers[2]
    with ThreadPoolExecutor(4) as threads:
        callers = [threads.submit(load.json, http2=False), threads.submit(load.json, http2=True)]
        callers += [threads.submit(load.web), threads.submit(load.grpc)]
        try:
            _eventually(lambda: len(load.counts) == 4 and min(load.counts.values()) > 50)
            before = dict(load.counts)
            assert leaving.stop() == 0
            _eventually(lambda: all(load.counts[name] > before[name] + 100 for name in before))
        finally:
            load.over.set()
        for caller in callers:
            caller.result()
    assert load.failures == []
    assert leaving.logged().count('"event":"call"') > 20
    assert site.proxy.statistic(HEALTHY) == 2


def test_without_any_service_clients_are_told(site: Site) -> None:
    """When no service is left, JSON and native gRPC say UNAVAILABLE, each in its own way."""
    for server in site.servers:
        server.process.kill()
        server.process.wait()
    with client(site) as http:
        _eventually(lambda: http.get(ME).status_code == 503)
        answer = http.get(ME)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/json")
    assert answer.json() == {"code": 14, "message": "no healthy upstream", "details": []}
    with grpc.insecure_channel(site.proxy.address) as channel:
        call = _watch(channel)
        with pytest.raises(grpc.RpcError):
            next(call)
        assert (call.code(), call.details()) == (grpc.StatusCode.UNAVAILABLE, "no healthy upstream")


def _watch(channel: grpc.Channel) -> Any:
    """A call that is open until it is cancelled; its type has no public name."""
    watch: grpc.UnaryStreamMultiCallable[HealthCheckRequest, HealthCheckResponse] = channel.unary_stream(
        WATCH, HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
    )
    return watch(HealthCheckRequest(), timeout=10)


def _raw_status(address: str, path: str) -> tuple[int, bytes]:
    """The status and body of a request whose path no library has tidied up."""
    with httpx2.Client(verify=NO_CERTIFICATES) as http:
        url = httpx2.URL(f"http://{address}").copy_with(raw_path=path.encode())
        answer = http.get(url)
    return answer.status_code, answer.content


def _is_ok(answer: httpx2.Response) -> str | None:
    return None if answer.status_code == 200 else f"{answer.status_code} {answer.text}"


def _eventually(condition: Callable[[], bool], seconds: float = 15) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "that did not come about"
        time.sleep(0.02)

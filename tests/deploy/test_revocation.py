"""Three services on one PostgreSQL, as deploy/ has them: what one is told to end, every worker of all refuses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx2
import pytest
import yaml
from harness import BROWSER, DEMO, GIGI, NO_CERTIFICATES, Server, children_of, command, serving
from postgresql import server
from zitadel.auth_pb2 import GetMyUserRequest, GetMyUserResponse

ME = "/auth/v1/users/me"
GET_MY_USER = "/zitadel.auth.v1.AuthService/GetMyUser"
SERVICES = 3
WITHIN = 1.0  # seconds from the answer that something has ended until nobody takes it for granted any more

Ask = Callable[[str], bool]
"""Asks one worker, on a connection that stays open, whether it takes a token."""


@dataclass
class Site:
    """The services on ports of their own, and a way to ask each of their workers."""

    database_url: str
    servers: list[Server]
    workers: list[Ask]

    def taken(self, token: str) -> list[bool]:
        """Which workers take a token."""
        return [ask(token) for ask in self.workers]

    def refused_after(self, token: str) -> float:
        """Seconds until no worker takes a token, when every one did; not more than `WITHIN`."""
        since = time.monotonic()
        is_taken = True
        while is_taken:
            is_taken = any(self.taken(token))
            assert time.monotonic() - since < WITHIN, "it was still taken"
        return time.monotonic() - since


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Three services with a web and a grpcio worker each, on the demo data."""
    folder = tmp_path_factory.mktemp("site")
    database = server().create()
    url = database.dsn()
    command("apply", str(DEMO), database_url=url)
    with ExitStack() as stack:
        stack.callback(server().drop, database)
        starting = [serving(url, folder / f"log{number}") for number in range(SERVICES)]
        with ThreadPoolExecutor(SERVICES) as threads:
            servers = list(threads.map(stack.enter_context, starting))
        workers = [stack.enter_context(ways) for each in servers for ways in (_Web(each), _Grpcio(each))]
        yield Site(url, servers, workers)


class _Web:
    """The web worker of a service, asked in JSON."""

    def __init__(self, of: Server) -> None:
        self._client = httpx2.Client(base_url=of.url, verify=NO_CERTIFICATES)

    def __enter__(self) -> Ask:
        return self._takes

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def _takes(self, token: str) -> bool:
        answer = self._client.get(ME, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code in {200, 401}, answer.text
        return answer.status_code == 200


class _Grpcio:
    """The grpcio worker of a service."""

    def __init__(self, of: Server) -> None:
        self._channel = grpc.insecure_channel(of.grpcio_address)
        self._get: grpc.UnaryUnaryMultiCallable[GetMyUserRequest, GetMyUserResponse] = self._channel.unary_unary(
            GET_MY_USER, GetMyUserRequest.SerializeToString, GetMyUserResponse.FromString
        )

    def __enter__(self) -> Ask:
        return self._takes

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def _takes(self, token: str) -> bool:
        metadata = (("authorization", f"Bearer {token}"),)
        call = self._get.future(GetMyUserRequest(), metadata=metadata, timeout=5)
        assert call.code() in {grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED}, call.details()
        return call.code() is grpc.StatusCode.OK


def test_there_are_six_workers(site: Site) -> None:
    """Each service has a web and a grpcio worker, and each of them is asked."""
    assert len({pid for each in site.servers for pid in children_of(each.process.pid)}) == 2 * SERVICES
    addresses = {address for each in site.servers for address in (each.address, each.grpcio_address)}
    assert len(addresses) == len(site.workers) == 2 * SERVICES


def test_signing_out_counts_on_every_worker_within_a_second(site: Site) -> None:
    """Who signs out at one service, which answers so, has no access at any worker of any within a second."""
    token, bystander = site.servers[0].token(GIGI, BROWSER), site.servers[0].token("olli@zitadel.com")
    for _ in range(2):  # so that whatever a worker might keep of a token, it keeps
        assert all(site.taken(token) + site.taken(bystander))
    with httpx2.Client(base_url=site.servers[0].url, verify=NO_CERTIFICATES) as client:
        headers = {"authorization": f"Bearer {token}"}
        assert client.post(f"{ME}/sessions/_sign_out_all", headers=headers, json={}).status_code == 200
    print(f"refused by all after {site.refused_after(token):.3f} s")
    assert all(site.taken(bystander))


def test_deactivating_a_user_counts_on_every_worker_within_a_second(site: Site, tmp_path: Path) -> None:
    """A user whom an operator deactivates has no access at any worker within a second of the command's end."""
    token, bystander = site.servers[0].token("zora@zitadel.com"), site.servers[0].token("olli@zitadel.com")
    for _ in range(2):
        assert all(site.taken(token) + site.taken(bystander))
    (tmp_path / "zora.yaml").write_text(_with_zora_inactive())
    command("apply", str(tmp_path / "zora.yaml"), database_url=site.database_url)
    print(f"refused by all after {site.refused_after(token):.3f} s")
    assert all(site.taken(bystander))


def _with_zora_inactive() -> str:
    """The demo data, but Zora's account, which is inactive."""
    data = yaml.safe_load(DEMO.read_text())
    (zora,) = [user for org in data["orgs"] for user in org.get("users", ()) if user.get("login") == "zora"]
    zora["state"] = "inactive"
    return yaml.safe_dump(data)

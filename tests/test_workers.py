"""What web workers do beside serving calls, and that several are as good as one."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.client import HTTPConnection
from itertools import permutations
from pathlib import Path
from typing import Any

import psutil
import pytest
from harness import GIGI, Server, command, environment, serving

from authsvc import workers
from authsvc.app import open_service
from authsvc.config import Settings
from authsvc.store import purge
from authsvc.store.executor import Prepared
from authsvc.store.purge import Purge
from authsvc.webhooks.dispatcher import Dispatcher


async def test_the_web_worker_keeps_house(new_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It deletes what is over and takes in its keys while it serves, and stops with nothing left running."""
    started: list[workers.Start] = []

    def run(_settings: object, _link: object, start: workers.Start, *_: object) -> None:
        started.append(start)

    monkeypatch.setattr(workers, "_run", run)
    monkeypatch.setattr(purge, "_FIRST", 0.0)
    settings = Settings(database_url=new_database, secret_key_file=tmp_path / "key")
    service, warm, clean = await open_service(settings), asyncio.Event(), asyncio.Event()

    async def warmed() -> None:
        warm.set()

    async def turn(self: Purge) -> int:
        gone = await taken(self)
        clean.set()
        return gone

    taken = Purge.turn
    monkeypatch.setattr(Purge, "turn", turn)
    async with service.writes.transaction() as tx:
        await tx.execute(Prepared("INSERT INTO attempts VALUES ('a', 1)", (), {}))
    tasks = asyncio.all_tasks()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        link: Any = None
        workers.run_web(settings, link, [listener], number=0, node=1)
        _, stop = await started[0](replace(service, warm=warmed))
        async with asyncio.timeout(5):
            await asyncio.gather(warm.wait(), clean.wait())
        await stop(False)
    assert await service.executor.fetch_all(Prepared("SELECT 1 FROM attempts", (), {})) == []
    await service.close()
    assert not asyncio.all_tasks() - tasks


async def test_another_web_worker_leaves_the_house_alone(new_database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first web worker deletes what is over and sends webhooks."""
    begun: list[object] = []
    started: list[workers.Start] = []
    monkeypatch.setattr(workers, "_run", lambda _settings, _link, start, *_: started.append(start))
    monkeypatch.setattr(Purge, "start", begun.append)
    monkeypatch.setattr(Dispatcher, "start", begun.append)
    settings = Settings(database_url=new_database)
    service = await open_service(settings)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        link: Any = None
        workers.run_web(settings, link, [listener], number=1, node=1)
        _, stop = await started[0](service)
        await stop(False)
    await service.close()
    assert not begun


@pytest.mark.parametrize(
    ("sockets", "count", "owned"),
    [(1, 1, ["a"]), (3, 3, ["a", "b", "c"]), (4, 3, ["ad", "b", "c"]), (1, 3, ["a", "a", "a"]), (3, 1, ["abc"])],
)
def test_each_socket_has_a_worker_and_each_worker_a_socket(sockets: int, count: int, owned: list[str]) -> None:
    """Whatever the numbers, each socket is accepted from by a worker, and each worker accepts from one."""
    listeners: Any = "abcdef"[:sockets]
    shares = [workers.share(listeners, number, count) for number in range(count)]
    assert ["".join(map(str, own)) for own, _ in shares] == owned
    assert all(sorted(map(str, [*own, *others])) == sorted(listeners) for own, others in shares)


async def test_who_waits_for_a_dead_worker_is_served_by_another(new_database: Path) -> None:
    """A connection that the kernel has put to a worker that does not accept is taken by one that does."""
    settings = Settings(database_url=new_database)
    service = await open_service(settings)
    with socket.create_server(("127.0.0.1", 0)) as own, socket.create_server(("127.0.0.1", 0)) as others:
        server = workers.WebServer(workers.uvicorn_config(settings, service), [others])
        serving_ = asyncio.ensure_future(server.serve([own]))
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(*others.getsockname())
            writer.write(b"GET /debug/healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 200")
            writer.close()
            server.should_exit = True
            await serving_
    await service.close()


_PASSWORD = "a giraffe sees far over the savanna"


@pytest.fixture(scope="module")
def several(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service with two web workers, in which Gigi has a password."""
    folder = tmp_path_factory.mktemp("several")
    url = f"sqlite:///{folder / 'authsvc.db'}"
    (folder / "authsvc.db").write_bytes(demo.read_bytes())
    line = [sys.executable, "-m", "authsvc", "user", "password", GIGI, "--keep-sessions"]
    variables = environment({"AUTHSVC_DATABASE_URL": url})
    subprocess.run(line, input=f"{_PASSWORD}\n", text=True, check=True, env=variables)
    with serving(url, folder / "log", workers="2", grpc_listen="off", log_level="warning") as server:
        yield server


@pytest.fixture(scope="module")
def key(several: Server) -> str:
    """An API key that may do all."""
    return command("apikey", "create", "--name", "all", database_url=several.database_url).stdout.strip()


@pytest.fixture
def each(several: Server) -> Iterator[list[HTTPConnection]]:
    """A connection to each worker."""
    found: dict[int, HTTPConnection] = {}
    host, _, port = several.address.rpartition(":")
    while len(found) < 2:
        connection = HTTPConnection(host, int(port), timeout=20)
        assert _call(connection, "GET", "/debug/ready")[0] == 200
        worker = _worker(several, connection)
        if worker in found:
            connection.close()
        else:
            found[worker] = connection
    yield list(found.values())
    for connection in found.values():
        connection.close()


def test_workers_agree_at_once(key: str, each: list[HTTPConnection]) -> None:
    """A sign-in at one worker counts at the other with its next call, and so does its end; in both directions."""
    for here, there in permutations(each):
        status, answer = _sign_in(here, key)
        token, person = answer["access_token"], answer["user"]["id"]
        assert status == 200
        assert _me(there, token) == 200
        status, answer = _call(there, "GET", f"/user_management/users/{person}/sessions", key)
        ended = _call(there, "POST", "/user_management/sessions/revoke", key, {"session_id": answer["data"][0]["id"]})
        assert (status, ended[0]) == (200, 200)
        assert [_me(connection, token) for connection in each] == [401, 401]


def test_a_revoked_token_is_over_at_all_workers(several: Server, each: list[HTTPConnection]) -> None:
    """A token that one worker has given to a program is good at the other, until a command revokes it for both."""
    name = "weaver-birds@zitadel.com"
    secret = command("machine", "secret", name, database_url=several.database_url).stdout.strip()
    basic = b64encode(f"weaver-birds%40zitadel.com:{secret}".encode()).decode()
    for here, there in permutations(each):
        form = "grant_type=client_credentials&scope=openid"
        status, answer = _form(here, "/oauth/v2/token", form, basic)
        assert status == 200
        assert _me(there, answer["access_token"]) == 200
        command("token", "revoke", answer["access_token"], database_url=several.database_url)
        assert [_me(connection, answer["access_token"]) for connection in each] == [401, 401]


def test_writers_wait_for_each_other(key: str, each: list[HTTPConnection]) -> None:
    """Sign-ins at both workers at the same time, with revocations between, all end well."""

    def work(connection: HTTPConnection) -> list[int]:
        return [_sign_in(connection, key)[0] for _ in range(8)]

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(work, each)) == [[200] * 8] * 2


def _sign_in(connection: HTTPConnection, key: str) -> tuple[int, Any]:
    body = {"grant_type": "password", "client_id": "cli", "client_secret": key, "email": GIGI, "password": _PASSWORD}
    return _call(connection, "POST", "/user_management/authenticate", "", body)


def _me(connection: HTTPConnection, token: str) -> int:
    return _call(connection, "GET", "/auth/v1/users/me", token)[0]


def _form(connection: HTTPConnection, path: str, form: str, basic: str) -> tuple[int, Any]:
    headers = {"content-type": "application/x-www-form-urlencoded", "authorization": f"Basic {basic}"}
    connection.request("POST", path, form, headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def _call(connection: HTTPConnection, method: str, path: str, bearer: str = "", body: object = None) -> tuple[int, Any]:
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {bearer}"} if bearer else {})
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read() or b"null")


def _worker(server: Server, connection: HTTPConnection) -> int:
    """The process that holds the other end of a connection."""
    ends = connection.sock.getpeername(), connection.sock.getsockname()
    workers = psutil.Process(server.process.pid).children()
    (worker,) = [each.pid for each in workers if ends in [(held.laddr, held.raddr) for held in each.net_connections()]]
    return worker

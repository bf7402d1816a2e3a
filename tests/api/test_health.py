from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse, HealthListRequest

from authsvc.api.health import HealthServicer

SERVICE = "zitadel.auth.v1.AuthService"
SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING


class Aborted(Exception):
    """What `abort` raises in these tests."""


class Context:
    """A call that can be aborted."""

    async def abort(self, code: grpc.StatusCode, details: str) -> None:
        """End the call."""
        raise Aborted(code, details)


class Store:
    """A store that answers, or not."""

    up = True

    async def ready(self) -> bool:
        """Whether it answers."""
        return self.up


@pytest.fixture
def store() -> Store:
    """A store that answers."""
    return Store()


@pytest.fixture
def health(store: Store) -> HealthServicer:
    """The servicer of a server with one service."""
    return HealthServicer([SERVICE], store.ready)


async def _check(health: HealthServicer, service: str) -> int:
    context: Any = Context()
    return int((await health.Check(HealthCheckRequest(service=service), context)).status)


@pytest.mark.parametrize("service", ["", SERVICE])
async def test_check(health: HealthServicer, store: Store, service: str) -> None:
    """The server and each service serve while the store answers and the server does not drain."""
    assert await _check(health, service) == SERVING
    store.up = False
    assert await _check(health, service) == NOT_SERVING
    assert not await health.serving()
    store.up = True
    assert await _check(health, service) == SERVING
    assert await health.serving()
    health.drain()
    health.drain()
    assert await _check(health, service) == NOT_SERVING
    assert not await health.serving()


@pytest.mark.parametrize("service", ["unknown", SERVICE.lower(), f"{SERVICE}/GetMyUser", " "])
async def test_check_of_another_service(health: HealthServicer, service: str) -> None:
    """A name that is not served here is NOT_FOUND."""
    with pytest.raises(Aborted) as caught:
        await _check(health, service)
    assert caught.value.args == (grpc.StatusCode.NOT_FOUND, "unknown service")


async def test_list(health: HealthServicer, store: Store) -> None:
    """The list holds the server, under the empty name, and every service, all in the same state."""
    for up, status in ((True, SERVING), (False, NOT_SERVING)):
        store.up = up
        answer = await health.List(HealthListRequest(), None)
        assert {name: item.status for name, item in answer.statuses.items()} == {"": status, SERVICE: status}


async def _watch(health: HealthServicer, service: str) -> list[int]:
    return [item.status async for item in health.Watch(HealthCheckRequest(service=service), None)]


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("", [SERVING, NOT_SERVING]),
        (SERVICE, [SERVING, NOT_SERVING]),
        ("unknown", [HealthCheckResponse.SERVICE_UNKNOWN]),
    ],
)
async def test_watch(health: HealthServicer, service: str, expected: list[int]) -> None:
    """A watcher hears the state at once, and again when the server drains, which ends the watch."""
    watching = asyncio.ensure_future(_watch(health, service))
    await asyncio.sleep(0.01)
    assert not watching.done()
    health.drain()
    assert await asyncio.wait_for(watching, 1) == expected


async def test_watch_of_a_server_that_drains(health: HealthServicer) -> None:
    """Who begins to watch while the server drains hears so once."""
    health.drain()
    assert await asyncio.wait_for(_watch(health, ""), 1) == [NOT_SERVING]


async def test_a_watcher_may_leave(health: HealthServicer) -> None:
    """A watcher who goes away leaves nothing that waits."""
    watching = asyncio.ensure_future(_watch(health, ""))
    await asyncio.sleep(0)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching

"""grpc.health.v1.Health: Check, Watch and List (gRFC A90), which the packaged servicer lacks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

import grpc
from grpc_health.v1.health_pb2 import (
    HealthCheckRequest,
    HealthCheckResponse,
    HealthListRequest,
    HealthListResponse,
)
from grpc_health.v1.health_pb2_grpc import HealthServicer as HealthBase


class HealthServicer(HealthBase):  # type: ignore[misc]  # the package is untyped
    """Health of the server, under the empty name, and of each service: all serve, or none.

    `ready` tells whether calls can be answered now. After `drain` nothing is served any more, and watchers are told
    so and released.
    """

    def __init__(self, services: Iterable[str], ready: Callable[[], Awaitable[bool]]) -> None:
        self._services = frozenset(services) | {""}
        self._ready = ready
        self._draining = asyncio.Event()

    def drain(self) -> None:
        """Stop serving, for good."""
        self._draining.set()

    async def serving(self) -> bool:
        """Whether calls are answered now."""
        return not self._draining.is_set() and await self._ready()

    async def Check(
        self, request: HealthCheckRequest, context: grpc.aio.ServicerContext[HealthCheckRequest, HealthCheckResponse]
    ) -> HealthCheckResponse:
        """The state of one service; NOT_FOUND for a name that is not served here."""
        if request.service not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return await self._response()

    async def List(self, request: HealthListRequest, context: object) -> HealthListResponse:
        """The state of every service."""
        response = await self._response()
        return HealthListResponse(statuses=dict.fromkeys(sorted(self._services), response))

    async def Watch(self, request: HealthCheckRequest, context: object) -> AsyncIterator[HealthCheckResponse]:
        """The state of one service now, and once more when the server drains."""
        if request.service not in self._services:
            yield HealthCheckResponse(status=HealthCheckResponse.SERVICE_UNKNOWN)
        elif not self._draining.is_set():
            yield await self._response()
        await self._draining.wait()
        if request.service in self._services:
            yield HealthCheckResponse(status=HealthCheckResponse.NOT_SERVING)

    async def _response(self) -> HealthCheckResponse:
        serving = await self.serving()
        return HealthCheckResponse(status=HealthCheckResponse.SERVING if serving else HealthCheckResponse.NOT_SERVING)

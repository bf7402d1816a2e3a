"""What runs in the worker processes: the one address on uvicorn, or grpcio's server. Never both on one event loop.

A busy HTTP server on the same loop would starve grpcio to a fraction of its calls. Each worker opens the service for
itself, reports to the supervisor over a pipe, and drains on SIGTERM or when the supervisor is gone.
"""

from __future__ import annotations

import asyncio
import gc
import math
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, cast

import grpc
import uvicorn
import uvloop

from authsvc.app import Service, open_service
from authsvc.config import Address, Settings
from authsvc.doors.engine import ENGINES, Engine
from authsvc.doors.grpcio import grpcio_server
from authsvc.errors import StartupError
from authsvc.store.deliveries import Deliveries
from authsvc.store.purge import Purge
from authsvc.telemetry import logs
from authsvc.webhooks.dispatcher import Dispatcher

_PATIENCE = 5.0  # seconds at most that deliveries under way get at the end; they are sent again otherwise

Stop = Callable[[], Awaitable[None]]
Start = Callable[[Service], Awaitable[tuple[Address, Stop]]]


class Worker:
    """One worker process, seen from inside."""

    def __init__(self, settings: Settings, link: Connection) -> None:
        self.settings = settings
        self._link = link
        self._stop = asyncio.Event()

    async def serve(self, start: Start) -> None:
        """Open the service, `start` its server, report the address, and stop the server when told to."""
        self._listen_for_stop()
        service = await open_service(self.settings)
        address, stop = await start(service)
        # What is here stays; going through all of it again and again would hold up calls for some 60 ms each time.
        gc.collect()
        gc.freeze()
        self._link.send(address)
        await self._stop.wait()
        service.health.drain()
        await asyncio.sleep(self.settings.drain_delay)
        await stop()
        await service.close()

    def _listen_for_stop(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        # The supervisor never writes; its end of the pipe becomes readable when it is gone.
        loop.add_reader(self._link.fileno(), self._supervisor_gone)

    def _supervisor_gone(self) -> None:
        asyncio.get_running_loop().remove_reader(self._link.fileno())
        self._stop.set()


def run_web(settings: Settings, link: Connection, listener: socket.socket) -> None:
    """Serve the one address on `listener` until told to stop."""

    async def start(service: Service) -> tuple[Address, Stop]:
        server = WebServer(uvicorn_config(settings, service))
        serving = asyncio.ensure_future(server.serve([listener]))
        await asyncio.wait([serving, asyncio.ensure_future(server.listening.wait())], return_when="FIRST_COMPLETED")
        if serving.done():
            serving.result()  # it failed before it listened, and says why
        webhooks = dispatcher(settings, service)
        webhooks.start()
        purge = Purge(service.executor)
        purge.start()
        warming = asyncio.ensure_future(service.warm())

        async def stop() -> None:
            server.should_exit = True
            patience = min(settings.drain_timeout, _PATIENCE)
            await asyncio.gather(serving, webhooks.stop(patience), purge.stop(), warming)

        return Address(*listener.getsockname()[:2]), stop

    _run(settings, link, start)


def run_grpcio(settings: Settings, link: Connection, address: Address) -> None:
    """Serve native gRPC by grpcio on `address` until told to stop."""

    async def start(service: Service) -> tuple[Address, Stop]:
        server = grpcio_server(service.methods, service.limits)
        port = _add_port(server, settings, address)
        await server.start()
        return address._replace(port=port), lambda: server.stop(settings.drain_timeout)

    _run(settings, link, start)


class WebServer(uvicorn.Server):
    """uvicorn, told when to stop by its worker instead of by signals."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until `should_exit` is set, then finish the calls in flight."""
        await self._serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections on `sockets`; uvicorn itself would let a TLS handshake take a minute."""
        engine = cast("Engine", self.config.http)
        loop = asyncio.get_running_loop()
        protocol = partial(
            cast("Any", engine), config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        self.servers = [
            await loop.create_server(
                protocol,
                sock=listener,
                ssl=self.config.ssl,
                ssl_handshake_timeout=engine.limits.head if self.config.ssl else None,
                backlog=self.config.backlog,
            )
            for listener in sockets or ()
        ]
        self.started = True
        self.listening.set()


def uvicorn_config(settings: Settings, service: Service) -> uvicorn.Config:
    """How uvicorn serves the one address."""
    return uvicorn.Config(
        service.one_address(),
        http=cast("type[asyncio.Protocol]", ENGINES[settings.http](service.limits)),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # anybody on this machine could forge them
        server_header=False,
        timeout_keep_alive=math.ceil(service.limits.idle),
        timeout_graceful_shutdown=max(1, round(settings.drain_timeout)),
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )


def dispatcher(settings: Settings, service: Service) -> Dispatcher:
    """What sends events to webhooks."""
    deliveries = Deliveries(service.executor, service.writes)
    return Dispatcher(deliveries, service.backends, settings.webhook_key_file)


def _add_port(server: grpc.aio.Server, settings: Settings, address: Address) -> int:
    try:
        if settings.tls_cert is None or settings.tls_key is None:
            return server.add_insecure_port(str(address))
        pair = (settings.tls_key.read_bytes(), settings.tls_cert.read_bytes())
        return server.add_secure_port(str(address), grpc.ssl_server_credentials([pair]))
    except RuntimeError:
        raise StartupError(f"grpc_listen: cannot listen on {address}") from None


def _run(
    settings: Settings,
    link: Connection,
    start: Start,
) -> None:
    logs.configure(settings.log_level)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(Worker(settings, link).serve(start))
    except (StartupError, OSError) as error:
        with suppress(BrokenPipeError):
            link.send(str(error))
        raise SystemExit(1) from None

"""What runs in the worker processes: the one address on uvicorn, or grpcio's server. Never both on one event loop.

A busy HTTP server on the same loop would starve grpcio to a fraction of its calls. Each worker opens the service for
itself, reports to the supervisor over a pipe, and drains on SIGTERM, when another worker serves in its place, or when
the supervisor is gone.
"""

from __future__ import annotations

import asyncio
import gc
import math
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, cast

import grpc
import uvicorn
import uvloop

from authsvc.app import Service, open_service
from authsvc.children import LAST_REQUEST, REPLACED
from authsvc.config import Address, Settings
from authsvc.doors.asgi_types import App
from authsvc.doors.engine import ENGINES, Engine
from authsvc.doors.grpcio import grpcio_server
from authsvc.doors.metrics import Metrics
from authsvc.errors import StartupError
from authsvc.store.deliveries import Deliveries
from authsvc.store.executor import Executor
from authsvc.store.purge import Purge
from authsvc.telemetry import logs
from authsvc.telemetry.gauges import Counts, Pool, Tally, exposition
from authsvc.webhooks.dispatcher import Dispatcher

_OFTEN = 0.05  # seconds between two looks at connections that are to end
_TOLD_EVERY = 0.25  # seconds between two looks at the connections to the database
_SCRAPERS = 32  # connections at once that ask for metrics
_PATIENCE = 5.0  # seconds at most that deliveries under way get at the end; they are sent again otherwise

Stop = Callable[[bool], Awaitable[None]]  # told whether another worker serves in this one's place
Start = Callable[[Service], Awaitable[tuple[Address, Stop]]]


class Worker:
    """One worker process, seen from inside."""

    def __init__(self, settings: Settings, link: Connection, node: int, counts: Counts | None) -> None:
        self.settings = settings
        self._counts = counts
        self._link = link
        self._node = node
        self._stop = asyncio.Event()
        self._replaced = False

    async def serve(self, start: Start) -> None:
        """Open the service, `start` its server, report the address, and stop the server when told to."""
        self._listen_for_stop()
        service = await open_service(self.settings, self._node, self._counts)
        self._tell_pool(service.executor)
        address, stop = await start(service)
        # What is here stays; going through all of it again and again would hold up calls for some 60 ms each time.
        gc.collect()
        gc.freeze()
        self._link.send(address)
        await self._stop.wait()
        service.health.drain()
        if not self._replaced:  # the address goes on to serve
            await asyncio.sleep(self.settings.drain_delay)
        await stop(self._replaced)
        await service.close()

    def _tell_pool(self, executor: Executor) -> None:
        """Tell, now and from now on, how busy the connections to the database are."""
        stats = executor.stats
        if self._counts is not None and stats is not None:
            self._counts[Pool.BUSY] = stats.open - stats.idle
            self._counts[Pool.IDLE] = stats.idle
            self._counts[Pool.WAITING] = stats.waiting
            asyncio.get_running_loop().call_later(_TOLD_EVERY, self._tell_pool, executor)

    def _listen_for_stop(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        # The supervisor writes no more than a word; its end of the pipe is readable, too, when it is gone.
        loop.add_reader(self._link.fileno(), self._told)

    def _told(self) -> None:
        asyncio.get_running_loop().remove_reader(self._link.fileno())
        with suppress(EOFError, OSError):
            self._replaced = self._link.recv() == REPLACED
        self._stop.set()


class Scrapes(NamedTuple):
    """Where metrics are asked for, and what is told there."""

    listener: socket.socket
    tally: Tally


def run_web(
    settings: Settings,
    link: Connection,
    listeners: Sequence[socket.socket],
    *,
    number: int,
    node: int,
    counts: Counts | None = None,
    scrapes: Scrapes | None = None,
) -> None:
    """Serve the one address until told to stop. Worker 0 alone does what is to be done once, not in each.

    It listens on the sockets that are its own by its number, and sees to it that nobody waits at the others'. Its calls
    are counted in `counts`; `scrapes` are answered if there are any.
    """
    own, others = share(listeners, number, settings.worker_count())
    if number and scrapes:
        scrapes.listener.close()  # who connects there when worker 0 has closed is to be refused

    async def start(service: Service) -> tuple[Address, Stop]:
        servers = [(WebServer(uvicorn_config(settings, service), others), own)]
        if number == 0 and scrapes:
            servers.append((WebServer(scrapes_config(settings, scrapes.tally)), [scrapes.listener]))
        serving = [await _serving(server, sockets) for server, sockets in servers]
        webhooks, purge = dispatcher(settings, service), Purge(service.executor)
        if number == 0:
            webhooks.start()
            purge.start()
        warming = asyncio.ensure_future(service.warm())

        async def stop(replaced: bool) -> None:  # noqa: FBT001
            for server, _ in servers:
                server.replaced = replaced
                server.should_exit = True
            patience = min(settings.drain_timeout, _PATIENCE)
            await asyncio.gather(*serving, webhooks.stop(patience), purge.stop(), warming)

        return Address(*listeners[0].getsockname()[:2]), stop

    _run(settings, link, start, node, counts)


async def _serving(server: WebServer, sockets: list[socket.socket]) -> asyncio.Future[None]:
    """Begin to serve; what is given ends with the server."""
    serving = asyncio.ensure_future(server.serve(sockets))
    await asyncio.wait([serving, asyncio.ensure_future(server.listening.wait())], return_when="FIRST_COMPLETED")
    if serving.done():
        serving.result()  # it failed before it listened, and says why
    return serving


def share(
    listeners: Sequence[socket.socket], number: int, workers: int
) -> tuple[list[socket.socket], list[socket.socket]]:
    """The sockets that a worker listens on, and the others; none is left out where their numbers differ."""
    own = [
        listener
        for index, listener in enumerate(listeners)
        if index % workers == number or number % len(listeners) == index
    ]
    return own, [listener for listener in listeners if listener not in own]


def run_grpcio(
    settings: Settings, link: Connection, address: Address, *, node: int, counts: Counts | None = None
) -> None:
    """Serve native gRPC by grpcio on `address` until told to stop, and count calls in `counts`."""

    async def start(service: Service) -> tuple[Address, Stop]:
        server = grpcio_server(service.methods, service.limits)
        port = _add_port(server, settings, address)
        await server.start()
        return address._replace(port=port), lambda _: server.stop(settings.drain_timeout)

    _run(settings, link, start, node, counts)


class WebServer(uvicorn.Server):
    """uvicorn, told when to stop by its worker instead of by signals.

    `others` are the sockets of other workers: who waits there because a worker is ending, dead or busy is served here.
    """

    def __init__(self, config: uvicorn.Config, others: Sequence[socket.socket] = ()) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self.replaced = False
        self._others = others
        self._adopted: set[asyncio.Future[Any]] = set()  # connections in their TLS handshake

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until `should_exit` is set, then finish the calls in flight."""
        await self._serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections on `sockets`; uvicorn itself would let a TLS handshake take a minute."""
        loop = asyncio.get_running_loop()
        self._protocol = partial(
            cast("Any", self._engine), config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        for other in self._others:
            other.setblocking(False)
        self.servers = [
            await loop.create_server(self._protocol, sock=listener, backlog=self.config.backlog, **self._tls())
            for listener in sockets or ()
        ]
        self.started = True
        self.listening.set()

    @property
    def _engine(self) -> Engine:
        return cast("Engine", self.config.http)

    def _tls(self) -> dict[str, Any]:
        timeout = self._engine.limits.head if self.config.ssl else None
        return {"ssl": self.config.ssl, "ssl_handshake_timeout": timeout}

    async def on_tick(self, counter: int) -> bool:
        """Look, ten times a second, whether to stop, and whether somebody waits where nobody else accepts."""
        for other in () if self.should_exit else self._others:
            with suppress(OSError):  # usually nobody waits
                while True:
                    self._adopt(other.accept()[0])
        return await super().on_tick(counter)

    def _adopt(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        adopted = asyncio.ensure_future(loop.connect_accepted_socket(self._protocol, connection, **self._tls()))
        self._adopted.add(adopted)
        adopted.add_done_callback(self._was_adopted)

    def _was_adopted(self, adopted: asyncio.Future[Any]) -> None:
        self._adopted.discard(adopted)
        if not adopted.cancelled():
            adopted.exception()  # a TLS handshake that has failed is nobody's concern

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, and finish the calls in flight; when replaced, so that no client notices."""
        for other in self._others:
            other.close()
        if self.replaced:
            for server in self.servers:
                server.close()
            self._engine.leave(self.server_state)
            await self._last_requests()
        await super().shutdown(sockets)

    async def _last_requests(self) -> None:
        """Leave connections a while for the request that they are the last to serve."""
        loop = asyncio.get_running_loop()
        until = loop.time() + LAST_REQUEST
        while (self.server_state.connections or self._adopted) and loop.time() < until:  # noqa: ASYNC110 - uvicorn's
            await asyncio.sleep(_OFTEN)


def uvicorn_config(settings: Settings, service: Service) -> uvicorn.Config:
    """How uvicorn serves the one address."""
    return _config(service.one_address(), ENGINES[settings.http](service.limits), settings, tls=True)


def scrapes_config(settings: Settings, tally: Tally) -> uvicorn.Config:
    """How uvicorn serves metrics: by the conservative engine, without TLS, and to few clients."""
    limits = replace(settings.limits(), connections=_SCRAPERS)
    metrics = Metrics(lambda: exposition(tally.sums()))
    return _config(metrics, ENGINES["httptools"](limits), settings, tls=False)


def _config(app: App, engine: Engine, settings: Settings, *, tls: bool) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=cast("type[asyncio.Protocol]", engine),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # anybody on this machine could forge them
        server_header=False,
        timeout_keep_alive=math.ceil(engine.limits.idle),
        timeout_graceful_shutdown=max(1, round(settings.drain_timeout)),
        ssl_certfile=settings.tls_cert if tls else None,
        ssl_keyfile=settings.tls_key if tls else None,
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


def _run(settings: Settings, link: Connection, start: Start, node: int, counts: Counts | None) -> None:
    logs.configure(settings.log_level)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(Worker(settings, link, node, counts).serve(start))
    except (StartupError, OSError) as error:
        with suppress(BrokenPipeError):
            link.send(str(error))
        raise SystemExit(1) from None

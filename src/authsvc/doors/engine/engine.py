"""Which protocol a new connection speaks, and the clock that all connections share."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Any, ClassVar, Protocol, TypeVar

from uvicorn.config import Config
from uvicorn.protocols.http.auto_zttp_impl import AutoZttpProtocol
from uvicorn.server import ServerState

from authsvc.doors.engine.http1 import Conservative, Http1
from authsvc.doors.engine.http2 import Http2
from authsvc.doors.engine.wire import turn_away
from authsvc.doors.limits import Limits

_TICKS = 4  # looks at each connection within the shortest limit, which therefore ends up to a quarter late
_OFTEN, _RARELY = 0.01, 0.5  # seconds between two looks, at least and at most
_log = logging.getLogger(__name__)


class Swept(Protocol):
    """A connection that looks at its own patience when told the time."""

    loop: asyncio.AbstractEventLoop
    limits: Limits
    retires: float

    def sweep(self, now: float) -> None:
        """Cut off a client that makes us wait; `now` is the event loop's time."""

    def leave(self) -> None:
        """Have the client go elsewhere with its next call but one, so that it loses none."""


_P = TypeVar("_P", bound=Swept)


class Engine:
    """Makes the protocols of new connections; what `uvicorn.Config` takes as `http`.

    One timer looks at all connections, so that no request has to set one.
    """

    alpn_protocols: ClassVar[list[str]] = ["h2", "http/1.1"]

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        shortest = min(limits.head, limits.body, limits.stall, limits.idle, limits.age, limits.grace)
        self._every = max(_OFTEN, min(_RARELY, shortest / _TICKS))
        self._runs = False
        self.leaving = False

    def __call__(
        self,
        *,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> asyncio.Protocol:
        """The protocol of a new connection."""
        loop = _loop or asyncio.get_running_loop()
        if not self._runs:
            self._runs = True
            self._sweep(loop, server_state)
        return self._protocol(config=config, server_state=server_state, app_state=app_state, _loop=loop)

    def _protocol(self, **uvicorns: Any) -> asyncio.Protocol:
        return self.configured(Sniffer(self, **uvicorns))

    def configured(self, protocol: _P) -> _P:
        """The protocol, with what it has to know."""
        protocol.limits = self.limits
        protocol.retires = protocol.loop.time() + self.limits.age * random.uniform(0.9, 1.1)  # noqa: S311 - no secret
        return protocol

    def leave(self, state: ServerState) -> None:
        """Have all clients go elsewhere, as another worker serves in our place."""
        self.leaving = True
        connections: list[Any] = list(state.connections)
        for connection in connections:
            connection.leave()

    def _sweep(self, loop: asyncio.AbstractEventLoop, state: ServerState) -> None:
        loop.call_later(self._every, self._sweep, loop, state)
        now = loop.time()
        connections: list[Any] = list(state.connections)
        for connection in connections:
            try:
                connection.sweep(now)
            except Exception:  # noqa: BLE001 - the clock is for all
                _log.exception("a connection that cannot be looked at is cut")
                connection.transport.abort()


class ConservativeEngine(Engine):
    """HTTP/1.1 only, by httptools."""

    alpn_protocols: ClassVar[list[str]] = ["http/1.1"]

    def _protocol(self, **uvicorns: Any) -> asyncio.Protocol:
        protocol = self.configured(Conservative(**uvicorns))
        protocol.leaving = self.leaving
        return protocol


ENGINES: dict[str, type[Engine]] = {"zttp": Engine, "httptools": ConservativeEngine}


class Sniffer(AutoZttpProtocol):
    """A connection that turns out to be HTTP/1.1 or HTTP/2: by ALPN with TLS, by the client's preface without."""

    limits: Limits
    retires: float

    def __init__(self, engine: Engine, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._engine = engine
        self._uvicorns = uvicorns
        self._due = self.loop.time() + engine.limits.idle

    def connection_made(self, transport: Any) -> None:
        """Begin, unless there are too many; only now, as nobody tells of a TLS handshake that has failed."""
        if len(self.connections) >= self.limits.connections:
            turn_away(transport)
        else:
            super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """See whether this is the preface; a part of it is no rest any more."""
        if not self.buffer:
            self._due = self.loop.time() + self.limits.head
        super().data_received(data)

    def _switch(self, http2: bool, initial_data: bytes = b"") -> None:  # noqa: FBT001 - as in uvicorn
        protocol = self._engine.configured((Http2 if http2 else Http1)(**self._uvicorns))
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        if initial_data:
            protocol.data_received(initial_data)
        if self._engine.leaving:
            protocol.leave()

    def leave(self) -> None:
        """Nothing yet: what it turns out to be is told."""

    def sweep(self, now: float) -> None:
        """Cut off a client that has sent nothing for long, or only the beginning of a preface."""
        if now >= self._due:
            self.transport.close()

"""Servers that do nothing, or not all, each a ceiling for what does: `bench.compare.ceilings KIND --listen …`.

remembered: authsvc, but each row is read from the database only once; takes `--database`, SQLite.
handlers: the doors and the pipeline of authsvc, with servicers that answer a constant, anybody let in, no database.
asgi:     the smallest ASGI application on authsvc's HTTP engine.
grpcaio:  an empty servicer on grpc.aio, as its documentation shows it, with uvloop.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, cast

import grpc
import uvicorn
import uvloop
from zitadel import auth_pb2
from zitadel.auth_pb2_grpc import AuthServiceServicer, add_AuthServiceServicer_to_server

from authsvc.api.auth import AuthServicer
from authsvc.api.health import HealthServicer
from authsvc.app import AUTH, PUBLIC, Service
from authsvc.config import Address, Settings
from authsvc.doors.asgi_types import Receive, Scope, Send
from authsvc.identity.authenticator import Authenticator
from authsvc.identity.caller import AUTHENTICATED, Caller
from authsvc.rpc.method import service_methods
from authsvc.rpc.pipeline import Pipeline
from authsvc.store.executor import Prepared, Row
from authsvc.store.reads import Reads
from authsvc.store.sqlite import SqliteExecutor
from authsvc.telemetry import logs
from authsvc.telemetry.calls import CallLog
from authsvc.workers import uvicorn_config


class Everybody(Authenticator):
    """Lets in whoever comes, as the same caller."""

    _CALLER = Caller(1, 1, 1, None, None, "en")

    async def caller(
        self, authorization: Sequence[str], org_ids: Sequence[str], permission: str = AUTHENTICATED
    ) -> Caller:
        """The caller, always."""
        return self._CALLER


class Empty(AuthServiceServicer):
    """Answers each method with its empty response."""

    async def Healthz(self, request: object, context: object) -> auth_pb2.HealthzResponse:
        """Nothing."""
        return auth_pb2.HealthzResponse()

    async def GetMyUser(self, request: object, context: object) -> auth_pb2.GetMyUserResponse:
        """Nobody."""
        return auth_pb2.GetMyUserResponse()

    async def ListMyUserSessions(self, request: object, context: object) -> auth_pb2.ListMyUserSessionsResponse:
        """No sessions."""
        return auth_pb2.ListMyUserSessionsResponse()

    async def ListMyUserGrants(self, request: object, context: object) -> auth_pb2.ListMyUserGrantsResponse:
        """No grants."""
        return auth_pb2.ListMyUserGrantsResponse()


def empty_service(settings: Settings) -> Service:
    """The service with `Everybody` and `Empty`, and without what a database would be needed for."""
    nothing = cast("Any", None)
    pipeline = Pipeline(Everybody(nothing), nothing, CallLog(), settings.call_timeout, settings.max_calls)
    return _service(settings, Empty(), pipeline)


def _service(settings: Settings, servicer: AuthServiceServicer, pipeline: Pipeline) -> Service:
    async def ready() -> bool:
        return True

    nothing = cast("Any", None)
    methods = {method.path: method for method in service_methods(AUTH, servicer, pipeline, public=PUBLIC)}
    health = HealthServicer([AUTH.full_name], ready)
    return Service(methods, health, settings.limits(), nothing, nothing, nothing, docs=False, account=False)


class Remembering(SqliteExecutor):
    """Gives the rows that it gave before. What is left of a call's cost is not the database's."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._known: dict[tuple[Any, ...], Sequence[Row]] = {}

    async def fetch_all(self, prepared: Prepared, /, **parameters: Any) -> Sequence[Row]:
        """All rows."""
        key = (prepared.sql, *prepared.arguments(parameters))
        rows = self._known.get(key)
        if rows is None:
            rows = self._known[key] = await super().fetch_all(prepared, **parameters)
        return rows

    async def fetch_one(self, prepared: Prepared, /, **parameters: Any) -> Row | None:
        """The first row."""
        rows = await self.fetch_all(prepared, **parameters)
        return rows[0] if rows else None


def remembering_service(settings: Settings, database: Path) -> Service:
    """The service for users with real answers to all of their methods."""
    nothing = cast("Any", None)
    executor = Remembering(database)
    reads = Reads(executor)
    pipeline = Pipeline(Authenticator(reads), nothing, CallLog(), settings.call_timeout, settings.max_calls)
    return _service(settings, AuthServicer(reads), pipeline)


async def empty_app(scope: Scope, receive: Receive, send: Send) -> None:
    """The smallest answer with a body."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


class Server(uvicorn.Server):
    """uvicorn, which says when it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so. What is there is kept from the garbage collector, as in authsvc's workers."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        print("ready", flush=True)


async def _serve(address: Address, config: uvicorn.Config) -> None:
    await Server(config).serve([socket.create_server(address)])


async def serve_remembered(address: Address, database: Path) -> None:
    """Serve rows from memory."""
    settings = Settings()
    await _serve(address, uvicorn_config(settings, remembering_service(settings, database)))


async def serve_handlers(address: Address, _: Path) -> None:
    """Serve the empty service."""
    settings = Settings()
    await _serve(address, uvicorn_config(settings, empty_service(settings)))


async def serve_asgi(address: Address, _: Path) -> None:
    """Serve the empty application on the same engine."""
    settings = Settings()
    config = uvicorn_config(settings, empty_service(settings))
    config.app = cast("Any", empty_app)
    await _serve(address, config)


async def serve_grpcaio(address: Address, _: Path) -> None:
    """Serve the empty servicer by grpc.aio."""
    server = grpc.aio.server()
    add_AuthServiceServicer_to_server(Empty(), server)  # type: ignore[no-untyped-call]
    server.add_insecure_port(str(address))
    await server.start()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.ensure_future, _stop(server))
    print("ready", flush=True)
    await server.wait_for_termination()


async def _stop(server: grpc.aio.Server) -> None:
    await server.stop(None)


KINDS: dict[str, Callable[[Address, Path], Awaitable[None]]] = {
    "remembered": serve_remembered,
    "handlers": serve_handlers,
    "asgi": serve_asgi,
    "grpcaio": serve_grpcaio,
}


def main() -> None:
    """Serve until terminated."""
    parser = argparse.ArgumentParser(description="Serve nothing.")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--listen", required=True, metavar="HOST:PORT")
    parser.add_argument("--database", default="", metavar="URL")
    options = parser.parse_args()
    host, _, port = options.listen.rpartition(":")
    logs.configure("warning")

    async def serve() -> None:
        await KINDS[options.kind](Address(host, int(port)), Path(options.database.removeprefix("sqlite:///")))

    uvloop.run(serve())


if __name__ == "__main__":
    main()

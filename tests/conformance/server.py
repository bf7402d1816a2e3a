"""The server that connectconformance tests: the doors and the uvicorn of authsvc before the conformance service.

It reads one ServerCompatRequest from standard input, serves on a free port, writes one ServerCompatResponse to standard
output, and ends on SIGTERM. Both messages stand behind their length, four bytes, big-endian. `make conformance` runs it
with the stubs of the suite's own protos on the module path.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import uvloop
from conformance.servicer import SERVICE, conformance_methods

from authsvc.api.health import HealthServicer
from authsvc.app import Service
from authsvc.config import Address, Settings
from authsvc.rpc.method import Method
from authsvc.telemetry import logs
from authsvc.workers import WebServer, uvicorn_config

_LENGTH = 4
_STUBS = "connectrpc.conformance.v1"


def main() -> None:
    """Serve one configuration until told to stop."""
    logs.configure("warning")
    with TemporaryDirectory() as folder, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(_request(), Path(folder)))


def _request() -> Any:
    """The configuration that the runner asks for."""
    length = int.from_bytes(sys.stdin.buffer.read(_LENGTH))
    message_class = import_module(f"{_STUBS}.server_compat_pb2").ServerCompatRequest
    return message_class.FromString(sys.stdin.buffer.read(length))


def _respond(port: int, certificate: bytes) -> None:
    """Tell the runner where the server listens."""
    message_class = import_module(f"{_STUBS}.server_compat_pb2").ServerCompatResponse
    response = message_class(host="127.0.0.1", port=port, pem_cert=certificate).SerializeToString()
    sys.stdout.buffer.write(len(response).to_bytes(_LENGTH) + response)
    sys.stdout.buffer.flush()


def _settings(request: Any, folder: Path) -> Settings:
    """The service's settings for this configuration; the credentials are put into files."""
    settings: dict[str, Any] = {"listen": Address("127.0.0.1", 0), "docs": False, "drain_timeout": 1.0}
    if request.message_receive_limit:
        settings["max_message_bytes"] = request.message_receive_limit
    if request.use_tls:
        for name, content in (("tls_cert", request.server_creds.cert), ("tls_key", request.server_creds.key)):
            settings[name] = folder / name
            settings[name].write_bytes(content)
    return Settings(**settings)


async def _always() -> bool:
    return True


@asynccontextmanager
async def serving(settings: Settings, methods: dict[str, Method]) -> AsyncIterator[int]:
    """Serve the methods on the one address, as the web worker does; the port."""
    health = HealthServicer([SERVICE], _always)
    nothing = cast("Any", None)
    service = Service(methods, health, settings.limits(), nothing, nothing, nothing, nothing, docs=False)
    with socket.create_server(settings.listen) as listener:
        server = WebServer(uvicorn_config(settings, service))
        running = asyncio.ensure_future(server.serve([listener]))
        await server.listening.wait()
        yield listener.getsockname()[1]
        server.should_exit = True
        await running


async def _serve(request: Any, folder: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    contract = import_module(f"{_STUBS}.service_pb2").DESCRIPTOR.services_by_name["ConformanceService"]
    async with serving(_settings(request, folder), conformance_methods(contract)) as port:
        _respond(port, request.server_creds.cert if request.use_tls else b"")
        await stop.wait()


if __name__ == "__main__":
    main()

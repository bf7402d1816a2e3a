"""What the peers in Python share: their two options, and uvicorn with its fastest loop and parser."""

# ruff: noqa: INP001 - next to programs, and no part of a package

import argparse
import socket
from pathlib import Path
from typing import Any

import uvicorn

SCHEME = "sqlite:///"


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        print("ready", flush=True)


def options() -> tuple[Path, str, int]:
    """The database file, and the host and the port to listen on, from the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True, metavar="URL", help=f"{SCHEME}/path, as of authsvc")
    parser.add_argument("--listen", required=True, metavar="HOST:PORT")
    parsed = parser.parse_args()
    host, _, port = parsed.listen.rpartition(":")
    if not parsed.database.startswith(SCHEME) or not port.isdecimal():
        parser.error(f"--database takes {SCHEME}/path, --listen takes HOST:PORT")
    return Path(parsed.database.removeprefix(SCHEME)), host, int(port)


def serve(app: Any, host: str, port: int) -> None:
    """Serve an ASGI application until the process is told to end."""
    config = uvicorn.Config(
        app, host=host, port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )
    _Server(config).run()

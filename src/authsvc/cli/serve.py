"""`authsvc serve`."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from authsvc.config import Address, Settings
from authsvc.supervisor import Supervisor


def add_to(commands: Any, *, settings: argparse.ArgumentParser, database: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser("serve", parents=[settings], help="answer calls until SIGTERM or Ctrl+C")
    parser.set_defaults(run=run)


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Serve; say on standard output where, once calls are answered."""
    return Supervisor(settings, partial(announce, settings), options.reload).run()


def announce(settings: Settings, addresses: dict[str, Address]) -> None:
    """Print the addresses, at once also into a pipe."""
    print(f"listening on {url(settings, addresses)} (gRPC, gRPC-Web, JSON)")
    if grpcio := addresses.get("grpcio"):
        print(f"listening on {grpcio} (gRPC by grpcio)")
    if metrics := addresses.get("metrics"):
        print(f"listening on http://{metrics}/metrics (metrics)")
    print("ready", flush=True)


def url(settings: Settings, addresses: dict[str, Address]) -> str:
    """The one address as a URL."""
    return f"{'https' if settings.tls_cert else 'http'}://{addresses['web']}"

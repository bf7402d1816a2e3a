"""The sockets of the service: taken before anything is changed, and held for as long as the supervisor runs."""

from __future__ import annotations

import socket
import sys
from typing import Self

from authsvc.config import ADDRESSES, Address, Settings
from authsvc.errors import StartupError

BACKLOG = 2048
# Only there does the kernel spread connections over sockets that share a port; on macOS the last one gets them all.
SPREADS = sys.platform == "linux"


class Ports:
    """The listening sockets of the one address, a web worker's each, and what keeps grpcio's port for its workers.

    `metrics` is the socket where metrics are asked for, if they are.

    The sockets outlive the workers: what the kernel has accepted for a worker that ends waits for its successor.
    Where connections are not spread, there is one socket, which all workers share.
    """

    def __init__(self, web: socket.socket, grpcio: socket.socket | None, metrics: socket.socket | None) -> None:
        self.web = [web]
        self.metrics = metrics
        self._grpcio = grpcio
        self.address = _address(web)
        self.grpcio_address = _address(grpcio) if grpcio else None
        self.metrics_address = _address(metrics) if metrics else None

    def __enter__(self) -> Self:
        """Hold them to the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of them."""
        self.close()

    def widen(self, workers: int) -> None:
        """Have a socket for each of so many web workers. A new one takes connections once its worker listens."""
        while SPREADS and len(self.web) < workers:
            try:
                self.web.append(_bound(self.address, shared=True))
            except OSError as error:
                raise StartupError(f"listen: cannot listen on {self.address}: {error.strerror}") from None

    def narrow(self, workers: int) -> None:
        """Let go of the sockets beyond so many, of workers that have not come to be."""
        while len(self.web) > max(1, workers):
            self.web.pop().close()

    def close(self) -> None:
        """Let go of all; clients are refused once no worker has a copy left."""
        for held in (*self.web, self._grpcio, self.metrics):
            if held:
                held.close()


def claim(settings: Settings) -> Ports:
    """The ports that the settings name.

    Raises:
        StartupError: one of them cannot be had.
    """
    held: dict[str, socket.socket] = {}
    try:
        for setting in ADDRESSES:
            if address := getattr(settings, setting):
                held[setting] = _claimed(setting, address, listen=setting != "grpc_listen")
    except StartupError:
        for each in held.values():
            each.close()
        raise
    return Ports(held["listen"], held.get("grpc_listen"), held.get("metrics_listen"))


def _claimed(setting: str, address: Address, *, listen: bool = False) -> socket.socket:
    """A socket that nobody else can bind beside, but sockets of ours that share the port."""
    try:
        held = _bound(address, shared=False)
        try:
            # What others have bound was in our way. Ours is in theirs from now on, unless they are made to share.
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if listen:
                held.listen(BACKLOG)  # its connections inherit what lets a next run bind while they linger
            else:
                held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        except OSError:
            held.close()
            raise
    except OSError as error:
        raise StartupError(f"{setting}: cannot listen on {address}: {error.strerror or error}") from None
    return held


def _bound(address: Address, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of an earlier run may linger
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def _address(held: socket.socket) -> Address:
    return Address(*held.getsockname()[:2])

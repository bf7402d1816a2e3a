"""Taking the ports, holding them, and sharing them among workers."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress

import pytest

from authsvc.config import Address, Settings
from authsvc.errors import StartupError
from authsvc.ports import claim

_LOOPBACK = Address("127.0.0.1", 0)


def test_what_is_claimed_cannot_be_claimed_again() -> None:
    """No port can be had a second time while the first claim lasts, and all can afterwards."""
    with claim(_settings(_LOOPBACK, _LOOPBACK)) as ports:
        web, grpcio = ports.address, ports.grpcio_address
        assert grpcio
        for setting, settings in (
            ("listen", _settings(web, "off")),
            ("grpc_listen", _settings(_LOOPBACK, grpcio)),
            ("metrics_listen", _settings(_LOOPBACK, metrics_listen=web)),
        ):
            with pytest.raises(StartupError, match=f"^{setting}: cannot listen on 127.0.0.1:[0-9]+: Address already"):
                claim(settings)
    claim(_settings(web, grpcio)).close()


def test_grpcio_can_share_the_port_that_is_held() -> None:
    """Sockets made to share grpcio's port, as its workers make them, listen beside the claim."""
    with claim(_settings(_LOOPBACK, _LOOPBACK)) as ports:
        assert ports.grpcio_address
        for _ in range(2):
            listener = socket.create_server(ports.grpcio_address, reuse_port=True)
            ports.web.append(listener)  # closed with the others


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux spreads connections over sockets")
def test_connections_are_spread_over_the_sockets() -> None:
    """Of many connections each worker's socket gets its share, and a socket that came in vain can be let go of."""
    with claim(_settings(_LOOPBACK, "off")) as ports:
        ports.widen(3)
        ports.narrow(2)
        for listener in ports.web:
            listener.listen()
            listener.setblocking(False)
        clients = [socket.create_connection(ports.address) for _ in range(60)]
        served = [_taken(listener) for listener in ports.web]
        for client in clients:
            client.close()
    assert sum(served) == 60
    assert min(served) >= 10


def test_ipv6_is_held_too() -> None:
    """An IPv6 address is claimed, shared and refused like any other."""
    with claim(_settings(Address("::1", 0), "off")) as ports:
        ports.widen(2)
        with pytest.raises(StartupError, match=r"^listen: cannot listen on \[::1\]:"):
            claim(_settings(ports.address, "off"))


def _taken(listener: socket.socket) -> int:
    """Take the connections that wait; how many those were."""
    taken = 0
    with suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
            taken += 1
    return taken


def _settings(listen: Address, grpc_listen: Address | str = "off", metrics_listen: Address | str = "off") -> Settings:
    return Settings.model_validate({"listen": listen, "grpc_listen": grpc_listen, "metrics_listen": metrics_listen})


def test_connections_that_linger_do_not_keep_the_port() -> None:
    """What a service has closed stays with the kernel for a minute; the next one can have the port at once."""
    with claim(_settings(_LOOPBACK, "off")) as ports:
        ports.widen(2)
        for listener in ports.web:
            listener.listen()
            listener.setblocking(False)
        clients = [socket.create_connection(ports.address) for _ in range(20)]
        for listener in ports.web:
            with suppress(BlockingIOError):
                while True:
                    listener.accept()[0].close()  # the side that closes first has it linger
        for client in clients:
            assert client.recv(1) == b""
            client.close()
        address = ports.address
    claim(_settings(address, "off")).close()

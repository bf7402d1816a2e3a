"""What the HTTP engine gets wrong by itself, seen on the wire."""

from __future__ import annotations

import asyncio

import h2.config
import h2.connection
import h2.events
from doors.peers import http1, http1_request
from doors.stage import playing


async def _get(port: int, path: bytes) -> dict[str, str]:
    """The headers that answer a GET whose request ends with its headers."""
    peer = h2.connection.H2Connection(h2.config.H2Configuration(validate_outbound_headers=False))
    peer.initiate_connection()
    head = [(b":method", b"GET"), (b":path", path), (b":scheme", b"http"), (b":authority", b"localhost")]
    peer.send_headers(1, head, end_stream=True)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(peer.data_to_send())
    try:
        async with asyncio.timeout(5):
            while True:
                for event in peer.receive_data(await reader.read(65_536)):
                    if isinstance(event, h2.events.ResponseReceived):
                        return {name.decode(): value.decode() for name, value in event.headers}
    finally:
        writer.close()


async def test_a_request_may_end_with_its_headers() -> None:
    """Over HTTP/2 a request without a body is answered at once."""
    async with playing() as stage:
        assert (await _get(stage.port, b"/debug/healthz"))[":status"] == "200"


async def test_a_path_that_is_not_ascii_is_refused() -> None:
    """Over HTTP/2 a raw byte above 127 in the path is answered with 400, and the connection's server lives on."""
    async with playing() as stage:
        assert (await _get(stage.port, b"/\xff"))[":status"] == "400"
        assert (await _get(stage.port, b"/debug/healthz"))[":status"] == "200"


async def test_a_target_may_be_a_whole_url() -> None:
    """Over HTTP/1.1 a request that names its target as for a proxy gets the path's answer (RFC 9112, section 3.2.2)."""
    async with playing() as stage:
        for target in ("http://localhost/debug/healthz", "http://localhost"):
            request = http1_request("GET", target)
            assert (await http1(stage.port, request)).status == (200 if target.endswith("healthz") else 404)


async def test_an_offered_upgrade_is_passed_over() -> None:
    """A client that offers to upgrade is answered over HTTP/1.1."""
    async with playing() as stage:
        request = http1_request("GET", "/debug/healthz", [("connection", "upgrade"), ("upgrade", "h2c")])
        assert (await http1(stage.port, request)).status == 200

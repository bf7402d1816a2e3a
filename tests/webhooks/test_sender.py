from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trustme
from webhooks.endpoints import Endpoint

from authsvc import __version__
from authsvc.webhooks.outcome import Outcome
from authsvc.webhooks.sender import HttpSender

Make = Callable[..., Endpoint]


async def _send(url: str, seconds: float = 5, body: bytes = b"{}") -> Outcome:
    sender = HttpSender(seconds)
    try:
        return await sender.send(url, body, "t=1, v1=00")
    finally:
        await sender.close()


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def _peer(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Answer deliveries by a function, until it is done or its client is gone; the URL."""
    talks = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n{}")
            await talk(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    await asyncio.gather(*(talk for talk in talks if talk))


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_every_success_is_one(endpoint: Make, status: int) -> None:
    """Any status from 200 to 299 means that the back end has the event."""
    assert await _send(endpoint(statuses=(status,)).url) == Outcome(status)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, "Bad Request"),
        (404, "Not Found"),
        (410, "Gone"),
        (429, "Too Many Requests"),
        (500, "Internal Server Error"),
        (599, "not a success"),
        (304, "redirects are not followed"),
    ],
)
async def test_everything_else_is_a_failure(endpoint: Make, status: int, error: str) -> None:
    """Any other status is a failure, named by the status."""
    outcome = await _send(endpoint(statuses=(status,)).url)
    assert outcome == Outcome(status, error)
    assert not outcome.delivered


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(endpoint: Make, status: int) -> None:
    """A redirect is a failure: the event goes to the address the operator gave, and nowhere else."""
    elsewhere = endpoint()
    outcome = await _send(endpoint(statuses=(status,), headers={"location": elsewhere.url}).url)
    assert outcome == Outcome(status, "redirects are not followed")
    assert elsewhere.received == []


async def test_what_is_sent(endpoint: Make) -> None:
    """A delivery is a POST of the body, with its signature, JSON's content type, and who sends it."""
    back_end = endpoint()
    await _send(f"{back_end.url}/a%20b?c=d&e", body=b'{"a": "\xc3\xa4"}')
    (request,) = back_end.received
    assert request.path == "/hook/a%20b?c=d&e"
    assert request.body == b'{"a": "\xc3\xa4"}'
    assert request.headers["workos-signature"] == "t=1, v1=00"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == f"authsvc/{__version__}"
    assert request.headers["host"] == back_end.url.split("/")[2]


async def test_no_cookie_is_kept(endpoint: Make) -> None:
    """What one answer sets comes back in no other request."""
    back_end = endpoint(headers={"set-cookie": "a=b; Path=/"})
    sender = HttpSender()
    for _ in range(2):
        assert (await sender.send(back_end.url, b"{}", "")).delivered
    await sender.close()
    assert ["cookie" in request.headers for request in back_end.received] == [False, False]


async def test_nobody_there(unused_tcp_port: int) -> None:
    """A closed port is a failure that is named."""
    assert await _send(f"http://127.0.0.1:{unused_tcp_port}/") == Outcome(None, "the connection was refused")


async def test_no_such_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host name that nobody knows is a failure that is named."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert await _send("http://nowhere.invalid/") == Outcome(None, "the host name cannot be resolved")


async def test_no_answer_in_time(endpoint: Make) -> None:
    """An endpoint that takes a request and does not answer is given up after the time an attempt may take."""
    assert await _send(endpoint(hang=60).url, 0.3) == Outcome(None, "no answer within 0.3 seconds")


async def test_a_head_that_never_ends() -> None:
    """The time is that of the whole attempt: a byte now and then does not make it longer."""

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nx-a: ")
        while True:
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with _peer(talk) as url:
        assert await _send(url, 0.5) == Outcome(None, "no answer within 0.5 seconds")


async def test_the_status_decides_whatever_follows(endpoint: Make) -> None:
    """An answer whose body does not come to its end counts by its status, once the time is over."""
    assert await _send(endpoint(body=b"abc", drip=2).url, 0.5) == Outcome(200)
    assert await _send(endpoint(statuses=(500,), body=b"abc", drip=2).url, 0.5) == Outcome(500, "Internal Server Error")


async def test_a_huge_answer_is_not_taken() -> None:
    """Of a body without end only the beginning is read, and nobody waits for the rest."""
    taken = 0

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        while True:
            writer.write(bytes(4096))
            await writer.drain()
            taken += 4096

    async with _peer(talk) as url:
        assert await _send(url, 30) == Outcome(200)
    assert taken < 16 * 2**20


async def test_a_zip_bomb_is_not_unpacked(endpoint: Make) -> None:
    """A compressed answer is passed over as it is: what is no gzip at all is no trouble."""
    assert await _send(endpoint(body=b"no gzip", headers={"content-encoding": "gzip"}).url) == Outcome(200)


@pytest.mark.parametrize("answer", [b"", b"canary\r\n\r\n", b"HTTP/1.1 canary\r\n\r\n", b"HTTP/1.1 200"])
async def test_what_is_no_http(answer: bytes) -> None:
    """An answer that is no HTTP is a failure, and none of it gets into the record."""

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    async with _peer(talk) as url:
        assert await _send(url) == Outcome(None, "the connection was closed, or the answer is no HTTP")


async def test_tls_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate is taken from an authority that is trusted, for the host that it names, and otherwise refused."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 204 OK\r\n\r\n")
        await writer.drain()

    async with _peer(talk, server) as plain:
        port = plain.rpartition(":")[2]
        refused = await _send(f"https://localhost:{port}")
        assert refused.status is None
        assert str(refused.error).startswith("the certificate is not valid: ")
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert await _send(f"https://localhost:{port}") == Outcome(204)
        other = await _send(f"https://127.0.0.1:{port}")
        assert str(other.error).startswith("the certificate is not valid: ")


async def test_https_to_a_server_without_tls(endpoint: Make) -> None:
    """TLS with a server that has none is a failure that is named."""
    outcome = await _send(endpoint().url.replace("http:", "https:"))
    assert outcome.status is None
    assert str(outcome.error).startswith("TLS failed: ")


async def test_the_libraries_do_not_log_addresses(endpoint: Make, caplog: pytest.LogCaptureFixture) -> None:
    """The address of a webhook, whose query may be a secret, does not get into the log."""
    with caplog.at_level(logging.DEBUG):
        await _send(f"{endpoint().url}?token=hidden")
    assert "hidden" not in caplog.text

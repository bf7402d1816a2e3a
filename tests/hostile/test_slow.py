"""Clients that take their time: who makes the server wait is cut off, and many of them disturb nobody."""

from __future__ import annotations

import socket
import time

import pytest
from hostile.frames import PREFACE
from hostile.http1 import WEB, head, responses
from hostile.peers import HEALTH, Raw
from hostile.site import MIB, Site

_MANY = 500
_DRIP = 0.1  # seconds between two bytes
_LATE = 1.2  # seconds beyond the limit in which the server has to notice, on a loaded machine
_GET = head("GET", "/debug/healthz")
_BODY = head("POST", HEALTH, (b"content-type", WEB), (b"content-length", b"1000"))

# By name: seconds until the clients are cut off, and what they send at first, then again and again.
SLOW: dict[str, tuple[float, list[tuple[bytes, bytes]]]] = {
    "heads": (0.6, [(b"G", b"E"), (_GET[:-2] + b"x: ", b"y"), (_GET[:-2], b"x: y\r\n"), (PREFACE[:10], b"")]),
    "bodies": (
        0.8,
        [
            (_BODY, b"\0"),
            (head("POST", HEALTH, (b"content-type", WEB), (b"transfer-encoding", b"chunked")), b"1\r\n\0\r\n"),
            (head("POST", "/nowhere", (b"content-length", b"1000")), b"x"),
        ],
    ),
}


@pytest.mark.parametrize("name", SLOW)
def test_many_slow_clients_are_cut_off(either: Site, name: str) -> None:
    """Five hundred connections that send byte by byte all end soon after the limit; who still hears it is told why."""
    limit, kinds = SLOW[name]

    def attack() -> None:
        peers = [(Raw(either.address), *kinds[number % len(kinds)]) for number in range(_MANY)]
        began = time.monotonic()
        for peer, start, _ in peers:
            peer.write(start)
        waiting = peers
        while waiting and time.monotonic() < began + limit + _LATE:
            time.sleep(_DRIP)
            waiting = [(peer, start, drip) for peer, start, drip in waiting if _still_open(peer, drip)]
        took = time.monotonic() - began
        statuses = {response.status for peer, _, _ in peers for response in responses(peer.received)}
        for peer, _, _ in peers:
            peer.socket.close()
        assert not waiting, f"{len(waiting)} connections are still open"
        assert took > limit * 0.7
        assert statuses <= {408, 404, 400, 200}

    either.endures(attack, memory=16 * MIB, seconds=0)


def _still_open(peer: Raw, drip: bytes) -> bool:
    peer.socket.setblocking(False)
    try:
        data = peer.socket.recv(4096)
        peer.received += data
        peer.cut |= not data
        if not data:
            return False
        if drip:
            peer.socket.send(drip)
    except BlockingIOError:
        return _drips(peer, drip)
    except OSError:
        peer.cut = True
    return not peer.cut


def _drips(peer: Raw, drip: bytes) -> bool:
    try:
        if drip:
            peer.socket.send(drip)
    except BlockingIOError:
        return True
    except OSError:
        peer.cut = True
    return not peer.cut


def test_a_slow_head_is_told_so(either: Site) -> None:
    """A head that does not come to its end is answered with 408, and the connection is closed."""
    with Raw(either.address) as peer:
        peer.write(_GET[:-2])
        (response,) = responses(peer.drain())
        assert peer.cut
    assert response.status == 408
    assert response.headers["connection"] == "close"


def test_a_slow_body_is_told_so(either: Site) -> None:
    """A body that does not come to its end, of a request that waits for it, is answered with 408."""
    with Raw(either.address) as peer:
        peer.write(_BODY)
        (response,) = responses(peer.drain())
        assert peer.cut
    assert response.status in {408, 200}


def test_requests_in_a_row_are_answered_in_order(either: Site) -> None:
    """Requests sent all at once get their answers in order: a thousand, or thirty where they have to be queued."""
    count = 1000 if either.engine == "zttp" else 30
    targets = ["/debug/healthz" if number % 3 else f"/nowhere/{number}" for number in range(count)]
    with Raw(either.address) as peer:
        peer.write(b"".join(head("GET", target) for target in targets[:-1]))
        peer.write(head("GET", targets[-1], (b"connection", b"close")))
        found = responses(peer.drain())
    assert [response.status for response in found] == [404 if "nowhere" in target else 200 for target in targets]


def test_requests_ahead_are_not_kept(either: Site) -> None:
    """What is sent behind a request under way stays in the network until its turn comes."""
    ahead = head("GET", "/debug/healthz", (b"x", b"y" * 1000)) * 16_000

    def attack() -> None:
        with Raw(either.address) as peer:
            peer.write(head("POST", HEALTH, (b"content-type", WEB), (b"content-length", b"9")) + b"\0" * 4)
            peer.write(b"\0" * 5 + ahead, 0.8)

    either.endures(attack, memory=4 * MIB, seconds=0)


@pytest.mark.parametrize("target", ["/debug/healthz", "/openapi.json"])
def test_answers_that_nobody_reads_are_not_piled_up(either: Site, target: str) -> None:
    """Who asks over and over and reads nothing is held up, then cut off."""

    def attack() -> None:
        with Raw(either.address, buffer=4096) as peer:
            peer.write(head("GET", target) * 200_000, 1.5)
            deadline = time.monotonic() + 2.0
            while not peer.cut and time.monotonic() < deadline:
                peer.write(b"x", 0.1)
                time.sleep(0.1)
            assert peer.cut

    either.endures(attack, memory=8 * MIB, seconds=0)


@pytest.mark.parametrize(
    "sent", [_GET, _GET[:20], _BODY + b"\0", PREFACE[:12]], ids=["request", "head", "body", "preface"]
)
def test_who_will_send_no_more_is_gone(site: Site, sent: bytes) -> None:
    """A client that closes its side counts as gone: it is cut off at once, with an answer or without."""
    with Raw(site.address) as peer:
        peer.write(sent)
        peer.socket.shutdown(socket.SHUT_WR)
        statuses = [response.status for response in responses(peer.drain(0.5))]
        assert peer.cut
    assert statuses in ([], [200], [400])


def test_a_large_body_that_nobody_wants_is_dropped(site: Site) -> None:
    """A body of any size to a path that is not served is answered before it is here, and takes no memory."""

    def attack() -> None:
        with Raw(site.address) as peer:
            peer.write(head("POST", "/nowhere", (b"content-length", b"4000000000")))
            peer.write(bytes(64 * MIB), 1.0)
            assert [response.status for response in responses(peer.until_answered())] == [404]

    attack()
    site.endures(attack, memory=MIB, seconds=0.2)

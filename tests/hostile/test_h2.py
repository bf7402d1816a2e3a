"""Hostile clients of HTTP/2: the bad one is answered or cut off, memory stays flat, others notice nothing."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest
from hostile.frames import (
    ACK,
    CANCEL,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    GRPC,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS,
    PADDED,
    PING,
    PRIORITY,
    REFUSED_STREAM,
    SETTINGS,
    block,
    frame,
    literal,
    message,
    named_by_index,
    request,
    reset,
    settings,
    window_update,
)
from hostile.peers import H2, HEALTH
from hostile.site import MIB, Site

GUARDED = "/zitadel.auth.v1.AuthService/GetMyUser"
WATCH = "/grpc.health.v1.Health/Watch"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
# A file with what it imports: some 30 bytes are asked for with, some 100,000 are the answer.
_SYMBOL = b"zitadel.auth.v1.AuthService"
_ASK = message(b"\x22" + bytes([len(_SYMBOL)]) + _SYMBOL)
_FLOOD = 4 * MIB

# By name: a frame that leads to nothing. Stream 1 is open.
FLOODS = {
    "ping": frame(PING, payload=b"12345678"),
    "ping answers": frame(PING, ACK, payload=b"12345678"),
    "settings": settings(),
    "settings with a table size": settings((1, 0)) + settings((1, 4096)),
    "settings answers": frame(SETTINGS, ACK),
    "window updates": window_update(1),
    "window updates of a stream": window_update(1, 1),
    "priorities": frame(PRIORITY, 0, 1, b"\0\0\0\0\1"),
    "empty data": frame(DATA, 0, 1),
    "padding": frame(DATA, PADDED, 1, b"\xff" + bytes(255)),
    "unknown frames": frame(0x20, 0, 0, b"nothing"),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_of_frames_is_cut_off(site: Site, name: str) -> None:
    """Who sends what leads to nothing is cut off, and told why, and others are served as ever."""

    def attack() -> None:
        with H2(site.address) as peer:
            peer.write(request(1, HEALTH))
            _flood(peer, FLOODS[name])

    site.endures(attack)


@pytest.mark.parametrize("name", ["ping", "settings"])
def test_answers_do_not_pile_up(site: Site, name: str) -> None:
    """The answers to a client that reads none of them take no memory to speak of."""

    def attack() -> None:
        with H2(site.address, buffer=4096) as peer:
            peer.write(FLOODS[name] * (16 * _FLOOD // len(FLOODS[name])), 3.0)
            assert peer.cut or peer.ends(3.0)

    site.endures(attack)


def test_requests_that_are_reset_at_once_are_cut_off(site: Site) -> None:
    """A rapid reset costs next to nothing: the connection is given up after some hundred resets."""
    pair = [request(stream, HEALTH) + reset(stream) for stream in range(1, 40_001, 2)]

    def attack() -> None:
        with H2(site.address) as peer:
            peer.write(b"".join(pair), 3.0)
            assert peer.cut or peer.ends(3.0)

    site.endures(attack, memory=16 * MIB)


@pytest.mark.parametrize("retired", [False, True], ids=["too many", "retired"])
def test_a_flood_of_refused_requests_is_cut_off(site: Site, *, retired: bool) -> None:
    """Requests beyond the allowed number, or on a retired connection, are no reason to go on listening."""
    flood = b"".join(request(stream, HEALTH) for stream in range(1001, 80_001, 2))
    prepared = [_retired(site) if retired else _full(site) for _ in range(5)]

    def attack() -> None:
        if prepared:
            with prepared.pop() as peer:
                peer.write(flood, 3.0)
                assert peer.cut or peer.ends(0.5), "the flood went through"

    site.endures(attack)
    for peer in prepared:
        peer.socket.close()


def _full(site: Site) -> H2:
    """A connection with as many open requests as are allowed."""
    peer = H2(site.address)
    peer.write(b"".join(request(stream, REFLECTION) for stream in range(1, 201, 2)))
    peer.settled()
    return peer


def _retired(site: Site) -> H2:
    """A connection that takes no further request, with one still open."""
    peer = H2(site.address)
    peer.write(request(1, REFLECTION))
    stream = 3
    while not peer.until(lambda: peer.goaway is not None, 0.0005) and stream < 1000:
        peer.write(request(stream, HEALTH) + reset(stream, CANCEL))
        stream += 2
    peer.answer_pings()
    assert peer.until(lambda: peer.goaway is not None and peer.goaway[0] < stream)
    return peer


@pytest.mark.parametrize("piece", [b"", literal(b"x", b"y" * 900)], ids=["empty", "of 900 bytes"])
def test_an_endless_header_block_is_cut_off(site: Site, piece: bytes) -> None:
    """A flood of CONTINUATION frames ends the connection before the block is large."""

    def attack() -> None:
        with H2(site.address) as peer:
            peer.write(frame(HEADERS, 0, 1, block(HEALTH)))
            _flood(peer, frame(CONTINUATION, 0, 1, piece))

    site.endures(attack)


def test_headers_that_refer_to_a_large_entry_are_cut_off(site: Site) -> None:
    """A header block of 20 kB that stands for 60 MB is refused without being built."""
    bomb = literal(b"x", b"y" * 4000, indexed=True) + b"\xbe" * 12_000

    def attack() -> None:
        with H2(site.address) as peer:
            peer.write(frame(HEADERS, END_HEADERS | END_STREAM, 1, block(HEALTH) + bomb))
            assert peer.ends(3.0)

    site.endures(attack)


def test_a_closed_window_holds_back_the_server(site: Site) -> None:
    """Who asks for much and gives no window costs a bounded buffer, and is cut off when it has stalled."""

    def attack() -> None:
        with H2(site.address, (INITIAL_WINDOW_SIZE, 0)) as peer:
            for stream in range(1, 41, 2):
                peer.write(request(stream, REFLECTION) + frame(DATA, 0, stream, _ASK * 50))
            assert peer.until(lambda: sum(reply.ended for reply in peer.replies.values()) >= 20, 4.0) or peer.cut

    site.endures(attack, memory=16 * MIB)


def test_who_does_not_read_is_cut_off(site: Site) -> None:
    """Who has wide windows but reads nothing from its socket is cut off when it has stalled."""

    def attack() -> None:
        with H2(site.address, (INITIAL_WINDOW_SIZE, 2**31 - 1), buffer=4096) as peer:
            peer.write(window_update(2**30))
            for stream in range(1, 41, 2):
                peer.write(request(stream, REFLECTION) + frame(DATA, 0, stream, _ASK * 100), 0.2)
            time.sleep(1.2)
            assert peer.ends(3.0)

    site.endures(attack, memory=24 * MIB)


def test_windows_of_single_bytes_cost_little(site: Site) -> None:
    """Who lets an answer through byte by byte costs time in proportion to what it sends."""

    def attack() -> None:
        with H2(site.address, (INITIAL_WINDOW_SIZE, 0)) as peer:
            peer.write(request(1, REFLECTION) + frame(DATA, 0, 1, _ASK * 20))
            _flood(peer, window_update(1, 1))

    site.endures(attack, memory=8 * MIB, cpu=1.0)


def test_an_unread_stream_does_not_hold_up_another(site: Site) -> None:
    """A request whose body nobody reads leaves the other requests of its connection alone."""
    with H2(site.address, (INITIAL_WINDOW_SIZE, 0)) as peer:
        peer.write(request(1, REFLECTION))
        for _ in range(8):
            peer.write(frame(DATA, 0, 1, _ASK * 400))
        peer.write(window_update(MIB) + settings((INITIAL_WINDOW_SIZE, 65_535)))
        assert peer.check(3).status == 0


def test_half_a_message_ends_with_the_deadline(site: Site) -> None:
    """Requests that never end are answered with DEADLINE_EXCEEDED, and their slots serve others."""
    with H2(site.address) as peer:
        streams = range(1, 201, 2)
        peer.write(b"".join(request(stream, HEALTH) + frame(DATA, 0, stream, b"\0\0") for stream in streams))
        assert {peer.reply(stream).status for stream in streams} == {4}
        assert peer.check(201).status == 0


def test_more_streams_than_allowed_are_refused(site: Site) -> None:
    """The announced number of requests is served at once; one more is refused, so that it can be repeated."""
    with H2(site.address) as peer:
        allowed = peer.settled()[MAX_CONCURRENT_STREAMS]
        assert allowed == 100
        peer.write(b"".join(request(stream, HEALTH) for stream in range(1, 2 * allowed + 1, 2)))
        assert peer.check(2 * allowed + 1).reset == REFUSED_STREAM
        peer.write(frame(DATA, END_STREAM, 1, message()))
        assert peer.reply(1).status == 0
        assert peer.check(2 * allowed + 3).status == 0


@pytest.mark.parametrize(("path", "sent"), [(GUARDED, b""), (WATCH, message())], ids=["unread", "watches"])
def test_calls_without_a_token_keep_nobody_out(site: Site, path: str, sent: bytes) -> None:
    """A client without a token that holds all the calls it may keeps out its like, and nobody else."""
    calls = [request(stream, path) + (frame(DATA, 0, stream, sent) if sent else b"") for stream in range(1, 201, 2)]

    def attack() -> None:
        with ExitStack() as stack:
            for _ in range(10):
                peer = stack.enter_context(H2(site.address))
                for each in calls:
                    peer.write(each)
                    time.sleep(0.0002)  # it is the number that counts here, not a burst
                peer.settled()
            late = stack.enter_context(H2(site.address))
            late.write(request(1, path) + frame(DATA, END_STREAM, 1, message()))
            assert late.reply(1).status == 8
            time.sleep(0.4)

    site.endures(attack, memory=24 * MIB)


@pytest.mark.parametrize(
    ("name", "bad", "good", "code"),
    [
        (b"grpc-timeout", b"abc", b"5S", 13),
        (b"grpc-encoding", b"foo", b"identity", 12),
        (b"x-some-bin", b"***", b"AAEC", 13),
    ],
)
def test_a_bad_header_does_not_spoil_later_calls(site: Site, name: bytes, bad: bytes, good: bytes, code: int) -> None:
    """A value that cannot be read fails its own call only, also if the next call takes the name from the table."""
    usual, body = block(HEALTH), message()
    fields = [literal(name, bad, indexed=True), named_by_index(62, good), b"\xbe", b"\xbf", b"\xbe"]
    with H2(site.address) as peer:
        found = []
        for stream, field in zip(range(1, 11, 2), fields, strict=True):
            peer.write(frame(HEADERS, END_HEADERS, stream, usual + field) + frame(DATA, END_STREAM, stream, body))
            found.append(peer.reply(stream).status)
        assert found == [code, 0, 0, code, 0]


# By name: headers of a request that is malformed (RFC 9113, section 8), beside those of a good one.
MALFORMED = {
    "upper case": [literal(b"X-Name", b"1")],
    "no name": [literal(b"", b"1")],
    "line end in a value": [literal(b"x", b"1\r\ny: 2")],
    "NUL in a value": [literal(b"x", b"1\0")],
    "connection": [literal(b"connection", b"close")],
    "transfer-encoding": [literal(b"transfer-encoding", b"chunked")],
    "te": [literal(b"te", b"gzip")],
    "second path": [literal(b":path", b"/")],
    "late pseudo header": [literal(b":protocol", b"x")],
    "another host": [literal(b"host", b"elsewhere")],
    "length": [literal(b"content-length", b"7")],
    "two lengths": [literal(b"content-length", b"5"), literal(b"content-length", b"6")],
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_fails_alone(site: Site, name: str) -> None:
    """A malformed request is reset or refused; those beside and after it are served."""
    with H2(site.address) as peer:
        peer.write(request(1, HEALTH))
        head = frame(HEADERS, END_HEADERS, 3, block(HEALTH) + b"".join(MALFORMED[name]))
        peer.write(head + frame(DATA, END_STREAM, 3, message()))
        reply = peer.reply(3)
        assert reply.reset == 1 or reply.headers[":status"] == "400"
        peer.write(frame(DATA, END_STREAM, 1, message()))
        assert peer.reply(1).status == 0
        assert peer.check(5).status == 0


# By name: bytes after which a connection cannot go on.
BROKEN = {
    "a frame of 16 MiB": frame(DATA, 0, 1, length=2**24 - 1),
    "data on stream 0": frame(DATA, 0, 0, b"x"),
    "data on an idle stream": frame(DATA, 0, 99, b"x"),
    "an even stream": request(2, HEALTH),
    "a lower stream": request(9, HEALTH) + request(7, HEALTH),
    "a lone continuation": frame(CONTINUATION, 0, 1),
    "a frame between headers": frame(HEADERS, 0, 3, block(HEALTH)) + frame(PING, payload=bytes(8)),
    "an index beyond the table": frame(HEADERS, END_HEADERS, 3, b"\xff\x7f"),
    "an endless integer": frame(HEADERS, END_HEADERS, 3, b"\xff" * 30),
    "a cut string": frame(HEADERS, END_HEADERS, 3, b"\x00\x7f\x7fx"),
    "a short ping": frame(PING, payload=b"1"),
    "a ping on a stream": frame(PING, 0, 1, bytes(8)),
    "odd settings": frame(SETTINGS, payload=b"123"),
    "a window of 2**31": settings((INITIAL_WINDOW_SIZE, 2**31)),
    "a window update of 0": window_update(0),
    "a window that overflows": window_update(2**31 - 1) * 2,
    "padding beyond the frame": frame(DATA, PADDED, 1, b"\xff1"),
    "a push": frame(5, END_HEADERS, 1, bytes(4)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_connection_is_closed(site: Site, name: str) -> None:
    """What breaks the rules of the connection ends it with GOAWAY and an error code, at once."""
    with H2(site.address) as peer:
        peer.write(request(1, HEALTH) + BROKEN[name])
        assert peer.ends(2.0)
        assert peer.goaway
        assert peer.goaway[1] > 0


def test_a_connection_outlives_many_calls(site: Site) -> None:
    """Of any number of calls none is lost: a connection is retired with GOAWAY before its parser gives it up."""
    left, connections = 4_500, 0
    while left > 0:
        connections += 1
        with H2(site.address, (INITIAL_WINDOW_SIZE, 2**20)) as peer:
            peer.write(window_update(2**30))
            left -= _calls_until_retired(peer, left)
    assert connections == 2


def _calls_until_retired(peer: H2, left: int) -> int:
    """Make calls, fifty at a time; how many were taken. Each of those must be answered."""
    taken, stream = 0, 1
    while taken < left:
        streams = range(stream, stream + 100, 2)
        calls = (request(number, HEALTH) + frame(DATA, END_STREAM, number, message()) for number in streams)
        peer.write(b"".join(calls))
        replies = {number: peer.reply(number) for number in streams}
        last, code = peer.goaway or (streams[-1], 0)
        assert code == 0
        assert all(reply.status == 0 for number, reply in replies.items() if number <= last)
        taken += sum(number <= last for number in streams)
        if peer.goaway:
            break
        stream = streams.stop
    return taken


@pytest.mark.parametrize("bad", ["cancelled", "malformed"])
def test_many_cancelled_calls_do_not_fail_another(site: Site, bad: str) -> None:
    """Others may share the connection, behind a proxy: it is retired before its parser gives up, and they go on."""
    with H2(site.address) as peer:
        peer.write(request(1, HEALTH))
        for stream in range(3, 1003, 2):
            fields = (*GRPC, (b"X", b"y")) if bad == "malformed" else GRPC
            peer.write(request(stream, HEALTH, fields) + (reset(stream) if bad == "cancelled" else b""))
            if not stream % 32:
                peer.until(lambda: peer.goaway is not None, 0.02)
            if peer.until(lambda: peer.goaway is not None, 0.0005):
                break
        assert peer.goaway
        assert peer.goaway[1] == 0
        peer.write(frame(DATA, END_STREAM, 1, message()))
        assert peer.reply(1).status == 0


def test_a_retired_connection_takes_no_new_call(site: Site) -> None:
    """What comes after the last GOAWAY is refused, so that its client can repeat it elsewhere; the rest is answered."""
    with _retired(site) as peer:
        late = peer.check(1001)
        assert late.reset == REFUSED_STREAM
        assert late.status is None
        peer.write(frame(DATA, END_STREAM, 1, _ASK))
        assert peer.reply(1).status == 0
        assert peer.ends(2.0)


def _flood(peer: H2, frames: bytes) -> None:
    """Send the same over and over; the server must cut the connection and say why if the client still hears it."""
    peer.write(frames * (_FLOOD // len(frames)), 3.0)
    assert peer.cut or peer.ends(3.0), "the flood went through"
    assert peer.goaway is None or peer.goaway[1] == ENHANCE_YOUR_CALM

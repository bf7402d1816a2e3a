"""Whose address a request comes from, behind proxies and liars (RFC 7239)."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from authsvc.domain.accounts import Visitor
from authsvc.oauth.visitor import visitor

TRUSTED = [ip_network(each) for each in ("10.0.0.0/8", "2001:db8:ffff::/48", "127.0.0.1")]
PROXY = "10.0.0.1"


def _address(peer: str | None, *headers: tuple[str, str]) -> str | None:
    return visitor(peer, [(name.encode(), value.encode()) for name, value in headers], TRUSTED).ip_address


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "10.0.0.1"),
        ("/run/authsvc.sock", None),
        ("", None),
        (None, None),
    ],
)
def test_without_headers_it_is_the_peer(peer: str | None, address: str | None) -> None:
    """The visitor's address is that of the connection, in one spelling; a socket file has none."""
    assert _address(peer) == address


@pytest.mark.parametrize("peer", ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "11.0.0.1"])
@pytest.mark.parametrize("header", [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=203.0.113.9")])
def test_nobody_but_a_proxy_is_believed(peer: str, header: tuple[str, str]) -> None:
    """Headers of a peer that is not trusted do not count."""
    assert _address(peer, header) == _address(peer)


def test_socket_file_is_no_proxy() -> None:
    """A peer without an address is not trusted."""
    assert _address(None, ("x-forwarded-for", "203.0.113.9")) is None


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("2001:db8::9", "2001:db8::9"),
        ("[2001:db8::9]", "2001:db8::9"),
        ("[2001:db8::9]:4711", "2001:db8::9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        (" 203.0.113.9 ", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("198.51.100.1,203.0.113.9,10.1.1.1", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9, 10.1.1.1:80, 2001:db8:ffff::2", "203.0.113.9"),
        ("10.9.9.9, 203.0.113.9", "203.0.113.9"),
        ("10.3.3.3, 10.2.2.2", "10.3.3.3"),
        ("unknown", PROXY),
        ("203.0.113.9, unknown", PROXY),
        ("203.0.113.9, unknown, 10.2.2.2", "10.2.2.2"),
        ("unknown, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9,", PROXY),
        ("", PROXY),
        ("203.0.113.999", PROXY),
        ("203.0.113.9:", PROXY),
        ("0xcb.0.0.1", PROXY),
        ("203.0.113.9 10.0.0.1", PROXY),
        ("[203.0.113.9", PROXY),
        ("<script>", PROXY),
    ],
)
def test_x_forwarded_for_is_read_from_the_right(value: str, address: str) -> None:
    """The first address from the right that is no proxy's is the visitor's; what is no address ends the search."""
    assert _address(PROXY, ("x-forwarded-for", value)) == address


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("for=203.0.113.9", "203.0.113.9"),
        ("For=203.0.113.9;proto=https;by=10.0.0.1", "203.0.113.9"),
        ("proto=https; for=203.0.113.9", "203.0.113.9"),
        ('for="203.0.113.9:4711"', "203.0.113.9"),
        ('for="[2001:db8::9]"', "2001:db8::9"),
        ('for="[2001:db8::9]:4711"', "2001:db8::9"),
        ('for="[2001:db8::9]:_port"', "2001:db8::9"),
        (r'for="\203.0.113.9"', "203.0.113.9"),
        ("for=198.51.100.1, for=203.0.113.9", "203.0.113.9"),
        ("for=203.0.113.9, for=10.2.2.2;host=a", "203.0.113.9"),
        ('for=203.0.113.9;host="a,b;for=198.51.100.1"', "203.0.113.9"),
        ("for=unknown", PROXY),
        ("for=_hidden", PROXY),
        ("for=203.0.113.9, for=_hidden", PROXY),
        ("proto=https", PROXY),
        ("for=203.0.113.9;for=198.51.100.1", PROXY),
        ("xfor=203.0.113.9", PROXY),
        ("203.0.113.9", PROXY),
        ('for="203.0.113.9', PROXY),
        ('for=198.51.100.1;x=",for="[2001:db8::9]"', PROXY),
        ('for=198.51.100.1;x=",for=203.0.113.9', PROXY),
        ("for=203.0.113.9;", "203.0.113.9"),
        ('for="' + '\\"' * 8_000, PROXY),
    ],
)
def test_forwarded_is_read_from_the_right(value: str, address: str) -> None:
    """As the other header; one that cannot be read as a whole tells nothing."""
    assert _address(PROXY, ("forwarded", value)) == address


def test_lines_of_a_header_are_one_list() -> None:
    """A proxy may append a line of its own; one that a visitor has broken does not spoil it."""
    assert _address(PROXY, ("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.9")) == "203.0.113.9"
    assert _address(PROXY, ("forwarded", 'for="x'), ("forwarded", "for=203.0.113.9")) == "203.0.113.9"


@pytest.mark.parametrize(
    ("listed", "forwarded", "address"),
    [
        ("203.0.113.9", "for=203.0.113.9", "203.0.113.9"),
        ("203.0.113.9", 'for="[::ffff:203.0.113.9]:80"', "203.0.113.9"),
        ("203.0.113.9", "for=198.51.100.1", PROXY),
        ("203.0.113.9", "nonsense", PROXY),
    ],
)
def test_headers_that_disagree_do_not_count(listed: str, forwarded: str, address: str) -> None:
    """Whoever writes the header that the proxy leaves alone cannot choose an address."""
    assert _address(PROXY, ("x-forwarded-for", listed), ("forwarded", forwarded)) == address


def test_user_agent_is_kept_as_far_as_anybody_reads() -> None:
    """The first `User-Agent` counts, 500 characters of it; none is none."""
    assert visitor("192.0.2.1", [(b"user-agent", b"a" * 501), (b"user-agent", b"b")], []).user_agent == "a" * 500
    assert visitor("192.0.2.1", [(b"user-agent", b"\xff")], []).user_agent == "\ufffd"
    assert visitor("192.0.2.1", [(b"user-agent", b"")], []) == Visitor("192.0.2.1", None)

"""Who is at the other end of a request: behind trusted proxies by `Forwarded` (RFC 7239) or `X-Forwarded-For`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import unquote

from authsvc.domain.accounts import Visitor

Network = IPv4Network | IPv6Network
_Address = IPv4Address | IPv6Address

_LONGEST_AGENT = 500  # characters that are kept; browsers send less
# RFC 7239, section 4: a pair and what follows it; the value is a quoted string, or no stricter than proxies are.
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_VALUE = r'"(?:[^"\\]|\\.)*"|[^\s;,"=]*'
_PAIR = re.compile(rf"[ \t]*(?:(?P<name>{_NAME})=(?P<value>{_VALUE}))?[ \t]*(?P<next>[;,]|\Z)")
_PORT = r"(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?"
_BRACKETED = re.compile(rf"\[(?P<host>[^\]]*)\]{_PORT}")
_PLAIN = re.compile(rf"(?P<host>[0-9.]+){_PORT}")


def visitor(peer: str | None, headers: Sequence[tuple[bytes, bytes]], trusted: Sequence[Network]) -> Visitor:
    """The visitor whose request came from the address `peer`, with header names in lower case.

    Each proxy appends who asked it. From the right, addresses in `trusted` are proxies of ours, and the first that is
    not is the visitor; what stands left of it anybody can have written, and is not looked at. Something that is no
    address ends the search at the proxy that said so. Where both headers are there and disagree, one of them is not the
    proxy's: then it is the proxy that counts.
    """
    address = _address(peer) if peer else None
    agent = _values(headers, b"user-agent")
    user_agent = agent[0][:_LONGEST_AGENT] if agent else None
    if address is not None and _is_in(address, trusted):
        found = {_walk(address, hops, trusted) for hops in _chains(headers)}
        address = found.pop() if len(found) == 1 else address
    return Visitor(str(address) if address is not None else None, user_agent or None)


def caller(peer: str, metadata: Iterable[tuple[str, str | bytes]], trusted: Sequence[Network]) -> Visitor:
    """The visitor who called an RPC from `peer`, as gRPC writes addresses: `ipv4:192.0.2.1:50312`."""
    sort, _, rest = peer.partition(":")
    host = unquote(rest).rpartition(":")[0].strip("[]") if sort in {"ipv4", "ipv6"} else None
    headers = [(name.encode(), value.encode()) for name, value in metadata if isinstance(value, str)]
    return visitor(host, headers, trusted)


def told(address: str, user_agent: str) -> Visitor | None:
    """The visitor of whom somebody else tells, either of which may be empty; None if that is no address."""
    parsed = _address(address)
    if address and parsed is None:
        return None
    return Visitor(str(parsed) if parsed else None, user_agent[:_LONGEST_AGENT] or None)


def _chains(headers: Sequence[tuple[bytes, bytes]]) -> Iterator[list[_Address | None]]:
    """The hops that each header tells of, the farthest first, None for what is no address."""
    if listed := _values(headers, b"x-forwarded-for"):
        yield [_node(each.strip()) for each in ",".join(listed).split(",")]
    if elements := _values(headers, b"forwarded"):
        yield [hop for each in elements for hop in _forwarded(each)]


def _walk(peer: _Address, hops: list[_Address | None], trusted: Sequence[Network]) -> _Address:
    nearest = peer
    for hop in reversed(hops):
        if hop is None:
            return nearest
        nearest = hop
        if not _is_in(hop, trusted):
            return nearest
    return nearest


def _forwarded(value: str) -> list[_Address | None]:
    """The hops of one header; nothing in it counts unless all of it can be read.

    Else a quotation mark that a visitor leaves open would turn what a proxy appends into a part of what they wrote.
    """
    hops: list[_Address | None] = []
    nodes: list[str] = []
    at = 0
    while pair := _PAIR.match(value, at):
        if (pair["name"] or "").lower() == "for":
            nodes.append(_unquoted(pair["value"]))
        if pair["next"] != ";":
            hops.append(_node(nodes[0]) if len(nodes) == 1 else None)
            nodes.clear()
        if not pair["next"]:
            return hops
        at = pair.end()
    return [None]


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def _node(text: str) -> _Address | None:
    """The address in a node (RFC 7239, section 6), which may have a port; IPv6 may lack the brackets."""
    match = _BRACKETED.fullmatch(text) or _PLAIN.fullmatch(text)
    return _address(match["host"] if match else text)


def _address(text: str) -> _Address | None:
    """An address without a zone; an IPv4 address is one however it was written."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_in(address: _Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)


def _values(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("utf-8", "replace") for key, value in headers if key == name]

"""Redirect URIs: where a client may have people sent (RFC 6749, section 3.1.2; RFC 8252, section 7; RFC 9700, 4.1).

Registered ones are compared character by character; only the port of a native client's loopback address is free.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):(?://([^/?]*))?([A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]*)", re.ASCII)
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9\-._~%]+|\[[0-9A-Fa-f:.]+\])(?::([1-9][0-9]{0,4}))?", re.ASCII)
_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]|localhost))(?::[1-9][0-9]{0,4})?((?:[/?].*)?)", re.ASCII)
_WITHOUT_HOST = re.compile(r"[a-z][a-z0-9+\-]*\.[a-z0-9+.\-]*[a-z0-9]", re.ASCII)
_MAX_PORT = 65_535


def is_redirect_uri(uri: str, *, native: bool) -> bool:
    """Whether a client may register this URI: https anywhere, http on this machine only, without user and fragment.

    Native clients may also have a scheme of their own, named like a domain backwards (RFC 8252, section 7.1).
    """
    parts = _URI.fullmatch(uri)
    if parts is None:
        return False
    scheme, authority = parts[1], parts[2]
    if scheme in {"http", "https"}:
        return _is_host(authority or "") and (scheme == "https" or _loopback(uri) is not None)
    return native and _WITHOUT_HOST.fullmatch(scheme) is not None and "@" not in (authority or "")


def is_allowed(uri: str, registered: Iterable[str], *, native: bool) -> bool:
    """Whether people may be sent to this URI, by those that the client has registered."""
    if not is_redirect_uri(uri, native=native):
        return False
    if uri in (known := tuple(registered)):
        return True
    place = _loopback(uri) if native else None
    return place is not None and any(_loopback(other) == place for other in known)


def _loopback(uri: str) -> tuple[str, str] | None:
    """What stands before and behind the port of a loopback URI, None for all others."""
    match = _LOOPBACK.fullmatch(uri)
    return (match[1], match[2]) if match else None


def _is_host(authority: str) -> bool:
    """Whether it is a host, perhaps with a port, and nobody's name before it."""
    match = _AUTHORITY.fullmatch(authority)
    return match is not None and int(match[1] or 0) <= _MAX_PORT

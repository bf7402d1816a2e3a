"""Addresses on the web, as operators write them."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


def parts_of(text: str) -> SplitResult | None:
    """The parts of an http or https address that carries no credentials, None for anything else."""
    try:
        parts = urlsplit(text)
        is_one = parts.scheme in DEFAULT_PORTS and parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return None
    return parts if is_one and text.isascii() and not re.search(r"[\s\\]", text) else None


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine, to which traffic needs no TLS."""
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return host is not None and (host == "localhost" or host.endswith(".localhost"))

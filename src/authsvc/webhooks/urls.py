"""Which addresses webhooks may have."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from authsvc.errors import Refused

_LONGEST = 2_048
_PRINTABLE = re.compile(r"[!-~]+")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?")


def checked_url(text: str, *, insecure: bool = False) -> str:
    """The URL, if a webhook may have it: https, or http to this machine or, if `insecure`, to any.

    Raises:
        Refused: it may not; the sentence says why.
    """
    if len(text) > _LONGEST or not _PRINTABLE.fullmatch(text) or "\\" in text:
        raise Refused(f"--url: must be at most {_LONGEST} characters of ASCII without spaces")
    parts = _split(text)
    if parts.scheme not in {"http", "https"}:
        raise Refused("--url: must begin with https:// or http://")
    host = parts.hostname or ""
    if not (_HOST.fullmatch(host) or _is_ip(host)):
        raise Refused("--url: must name a host, for example https://example.com/hook")
    if "@" in parts.netloc:
        # They would stand in lists and logs; the signature tells who sends.
        raise Refused("--url: must not hold a user name or password")
    if "#" in text:
        raise Refused("--url: must not have a fragment, which is never sent")
    if parts.scheme == "http" and not (insecure or _is_loopback(host)):
        raise Refused("--url: must be https, as events are about people; --insecure allows http all the same")
    return text


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        usable = parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise Refused("--url: is not a URL")
    return parts


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_ip(host) and ip_address(host).is_loopback)

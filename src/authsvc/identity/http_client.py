"""How this service asks others by HTTP. Loads a client for HTTP, so only what asks imports it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx2

from authsvc import __version__

# They log addresses, which are nobody's business: a path or query may be a secret.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)


def http_client(timeout: float, headers: Mapping[str, str], **options: Any) -> httpx2.AsyncClient:
    """A client that follows no redirects, keeps no cookies, and verifies certificates; `timeout` in seconds.

    `options` are more of those of httpx2.
    """
    return httpx2.AsyncClient(
        timeout=timeout,
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        headers={**headers, "user-agent": f"authsvc/{__version__}"},
        **options,
    )

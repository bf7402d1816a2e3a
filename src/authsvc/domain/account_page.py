"""The account page as a client: what the server itself keeps of it. Nobody else makes it, and no file has it."""

from __future__ import annotations

from authsvc.domain.redirects import is_redirect_uri

CLIENT_ID = "authsvc-account"
PATH = "/account"


def is_possible(issuer: str) -> bool:
    """Whether there can be the page at this issuer: people may be sent back to it only by https, or on this machine.

    Nor would browsers let it work elsewhere: without TLS they have no cryptography for pages.
    """
    return is_redirect_uri(issuer + PATH, native=False)

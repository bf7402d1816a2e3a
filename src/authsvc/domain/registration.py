"""What a client may register (RFC 6749, section 2; RFC 9700, sections 2.1 and 4.1; RFC 8252, sections 7 and 8)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from authsvc.domain.clients import CLIENT_GRANTS, GrantType
from authsvc.domain.redirects import is_redirect_uri

MAX_CLIENT_ID = 200  # characters
MAX_URI = 2_000  # characters
SHORT_NAMES = {grant.rpartition(":")[2]: grant for grant in CLIENT_GRANTS}
"""The grant types that a client can be allowed, by what people call them."""
DEFAULT_GRANTS = (GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN)
"""What a client is allowed that does not say."""
NO_URI = (
    "must be an https address without user and fragment; http is only for localhost, 127.0.0.1 and [::1], and a scheme "
    "with a dot, such as com.example.app, only for native clients"
)

_CLIENT_ID = re.compile(r"[!-~]+")


class Registration(NamedTuple):
    """What is said of a client before it is one. `is_public` is whether it gets no secret."""

    is_public: bool
    native: bool
    redirect_uris: tuple[str, ...]
    post_logout_uris: tuple[str, ...]
    grant_types: tuple[GrantType, ...]


class Fault(NamedTuple):
    """What is wrong with a registration: with which of its fields, with which item of it, and a sentence."""

    field: str
    item: int | None
    text: str


def is_client_id(text: str) -> bool:
    """Whether a client may call itself so: visible ASCII characters, not too many."""
    return len(text) <= MAX_CLIENT_ID and bool(_CLIENT_ID.fullmatch(text))


def faults(client: Registration) -> Iterator[Fault]:
    """Everything that is wrong with a registration; no sentence repeats an address."""
    if client.native and not client.is_public:
        yield Fault("native", None, "cannot be true for a client with a secret: whoever has the app would have it too")
    for field, uris in (("redirect_uris", client.redirect_uris), ("post_logout_uris", client.post_logout_uris)):
        for number, uri in enumerate(uris):
            if not is_redirect_uri(uri, native=client.native) or len(uri) > MAX_URI:
                yield Fault(field, number, NO_URI)
            elif uri in uris[:number]:
                yield Fault(field, number, "is given twice")
    yield from _grant_faults(client)


def _grant_faults(client: Registration) -> Iterator[Fault]:
    grants = client.grant_types
    for number, grant in enumerate(grants):
        if grant in grants[:number]:
            yield Fault("grant_types", number, "is given twice")
    if GrantType.AUTHORIZATION_CODE in grants and not client.redirect_uris:
        yield Fault("redirect_uris", None, "must not be empty: authorization_code sends people there")
    if GrantType.AUTHORIZATION_CODE not in grants and client.redirect_uris:
        yield Fault("redirect_uris", None, "must be empty: without authorization_code nobody is sent there")
    if set(grants) == {GrantType.REFRESH_TOKEN}:
        yield Fault("grant_types", None, "needs authorization_code or device_code: refresh tokens come from these")

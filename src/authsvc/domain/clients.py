"""Clients: the applications that people sign in to (RFC 6749, section 2)."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NamedTuple


class ClientState(IntEnum):
    """Whether a client may still do anything."""

    ACTIVE = 1
    INACTIVE = 2


class GrantType(StrEnum):
    """How a client gets tokens; the values are those of `grant_type`."""

    AUTHORIZATION_CODE = "authorization_code"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - a word of the protocol
    CLIENT_CREDENTIALS = "client_credentials"
    JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
    TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - likewise


CLIENT_GRANTS = (GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN, GrantType.DEVICE_CODE)
"""What a client can be allowed; the other grant types belong to machine users."""
SIGNING_ALGORITHMS = ("RS256", "EdDSA")
"""What tokens are signed with; a client that does not choose gets the first."""
SECRET_PREFIX = "cs_"  # noqa: S105 - of client secrets, so that one that is leaked can be told


class Client(NamedTuple):
    """A client as the store holds it.

    `id` is the number of its row, `client_id` the name by which it calls itself. Lists are texts: `redirect_uris` and
    `post_logout_uris` with a line for each, `grant_types` with spaces. Without a `secret_hash` it is a public client.
    `native` ones may use any port of a loopback redirect URI (RFC 8252, section 7.3); for a `trusted` one nobody is
    asked for consent, at most whether to go on. `project_id` is the project whose clients may introspect each other's
    tokens.
    """

    id: int
    client_id: str
    name: str
    state: int
    secret_hash: bytes | None
    native: bool
    trusted: bool
    redirect_uris: str
    post_logout_uris: str
    grant_types: str
    access_token_type: int
    signing_algorithm: str
    project_id: int | None

    @property
    def is_public(self) -> bool:
        """Whether it has no secret to prove who it is (RFC 6749, section 2.1)."""
        return self.secret_hash is None

    def may(self, grant: GrantType) -> bool:
        """Whether it may get tokens by this grant type."""
        return grant in self.grant_types.split()

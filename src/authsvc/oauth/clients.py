"""Client authentication: basic, post and none (RFC 6749, sections 2.3.1 and 3.2.1; OIDC Core, section 9)."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from typing import NamedTuple, Protocol
from urllib.parse import unquote_plus

from authsvc.domain.clients import Client, ClientState, GrantType
from authsvc.domain.tokens import token_hash
from authsvc.oauth.errors import OAuthError
from authsvc.oauth.exchange import TokenRequest
from authsvc.oauth.guessing import Guessing, client_buckets

METHODS = ("client_secret_basic", "client_secret_post", "none")
"""How clients can say who they are at the token endpoint."""
SECRET_METHODS = METHODS[:2]
"""How clients can prove it."""
_SCHEME = "basic "
_NO_HASH = bytes(32)  # no secret has this hash


class ClientReader(Protocol):
    """Where clients are looked up."""

    async def by_client_id(self, client_id: str) -> Client | None:
        """The client that calls itself so, an inactive one too."""


class Credentials(NamedTuple):
    """What a client says of itself; without a secret it is a public one, or pretends to be."""

    client_id: str
    secret: str | None


class ClientAuthentication:
    """Tells which client asks.

    Secrets are random, so that none can be guessed and the right one is always accepted; failures are still counted
    by address, and end in `TooManyAttempts` instead of a refusal.
    """

    def __init__(self, clients: ClientReader, guessing: Guessing) -> None:
        self._clients = clients
        self._guessing = guessing

    async def client(self, request: TokenRequest) -> Client:
        """The client that asks: a confidential one has shown its secret, a public one has only said its name.

        Raises:
            OAuthError: `invalid_client`: it is not known, or not the one it says; `invalid_request`: it says so twice.
            TooManyAttempts: `invalid_client` too often.
        """
        given = credentials(request)
        client = await self._clients.by_client_id(given.client_id)
        if client is not None and client.state == ClientState.ACTIVE and _is_proven(client, given.secret):
            return client
        await self._guessing.take(*client_buckets(request.visitor.ip_address))
        raise _refused()

    async def confidential(self, request: TokenRequest) -> Client:
        """As `client`, but public clients are refused."""
        client = await self.client(request)
        if client.is_public:
            raise _refused()
        return client


def credentials(request: TokenRequest) -> Credentials:
    """What the request says of its client, in its header or its form.

    Raises:
        OAuthError: `invalid_client`: nothing that can be read; `invalid_request`: both.
    """
    in_form = request.form.get("client_id", "")
    secret = request.form.get("client_secret")
    if not request.authorization:
        if not in_form:
            raise _refused()
        return Credentials(in_form, secret)
    given = _basic(request.authorization)
    if secret is not None or in_form not in {"", given.client_id}:
        raise OAuthError("invalid_request", "the client says in two ways who it is")
    return given


def _basic(headers: Sequence[str]) -> Credentials:
    """The credentials in `authorization`: name and secret, each encoded as in a form before they were joined."""
    if len(headers) != 1 or headers[0][: len(_SCHEME)].lower() != _SCHEME:
        raise _refused()
    try:
        pair = base64.b64decode(headers[0][len(_SCHEME) :].strip(), validate=True).decode()
        name, colon, secret = pair.partition(":")
        decoded = Credentials(unquote_plus(name, errors="strict"), unquote_plus(secret, errors="strict"))
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise _refused() from None
    if not colon or not decoded.client_id:
        raise _refused()
    return decoded


def check_grant(client: Client, grant: GrantType) -> None:
    """Make sure that the client may get tokens by a grant type.

    Raises:
        OAuthError: `unauthorized_client`.
    """
    if not client.may(grant):
        raise OAuthError("unauthorized_client", "the client may not use this grant type")


def _is_proven(client: Client, secret: str | None) -> bool:
    if client.secret_hash is None:
        return not secret
    return hmac.compare_digest(token_hash(secret) if secret else _NO_HASH, client.secret_hash)


def _refused() -> OAuthError:
    return OAuthError("invalid_client", "the client is not known, or has not shown that it is the one it says")

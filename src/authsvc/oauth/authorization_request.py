"""Authorization requests, read strictly (RFC 6749, section 4.1.1; RFC 7636, section 4.3; OIDC Core, 3.1.2.1)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from authsvc.domain.clients import Client, ClientState, GrantType
from authsvc.domain.redirects import is_allowed
from authsvc.oauth import scopes
from authsvc.oauth.clients import ClientReader, check_grant
from authsvc.oauth.errors import Code, OAuthError
from authsvc.oauth.hints import Hint, Hints
from authsvc.oauth.scopes import ProjectReader

LOGIN = "login"
CONSENT = "consent"
SELECT_ACCOUNT = "select_account"
SILENT = "none"
PROMPTS = (SILENT, LOGIN, SELECT_ACCOUNT, CONSENT)
"""What `prompt` may say."""
_CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}", re.ASCII)
_AGE = re.compile(r"[0-9]{1,10}", re.ASCII)
_NOT_SUPPORTED: Mapping[str, Code] = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}


class Unsafe(Exception):
    """Nobody may be sent to where the request says. `key` is that of the text that tells the person.

    For the operator there are `client_id`, if it is one that is registered, and `reason`, in words of ours.
    """

    def __init__(self, key: str, client_id: str | None = None) -> None:
        super().__init__(key)
        self.key = key
        self.client_id = client_id
        self.reason = key.removeprefix("error.")


class Redirected(Exception):
    """The browser goes to the client, at `location`, with what is wrong: `reason`, in words of ours."""

    def __init__(self, location: str, client_id: str, reason: str) -> None:
        super().__init__("the client is told")
        self.location = location
        self.client_id = client_id
        self.reason = reason


class Address(NamedTuple):
    """Where the answer to a request goes: a client's registered redirect URI, with the `state` of the request."""

    issuer: str
    client_id: str
    redirect_uri: str
    state: str | None

    def location(self, answer: Mapping[str, str]) -> str:
        """The URI with the answer's parameters, `state`, and `iss` (RFC 9207) behind those that it has."""
        state = {} if self.state is None else {"state": self.state}
        query = urlencode({**answer, **state, "iss": self.issuer})
        separator = "&" if "?" in self.redirect_uri else "?"
        return f"{self.redirect_uri}{separator}{query}"

    def error(self, code: Code, description: str) -> Redirected:
        """What tells the client that something is wrong."""
        location = self.location({"error": code, "error_description": description})
        return Redirected(location, self.client_id, f"{code}: {description}")


class AuthorizationRequest(NamedTuple):
    """A request that may be answered. `max_age` in seconds.

    `hint` is what an `id_token_hint` says, None if there was none.
    """

    client: Client
    address: Address
    scope: str
    nonce: str | None
    code_challenge: str
    prompt: frozenset[str]
    max_age: int | None
    login_hint: str
    hint: Hint | None

    @property
    def redirect_uri(self) -> str:
        """Where the answer goes."""
        return self.address.redirect_uri

    @property
    def state(self) -> str | None:
        """What comes back to the client with the answer."""
        return self.address.state

    @property
    def is_silent(self) -> bool:
        """Whether no page may be shown."""
        return SILENT in self.prompt


class RequestReader:
    """Reads authorization requests."""

    def __init__(self, clients: ClientReader, projects: ProjectReader, hints: Hints, issuer: str) -> None:
        self._clients = clients
        self._projects = projects
        self._hints = hints
        self._issuer = issuer

    async def read(self, pairs: Sequence[tuple[str, str]]) -> AuthorizationRequest:
        """The request in the decoded parameters of a query or a form.

        Raises:
            Unsafe: the client is not known or not active, or the redirect URI is not one of its own.
            Redirected: anything else is wrong, and the client is told.
        """
        counts = Counter(name for name, _ in pairs)
        # A parameter without a value counts as missing (RFC 6749, section 3.1).
        values = {name: value for name, value in pairs if value}
        if counts["client_id"] > 1 or counts["redirect_uri"] > 1:
            raise Unsafe("error.malformed")
        client = await self._client(values.get("client_id", ""))
        redirect_uri = values.get("redirect_uri", "")
        if not is_allowed(redirect_uri, client.redirect_uris.split("\n"), native=client.native):
            raise Unsafe("error.redirect_uri", client.client_id)
        state = values.get("state") if counts["state"] == 1 else None
        address = Address(self._issuer, client.client_id, redirect_uri, state)
        if max(counts.values()) > 1:
            raise address.error("invalid_request", "a parameter is there more than once")
        try:
            return await self._checked(client, address, values)
        except OAuthError as error:
            raise address.error(error.code, error.description) from None

    async def _client(self, client_id: str) -> Client:
        client = await self._clients.by_client_id(client_id) if client_id else None
        if client is None or client.state != ClientState.ACTIVE:
            raise Unsafe("error.unknown_client", client.client_id if client else None)
        return client

    async def _checked(self, client: Client, address: Address, values: Mapping[str, str]) -> AuthorizationRequest:
        _check_kind(client, values)
        prompt = _prompt(values.get("prompt", ""))
        max_age = values.get("max_age")
        if max_age is not None and not _AGE.fullmatch(max_age):
            raise OAuthError("invalid_request", "max_age is a number of seconds")
        hint = None
        if "id_token_hint" in values:
            hint = await self._hints.read(values["id_token_hint"])
            if hint is None or hint.client_id != client.client_id:
                raise OAuthError("login_required", "id_token_hint is no ID token that this client got here")
        return AuthorizationRequest(
            client=client,
            address=address,
            scope=await self._scope(client, values.get("scope", "")),
            nonce=values.get("nonce"),
            code_challenge=_challenge(values),
            prompt=prompt,
            max_age=None if max_age is None else int(max_age),
            login_hint=values.get("login_hint", ""),
            hint=hint,
        )

    async def _scope(self, client: Client, asked: str) -> str:
        scope = scopes.known(asked, offline=client.may(GrantType.REFRESH_TOKEN))
        return scopes.existing(scope, await self._projects.names(scopes.projects(scope)))


def _check_kind(client: Client, values: Mapping[str, str]) -> None:
    """It asks for a code, in the query, and in no way that does not exist here."""
    for name, code in _NOT_SUPPORTED.items():
        if name in values:
            raise OAuthError(code, f"{name} is not supported")
    if "response_type" not in values:
        raise OAuthError("invalid_request", "response_type is missing")
    if values["response_type"] != "code":
        raise OAuthError("unsupported_response_type", "response_type can only be code")
    if values.get("response_mode", "query") != "query":
        raise OAuthError("invalid_request", "response_mode can only be query")
    check_grant(client, GrantType.AUTHORIZATION_CODE)


def _challenge(values: Mapping[str, str]) -> str:
    challenge = values.get("code_challenge", "")
    if values.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise OAuthError("invalid_request", "code_challenge is wanted, of 43 characters, with the method S256")
    return challenge


def _prompt(text: str) -> frozenset[str]:
    prompt = frozenset(text.split())
    if not prompt <= set(PROMPTS) or (SILENT in prompt and len(prompt) > 1):
        raise OAuthError("invalid_request", "prompt is none alone, or some of login, select_account and consent")
    return prompt

"""Relying parties as they are released, each doing the same: two for Node, two for Python."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2
import orjson
from authlib.integrations.httpx_client import OAuth2Client  # type: ignore[import-untyped]
from authlib.integrations.starlette_client import OAuth  # type: ignore[import-untyped]
from harness import NO_CERTIFICATES
from interop.driver import Driver
from interop.oidc.site import SCOPE, Client
from joserfc import jwt
from joserfc.jwk import KeySet
from requests_oauthlib import OAuth2Session
from starlette.requests import Request

_DISCOVERY = "/.well-known/openid-configuration"


class Tokens(NamedTuple):
    """What a party was given: `claims` are those of the ID token, which it has verified, None without one."""

    access_token: str
    refresh_token: str | None
    scope: str
    expires_in: int
    id_token: str | None
    claims: dict[str, Any] | None


class Party(ABC):
    """A client of a server, as a library makes it."""

    def __init__(self, issuer: str, client: Client) -> None:
        self.issuer = issuer
        self.client = client

    @abstractmethod
    def begin(self, **parameters: str) -> str:
        """Where it sends people to sign in, with `state`, `nonce` and a challenge of its own."""

    @abstractmethod
    def finish(self, callback: str) -> Tokens:
        """What it gets for the code in the URL with which a person came back."""

    @abstractmethod
    def refresh(self, refresh_token: str) -> Tokens:
        """What it gets for a refresh token."""

    @abstractmethod
    def userinfo(self, tokens: Tokens) -> dict[str, Any]:
        """What it is told of the user."""


class NodeParty(Party):
    """`openid-client` or `oauth4webapi`."""

    def __init__(self, issuer: str, client: Client, driver: Driver) -> None:
        super().__init__(issuer, client)
        self._driver = driver
        self.metadata: dict[str, Any] = driver(
            "discover",
            issuer=issuer,
            client_id=client.client_id,
            client_secret=client.secret,
            method=client.method,
            algorithm=client.algorithm,
            redirect_uri=client.redirect_uri,
        )

    def call(self, operation: str, **arguments: Any) -> Any:
        """What an operation of the driver gives; see `drivers` for their names."""
        return self._driver(operation, client_id=self.client.client_id, **arguments)

    def tokens(self, operation: str, **arguments: Any) -> Tokens:
        """The same for operations that give tokens."""
        answer = self.call(operation, **arguments)
        return Tokens(**{name: answer.get(name) for name in Tokens._fields})

    def begin(self, **parameters: str) -> str:
        """As `Party.begin`."""
        url: str = self.call("begin", **{"scope": SCOPE} | parameters)
        return url

    def finish(self, callback: str) -> Tokens:
        """As `Party.finish`."""
        return self.tokens("finish", callback=callback)

    def refresh(self, refresh_token: str) -> Tokens:
        """As `Party.refresh`."""
        return self.tokens("refresh", refresh_token=refresh_token)

    def userinfo(self, tokens: Tokens) -> dict[str, Any]:
        """As `Party.userinfo`."""
        assert tokens.claims
        answer: dict[str, Any] = self.call("userinfo", access_token=tokens.access_token, subject=tokens.claims["sub"])
        return answer


class AuthlibParty(Party):
    """Authlib's client for Starlette, which verifies ID tokens, and its session for what that leaves out."""

    def __init__(self, issuer: str, client: Client) -> None:
        super().__init__(issuer, client)
        self._session: dict[str, Any] = {}
        self._app = OAuth().register(
            "site",
            client_id=client.client_id,
            client_secret=client.secret,
            server_metadata_url=issuer + _DISCOVERY,
            client_kwargs={
                "scope": SCOPE,
                "code_challenge_method": "S256",
                "token_endpoint_auth_method": client.method,
                "trust_env": False,
                "verify": NO_CERTIFICATES,
            },
        )

    def begin(self, **parameters: str) -> str:
        """As `Party.begin`."""
        redirect = self._app.authorize_redirect(self._request(""), self.client.redirect_uri, **parameters)
        url: str = asyncio.run(redirect).headers["location"]
        return url

    def finish(self, callback: str) -> Tokens:
        """As `Party.finish`."""
        answer = asyncio.run(self._app.authorize_access_token(self._request(urlsplit(callback).query)))
        return _tokens(answer, dict(answer["userinfo"]))

    def refresh(self, refresh_token: str) -> Tokens:
        """As `Party.refresh`."""
        with self._client() as client:
            return _tokens(client.refresh_token(self._endpoint("token"), refresh_token))

    def userinfo(self, tokens: Tokens) -> dict[str, Any]:
        """As `Party.userinfo`."""
        token = {"access_token": tokens.access_token, "token_type": "Bearer"}
        return dict(asyncio.run(self._app.userinfo(token=token)))

    def introspect(self, token: str) -> dict[str, Any]:
        """What a back end is told of a token."""
        with self._client() as client:
            answer: dict[str, Any] = client.introspect_token(self._endpoint("introspection"), token=token).json()
        return answer

    def revoke(self, token: str) -> int:
        """The status with which the server takes a token back."""
        with self._client() as client:
            status: int = client.revoke_token(self._endpoint("revocation"), token=token).status_code
        return status

    def log_out(self, id_token: str, back: str) -> str:
        """Where it sends somebody who signs out."""
        request = self._request("")
        redirect = self._app.logout_redirect(request, back, id_token_hint=id_token)
        url: str = asyncio.run(redirect).headers["location"]
        return url

    def is_logged_out(self, callback: str) -> bool:
        """Whether it takes the URL with which they come back for the answer to that."""
        answer = asyncio.run(self._app.validate_logout_response(self._request(urlsplit(callback).query)))
        return bool(answer["post_logout_redirect_uri"])

    def _request(self, query: str) -> Request:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "session": self._session}
        return Request({**scope, "query_string": query.encode()})

    def _client(self) -> Any:
        return OAuth2Client(
            self.client.client_id,
            self.client.secret,
            token_endpoint_auth_method=self.client.method,
            revocation_endpoint_auth_method=self.client.method,
            trust_env=False,
            verify=NO_CERTIFICATES,
        )

    def _endpoint(self, name: str) -> str:
        url: str = asyncio.run(self._app.load_server_metadata())[f"{name}_endpoint"]
        return url


class RequestsParty(Party):
    """`requests-oauthlib`, which knows nothing of OpenID Connect: the ID token is read here."""

    def __init__(self, issuer: str, client: Client) -> None:
        super().__init__(issuer, client)
        self._metadata = _document(issuer + _DISCOVERY)
        self._session = OAuth2Session(
            client.client_id, redirect_uri=client.redirect_uri, scope=SCOPE.split(), pkce="S256"
        )
        self._session.trust_env = False

    def begin(self, **parameters: str) -> str:
        """As `Party.begin`."""
        url: str = self._session.authorization_url(self._metadata["authorization_endpoint"], **parameters)[0]
        return url

    def finish(self, callback: str) -> Tokens:
        """As `Party.finish`."""
        answer = self._session.fetch_token(
            self._metadata["token_endpoint"],
            authorization_response=callback,
            client_secret=self.client.secret,
            include_client_id=self.client.method != "client_secret_basic",
        )
        keys = KeySet.import_key_set(_document(self._metadata["jwks_uri"]))
        claims = jwt.decode(answer["id_token"], keys, algorithms=[self.client.algorithm]).claims
        return _tokens(answer, claims)

    def refresh(self, refresh_token: str) -> Tokens:
        """As `Party.refresh`."""
        credentials = {"client_id": self.client.client_id, "client_secret": self.client.secret}
        given: dict[str, Any] = {name: value for name, value in credentials.items() if value is not None}
        return _tokens(self._session.refresh_token(self._metadata["token_endpoint"], refresh_token, **given))

    def userinfo(self, tokens: Tokens) -> dict[str, Any]:
        """As `Party.userinfo`."""
        answer: dict[str, Any] = self._session.get(self._metadata["userinfo_endpoint"]).json()
        return answer


def _document(url: str) -> Any:
    with httpx2.Client(trust_env=False, verify=NO_CERTIFICATES) as client:
        return orjson.loads(client.get(url).raise_for_status().content)


def _tokens(answer: dict[str, Any], claims: dict[str, Any] | None = None) -> Tokens:
    # oauthlib makes a list of the scope.
    scope = answer["scope"] if isinstance(answer["scope"], str) else " ".join(answer["scope"])
    return Tokens(
        answer["access_token"],
        answer.get("refresh_token"),
        scope,
        answer["expires_in"],
        answer.get("id_token"),
        claims,
    )

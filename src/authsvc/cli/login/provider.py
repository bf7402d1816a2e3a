"""The service as its clients see it: metadata, tokens and who somebody is (RFC 8414, RFC 6749, OpenID Connect Core)."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from authsvc import __version__
from authsvc.cli.login import id_token
from authsvc.cli.login.saved import Tokens
from authsvc.errors import Refused

_TIMEOUT = 10.0  # seconds
_MAX_TEXT = 200  # characters that are shown of what the service says
# They log addresses, and with them codes.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class Rejected(Refused):
    """An error of the protocol; `code` is the registered one (RFC 6749, section 5.2)."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"the service refuses: {shown(description or code)}")
        self.code = code


class Provider:
    """Asks the service at `issuer` on behalf of the public client `client_id`. Every method raises `Refused`."""

    def __init__(
        self,
        issuer: str,
        client_id: str,
        *,
        cacert: Path | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.issuer = issuer
        self.client_id = client_id
        self._metadata: dict[str, Any] | None = None
        self._client = httpx2.Client(
            timeout=_TIMEOUT,
            follow_redirects=False,
            headers={"accept": "application/json", "user-agent": f"authsvc/{__version__}"},
            verify=_trust(cacert),
            trust_env=not issuer.startswith("http://"),  # no proxy is asked for what is on this machine
            transport=transport,
        )

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._client.close()

    def endpoint(self, name: str) -> str:
        """The address of an endpoint, such as `token`, which is the issuer's own: nobody else gets what is sent."""
        url = self._about().get(f"{name}_endpoint" if name != "keys" else "jwks_uri")
        if not isinstance(url, str) or not url.startswith(f"{self.issuer}/"):
            raise Refused(f"{self.issuer} has no {name} endpoint of its own")
        return url

    def tokens(self, grant_type: str, *, nonce: str | None = None, **fields: str) -> Tokens:
        """The answer of the token endpoint; an ID token in it is verified.

        Raises:
            Rejected: the service says no.
        """
        form = {"grant_type": grant_type, "client_id": self.client_id, **fields}
        answer = self.post("token", form)
        token, life = answer.get("access_token"), answer.get("expires_in")
        is_bearer = str(answer.get("token_type")).lower() == "bearer"
        if not (is_bearer and isinstance(token, str) and token.isascii() and token.isprintable()):
            raise Refused("the service gave no bearer token")
        if not isinstance(life, int):
            raise Refused("the service does not say how long the token lasts")
        signed = answer.get("id_token")
        if signed is not None or nonce is not None:
            keys = self._asked("GET", self.endpoint("keys")).get("keys")
            id_token.verify(signed, keys, issuer=self.issuer, client_id=self.client_id, nonce=nonce, now=time.time())
        return Tokens(token, int(time.time()) + life, answer.get("refresh_token"), signed)

    def post(self, name: str, form: Mapping[str, str]) -> dict[str, Any]:
        """What an endpoint answers to a form."""
        return self._asked("POST", self.endpoint(name), data=dict(form))

    def is_good(self, tokens: Tokens) -> bool:
        """Whether the access token can be used: it may have been revoked, or its session ended."""
        status = self._userinfo(tokens).status_code
        # The scope may be for something else than this question.
        if status in {httpx2.codes.OK, httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN}:
            return status != httpx2.codes.UNAUTHORIZED
        raise self._no_answer(status)

    def name(self, tokens: Tokens) -> str:
        """What to call whom the access token belongs to."""
        found = _object(self._userinfo(tokens))
        return shown(str(found.get("preferred_username") or found.get("sub") or "somebody"))

    def _userinfo(self, tokens: Tokens) -> httpx2.Response:
        return self._sent("GET", self.endpoint("userinfo"), headers={"authorization": f"Bearer {tokens.access_token}"})

    def _about(self) -> dict[str, Any]:
        if self._metadata is None:
            self._metadata = self._asked("GET", f"{self.issuer}/.well-known/openid-configuration")
            if self._metadata.get("issuer") != self.issuer:
                raise Refused(f"{self.issuer} calls itself {shown(str(self._metadata.get('issuer')))}: use that")
        return self._metadata

    def _asked(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        response = self._sent(method, url, **more)
        answer = _object(response)
        if response.status_code == httpx2.codes.OK:
            return answer
        if isinstance(code := answer.get("error"), str):
            raise Rejected(code, str(answer.get("error_description", "")))
        raise self._no_answer(response.status_code)

    def _no_answer(self, status: int) -> Refused:
        return Refused(f"{self.issuer} answers with status {status}")

    def _sent(self, method: str, url: str, **more: Any) -> httpx2.Response:
        try:
            return self._client.request(method, url, **more)
        except httpx2.HTTPError as error:
            raise Refused(f"{self.issuer} cannot be reached: {shown(str(error) or type(error).__name__)}") from None


def _object(response: httpx2.Response) -> dict[str, Any]:
    """The JSON object of a response, an empty one if it is anything else."""
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _trust(cacert: Path | None) -> ssl.SSLContext | bool:
    try:
        return ssl.create_default_context(cafile=cacert) if cacert else True
    except ssl.SSLError:
        raise Refused("--cacert: is not a PEM file with certificates") from None


def shown(text: str) -> str:
    """What others say, in a form that does nothing to a terminal."""
    return "".join(character for character in text if character.isprintable())[:_MAX_TEXT]

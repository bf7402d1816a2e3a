"""The ways to a token: a stored one, a browser on this machine (RFC 7636, RFC 9207), another device (RFC 8628)."""

from __future__ import annotations

import base64
import hashlib
import os
import sys
import time
import webbrowser
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlencode

from authsvc.cli.login.loopback import Loopback
from authsvc.cli.login.provider import Provider, Rejected, shown
from authsvc.cli.login.saved import Saved, Tokens
from authsvc.domain.clients import GrantType
from authsvc.domain.tokens import new_token
from authsvc.errors import Refused

_PATIENCE = 600.0  # seconds that somebody may take to sign in
_LEFT = 30  # seconds that a stored token must still last
_INTERVAL = 5  # seconds between questions, where the service does not say
_SLOWER = 5  # seconds more, when it wants fewer


class _DeviceAnswer(NamedTuple):
    """What a device is told (RFC 8628, section 3.2); times in seconds."""

    device_code: str
    user_code: str
    verification_uri: str
    expires_in: int
    interval: int


class SignIn:
    """Signs in to the service with one scope, and keeps what it gives."""

    def __init__(
        self, provider: Provider, saved: Saved, scope: str, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._provider = provider
        self._saved = saved
        self._scope = scope
        self._sleep = sleep

    def known(self) -> Tokens | None:
        """Stored tokens that can still be used, refreshed if need be; None if somebody has to sign in.

        Raises:
            Refused: the service cannot say so at present.
        """
        tokens = self._saved.get(self._provider.issuer, self._provider.client_id, self._scope)
        if tokens is None:
            return None
        if tokens.expires_at > time.time() + _LEFT and self._provider.is_good(tokens):
            return tokens
        if tokens.refresh_token is None:
            return None
        try:
            fresh = self._provider.tokens(GrantType.REFRESH_TOKEN, refresh_token=tokens.refresh_token)
        except Rejected as error:
            if error.code == "invalid_grant":
                return None
            raise  # somebody who signs in now would have the same trouble
        return self._kept(fresh._replace(refresh_token=fresh.refresh_token or tokens.refresh_token))

    def by_browser(self, *, opens: bool) -> Tokens:
        """New tokens by the code flow. `opens` is whether the browser is opened here.

        Raises:
            Refused: nobody has signed in, or the answer is not one to this sign-in.
        """
        state, nonce, verifier = new_token(), new_token(), new_token()
        with Loopback(state) as loopback:
            url = f"{self._provider.endpoint('authorization')}?" + urlencode(
                {
                    "response_type": "code",
                    "client_id": self._provider.client_id,
                    "redirect_uri": loopback.redirect_uri,
                    "scope": self._scope,
                    "state": state,
                    "nonce": nonce,
                    "code_challenge": _challenge(verifier),
                    "code_challenge_method": "S256",
                }
            )
            print(f"sign in with a browser at\n{url}", file=sys.stderr, flush=True)
            if opens:
                _open(url)
            answer = loopback.answer(_PATIENCE)
        if answer.get("iss") != self._provider.issuer:
            raise Refused("the answer is not the service's: it does not say so, or names another issuer")
        if "code" not in answer:
            raise Rejected(answer.get("error", ""), answer.get("error_description", ""))
        return self._kept(
            self._provider.tokens(
                GrantType.AUTHORIZATION_CODE,
                nonce=nonce,
                code=answer["code"],
                redirect_uri=loopback.redirect_uri,
                code_verifier=verifier,
            )
        )

    def by_device(self) -> Tokens:
        """New tokens, once somebody has entered the code that is shown.

        Raises:
            Refused: nobody has, or somebody has said no.
        """
        answer = self._device_answer()
        interval = answer.interval
        ends_at = time.monotonic() + answer.expires_in
        print(f"open {answer.verification_uri} and enter {shown(answer.user_code)}", file=sys.stderr, flush=True)
        while time.monotonic() < ends_at:
            self._sleep(interval)
            try:
                return self._kept(self._provider.tokens(GrantType.DEVICE_CODE, device_code=answer.device_code))
            except Rejected as error:
                if error.code not in {"authorization_pending", "slow_down"}:
                    raise
                interval += _SLOWER if error.code == "slow_down" else 0
        raise Refused("nobody has entered the code in time")

    def _device_answer(self) -> _DeviceAnswer:
        form = {"client_id": self._provider.client_id, "scope": self._scope}
        fields = {"interval": _INTERVAL, **self._provider.post("device_authorization", form)}
        answer = _DeviceAnswer(**{name: fields.get(name) for name in _DeviceAnswer._fields})  # type: ignore[arg-type]
        texts = (answer.device_code, answer.user_code, answer.verification_uri)
        numbers = (answer.expires_in, answer.interval)
        if not (all(isinstance(text, str) for text in texts) and all(isinstance(number, int) for number in numbers)):
            raise Refused("the service gave no code for a device")
        if not answer.verification_uri.startswith(f"{self._provider.issuer}/"):
            raise Refused("the service sends people elsewhere")
        return answer

    def _kept(self, tokens: Tokens) -> Tokens:
        self._saved.put(self._provider.issuer, self._provider.client_id, self._scope, tokens)
        return tokens


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _open(url: str) -> None:
    """Open the browser, whose messages would stand beside the token: standard output is lent to standard error."""
    sys.stdout.flush()
    ours = os.dup(1)
    try:
        os.dup2(2, 1)
        webbrowser.open(url)
    finally:
        os.dup2(ours, 1)
        os.close(ours)

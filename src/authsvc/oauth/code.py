"""The authorization code grant with PKCE (RFC 6749, section 4.1.3; RFC 7636, section 4.6; RFC 9700, section 2.1)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

from authsvc.domain.authorizations import Authorized
from authsvc.domain.clients import Client, GrantType
from authsvc.domain.clock import Clock, now
from authsvc.oauth.clients import ClientAuthentication, check_grant
from authsvc.oauth.errors import OAuthError
from authsvc.oauth.exchange import TokenAnswer, TokenRequest
from authsvc.oauth.issue import Issuing
from authsvc.store.authorizations import Authorizations

_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}", re.ASCII)


class CodeGrant:
    """Exchanges codes. A code is good once; a second time revokes all that the first gave (section 4.1.2).

    A second time is one that would have succeeded as the first: who has a code without its verifier can do no harm.
    """

    def __init__(
        self,
        authentication: ClientAuthentication,
        authorizations: Authorizations,
        issuing: Issuing,
        clock: Clock = now,
    ) -> None:
        self._authentication = authentication
        self._authorizations = authorizations
        self._issuing = issuing
        self._clock = clock

    async def tokens(self, request: TokenRequest) -> TokenAnswer:
        """The tokens for a code.

        Raises:
            OAuthError: it is refused.
            TooManyAttempts: client authentication has failed too often.
        """
        client = await self._authentication.client(request)
        check_grant(client, GrantType.AUTHORIZATION_CODE)
        code, redirect_uri = request.value("code"), request.value("redirect_uri")
        challenge = s256(request.value("code_verifier"))
        # What cannot be good keeps no writer waiting.
        _bound(await self._authorizations.by_code(None, code), client, redirect_uri, challenge)
        async with self._issuing.transaction() as tx:
            found = _bound(await self._authorizations.by_code(tx, code), client, redirect_uri, challenge)
            if found.code_used_at is None:
                self._check(found)
                await self._authorizations.use_code(tx, found.id)
                return await self._issuing.answer(tx, found.holder, client, found.scope, found.id, nonce=found.nonce)
            await self._authorizations.revoke(tx, found.id)
        # Only now: an exception inside would have undone the revocation.
        raise _refused()

    def _check(self, found: Authorized) -> None:
        at = self._clock()
        if (found.code_expires_at or 0) <= at or not found.is_good(at):
            raise _refused()


def _bound(found: Authorized | None, client: Client, redirect_uri: str, challenge: str) -> Authorized:
    """A code that was given to this client, if it has this redirect URI and the verifier of this challenge."""
    if found is None or found.client_id != client.id or found.redirect_uri != redirect_uri:
        raise _refused()
    if not hmac.compare_digest(found.code_challenge or "", challenge):
        raise _refused()
    return found


def s256(verifier: str) -> str:
    """The challenge that belongs to a verifier by the method S256.

    Raises:
        OAuthError: `invalid_request`: it is no verifier.
    """
    if not _VERIFIER.fullmatch(verifier):
        raise OAuthError("invalid_request", "code_verifier has 43 to 128 unreserved characters")
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _refused() -> OAuthError:
    return OAuthError("invalid_grant", "the code is not good, or not for this client, redirect URI and verifier")

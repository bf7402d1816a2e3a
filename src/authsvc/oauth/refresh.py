"""The refresh token grant, with rotation and detection of reuse (RFC 6749, section 6; RFC 9700, section 4.14.2)."""

from __future__ import annotations

import base64
import hashlib
import hmac

from authsvc.domain.authorizations import REUSE_GRACE, RefreshRecord, Terms
from authsvc.domain.clients import Client, GrantType
from authsvc.domain.clock import Clock, now
from authsvc.oauth.clients import ClientAuthentication, check_grant
from authsvc.oauth.errors import OAuthError
from authsvc.oauth.exchange import TokenAnswer, TokenRequest
from authsvc.oauth.issue import Issuing
from authsvc.oauth.scopes import narrowed
from authsvc.store.authorizations import Authorizations
from authsvc.store.executor import Transaction


class RefreshGrant:
    """Exchanges refresh tokens, each for its one successor.

    A client that has lost the answer may ask again within `REUSE_GRACE`, and gets the same successor. Whoever comes
    with a used token later has it from somewhere else, or somebody else has: all of the family is revoked.
    """

    def __init__(
        self,
        authentication: ClientAuthentication,
        authorizations: Authorizations,
        issuing: Issuing,
        terms: Terms,
        clock: Clock = now,
    ) -> None:
        self._authentication = authentication
        self._authorizations = authorizations
        self._issuing = issuing
        self._terms = terms
        self._clock = clock

    async def tokens(self, request: TokenRequest) -> TokenAnswer:
        """Fresh tokens for a refresh token; `scope` may narrow what the access token is good for.

        Raises:
            OAuthError: it is refused.
            TooManyAttempts: client authentication has failed too often.
        """
        client = await self._authentication.client(request)
        check_grant(client, GrantType.REFRESH_TOKEN)
        token = request.value("refresh_token")
        # What cannot be good keeps no writer waiting.
        _known(await self._authorizations.by_refresh_token(token), client)
        async with self._issuing.transaction() as tx:
            found = _known(await self._authorizations.by_refresh_token(token, tx), client)
            if not self._is_reused(found):
                self._check(found)
                scope = narrowed(found.authorized.scope, request.form.get("scope"))
                successor = await self._successor(tx, token, found)
                return await self._issuing.renewed(tx, found.authorized, client, scope, successor)
            await self._authorizations.revoke(tx, found.authorized.id)
        # Only now: an exception inside would have undone the revocation.
        raise _refused()

    def _is_reused(self, found: RefreshRecord) -> bool:
        return found.used_at is not None and self._clock() > found.used_at + REUSE_GRACE

    def _check(self, found: RefreshRecord) -> None:
        at = self._clock()
        if found.expires_at <= at or not found.authorized.is_good(at):
            raise _refused()

    async def _successor(self, tx: Transaction, token: str, found: RefreshRecord) -> str:
        """The token that follows, made known to the store at the first use, which is also activity of the session."""
        following = successor(token, found.salt)
        if found.used_at is None:
            authorized = found.authorized
            await self._authorizations.use_refresh_token(tx, found)
            await self._authorizations.keep_refresh_token(
                tx,
                following,
                authorized.holder,
                authorized.id,
                expires_at=self._clock() + self._terms.refresh_idle,
                ends_at=found.ends_at,
            )
        return following


def _known(found: RefreshRecord | None, client: Client) -> RefreshRecord:
    """A refresh token of this client whose family has not been revoked."""
    if found is None or found.authorized.client_id != client.id or found.authorized.revoked_at is not None:
        raise _refused()
    return found


def successor(token: str, salt: bytes) -> str:
    """The one token that follows this one. It follows from the token itself, which the store does not have."""
    digest = hmac.digest(token.encode(), salt, hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _refused() -> OAuthError:
    return OAuthError("invalid_grant", "the refresh token is not good, or not for this client")

"""Token revocation: a client gives back what it got (RFC 7009)."""

from __future__ import annotations

from authsvc.oauth.clients import ClientAuthentication
from authsvc.oauth.errors import OAuthError
from authsvc.oauth.exchange import TokenRequest
from authsvc.store.authorizations import Authorizations


class Revocation:
    """Revokes tokens of the client that asks.

    With a refresh token goes everything that came from the same authorization. An access token goes alone, or a client
    that tidies up after a refresh would sign people out; what section 2.1 leaves open, its refresh token, remains.
    """

    def __init__(self, authentication: ClientAuthentication, authorizations: Authorizations) -> None:
        self._authentication = authentication
        self._authorizations = authorizations

    async def revoke(self, request: TokenRequest) -> None:
        """Revoke a token. One that is not known, or that is dead already, is no mistake.

        Raises:
            OAuthError: `invalid_client` or `invalid_request`, or `invalid_grant`: it belongs to another client.
            TooManyAttempts: client authentication has failed too often.
        """
        client = await self._authentication.client(request)
        token = request.value("token")
        # What is not known keeps no writer waiting.
        refresh, access = (
            await self._authorizations.by_refresh_token(token),
            await self._authorizations.by_access_token(token),
        )
        if refresh is None and access is None:
            return
        async with self._authorizations.transaction() as tx:
            refresh = await self._authorizations.by_refresh_token(token, tx)
            if refresh is not None:
                _check_owner(refresh.authorized.client_id, client.id)
                await self._authorizations.revoke(tx, refresh.authorized.id)
                return
            access = await self._authorizations.by_access_token(token, tx)
            if access is not None:
                _check_owner(access.client_id, client.id)
                await self._authorizations.revoke_access_token(tx, access.id, access.standing.org_id)


def _check_owner(owner: int | None, asker: int) -> None:
    if owner != asker:
        raise OAuthError("invalid_grant", "the token belongs to another client")

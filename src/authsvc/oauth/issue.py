"""Makes tokens: access tokens, ID tokens and refresh tokens (RFC 6749, section 5.1; OIDC Core, section 3.1.3.3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from authsvc.domain.authorizations import Authorized, Holder, Terms
from authsvc.domain.clients import SIGNING_ALGORITHMS, Client, GrantType
from authsvc.domain.clock import SECOND, Clock, now
from authsvc.domain.tokens import new_token
from authsvc.domain.users import AccessTokenType
from authsvc.oauth import access_token as at_jwt
from authsvc.oauth import id_token, scopes
from authsvc.oauth.exchange import TokenAnswer
from authsvc.oauth.keyring import Keyring
from authsvc.store.authorizations import Authorizations
from authsvc.store.executor import Transaction


class Issuing:
    """Makes tokens and lets the store know of them, in the transaction that decides that they are made."""

    def __init__(self, authorizations: Authorizations, keyring: Keyring, terms: Terms, clock: Clock = now) -> None:
        self._authorizations = authorizations
        self._keyring = keyring
        self._terms = terms
        self._clock = clock

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Begin a transaction in which tokens can be made.

        The first use of the keyring makes keys in a transaction of its own, for which one that is open already would
        wait forever: hence it is used before.
        """
        await self._keyring.public()
        async with self._authorizations.transaction() as tx:
            yield tx

    async def access_token(
        self,
        tx: Transaction,
        holder: Holder,
        scope: str,
        *,
        client: Client | None,
        authorization_id: int | None,
        as_jwt: bool,
        life: int | None = None,
    ) -> tuple[str, int]:
        """A new access token, and the seconds until it expires. `life` in microseconds, as the terms say if None.

        The transaction must be one of `transaction`.
        """
        at = self._clock()
        expires_at = at + (self._terms.access_life if life is None else life)
        token_id, token = self._authorizations.new_id(), new_token()
        if as_jwt:
            claims = await self.claims(token_id, holder, scope, client, at=at, expires_at=expires_at)
            algorithm = client.signing_algorithm if client else SIGNING_ALGORITHMS[0]
            token = await self._keyring.sign(claims, typ=at_jwt.TYPE, algorithm=algorithm)
        await self._authorizations.keep_access_token(
            tx,
            token_id,
            token,
            holder,
            scope,
            client=client,
            authorization_id=authorization_id,
            created_at=at,
            expires_at=expires_at,
        )
        return token, (expires_at - at) // SECOND

    async def claims(
        self, token_id: int, holder: Holder, scope: str, client: Client | None, *, at: int, expires_at: int
    ) -> dict[str, Any]:
        """What an access token that is a JWT says."""
        return at_jwt.access_token_claims(
            self._terms.issuer, token_id, holder, scope, client, at=at, expires_at=expires_at
        )

    async def answer(
        self,
        tx: Transaction,
        holder: Holder,
        client: Client,
        scope: str,
        authorization_id: int,
        *,
        nonce: str | None = None,
    ) -> TokenAnswer:
        """The first tokens of an authorization: for `openid` an ID token, for `offline_access` a refresh token."""
        refresh_token = None
        if scopes.has(scope, scopes.OFFLINE_ACCESS) and client.may(GrantType.REFRESH_TOKEN):
            refresh_token, at = new_token(), self._clock()
            await self._authorizations.keep_refresh_token(
                tx,
                refresh_token,
                holder,
                authorization_id,
                expires_at=at + self._terms.refresh_idle,
                ends_at=at + self._terms.refresh_life,
            )
        return await self._answer(tx, holder, client, scope, authorization_id, nonce, refresh_token)

    async def renewed(
        self, tx: Transaction, authorized: Authorized, client: Client, scope: str, refresh_token: str
    ) -> TokenAnswer:
        """Later tokens of an authorization, beside the successor of a refresh token; an ID token has no nonce then."""
        return await self._answer(tx, authorized.holder, client, scope, authorized.id, None, refresh_token)

    async def _answer(
        self,
        tx: Transaction,
        holder: Holder,
        client: Client,
        scope: str,
        authorization_id: int,
        nonce: str | None,
        refresh_token: str | None,
    ) -> TokenAnswer:
        as_jwt = client.access_token_type == AccessTokenType.JWT
        token, expires_in = await self.access_token(
            tx, holder, scope, client=client, authorization_id=authorization_id, as_jwt=as_jwt
        )
        signed = None
        if scopes.has(scope, scopes.OPENID):
            claims = id_token.id_token_claims(
                self._terms.issuer,
                holder,
                client,
                token,
                at=self._clock(),
                life=self._terms.access_life,
                nonce=nonce,
            )
            signed = await self._keyring.sign(claims, typ=id_token.TYPE, algorithm=client.signing_algorithm)
        return TokenAnswer(token, expires_in, scope, refresh_token, signed)

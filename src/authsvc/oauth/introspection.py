"""Token introspection: what a token is worth right now, for the resource servers that it is meant for (RFC 7662)."""

from __future__ import annotations

from typing import Any

from authsvc.domain.authorizations import AccessRecord, RefreshRecord
from authsvc.domain.clients import Client, ClientState
from authsvc.domain.clock import SECOND, Clock, now
from authsvc.oauth.access_token import audience
from authsvc.oauth.clients import ClientAuthentication
from authsvc.oauth.exchange import TokenRequest
from authsvc.oauth.scopes import projects
from authsvc.oauth.userinfo import UserReader
from authsvc.store.authorizations import Authorizations
from authsvc.store.clients import Clients

_INACTIVE: dict[str, Any] = {"active": False}


class Introspection:
    """Answers confidential clients about tokens that are theirs or meant for their project; of others it says nothing.

    A refresh token is nobody's business but its own client's.
    """

    def __init__(
        self,
        authentication: ClientAuthentication,
        clients: Clients,
        authorizations: Authorizations,
        users: UserReader,
        issuer: str,
        clock: Clock = now,
    ) -> None:
        self._authentication = authentication
        self._clients = clients
        self._authorizations = authorizations
        self._users = users
        self._issuer = issuer
        self._clock = clock

    async def answer(self, request: TokenRequest) -> dict[str, Any]:
        """The answer's JSON object: `active`, and if so the rest of section 2.2, times in seconds.

        Raises:
            OAuthError: `invalid_client` or `invalid_request`.
            TooManyAttempts: client authentication has failed too often.
        """
        client = await self._authentication.confidential(request)
        token = request.value("token")
        access = await self._authorizations.by_access_token(token)
        if access is not None:
            return await self._about_access(client, access)
        refresh = await self._authorizations.by_refresh_token(token)
        return await self._about_refresh(client, refresh) if refresh else dict(_INACTIVE)

    async def _about_access(self, asker: Client, record: AccessRecord) -> dict[str, Any]:
        client = None if record.client_id is None else await self._clients.by_id(record.client_id)
        scope = record.scope or ""
        is_off = client is not None and client.state != ClientState.ACTIVE
        if is_off or not record.is_good(self._clock()) or not _is_meant_for(asker, client, scope):
            return dict(_INACTIVE)
        user_id, client_id = record.standing.user_id, client.client_id if client else None
        return {
            **await self._common(user_id, scope, record.created_at, record.expires_at),
            "client_id": client_id or str(user_id),
            "token_type": "Bearer",
            "aud": audience(self._issuer, client_id, scope),
            "jti": str(record.id),
        }

    async def _about_refresh(self, asker: Client, record: RefreshRecord) -> dict[str, Any]:
        authorized, at = record.authorized, self._clock()
        is_unused = record.used_at is None and record.expires_at > at
        if not is_unused or not authorized.is_good(at) or authorized.client_id != asker.id:
            return dict(_INACTIVE)
        return {
            **await self._common(authorized.standing.user_id, authorized.scope, record.created_at, record.expires_at),
            "client_id": asker.client_id,
            "aud": self._issuer,
            "jti": str(record.id),
        }

    async def _common(self, user_id: int, scope: str, created_at: int, expires_at: int) -> dict[str, Any]:
        user = await self._users.user(user_id)
        return {
            "active": True,
            "scope": scope,
            **({"username": user.login_names[0]} if user and user.login_names else {}),
            "exp": expires_at // SECOND,
            "iat": created_at // SECOND,
            "nbf": created_at // SECOND,
            "sub": str(user_id),
            "iss": self._issuer,
        }


def _is_meant_for(asker: Client, client: Client | None, scope: str) -> bool:
    """Whether the asker got the token itself, or it has to do with the asker's project."""
    if client is not None and client.id == asker.id:
        return True
    if asker.project_id is None:
        return False
    return (client is not None and client.project_id == asker.project_id) or str(asker.project_id) in projects(scope)

"""The client credentials grant (RFC 6749, section 4.4): a machine user gets tokens for its name and secret."""

from __future__ import annotations

from authsvc.oauth.exchange import TokenAnswer, TokenRequest
from authsvc.oauth.issue import Issuing
from authsvc.oauth.machines import MachineAuthentication, MachineTokens
from authsvc.oauth.scopes import ProjectReader


class ClientCredentialsGrant:
    """The grant `client_credentials`. The name is the machine user's id or login name."""

    def __init__(self, authentication: MachineAuthentication, issuing: Issuing, projects: ProjectReader) -> None:
        self._authentication = authentication
        self._issuing = issuing
        self._tokens = MachineTokens(issuing, projects)

    async def tokens(self, request: TokenRequest) -> TokenAnswer:
        """An access token of the machine user.

        Raises:
            OAuthError: `invalid_client`, `invalid_request` or `invalid_scope`.
            TooManyAttempts: of guessing secrets.
        """
        machine = await self._authentication.machine(request)
        async with self._issuing.transaction() as tx:
            return await self._tokens.answer(tx, machine, request)

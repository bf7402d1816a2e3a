"""authsvc.account.v1.AccountService: people sign out of the browser that their token belongs to."""

from __future__ import annotations

from typing import Protocol

from authsvc_account.v1.account_pb2 import (
    SignOutAllRequest,
    SignOutAllResponse,
    SignOutRequest,
    SignOutResponse,
)
from authsvc_account.v1.account_pb2_grpc import AccountServiceServicer

from authsvc.api.context import CallerContext
from authsvc.domain.ids import parse_id
from authsvc.errors import NotFound


class SessionEnder(Protocol):
    """What ends the sessions of a browser (user agent)."""

    async def sign_out(self, agent_id: int, session_id: int | None) -> bool:
        """End a session on the agent, or all of them; False if the session is of another agent, or none at all."""


class AccountServicer(AccountServiceServicer):
    """Ends sessions of the caller's user agent, which are those that they see, and no others."""

    def __init__(self, sessions: SessionEnder) -> None:
        self._sessions = sessions

    async def SignOut(self, request: SignOutRequest, context: CallerContext) -> SignOutResponse:
        """End one session; again is the same as once. Raises `NotFound` for one that is not the user agent's."""
        session_id = parse_id(request.session_id)
        if session_id is None or not await self._sessions.sign_out(_agent(context), session_id):
            raise NotFound("Errors.UserSession.NotFound", "AUTHSVC-SE001")
        return SignOutResponse()

    async def SignOutAll(self, request: SignOutAllRequest, context: CallerContext) -> SignOutAllResponse:
        """End all sessions, the caller's too. Raises `NotFound` if the token belongs to no user agent."""
        await self._sessions.sign_out(_agent(context), None)
        return SignOutAllResponse()


def _agent(context: CallerContext) -> int:
    agent_id = context.caller.agent_id
    if agent_id is None:
        raise NotFound("Errors.UserAgent.NotFound", "AUTHSVC-SE002")
    return agent_id

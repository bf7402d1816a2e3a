"""zitadel.auth.v1.AuthService: the view that the holder of a token has of themselves."""

from __future__ import annotations

from zitadel.auth_pb2 import (
    GetMyUserRequest,
    GetMyUserResponse,
    HealthzRequest,
    HealthzResponse,
    ListMyUserGrantsRequest,
    ListMyUserGrantsResponse,
    ListMyUserSessionsRequest,
    ListMyUserSessionsResponse,
)
from zitadel.auth_pb2_grpc import AuthServiceServicer

from authsvc.api.context import CallerContext
from authsvc.api.convert import fill_grant, fill_list_details, fill_session, fill_timestamp, fill_user
from authsvc.domain.paging import page
from authsvc.errors import NotFound
from authsvc.store.reads import Reads


class AuthServicer(AuthServiceServicer):
    """Answers from the store, one statement a call. Whose data is shown follows from the token alone."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def Healthz(self, request: HealthzRequest, context: object) -> HealthzResponse:
        """The service is reachable."""
        return HealthzResponse()

    async def GetMyUser(self, request: GetMyUserRequest, context: CallerContext) -> GetMyUserResponse:
        """The caller. Raises `NotFound` when they were deleted after their token had been checked."""
        user = await self._reads.user(context.caller.user_id)
        if user is None:
            raise NotFound("Errors.User.NotFound", "QUERY-Dfbg2")
        response = GetMyUserResponse()
        fill_user(response.user, user)
        fill_timestamp(response.last_login, user.last_login)
        return response

    async def ListMyUserSessions(
        self, request: ListMyUserSessionsRequest, context: CallerContext
    ) -> ListMyUserSessionsResponse:
        """Everybody who signed in on the caller's user agent; nobody if the token belongs to none."""
        response = ListMyUserSessionsResponse()
        agent_id = context.caller.agent_id
        for session in await self._reads.sessions(agent_id) if agent_id is not None else ():
            fill_session(response.result.add(), session)
        return response

    async def ListMyUserGrants(
        self, request: ListMyUserGrantsRequest, context: CallerContext
    ) -> ListMyUserGrantsResponse:
        """One page of the caller's grants. Raises `InvalidArgument` when the limit is above 1000."""
        query = request.query
        wanted = page(query.offset, query.limit, ascending=query.asc)
        found = await self._reads.grants(context.caller.user_id, wanted)
        response = ListMyUserGrantsResponse()
        fill_list_details(response.details, found)
        for grant in found.grants:
            fill_grant(response.result.add(), grant)
        return response

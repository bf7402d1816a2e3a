"""workos.user_management.v1.UserManagementService: people and their sessions, as back ends with an API key see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from authsvc_workos.user_management.v1.user_management_pb2 import (
    GetUserByExternalIdRequest,
    GetUserByExternalIdResponse,
    GetUserRequest,
    GetUserResponse,
    ListMetadata,
    ListSessionsRequest,
    ListSessionsResponse,
    ListUsersRequest,
    ListUsersResponse,
    RevokeSessionRequest,
    RevokeSessionResponse,
)
from authsvc_workos.user_management.v1.user_management_pb2_grpc import UserManagementServiceServicer

from authsvc.api.convert_workos import fill_person, fill_session, person_id, session_id
from authsvc.api.listing import wanted
from authsvc.api.lookup import looked_up
from authsvc.domain.keyset import Page, Position, Span, page
from authsvc.domain.sessions import SessionRecord
from authsvc.domain.ulid import Ulid
from authsvc.domain.users import Person
from authsvc.errors import EntityNotFound, InvalidParameter
from authsvc.store.backends import BackendReads
from authsvc.store.writes import Writes

_LIST = "list"
_Row = TypeVar("_Row", Person, SessionRecord)


class UserManagementServicer(UserManagementServiceServicer):
    """Answers from the store. What is shown follows from the request: the key's permission has been checked."""

    def __init__(self, reads: BackendReads, writes: Writes) -> None:
        self._reads = reads
        self._writes = writes

    async def GetUser(self, request: GetUserRequest, context: object) -> GetUserResponse:
        """One person. Raises `EntityNotFound`, for a program too."""
        person = await looked_up("User", "user", request.id, self._reads.person)
        response = GetUserResponse()
        fill_person(response.user, person)
        return response

    async def GetUserByExternalId(
        self, request: GetUserByExternalIdRequest, context: object
    ) -> GetUserByExternalIdResponse:
        """One person, by another system's id. Raises `EntityNotFound`."""
        person = await self._reads.person_by_external_id(request.external_id)
        if person is None:
            raise EntityNotFound("User", request.external_id)
        response = GetUserByExternalIdResponse()
        fill_person(response.user, person)
        return response

    async def ListUsers(self, request: ListUsersRequest, context: object) -> ListUsersResponse:
        """A page of people. Raises `InvalidParameter`, and `EntityNotFound` for an organization that does not exist."""
        query = await wanted(request, "user", self._reads.person_position)
        email = request.email or None
        org = request.organization_id or request.organization
        org_id = await looked_up("Organization", "org", org, self._reads.org_id) if org else None

        async def fetch(span: Span) -> list[Person]:
            return await self._reads.people(span, email, org_id)

        found = await page(query, fetch, _position)
        response = ListUsersResponse(object=_LIST)
        for person in found.rows:
            fill_person(response.data.add(), person)
        _fill_cursors(response.list_metadata, found, person_id)
        return response

    async def ListSessions(self, request: ListSessionsRequest, context: object) -> ListSessionsResponse:
        """A page of a person's active sessions. Raises `EntityNotFound` and `InvalidParameter`."""
        user_id = await looked_up("User", "user", request.id, self._reads.person_id)

        async def find(ulid: Ulid) -> Position | None:
            return await self._reads.session_position(user_id, ulid)

        async def fetch(span: Span) -> list[SessionRecord]:
            return await self._reads.sessions(user_id, span)

        query = await wanted(request, "session", find)
        found = await page(query, fetch, _position)
        response = ListSessionsResponse(object=_LIST)
        for session in found.rows:
            fill_session(response.data.add(), session)
        _fill_cursors(response.list_metadata, found, session_id)
        return response

    async def RevokeSession(self, request: RevokeSessionRequest, context: object) -> RevokeSessionResponse:
        """End a session; again is the same as once. Raises `InvalidParameter` without an id, and `EntityNotFound`."""
        if not request.session_id:
            raise InvalidParameter("session_id", "session_id_required", "must be the id of a session")
        await self._writes.end_session(
            await looked_up("Session", "session", request.session_id, self._reads.session_id)
        )
        return RevokeSessionResponse()


def _position(row: Person | SessionRecord) -> Position:
    return Position(row.created_at, row.id)


def _fill_cursors(target: ListMetadata, found: Page[_Row], id_of: Callable[[_Row], str]) -> None:
    target.SetInParent()
    if found.before:
        target.before = id_of(found.before)
    if found.after:
        target.after = id_of(found.after)

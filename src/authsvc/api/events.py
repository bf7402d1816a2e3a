"""workos.user_management.v1.EventsService: what has happened, for back ends that ask from time to time."""

from __future__ import annotations

import re
from collections.abc import Iterable

from authsvc_workos.user_management.v1.events_pb2 import ListEventsRequest, ListEventsResponse
from authsvc_workos.user_management.v1.events_pb2_grpc import EventsServiceServicer
from google.protobuf.timestamp_pb2 import Timestamp

from authsvc.api.convert_workos import event_id, fill_event
from authsvc.api.listing import wanted
from authsvc.api.lookup import looked_up
from authsvc.domain.clock import SECOND
from authsvc.domain.keyset import Order, Position, Span, page
from authsvc.domain.sessions import SESSION_EVENTS, SessionEvent
from authsvc.domain.ulid import Ulid
from authsvc.errors import InvalidParameter
from authsvc.store.backends import BackendReads

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")


class EventsServicer(EventsServiceServicer):
    """Answers from the store's log of changes."""

    def __init__(self, reads: BackendReads) -> None:
        self._reads = reads

    async def ListEvents(self, request: ListEventsRequest, context: object) -> ListEventsResponse:
        """A page of events. Raises `InvalidParameter`, and `EntityNotFound` for an organization that does not exist."""
        query = await wanted(request, "event", _position, usual=Order.ASC, by_time=False)
        actions = _actions(request.events)
        start = _microseconds(request.range_start) if request.HasField("range_start") else None
        end = _microseconds(request.range_end) if request.HasField("range_end") else None
        org = request.organization_id
        org_id = await looked_up("Organization", "org", org, self._reads.org_id) if org else None

        async def fetch(span: Span) -> list[SessionEvent]:
            return await self._reads.session_events(span, actions, start, end, org_id)

        found = await page(query, fetch, lambda event: Position(event.at, event.sequence))
        response = ListEventsResponse(object="list")
        for event in found.rows:
            fill_event(response.data.add(), event)
        response.list_metadata.SetInParent()
        if found.after:
            response.list_metadata.after = event_id(found.after)
        return response


async def _position(ulid: Ulid) -> Position | None:
    """Events stand in the order of their numbers, which their ids tell."""
    return None if ulid.id is None else Position(ulid.ms, ulid.id)


def _actions(events: Iterable[str]) -> tuple[str, ...]:
    """The actions behind names, which may be joined by commas; all if there are none.

    A name that is not ours is one of WorkOS's other events, of which there never are any.
    """
    names = [name.strip() for entry in events for name in entry.split(",")]
    for name in names:
        if not _NAME.fullmatch(name):
            raise InvalidParameter(
                "events", "events_invalid", "must be names such as session.created, with commas between"
            )
    if not names:
        return tuple(SESSION_EVENTS.values())
    return tuple(action for name, action in SESSION_EVENTS.items() if name in names)


def _microseconds(time: Timestamp) -> int:
    return time.seconds * SECOND + time.nanos // 1_000

"""workos.user_management.v1.EventsService: what has happened, for back ends that ask from time to time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from authsvc_workos.user_management.v1.events_pb2 import ListEventsRequest, ListEventsResponse
from authsvc_workos.user_management.v1.events_pb2_grpc import EventsServiceServicer
from google.protobuf.timestamp_pb2 import Timestamp

from authsvc.api.convert_workos import event_id, fill_event
from authsvc.api.listing import wanted
from authsvc.api.lookup import looked_up
from authsvc.domain.clock import MILLISECOND, SECOND
from authsvc.domain.keyset import FIRST, LAST, Order, Position, Span, page
from authsvc.domain.sessions import SessionEvent, event_actions
from authsvc.domain.ulid import Ulid
from authsvc.errors import InvalidParameter
from authsvc.store.backends import BackendReads

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
# What a google.protobuf.Timestamp may hold: 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z.
_FIRST_SECOND, _LAST_SECOND, _NANOS = -62_135_596_800, 253_402_300_799, 1_000_000_000


class EventsServicer(EventsServiceServicer):
    """Answers from the store's log of changes."""

    def __init__(self, reads: BackendReads) -> None:
        self._reads = reads

    async def ListEvents(self, request: ListEventsRequest, context: object) -> ListEventsResponse:
        """A page of events. Raises `InvalidParameter`, and `EntityNotFound` for an organization that does not exist."""
        query = await wanted(request, "event", self._position, usual=Order.ASC)
        actions = _actions(request.events)
        start = _place(request, "range_start", FIRST)
        end = _place(request, "range_end", LAST)
        org = request.organization_id
        org_id = await looked_up("Organization", "org", org, self._reads.org_id) if org else None

        async def fetch(span: Span) -> list[SessionEvent]:
            inside = span._replace(low=max(span.low, start), high=min(span.high, end))
            return await self._reads.session_events(inside, actions, org_id)

        found = await page(query, fetch, _position, has_before=False)
        response = ListEventsResponse(object="list")
        for event in found.rows:
            fill_event(response.data.add(), event)
        response.list_metadata.SetInParent()
        if found.after:
            response.list_metadata.after = event_id(found.after)
        return response

    async def _position(self, ulid: Ulid) -> Position | None:
        """Where the event with this id stands. An id of WorkOS can happen to hold a number that is one of ours."""
        event = None if ulid.id is None else await self._reads.session_event(ulid.id)
        return _position(event) if event and event.at // MILLISECOND == ulid.ms else None


def _position(event: SessionEvent) -> Position:
    return Position(event.at, event.sequence)


def _place(request: ListEventsRequest, field: Literal["range_start", "range_end"], otherwise: Position) -> Position:
    """The place in front of all that happened at the time in a field, or `otherwise` where it is not set."""
    if not request.HasField(field):
        return otherwise
    time: Timestamp = getattr(request, field)
    if not (_FIRST_SECOND <= time.seconds <= _LAST_SECOND and 0 <= time.nanos < _NANOS):
        raise InvalidParameter(field, f"{field}_invalid", "must be a time from the year 1 to the year 9999")
    # Rounded up: at that microsecond is not before it.
    return Position(time.seconds * SECOND - -time.nanos // 1_000, 0)


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
    return event_actions(names)

"""The reads of back ends that hold an API key: one statement each, compiled once.

A list has a statement for each way through it, so that every page is a walk along an index: how long the list is,
and how far into it the page begins, makes no difference.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import product
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Integer,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.expression import tuple_

from authsvc.domain.clock import MILLISECOND, Clock, now
from authsvc.domain.keyset import FIRST, LAST, Position, Span
from authsvc.domain.sessions import SessionEvent, SessionRecord, SessionState
from authsvc.domain.tokens import KeyRecord
from authsvc.domain.ulid import Ulid
from authsvc.domain.users import Person, UserState, UserType
from authsvc.store.executor import Executor, Prepared, Row
from authsvc.store.reads import last_login
from authsvc.store.schema import OF_SESSION, api_keys, changes, orgs, sessions, users

# Changes that one statement looks through at most: where a filter leaves few of many, other calls get their turn.
_STEP = 50_000

Ways = dict[tuple[bool, ...], Prepared]


class BackendReads:
    """What back ends ask the store. Every method raises `Unavailable` when the database does not answer."""

    def __init__(self, executor: Executor, clock: Clock = now) -> None:
        self._executor = executor
        self._clock = clock
        either = (True, False)
        self._ids = {table: executor.prepare(named(table)) for table in (orgs, users, sessions)}
        self._person_id = executor.prepare(named(users).where(*is_person()))
        self._person = executor.prepare(_people().where(_has_ulid(users)))
        self._person_by_id = executor.prepare(_people().where(users.c.id == bindparam("id")))
        by_external_id = _people().where(users.c.external_id == bindparam("external_id"))
        self._person_by_external_id = executor.prepare(by_external_id)
        self._people: Ways = {way: executor.prepare(_page_of_people(*way)) for way in product(either, either, either)}
        self._sessions: Ways = {(way,): executor.prepare(_page_of_sessions(ascending=way)) for way in either}
        self._session = executor.prepare(_records().where(sessions.c.id == bindparam("id")))
        self._events: Ways = {way: executor.prepare(_page_of_events(*way)) for way in product(either, either)}
        self._first_event = executor.prepare(_first_event())
        self._newest = executor.prepare(select(func.coalesce(func.max(changes.c.sequence), 0)))
        self._event = executor.prepare(_events().where(changes.c.sequence == bindparam("sequence")))
        self._key = executor.prepare(_keys().where(api_keys.c.key_hash == bindparam("key_hash")))
        self._keys = executor.prepare(_keys().order_by(api_keys.c.created_at, api_keys.c.id))

    async def person_id(self, ulid: Ulid) -> int | None:
        """The id of a person that is not deleted."""
        row = await self._executor.fetch_one(self._person_id, **ulid._asdict())
        return row[0] if row else None

    async def person(self, ulid: Ulid) -> Person | None:
        """The person, unless deleted."""
        row = await self._executor.fetch_one(self._person, **ulid._asdict())
        return Person._make(row) if row else None

    async def person_by_id(self, user_id: int) -> Person | None:
        """The person with this id of the store, unless deleted."""
        row = await self._executor.fetch_one(self._person_by_id, id=user_id)
        return Person._make(row) if row else None

    async def person_by_external_id(self, external_id: str) -> Person | None:
        """The person whom another system knows by this id, unless deleted."""
        row = await self._executor.fetch_one(self._person_by_external_id, external_id=external_id)
        return Person._make(row) if row else None

    async def people(self, span: Span, email: str | None, org_id: int | None) -> list[Person]:
        """People in the span; with an e-mail address (in upper or lower case) and in an organization, where given."""
        statement = self._people[span.ascending, email is not None, org_id is not None]
        rows = await self._executor.fetch_all(statement, **_bounds(span), email=email, org_id=org_id)
        return [Person._make(row) for row in rows]

    async def person_position(self, ulid: Ulid) -> Position | None:
        """Where a user stands in the list of people, a deleted one too."""
        row = await self._find(users, ulid)
        return Position(row[1], row[0]) if row else None

    async def org_id(self, ulid: Ulid) -> int | None:
        """The id of an organization."""
        row = await self._find(orgs, ulid)
        return row[0] if row else None

    async def session_id(self, ulid: Ulid) -> int | None:
        """The id of a session, in whatever state."""
        row = await self._find(sessions, ulid)
        return row[0] if row else None

    async def session(self, session_id: int) -> SessionRecord | None:
        """The session with this id of the store, in whatever state."""
        row = await self._executor.fetch_one(self._session, id=session_id)
        return SessionRecord._make(row) if row else None

    async def session_position(self, user_id: int, ulid: Ulid) -> Position | None:
        """Where a session of the user, in whatever state, stands in the list of their sessions."""
        row = await self._find(sessions, ulid)
        return Position(row[1], row[0]) if row and row[2] == user_id else None

    async def sessions(self, user_id: int, span: Span) -> list[SessionRecord]:
        """The user's sessions in the span that are active and are not over."""
        statement = self._sessions[(span.ascending,)]
        rows = await self._executor.fetch_all(statement, **_bounds(span), user_id=user_id, now=self._clock())
        return [SessionRecord._make(row) for row in rows]

    async def session_events(
        self, span: Span, actions: tuple[str, ...], org_id: int | None = None
    ) -> list[SessionEvent]:
        """What has happened to sessions, ordered by the times and numbers of the changes, which rise together.

        With these actions only, of those behind `SESSION_EVENTS`; and to sessions for the organization `org_id`.
        """
        if not actions:
            return []
        statement = self._events[span.ascending, org_id is not None]
        filters = {"action": actions[0], "other_action": actions[-1], "org_id": org_id}
        low, high = await self._numbers(span)
        found: list[SessionEvent] = []
        for from_, to in _steps(low, high, ascending=span.ascending):
            rows = await self._executor.fetch_all(
                statement, **filters, low=from_, high=to, limit=span.limit - len(found)
            )
            found += [_event(row) for row in rows]
            if len(found) == span.limit:
                break
            await asyncio.sleep(0)
        return found

    async def _find(self, table: Table, ulid: Ulid) -> Row | None:
        return await self._executor.fetch_one(self._ids[table], **ulid._asdict())

    async def _numbers(self, span: Span) -> tuple[int, int]:
        """The numbers of changes between which the events of a span are."""
        end = (await self._executor.fetch_all(self._newest))[0][0] + 1
        low, high = 1, end
        if span.low != FIRST:
            low = await self._number(span.low.created_at, span.low.id, end)
        if span.high != LAST:
            high = await self._number(span.high.created_at, span.high.id - 1, end)
        return low - 1, high

    async def _number(self, at: int, sequence: int, end: int) -> int:
        """The number of the first event behind a place, or `end` if there is none."""
        row = await self._executor.fetch_one(self._first_event, at=at, sequence=sequence)
        return end if row is None or row[0] is None else int(row[0])

    async def session_event(self, sequence: int) -> SessionEvent | None:
        """The event that is the change with this number, if it is one."""
        row = await self._executor.fetch_one(self._event, sequence=sequence)
        return _event(row) if row else None

    async def key(self, key_hash: bytes) -> KeyRecord | None:
        """The API key with this hash, a revoked one too."""
        row = await self._executor.fetch_one(self._key, key_hash=key_hash)
        return KeyRecord._make(row) if row else None

    async def keys(self) -> list[KeyRecord]:
        """All API keys, the oldest first, revoked ones too."""
        return [KeyRecord._make(row) for row in await self._executor.fetch_all(self._keys)]


def named(table: Table) -> Select[*tuple[Any, ...]]:
    """The id and the time of the row with the ULID `text`, and a session's user."""
    columns = [table.c.user_id] if table is sessions else []
    return select(table.c.id, table.c.created_at, *columns).where(_has_ulid(table))


def _has_ulid(table: Table) -> ColumnElement[bool]:
    """A row came with the ULID `text`; or it came with none, has the `id` that it tells, and was made in its `ms`."""
    native = and_(
        table.c.ulid.is_(None),
        table.c.id == bindparam("id"),
        table.c.created_at // literal_column(str(MILLISECOND), Integer) == bindparam("ms"),
    )
    return or_(table.c.ulid == bindparam("text"), native)


def _bounds(span: Span) -> dict[str, int]:
    return {
        "low_at": span.low.created_at,
        "low_id": span.low.id,
        "high_at": span.high.created_at,
        "high_id": span.high.id,
        "limit": span.limit,
    }


def _within(statement: Select[Any], table: Table, *, ascending: bool) -> Select[Any]:
    """A page of the rows of `table`, by time and id."""
    order = [table.c.created_at, table.c.id]
    place = tuple_(*order)
    return (
        statement.where(
            place > tuple_(bindparam("low_at", type_=BigInteger), bindparam("low_id", type_=BigInteger)),
            place < tuple_(bindparam("high_at", type_=BigInteger), bindparam("high_id", type_=BigInteger)),
        )
        .order_by(*(order if ascending else [column.desc() for column in order]))
        .limit(bindparam("limit"))
    )


def is_person() -> tuple[ColumnElement[bool], ...]:
    """As the indexes of people say it, with the numbers themselves: an index cannot be chosen by a parameter."""
    return (
        users.c.type == literal_column(str(UserType.HUMAN.value), Integer),
        users.c.state != literal_column(str(UserState.DELETED.value), Integer),
    )


def _people() -> Select[*tuple[Any, ...]]:
    columns = [users.c[name] for name in Person._fields if name in users.c]
    return select(*columns, last_login()).where(*is_person())


def _page_of_people(ascending: bool, has_email: bool, has_org: bool) -> Select[Any]:  # noqa: FBT001 - keys of a table
    statement = _people()
    if has_email:
        statement = statement.where(func.lower(users.c.email) == func.lower(cast(bindparam("email"), Text)))
    if has_org:
        statement = statement.where(users.c.org_id == bindparam("org_id"))
    return _within(statement, users, ascending=ascending)


_RECORD = (
    *(sessions.c[name] for name in SessionRecord._fields[: SessionRecord._fields.index("user_id")]),
    *(users.c.id, users.c.ulid, users.c.created_at),
    *(orgs.c.id, orgs.c.ulid, orgs.c.created_at),
)


def _records() -> Select[Any]:
    return (
        select(*_RECORD)
        .select_from(sessions)
        .join(users, users.c.id == sessions.c.user_id)
        .outerjoin(orgs, orgs.c.id == sessions.c.org_id)
    )


def _page_of_sessions(*, ascending: bool) -> Select[Any]:
    statement = _records().where(
        sessions.c.user_id == bindparam("user_id"),
        sessions.c.state == SessionState.ACTIVE.value,
        sessions.c.expires_at > bindparam("now"),
    )
    return _within(statement, sessions, ascending=ascending)


def _events() -> Select[*tuple[Any, ...]]:
    return (
        select(changes.c.sequence, changes.c.at, changes.c.action, *_RECORD)
        .select_from(changes)
        .join(sessions, sessions.c.id == changes.c.entity_id)
        .join(users, users.c.id == sessions.c.user_id)
        .outerjoin(orgs, orgs.c.id == sessions.c.org_id)
        .where(OF_SESSION)
    )


def _first_event() -> Select[*tuple[Any, ...]]:
    """The number of the first event behind a time and a number: one at that time, or else at the next."""
    at: BindParameter[int] = bindparam("at", type_=BigInteger)
    events = select(changes.c.sequence).where(OF_SESSION).limit(1)
    then = events.where(changes.c.at == at, changes.c.sequence > bindparam("sequence")).order_by(changes.c.sequence)
    later = events.where(changes.c.at > at).order_by(changes.c.at, changes.c.sequence)
    return select(func.coalesce(then.scalar_subquery(), later.scalar_subquery()))


def _page_of_events(ascending: bool, has_org: bool) -> Select[Any]:  # noqa: FBT001 - keys of a table
    sequence = changes.c.sequence
    statement = _events().where(
        sequence > bindparam("low"),
        sequence < bindparam("high"),
        changes.c.action.in_([bindparam("action"), bindparam("other_action")]),
    )
    if has_org:
        statement = statement.where(sessions.c.org_id == bindparam("org_id"))
    return statement.order_by(sequence if ascending else sequence.desc()).limit(bindparam("limit"))


def _steps(low: int, high: int, *, ascending: bool) -> Iterator[tuple[int, int]]:
    """The span between two numbers, both outside of it, in parts that are as long as one statement may look through."""
    while high - low > 1:
        if ascending:
            yield low, min(high, low + _STEP)
            low = min(high, low + _STEP) - 1
        else:
            yield max(low, high - _STEP), high
            high = max(low, high - _STEP) + 1


def _event(row: tuple[Any, ...]) -> SessionEvent:
    sequence, at, action, *record = row
    return SessionEvent(sequence, at, action, SessionRecord._make(record))


def _keys() -> Select[*tuple[Any, ...]]:
    return select(*(api_keys.c[name] for name in KeyRecord._fields))

"""People and their sessions for back ends, and what has happened to them: the servicers on a real store."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from authsvc_workos.user_management.v1 import events_pb2
from authsvc_workos.user_management.v1 import user_management_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp
from harness import hasty_executor

from authsvc import directory
from authsvc.api.events import EventsServicer
from authsvc.api.user_management import UserManagementServicer
from authsvc.domain.clock import SECOND
from authsvc.domain.sessions import SignIn
from authsvc.domain.ulid import parse_public_id, public_id
from authsvc.errors import EntityNotFound, InvalidParameter
from authsvc.store.backends import BackendReads
from authsvc.store.sqlite import SqliteExecutor
from authsvc.store.writes import Writes

AT = 1_700_000_000 * SECOND
HOUR = 3_600 * SECOND
AGENTS = range(100, 125)
GIGI, ZORA, ROBOT, GONE = 10, 11, 12, 13
LIST: Any = pb.ListSessionsRequest
EVENTS: Any = events_pb2.ListEventsRequest


def _human(user_id: int, name: str, **more: Any) -> dict[str, Any]:
    email = {"email": f"{name.capitalize()}@example.com"}
    human = {"firstName": name.capitalize(), "lastName": "X", "email": email}
    return {"id": str(user_id), "userName": name, "human": human, "createdAt": f"2020-01-{user_id}T00:00:00Z", **more}


DIRECTORY = {
    "orgs": [
        {
            "id": "1",
            "name": "One",
            "createdAt": "2020-01-01T00:00:00Z",
            "users": [
                _human(GIGI, "gigi", externalId="g"),
                _human(ZORA, "zora"),
                {
                    "id": str(ROBOT),
                    "userName": "robot",
                    "machine": {"name": "Robot"},
                    "createdAt": "2020-01-12T00:00:00Z",
                },
                _human(GONE, "gone", state="deleted"),
            ],
        },
        {"id": "2", "name": "Two", "createdAt": "2020-01-02T00:00:00Z", "users": [_human(14, "pia")]},
    ],
    "agents": [{"id": str(agent)} for agent in AGENTS],
}
IDS = {number: public_id("user", (1_577_836_800 + (number - 1) * 86_400) * SECOND, number) for number in range(10, 15)}
ORGS = {number: public_id("org", (1_577_836_800 + (number - 1) * 86_400) * SECOND, number) for number in (1, 2)}


class World:
    """A store with people, a clock that is set by hand, and the servicers."""

    def __init__(self, executor: SqliteExecutor) -> None:
        self.now = AT
        self.executor = executor
        self.reads = BackendReads(executor, lambda: self.now)
        self.writes = Writes(executor, lambda: self.now)
        self.users = UserManagementServicer(self.reads, self.writes)
        self.events = EventsServicer(self.reads)
        self._agents = iter(AGENTS)

    async def sign_in(self, user_id: int = GIGI, **how: Any) -> str:
        """The public id of a new session, a second later than the one before."""
        self.now += SECOND
        session_id = await self.writes.open_session(user_id, next(self._agents), SignIn(**how))
        return public_id("session", self.now, session_id)

    async def sessions(self, user_id: int = GIGI, **query: Any) -> pb.ListSessionsResponse:
        """A page of a user's sessions."""
        return await self.users.ListSessions(LIST(id=IDS[user_id], **query), None)

    async def shown(self, **query: Any) -> tuple[list[str], str | None, str | None]:
        """The ids on a page of Gigi's sessions, and the cursors."""
        page = await self.sessions(**query)
        cursors = page.list_metadata
        return (
            [session.id for session in page.data],
            cursors.before if cursors.HasField("before") else None,
            cursors.after if cursors.HasField("after") else None,
        )

    async def revoke(self, session_id: str) -> None:
        """End a session, a second later."""
        self.now += SECOND
        assert await self.users.RevokeSession(pb.RevokeSessionRequest(session_id=session_id), None) == (
            pb.RevokeSessionResponse()
        )


@pytest.fixture(scope="module")
def people(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a database with people without sessions; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("people")
    path = Path(shutil.copy(empty_database, folder))
    file = folder / "directory.yaml"
    file.write_text(yaml.safe_dump(DIRECTORY))

    async def fill() -> None:
        made = World(hasty_executor(path))
        await directory.apply(made.writes, directory.read(file))
        await made.executor.close()

    asyncio.run(fill())
    return path


@pytest.fixture
async def world(people: Path, tmp_path: Path) -> AsyncIterator[World]:
    """People without sessions."""
    made = World(hasty_executor(Path(shutil.copy(people, tmp_path))))
    yield made
    await made.executor.close()


async def test_nobody_signed_in(world: World) -> None:
    """An empty list has both cursors, unset."""
    assert await world.shown() == ([], None, None)
    page = await world.sessions()
    assert (page.object, page.HasField("list_metadata")) == ("list", True)


async def test_pages_of_sessions(world: World) -> None:
    """Newest first; the cursors lead from page to page and back, and are unset at the ends."""
    made = [await world.sign_in() for _ in range(5)]
    newest = made[::-1]
    first, second, third = newest[:2], newest[2:4], newest[4:]
    assert await world.shown(limit=2) == (first, None, first[-1])
    assert await world.shown(limit=2, after=first[-1]) == (second, second[0], second[-1])
    assert await world.shown(limit=2, after=second[-1]) == (third, third[0], None)
    assert await world.shown(limit=2, before=third[0]) == (second, second[0], second[-1])
    assert await world.shown(limit=2, before=second[0]) == (first, None, first[-1])
    assert await world.shown(limit=5) == (newest, None, None)
    assert await world.shown(limit=2, order="ORDER_ASC") == (made[:2], None, made[1])
    assert await world.shown(limit=2, order="ORDER_NORMAL") == (first, first[-1], None)
    assert await world.shown(limit=2, order="ORDER_NORMAL", before=first[-1]) == (second, second[-1], second[0])
    assert await world.shown(after=newest[0], before=newest[4]) == (newest[1:4], newest[1], newest[3])


async def test_only_active_sessions_are_listed(world: World) -> None:
    """Neither ended ones, nor those whose time is over, nor those of somebody else."""
    ended, short, kept = await world.sign_in(), await world.sign_in(lifetime=HOUR), await world.sign_in()
    await world.sign_in(ZORA)
    await world.revoke(ended)
    assert (await world.shown())[0] == [kept, short]
    world.now += HOUR
    assert (await world.shown())[0] == [kept]


async def test_revoking_while_paging(world: World) -> None:
    """List, revoke each, next page: every session is met, though each cursor's session has ended by then."""
    made = [await world.sign_in() for _ in range(7)]
    met, cursor = [], ""
    while True:
        ids, _, after = await world.shown(limit=2, after=cursor)
        for each in ids:
            await world.revoke(each)
        met += ids
        if after is None:
            break
        cursor = after
    assert met == made[::-1]
    assert await world.shown() == ([], None, None)


async def test_another_users_cursor_tells_nothing(world: World) -> None:
    """It stands where its time is, as the id of nothing would: what follows is the same."""
    older, others, newer = await world.sign_in(), await world.sign_in(ZORA), await world.sign_in()
    nothing = public_id("session", world.now - SECOND, 1)
    assert others[:18] == nothing[:18]
    assert await world.shown(after=others) == await world.shown(after=nothing) == ([older], older, None)
    assert await world.shown(before=others) == ([newer], None, newer)


async def test_what_a_session_says(world: World) -> None:
    """What the sign-in said of it."""
    await world.sign_in(ip_address="198.51.100.42", user_agent="Mozilla", org_id=2, lifetime=HOUR)
    (session,) = (await world.sessions()).data
    assert (session.ip_address, session.user_agent, session.organization_id) == ("198.51.100.42", "Mozilla", ORGS[2])
    assert session.user_id == IDS[GIGI]
    assert session.expires_at.ToMicroseconds() == world.now + HOUR


@pytest.mark.parametrize(
    "user_id",
    [
        "",
        "invalid",
        "user_",
        IDS[ROBOT],
        IDS[GONE],
        public_id("user", AT, GIGI),
        IDS[GIGI].lower(),
        ORGS[1],
        "10",
        "user_10",
    ],
)
async def test_users_that_are_not_there(world: World, user_id: str) -> None:
    """Malformed, unknown, deleted, a program, or the right number at another time: one answer, with the id as given."""
    for call in (
        world.users.ListSessions(LIST(id=user_id), None),
        world.users.GetUser(pb.GetUserRequest(id=user_id), None),
    ):
        with pytest.raises(EntityNotFound) as caught:
            await call
        assert str(caught.value) == f"User not found: '{user_id}'."


async def test_revoking_twice(world: World) -> None:
    """The second time is as good as the first and leaves no trace."""
    session = await world.sign_in()
    await world.revoke(session)
    before = await world.events.ListEvents(EVENTS(), None)
    await world.revoke(session)
    assert await world.events.ListEvents(EVENTS(), None) == before


@pytest.mark.parametrize("session_id", ["invalid", "session_", IDS[GIGI], public_id("session", AT, 5)])
async def test_sessions_that_are_not_there(world: World, session_id: str) -> None:
    """Not found, with the id as given."""
    with pytest.raises(EntityNotFound, match=f"^Session not found: '{session_id}'\\.$"):
        await world.revoke(session_id)


async def test_revoking_nothing(world: World) -> None:
    """The parameter is named."""
    with pytest.raises(InvalidParameter) as caught:
        await world.revoke("")
    assert caught.value.field == "session_id"


async def test_people(world: World) -> None:
    """Humans that are not deleted, newest first, and by address or organization."""

    async def listed(**query: Any) -> list[str]:
        found = await world.users.ListUsers(pb.ListUsersRequest(**query), None)
        assert (found.object, found.HasField("list_metadata")) == ("list", True)
        return [user.id for user in found.data]

    assert await listed() == [IDS[14], IDS[ZORA], IDS[GIGI]]
    assert await listed(order="ORDER_ASC", limit=1, after=IDS[GIGI]) == [IDS[ZORA]]
    assert await listed(after=IDS[GONE]) == [IDS[ZORA], IDS[GIGI]]
    assert await listed(email="GIGI@example.COM") == [IDS[GIGI]]
    assert await listed(organization_id=ORGS[2]) == await listed(organization=ORGS[2]) == [IDS[14]]
    assert await listed(organization_id=ORGS[2], email="gigi@example.com") == []
    with pytest.raises(EntityNotFound, match=r"^Organization not found: 'org_x'\.$"):
        await listed(organization_id="org_x")
    one = await world.users.GetUser(pb.GetUserRequest(id=IDS[GIGI]), None)
    assert (one.user.id, one.user.email, one.user.HasField("last_sign_in_at")) == (IDS[GIGI], "Gigi@example.com", False)


async def test_events(world: World) -> None:
    """What has happened, oldest first, as things were then; filters and cursors."""
    first, second = await world.sign_in(), await world.sign_in(ZORA, org_id=2)
    await world.revoke(first)

    async def listed(**query: Any) -> list[tuple[str, str]]:
        found = await world.events.ListEvents(EVENTS(**query), None)
        return [(event.event, event.data.id) for event in found.data]

    created, revoked = "session.created", "session.revoked"
    everything = [(created, first), (created, second), (revoked, first)]
    assert await listed() == everything
    assert await listed(order="ORDER_DESC") == everything[::-1]
    assert await listed(events=[f"{created},{revoked}"]) == everything
    assert await listed(events=[revoked, "user.created"]) == everything[2:]
    assert await listed(events=["user.created"]) == []
    assert await listed(organization_id=ORGS[2]) == everything[1:2]
    page = await world.events.ListEvents(EVENTS(limit=2), None)
    assert page.list_metadata.after == page.data[1].id
    assert await listed(after=page.data[1].id) == everything[2:]
    last = await world.events.ListEvents(EVENTS(after=page.data[1].id), None)
    assert not last.list_metadata.HasField("after")
    at = page.data[1].created_at
    assert await listed(range_start=at) == everything[1:]
    assert await listed(range_end=at) == everything[:1]
    assert last.data[0].data.status == pb.SESSION_STATUS_REVOKED
    assert page.data[0].data.status == pb.SESSION_STATUS_ACTIVE


@pytest.mark.parametrize("name", ["", "session", "session.created,,session.revoked", "Session.Created", "a b.c"])
async def test_names_that_no_event_has(world: World, name: str) -> None:
    """What cannot be the name of an event is refused rather than answered with nothing."""
    with pytest.raises(InvalidParameter) as caught:
        await world.events.ListEvents(EVENTS(events=[name]), None)
    assert caught.value.field == "events"


@pytest.mark.parametrize("cursor", ["session_01H93ZY4F80QPBEZ1R5B2SHQG8", "event_", "01H93ZY4F80QPBEZ1R5B2SHQG8"])
async def test_cursors_that_no_event_has(world: World, cursor: str) -> None:
    """What is no id of an event leads nowhere."""
    with pytest.raises(InvalidParameter) as caught:
        await world.events.ListEvents(EVENTS(after=cursor), None)
    assert caught.value.code == "after_invalid"


async def test_events_behind_an_event_of_somebody_else(world: World) -> None:
    """An id that is none of ours, such as one of WorkOS, stands at its time, even if it holds a number of ours."""
    sessions = [await world.sign_in() for _ in range(3)]
    events = (await world.events.ListEvents(EVENTS(), None)).data
    number = parse_public_id("event", events[2].id)
    assert number is not None
    assert number.id is not None
    at = AT + 2 * SECOND  # that of the second
    for other in (public_id("event", at, 2**79), public_id("event", at, number.id), public_id("event", at, 1)[:16]):
        behind = await world.events.ListEvents(EVENTS(after=other), None)
        assert [event.data.id for event in behind.data] == sessions[1:]
        newer = await world.events.ListEvents(EVENTS(before=other, order="ORDER_DESC"), None)
        assert [event.data.id for event in newer.data] == sessions[:0:-1]
        older = await world.events.ListEvents(EVENTS(before=other), None)
        assert [event.data.id for event in older.data] == sessions[:1]


@pytest.mark.parametrize("field", ["range_start", "range_end"])
@pytest.mark.parametrize(
    ("seconds", "nanos"), [(2**62, 0), (-(2**62), 0), (253_402_300_800, 0), (-62_135_596_801, 0), (0, -5), (0, 10**9)]
)
async def test_times_that_are_none(world: World, field: str, seconds: int, nanos: int) -> None:
    """What a google.protobuf.Timestamp may not hold, as gRPC can bring it, is named, with a code."""
    with pytest.raises(InvalidParameter) as caught:
        await world.events.ListEvents(EVENTS(**{field: Timestamp(seconds=seconds, nanos=nanos)}), None)
    assert (caught.value.field, caught.value.code) == (field, f"{field}_invalid")


async def test_ends_of_a_range(world: World) -> None:
    """A range begins with its start and ends in front of its end, to the nanosecond; the widest one has all."""
    session = await world.sign_in()
    at = Timestamp(seconds=world.now // SECOND)
    later = Timestamp(seconds=at.seconds, nanos=1)

    async def listed(**query: Any) -> list[str]:
        return [event.data.id for event in (await world.events.ListEvents(EVENTS(**query), None)).data]

    assert await listed(range_start=at) == await listed(range_end=later) == [session]
    assert await listed(range_start=later) == await listed(range_end=at) == []
    widest = {"range_start": Timestamp(seconds=-62_135_596_800), "range_end": Timestamp(seconds=253_402_300_799)}
    assert await listed(**widest) == [session]
    assert await listed(range_start=later, range_end=at) == []


async def test_statements_of_a_call(world: World) -> None:
    """One for a person; two for a list, with the person's or organization's id, and two more with a cursor.

    The check of the API key is one more.
    """
    for _ in range(4):
        newest = await world.sign_in()
    statements: list[str] = []
    world.executor._reader.set_trace_callback(statements.append)
    users, events = world.users, world.events
    gigi, org = IDS[GIGI], ORGS[1]

    async def cost(call: Any) -> int:
        statements.clear()
        await call
        return len([statement for statement in statements if statement.startswith("SELECT")])

    assert await cost(users.GetUser(pb.GetUserRequest(id=gigi), None)) == 1
    assert await cost(users.GetUserByExternalId(pb.GetUserByExternalIdRequest(external_id="g"), None)) == 1
    assert await cost(users.ListUsers(pb.ListUsersRequest(limit=1), None)) == 1
    assert await cost(users.ListUsers(pb.ListUsersRequest(organization_id=org), None)) == 2
    assert await cost(users.ListSessions(LIST(id=gigi, limit=2), None)) == 2
    assert await cost(users.ListSessions(LIST(id=gigi, limit=2, after=newest), None)) == 4
    assert await cost(events.ListEvents(EVENTS(limit=2), None)) == 2

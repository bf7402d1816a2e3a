from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from itertools import count

import pytest
from harness import open_hastily
from store.engines import only_sqlite, sqlite

from authsvc import directory
from authsvc.domain.clock import SECOND
from authsvc.domain.databases import Database
from authsvc.domain.keyset import FIRST, LAST, Order, Position, Span, Wanted, page
from authsvc.domain.sessions import AuthMethod, SessionEvent, SessionRecord, SignIn
from authsvc.domain.tokens import KeyRecord, Permission, token_hash
from authsvc.domain.ulid import Ulid, parse_ulid, ulid
from authsvc.store import backends
from authsvc.store.backends import BackendReads
from authsvc.store.executor import Prepared
from authsvc.store.writes import Writes

pytestmark = pytest.mark.both_engines

BEGINNING = 1_700_000_000 * SECOND
IMPORTED = "01H93ZY4F80QPBEZ1R5B2SHQG8"
EVERYTHING = Span(FIRST, LAST, ascending=True, limit=100)

PEOPLE = f"""
orgs:
  - id: 1
    name: Savanna
    createdAt: 2020-01-01T00:00:00Z
    users:
      - id: 11
        workosId: user_{IMPORTED}
        externalId: x1
        userName: gigi
        createdAt: 2020-01-01T00:00:01Z
        human:
          firstName: Gigi
          lastName: Giraffe
          email: {{ email: Gigi@Savanna.example, verified: true }}
      - {{ id: 12, userName: zora, createdAt: 2020-01-01T00:00:02.5Z, human: {{ firstName: Z, lastName: Z }} }}
      - id: 13
        externalId: x3
        userName: olli
        state: deleted
        createdAt: 2020-01-01T00:00:03Z
        human: {{ firstName: O, lastName: O }}
      - {{ id: 14, externalId: x4, userName: bot, createdAt: 2020-01-01T00:00:04Z, machine: {{ name: Bot }} }}
  - id: 2
    workosId: org_{IMPORTED}
    name: Waterhole
    createdAt: 2020-01-01T00:00:00Z
    users:
      - id: 21
        userName: hugo
        createdAt: 2020-01-01T00:00:05Z
        human: {{ firstName: H, lastName: H, email: {{ email: gigi@savanna.example }} }}
agents:
  - id: 31
    sessions:
      - id: 41
        workosId: session_{IMPORTED}
        user: 11
        org: 2
        authMethod: sso
        ipAddress: 198.51.100.42
        userAgent: Browser
        impersonator: {{ email: olli@savanna.example, reason: Looks }}
        createdAt: 2023-01-01T00:00:00Z
        expiresAt: 2033-01-01T00:00:00Z
      - {{ id: 42, user: 11, createdAt: 2023-01-02T00:00:00Z }}
      - {{ id: 43, user: 11, state: terminated, createdAt: 2023-01-03T00:00:00Z }}
      - {{ id: 44, user: 11, createdAt: 2023-01-04T00:00:00Z, expiresAt: 2023-01-05T00:00:00Z }}
      - {{ id: 45, user: 12, createdAt: 2023-01-05T00:00:00Z }}
"""
CREATED_2020 = 1_577_836_800 * SECOND
CREATED_2023 = 1_672_531_200 * SECOND


class Store:
    """A database, and time that goes on by a second at each look."""

    def __init__(self, database: Database) -> None:
        self.executor = open_hastily(database)
        self.ticks = count(BEGINNING, SECOND)
        self.writes = Writes(self.executor, lambda: next(self.ticks))
        self.now = BEGINNING
        self.reads = BackendReads(self.executor, lambda: self.now)

    async def apply(self, text: str) -> None:
        """Apply a directory file."""
        await directory.apply(self.writes, directory.parse(text.encode(), "test.yaml"))

    async def run(self, sql: str) -> None:
        """Write in plain SQL."""
        async with self.executor.transaction() as tx:
            await tx.execute(Prepared(sql, (), {}))


@pytest.fixture
async def store(new_database: Database) -> AsyncIterator[Store]:
    """A database with some people and their sessions."""
    store = Store(new_database)
    await store.apply(PEOPLE)
    yield store
    await store.executor.close()


def _ulid(text: str) -> Ulid:
    found = parse_ulid(text)
    assert found is not None
    return found


# Ids.


async def test_people_by_their_ids(store: Store) -> None:
    """A person is found by the ULID they brought along, or else by that of their time and id."""
    assert await store.reads.person_id(_ulid(IMPORTED)) == 11
    zora = CREATED_2020 + 2_500_000
    assert await store.reads.person_id(_ulid(ulid(zora + 999, 12))) == 12
    for text in (ulid(zora + 1_000, 12), ulid(zora, 13), ulid(zora, 99), ulid(zora, 0), IMPORTED[:-1] + "9"):
        assert await store.reads.person_id(_ulid(text)) is None


async def test_imported_id_is_the_only_one(store: Store) -> None:
    """Who brought a ULID along is not found by another one."""
    assert await store.reads.person_id(_ulid(ulid(CREATED_2020 + SECOND, 11))) is None
    assert await store.reads.org_id(_ulid(ulid(CREATED_2020, 2))) is None


async def test_programs_and_deleted_people_are_none(store: Store) -> None:
    """Back ends see people that are not deleted, by whatever they are asked for; the place of all is known."""
    for user_id, seconds in ((13, 3), (14, 4)):
        named = _ulid(ulid(CREATED_2020 + seconds * SECOND, user_id))
        assert await store.reads.person_id(named) is None
        assert await store.reads.person(named) is None
        assert await store.reads.person_by_id(user_id) is None
        assert await store.reads.person_by_external_id(f"x{user_id - 10}") is None
        assert await store.reads.person_position(named) == Position(CREATED_2020 + seconds * SECOND, user_id)
    assert await store.reads.person_position(_ulid(ulid(CREATED_2020, 99))) is None


async def test_organizations_by_their_ids(store: Store) -> None:
    """An organization is found by either sort of ULID."""
    assert await store.reads.org_id(_ulid(IMPORTED)) == 2
    assert await store.reads.org_id(_ulid(ulid(CREATED_2020, 1))) == 1
    assert await store.reads.org_id(_ulid(ulid(CREATED_2020, 3))) is None


async def test_sessions_by_their_ids(store: Store) -> None:
    """A session is found in whatever state; its place in a list, by its own user only."""
    ended = _ulid(ulid(CREATED_2023 + 2 * 86_400 * SECOND, 43))
    assert await store.reads.session_id(_ulid(IMPORTED)) == 41
    assert await store.reads.session_id(ended) == 43
    assert await store.reads.session_position(11, ended) == Position(CREATED_2023 + 2 * 86_400 * SECOND, 43)
    assert await store.reads.session_position(11, _ulid(IMPORTED)) == Position(CREATED_2023, 41)
    assert await store.reads.session_position(12, ended) is None
    assert await store.reads.session_position(11, _ulid(ulid(CREATED_2023, 43))) is None


# People.


async def test_what_a_person_tells(store: Store) -> None:
    """A person has what their entry says, and the time of their newest sign-in."""
    person = await store.reads.person(_ulid(IMPORTED))
    assert person is not None
    assert person._replace(changed_at=0)._asdict() == {
        "id": 11,
        "ulid": IMPORTED,
        "created_at": CREATED_2020 + SECOND,
        "changed_at": 0,
        "email": "Gigi@Savanna.example",
        "email_verified": 1,
        "display_name": "Gigi Giraffe",
        "first_name": "Gigi",
        "last_name": "Giraffe",
        "preferred_language": "",
        "avatar_url": "",
        "external_id": "x1",
        "last_login": CREATED_2023 + 3 * 86_400 * SECOND,
    }
    assert await store.reads.person_by_id(11) == await store.reads.person_by_external_id("x1") == person
    assert await store.reads.person_by_external_id("X1") is None


@pytest.mark.parametrize(("email", "org_id", "ids"), [
    (None, None, [11, 12, 21]),
    (None, 1, [11, 12]),
    ("gigi@SAVANNA.example", None, [11, 21]),
    ("gigi@savanna.example", 2, [21]),
    ("gigi", None, []),
    ("%", None, []),
    (None, 3, []),
])  # fmt: skip
async def test_lists_of_people(store: Store, email: str | None, org_id: int | None, ids: list[int]) -> None:
    """A list has the people of the organization with the e-mail address, whole and in any case, in both directions."""
    found = await store.reads.people(EVERYTHING, email, org_id)
    assert [person.id for person in found] == ids
    backwards = await store.reads.people(EVERYTHING._replace(ascending=False, limit=1), email, org_id)
    assert [person.id for person in backwards] == ids[-1:]


async def test_span_leaves_out_its_ends(store: Store) -> None:
    """A span is what lies strictly between its positions; those made at one moment are told apart by their ids."""
    await store.run(f"UPDATE users SET created_at = {CREATED_2020}")
    ends = Position(CREATED_2020, 11), Position(CREATED_2020, 21)
    found = await store.reads.people(Span(*ends, ascending=False, limit=9), None, None)
    assert [person.id for person in found] == [12]


# Sessions.


async def test_what_a_session_tells(store: Store) -> None:
    """A session has how it came about, and what is needed to name its user and organization."""
    (session, _) = await store.reads.sessions(11, EVERYTHING)
    assert session._replace(changed_at=0) == SessionRecord(
        id=41,
        ulid=IMPORTED,
        created_at=CREATED_2023,
        changed_at=0,
        expires_at=1_988_150_400 * SECOND,
        ended_at=None,
        state=1,
        auth_method=AuthMethod.SSO,
        ip_address="198.51.100.42",
        user_agent="Browser",
        impersonator_email="olli@savanna.example",
        impersonator_reason="Looks",
        user_id=11,
        user_ulid=IMPORTED,
        user_created_at=CREATED_2020 + SECOND,
        org_id=2,
        org_ulid=IMPORTED,
        org_created_at=CREATED_2020,
    )


async def test_active_sessions_of_one_user(store: Store) -> None:
    """Listed are the user's sessions that have not ended and are not over, to the microsecond."""
    for user_id, ids in ((11, [41, 42]), (12, [45]), (21, []), (99, [])):
        assert [one.id for one in await store.reads.sessions(user_id, EVERYTHING)] == ids
    expires_at = 1_988_150_400 * SECOND
    store.now = expires_at - 1
    assert [one.id for one in await store.reads.sessions(11, EVERYTHING)] == [41]
    store.now = expires_at
    assert await store.reads.sessions(11, EVERYTHING) == []


@only_sqlite
async def test_long_list_is_walked_in_equal_steps(store: Store) -> None:
    """Pages of 30,000 sessions cost as much at the end as at the beginning, with other users' and ended ones about."""
    numbers = "WITH RECURSIVE s (n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM s WHERE n < 90999)"
    columns = "id, agent_id, user_id, state, sequence, created_at, changed_at, auth_method, expires_at"
    values = f"n, 31, 11 + n % 3 / 2, 1 + n % 3 % 2, 1, {BEGINNING} + n, 1, 1, {2**62}"
    await store.run(f"{numbers} INSERT INTO sessions ({columns}) SELECT {values} FROM s")

    async def fetch(span: Span) -> list[SessionRecord]:
        return await store.reads.sessions(11, span)

    seen: list[int] = []
    costs: list[int] = []
    steps: list[None] = []
    sqlite(store.executor)._reader.set_progress_handler(
        lambda: steps.append(None), 1
    )  # at each step of SQLite's machine
    cursor: Position | None = None
    while True:
        steps.clear()
        found = await page(Wanted(Order.DESC, 100, after=cursor), fetch, _position)
        costs.append(len(steps))
        seen += [session.id for session in found.rows]
        if found.after is None:
            break
        cursor = _position(found.after)
    assert seen == [*(n for n in range(90_999, 999, -1) if n % 3 == 0), 42, 41]
    # Were pages found by counting, the last would cost a hundred times as much. The very last is not a whole one.
    assert 0 < max(costs[:-1]) < 1.2 * min(costs[:-1])


def _position(session: SessionRecord) -> Position:
    return Position(session.created_at, session.id)


# Events.


ALL = ("created", "terminated")


async def _all(store: Store) -> list[SessionEvent]:
    return await store.reads.session_events(EVERYTHING, ALL)


async def _events(store: Store, actions: tuple[str, ...] = ALL, org_id: int | None = None) -> list[tuple[str, int]]:
    found = await store.reads.session_events(EVERYTHING, actions, org_id)
    return [(event.action, event.session.id) for event in found]


async def test_events_are_beginnings_and_endings(store: Store) -> None:
    """Creation and termination of sessions are events, in their order; other changes, and those of others, are none."""
    await store.apply(PEOPLE.replace("2033-01-01", "2034-01-01"))
    assert await store.writes.end_session(42)
    created = [("created", session_id) for session_id in range(41, 46)]
    created.insert(3, ("terminated", 43))
    assert await _events(store) == [*created, ("terminated", 42)]
    assert await _events(store, ("terminated",)) == [("terminated", 43), ("terminated", 42)]
    assert await _events(store, ("created",)) == [one for one in created if one[0] == "created"]
    assert await _events(store, ()) == []


async def test_events_of_an_organization(store: Store) -> None:
    """Those of sessions for an organization."""
    assert await _events(store, org_id=2) == [("created", 41)]
    assert await _events(store, org_id=1) == []


async def test_place_of_an_event_is_its_time_and_number(store: Store) -> None:
    """Whatever the places between which events are asked for, those are found that are strictly between them."""
    await store.run("UPDATE changes SET at = at / 3000000 * 3000000")  # several at one time
    whole = await _all(store)
    assert len({event.at for event in whole}) < len(whole)
    numbers = {number for event in whole for number in (0, event.sequence - 1, event.sequence, event.sequence + 1)}
    times = {at for event in whole for at in (event.at - 1, event.at, event.at + 1)}
    ends = [FIRST, LAST, *(Position(at, number) for at in times for number in numbers)]
    for low, high in zip(ends, sorted(ends)[::-1], strict=True):
        inside = [event for event in whole if low < (event.at, event.sequence) < high]
        for ascending in (True, False):
            span = Span(low, high, ascending=ascending, limit=2)
            assert await store.reads.session_events(span, ALL) == (inside if ascending else inside[::-1])[:2]


async def test_times_of_changes_rise(store: Store) -> None:
    """A clock that is put back, or goes wrong and is mended, gives later changes no earlier time."""
    before = (await _all(store))[-1]
    store.ticks = count(BEGINNING - 3_600 * SECOND, SECOND)
    assert await store.writes.end_session(42)
    ended = (await _all(store))[-1]
    assert (ended.session.id, ended.at, ended.session.changed_at) == (42, before.at, before.at)
    assert ended.session.ended_at == before.at


@pytest.mark.parametrize("step", range(2, 6))
async def test_many_changes_are_looked_through_in_parts(
    store: Store, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However short the parts, every span gives the same, both ways; and others get their turn between them."""
    whole = await _all(store)
    monkeypatch.setattr(backends, "_STEP", step)
    places = [FIRST, *(Position(event.at, event.sequence) for event in whole), LAST]
    for low, high, limit in itertools.product(places, places, (1, 2, 9)):
        inside = [event for event in whole if low < (event.at, event.sequence) < high]
        for ascending in (True, False):
            span = Span(low, high, ascending=ascending, limit=limit)
            assert await store.reads.session_events(span, ALL) == (inside if ascending else inside[::-1])[:limit]
    turns: list[str] = []
    asyncio.get_running_loop().call_soon(turns.append, "turn")
    await _all(store)
    assert turns


@only_sqlite
async def test_time_is_found_without_a_look_at_what_is_before(store: Store) -> None:
    """Events from a time on, or before one, cost the same among 20,000 changes wherever that time is."""
    numbers = "WITH RECURSIVE s (n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM s WHERE n < 20999)"
    values = f"n, {BEGINNING} + n * {SECOND}, 'session', 45, 'created', 1"
    await store.run(
        f"{numbers} INSERT INTO changes (sequence, at, kind, entity_id, action, org_id) SELECT {values} FROM s"
    )
    steps: list[None] = []
    sqlite(store.executor)._reader.set_progress_handler(lambda: steps.append(None), 1)
    costs = []
    for number in (2_000, 11_000, 20_000):
        place = Position(BEGINNING + number * SECOND, 0)
        for span in (Span(place, LAST, ascending=True, limit=10), Span(FIRST, place, ascending=False, limit=10)):
            steps.clear()
            found = await store.reads.session_events(span, ALL)
            assert found[0].sequence == (number if span.ascending else number - 1)
            costs.append(len(steps))
    assert max(costs) < 1.2 * min(costs)


async def test_one_event(store: Store) -> None:
    """An event has the session as it is now, and is found by its number; changes of others are none."""
    (agent,) = await store.executor.fetch_all(Prepared("SELECT sequence FROM user_agents", (), {}))
    assert await store.reads.session_event(agent[0]) is None
    assert await store.reads.session_event(999) is None
    await store.writes.end_session(41)
    created, *_, terminated = await _all(store)
    assert await store.reads.session_event(terminated.sequence) == terminated
    assert created.session == terminated.session
    assert (terminated.session.state, terminated.session.ended_at) == (2, terminated.at)
    assert (terminated.session.org_ulid, terminated.session.user_ulid) == (IMPORTED, IMPORTED)


# Keys.


async def test_keys(store: Store) -> None:
    """A key is found by its hash, revoked or not, and all are listed, the oldest first."""
    key_id, key = await store.writes.create_key("Back office", frozenset({Permission.EVENT_READ, Permission.USER_READ}))
    other_id, other = await store.writes.create_key("Other", frozenset(Permission))
    found = await store.reads.key(token_hash(key))
    assert found is not None
    assert found == KeyRecord(key_id, "Back office", "event.read user.read", found.created_at, None, None)
    assert await store.reads.key(token_hash(key + "x")) is None
    assert await store.writes.revoke_key(other)
    revoked = await store.reads.key(token_hash(other))
    assert revoked is not None
    assert revoked.revoked_at is not None
    assert await store.reads.keys() == [found, revoked]
    assert [one.id for one in await store.reads.keys()] == [key_id, other_id]


# Plans.


@only_sqlite
async def test_every_read_walks_along_an_index(store: Store) -> None:
    """No read scans a table or sorts what it has found, and the lists use the indexes made for them."""
    reads = store.reads
    single = [
        *reads._ids.values(),
        reads._person_id,
        reads._person,
        reads._person_by_external_id,
        reads._event,
        reads._person_by_id,
    ]
    for prepared in (*single, reads._key):
        steps = _plan(store, prepared)
        assert not [step for step in steps if step.startswith("SCAN") or "TEMP B-TREE" in step], steps
    for (_, has_email, has_org), prepared in reads._people.items():
        name = "people_by_email" if has_email else "people_of_org" if has_org else "people"
        _uses(store, prepared, f"ix_users_{name} ")
    for prepared in reads._sessions.values():
        _uses(
            store,
            prepared,
            "ix_sessions_user_id_state_created_at_id_expires_at (user_id=? AND state=? AND created_at>?",
        )
    for prepared in reads._events.values():
        _uses(store, prepared, "ix_changes_session (sequence>? AND sequence<?)")
    steps = _plan(store, reads._first_event)
    assert [step for step in steps if step.startswith("SEARCH")] == [
        "SEARCH changes USING INDEX ix_changes_session_at (at=? AND sequence>?)",
        "SEARCH changes USING INDEX ix_changes_session_at (at>?)",
    ]
    assert not [step for step in steps if "TEMP B-TREE" in step]


def _uses(store: Store, prepared: Prepared, index: str) -> None:
    steps = _plan(store, prepared)
    assert any(f"INDEX {index}" in step for step in steps), steps
    assert not [step for step in steps if step.startswith("SCAN") or "TEMP B-TREE" in step], steps


def _plan(store: Store, prepared: Prepared) -> list[str]:
    arguments = [1] * len(prepared.names)
    rows = sqlite(store.executor)._reader.execute(f"EXPLAIN QUERY PLAN {prepared.sql}", arguments)
    return [str(row[3]) for row in rows]


async def test_sign_in_is_what_is_read(store: Store) -> None:
    """What a sign-in tells is what back ends see of the session."""
    sign_in = SignIn(AuthMethod.PASSKEY, "2001:db8::1", "Browser 2", 2, "olli@savanna.example", "Looks", SECOND * 60)
    session_id = await store.writes.open_session(21, 31, sign_in)
    store.now = next(store.ticks)
    (session,) = await store.reads.sessions(21, EVERYTHING)
    assert session.id == session_id
    about = session.auth_method, session.ip_address, session.user_agent, session.org_id
    assert (*about, session.impersonator_email, session.impersonator_reason) == sign_in[:6]
    assert 0 < session.expires_at - session.created_at + SECOND <= SECOND * 60
    assert session.ulid is None

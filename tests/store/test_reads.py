from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
from harness import open_hastily
from store.engines import only_sqlite, sqlite
from zitadel import auth_pb2

from authsvc import directory
from authsvc.api.auth import AuthServicer
from authsvc.domain.clock import SECOND
from authsvc.domain.databases import Database
from authsvc.domain.ids import MAX_ID, parse_id
from authsvc.domain.paging import Page, page
from authsvc.domain.sessions import MAX_SESSIONS
from authsvc.domain.tokens import TokenRecord, token_hash
from authsvc.domain.users import UserState
from authsvc.errors import PermissionDenied
from authsvc.identity.authenticator import Authenticator
from authsvc.identity.caller import Caller
from authsvc.store import schema
from authsvc.store.executor import Prepared
from authsvc.store.reads import Reads
from authsvc.store.writes import Writes

pytestmark = pytest.mark.both_engines

HOUR = 3_600 * SECOND
BEGINNING = 1_000_000_000 * SECOND
ALL = page(0, 0, ascending=False)


class Store:
    """A database, and time that goes on by a second at each look."""

    def __init__(self, database: Database) -> None:
        self.executor = open_hastily(database)
        ticks = count(BEGINNING, SECOND)
        self.writes = Writes(self.executor, lambda: next(ticks))
        self.reads = Reads(self.executor, lambda: next(ticks))

    async def apply(self, text: str) -> None:
        """Apply a directory file."""
        await directory.apply(self.writes, directory.parse(text.encode(), "test.yaml"))

    async def ask(self, sql: str) -> list[tuple[object, ...]]:
        """Ask in plain SQL."""
        return list(await self.executor.fetch_all(Prepared(sql, (), {})))


@pytest.fixture
async def store(new_database: Database) -> AsyncIterator[Store]:
    """An empty database of the test's own."""
    store = Store(new_database)
    yield store
    await store.executor.close()


@pytest.fixture
async def savanna(demo: Path, tmp_path: Path) -> AsyncIterator[Store]:
    """The demo data."""
    store = Store(Path(shutil.copy(demo, tmp_path)))
    yield store
    await store.executor.close()


PEOPLE = """
orgs:
  - id: 1
    name: Savanna
    domains: [savanna.example, a.example, z.example]
    projects: [{ id: 5, name: Map, roles: [{ key: b }, { key: a }, { key: c }] }]
    users:
      - { id: 11, userName: gigi, human: { firstName: Gigi, lastName: Giraffe } }
      - { id: 12, userName: zora, human: { firstName: Zora, lastName: Zebra } }
      - { id: 13, userName: olli, state: STATE, human: { firstName: Olli, lastName: Okapi } }
      - { id: 14, userName: weaver-birds, login: birds, machine: { name: Weaver birds } }
  - { id: 2, name: Nowhere, users: [{ id: 21, userName: nobody, human: { firstName: No, lastName: Body } }] }
"""


def _people(state: str = "active", more: str = "") -> str:
    return PEOPLE.replace("STATE", state) + more


def _sessions(*sessions: str, agent: int = 31) -> str:
    lines = "\n".join(f"      - {{ {session} }}" for session in sessions)
    return f"agents:\n  - id: {agent}\n    sessions:\n{lines}\n"


def _grants(*grants: str) -> str:
    lines = "\n".join(f"  - {{ org: 1, project: 5, roles: [b, a], {grant} }}" for grant in grants)
    return f"userGrants:\n{lines}\n"


# Sessions.


async def test_newest_session_of_each_user(store: Store) -> None:
    """Of several sessions of one user on an agent only the newest is listed, be it terminated or not."""
    sessions = _sessions(
        'id: 41, user: "11", createdAt: 2025-01-01T00:00:00Z',
        'id: 42, user: "11", createdAt: 2025-01-03T00:00:00Z, state: terminated',
        'id: 43, user: "11", createdAt: 2025-01-02T00:00:00Z',
        'id: 44, user: "12", createdAt: 2025-01-01T00:00:00Z, state: terminated',
        'id: 45, user: "12", createdAt: 2025-01-02T12:00:00Z',
    )
    await store.apply(_people(more=sessions))
    assert [(session.id, session.state) for session in await store.reads.sessions(31)] == [(42, 2), (45, 1)]


@pytest.mark.parametrize(("over", "state"), [(True, 2), (False, 1)])
async def test_session_whose_time_is_over(store: Store, over: bool, state: int) -> None:  # noqa: FBT001 - a case
    """From the moment at which it is over an active session is shown as a terminated one."""
    await store.apply(_people(more=_sessions('id: 41, user: "11", createdAt: 2001-01-01T00:00:00Z')))
    async with store.writes.transaction() as tx:
        await store.writes.put(tx, schema.sessions, {"id": 41, "expires_at": BEGINNING})
    reads = Reads(store.executor, lambda: BEGINNING - (not over))
    assert [session.state for session in await reads.sessions(31)] == [state]


async def test_sessions_newest_first_ties_by_id(store: Store) -> None:
    """Sessions come newest first; of those made at the same moment, between users and of one, the greater id first."""
    same = "createdAt: 2025-01-01T00:00:00Z"
    sessions = _sessions(
        f'id: 43, user: "12", {same}',
        f'id: 47, user: "11", {same}',
        f'id: 48, user: "12", {same}',
        f'id: 45, user: "13", {same}',
        'id: 40, user: "14", createdAt: 2025-01-01T00:00:00.000001Z',
        'id: 49, user: "21", createdAt: 2024-12-31T23:59:59.999999Z',
    )
    await store.apply(_people(more=sessions))
    assert [session.id for session in await store.reads.sessions(31)] == [40, 48, 47, 45, 49]


@pytest.mark.parametrize("state", ["active", "initial", "inactive", "locked", "suspend", "deleted"])
async def test_sessions_of_deleted_users(store: Store, state: str) -> None:
    """Only deleted users are left out; whoever cannot sign in at present is still shown."""
    await store.apply(_people(more=_sessions('id: 41, user: "13"', 'id: 42, user: "11"')))
    await store.apply(_people(state))
    expected = {11} if state == "deleted" else {11, 13}
    assert {session.user_id for session in await store.reads.sessions(31)} == expected


async def test_sessions_of_one_agent_only(store: Store) -> None:
    """A session on another agent, even a newer one of the same user, neither shows nor hides anything."""
    first = _sessions('id: 41, user: "11", createdAt: 2025-01-01T00:00:00Z')
    second = _sessions('id: 42, user: "11", createdAt: 2025-06-01T00:00:00Z', 'id: 43, user: "12"', agent=32)
    await store.apply(_people(more=first + second.removeprefix("agents:\n")))
    assert [session.id for session in await store.reads.sessions(31)] == [41]
    assert {session.id for session in await store.reads.sessions(32)} == {42, 43}
    assert await store.reads.sessions(33) == []


async def test_what_a_session_tells(store: Store) -> None:
    """A session has the names of its user, the primary domain, the user's organization and its change data."""
    await store.apply(_people(more=_sessions('id: 41, user: "14", createdAt: 2025-01-01T00:00:00Z')))
    (session,) = await store.reads.sessions(31)
    ((sequence, at),) = await store.ask("SELECT sequence, at FROM changes WHERE kind = 'session'")
    assert session._asdict() == {
        "id": 41,
        "agent_id": 31,
        "state": 1,
        "user_id": 14,
        "user_name": "weaver-birds",
        "login": "birds",
        "domain": "savanna.example",
        "display_name": "Weaver birds",
        "avatar_url": "",
        "org_id": 1,
        "sequence": sequence,
        "created_at": 1_735_689_600 * SECOND,
        "changed_at": at,
    }


async def test_session_of_a_user_without_a_domain(store: Store) -> None:
    """A session is shown even if the user's organization has no domain."""
    await store.apply(_people(more=_sessions('id: 41, user: "21"')))
    assert [(session.id, session.domain) for session in await store.reads.sessions(31)] == [(41, None)]


async def test_sessions_are_bounded(store: Store) -> None:
    """An agent with more users than a list may hold shows the newest."""
    await store.apply(_people(more=_sessions('id: 41, user: "11", createdAt: 2020-01-01T00:00:00Z')))
    columns = (
        "1, 1, 1, 'u' || n, 'u' || n, '', '', '', '', '', 0, '', '', false, '', false, NULL, '', NULL, 0, 1, 1, 1, "
        "NULL, NULL, NULL, NULL, NULL, false, 0"
    )
    last = 999 + MAX_SESSIONS + 5
    numbers = f"WITH RECURSIVE s (n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM s WHERE n < {last})"
    others = f"NULL, 10, NULL, NULL, NULL, NULL, NULL, {2**62}, NULL, NULL, NULL, NULL, NULL, NULL"
    sessions = f"SELECT n, 31, n, 1, 1, n * 10000000000000, 1, {others} FROM s"
    async with store.executor.transaction() as tx:
        await tx.execute(Prepared(f"{numbers} INSERT INTO users SELECT n, {columns} FROM s", (), {}))
        await tx.execute(Prepared(f"{numbers} INSERT INTO sessions {sessions}", (), {}))
    found = await store.reads.sessions(31)
    assert len(found) == MAX_SESSIONS
    assert [session.id for session in found] == list(range(last, last - MAX_SESSIONS, -1))


# Grants.


async def test_grants_by_creation_ties_by_id(store: Store) -> None:
    """Grants are ordered by creation, those made at the same moment by id, in both directions."""
    same = "createdAt: 2025-01-01T00:00:00Z"
    await store.apply(
        _people(
            more=_grants(
                f'id: 63, user: "11", {same}',
                f'id: 61, user: "11", {same}',
                f'id: 65, user: "11", {same}',
                'id: 64, user: "11", createdAt: 2024-01-01T00:00:00Z',
                'id: 62, user: "11", createdAt: 2025-01-01T00:00:00.000001Z',
            )
        )
    )
    ascending = [64, 61, 63, 65, 62]
    for page_, expected in {
        Page(0, 1000, ascending=True): ascending,
        Page(0, 1000, ascending=False): ascending[::-1],
        Page(1, 2, ascending=True): [61, 63],
        Page(1, 2, ascending=False): [65, 63],
        Page(4, 10, ascending=True): [62],
        Page(0, 1, ascending=False): [62],
        Page(5, 10, ascending=True): [],
        Page(10**9, 1, ascending=False): [],
        Page(2**63 - 1, 1000, ascending=True): [],
    }.items():
        found = await store.reads.grants(11, page_)
        assert [grant.id for grant in found.grants] == expected, page_
        assert found.total == 5


async def test_walking_through_pages(store: Store) -> None:
    """The pages of any size put together are the whole list, without doubles."""
    same = "createdAt: 2025-01-01T00:00:00Z"
    await store.apply(_people(more=_grants(*(f'id: {60 + n}, user: "11", {same}' for n in range(7)))))
    for ascending in (True, False):
        whole = [grant.id for grant in (await store.reads.grants(11, Page(0, 1000, ascending))).grants]
        for size in range(1, 9):
            pages = [await store.reads.grants(11, Page(start, size, ascending)) for start in range(0, 8, size)]
            assert [grant.id for found in pages for grant in found.grants] == whole


async def test_what_a_grant_tells(store: Store) -> None:
    """A grant has the names of its organization and project, its roles in the order of the file, and change data."""
    await store.apply(_people(more=_grants('id: 61, user: "14", state: inactive, createdAt: 2025-01-01T00:00:00Z')))
    (grant,) = (await store.reads.grants(14, ALL)).grants
    ((sequence, at),) = await store.ask("SELECT sequence, at FROM changes WHERE kind = 'user_grant'")
    assert grant._asdict() == {
        "id": 61,
        "user_id": 14,
        "user_type": 2,
        "org_id": 1,
        "org_name": "Savanna",
        "org_domain": "savanna.example",
        "project_id": 5,
        "project_name": "Map",
        "project_grant_id": None,
        "role_keys": "b\na",
        "state": 2,
        "sequence": sequence,
        "created_at": 1_735_689_600 * SECOND,
        "changed_at": at,
    }


async def test_grants_of_others_never_show(store: Store) -> None:
    """A user sees all of their own grants, active or not, and neither those of others nor their number."""
    await store.apply(
        _people(more=_grants('id: 61, user: "11"', 'id: 62, user: "12"', 'id: 63, user: "11", state: inactive'))
    )
    for user_id, expected in {11: {61, 63}, 12: {62}, 13: set(), 999: set()}.items():
        found = await store.reads.grants(user_id, ALL)
        assert {grant.id for grant in found.grants} == expected
        assert {grant.user_id for grant in found.grants} <= {user_id}
        assert found.total == len(expected)


async def test_list_details_follow_the_newest_change(store: Store) -> None:
    """A list, also an empty one, says up to which change of the whole instance it is; before the first, nothing."""
    assert await store.reads.grants(11, ALL) == (0, None, None, [])
    await store.apply(_people())
    ((sequence, at),) = await store.ask("SELECT sequence, at FROM changes ORDER BY sequence DESC LIMIT 1")
    assert await store.reads.grants(11, ALL) == (0, sequence, at, [])
    await store.apply(_people("locked"))
    found = await store.reads.grants(11, ALL)
    assert found.sequence == int(str(sequence)) + 1
    assert found.changed_at is not None
    assert found.changed_at > int(str(at))
    await store.apply(_people("locked", _grants('id: 61, user: "11"')))
    found = await store.reads.grants(11, Page(5, 1, ascending=True))
    assert (found.total, found.sequence, found.grants) == (1, int(str(sequence)) + 2, [])


# Users.


async def test_last_login_is_the_newest_session(store: Store) -> None:
    """The last sign-in is the newest session on any agent, terminated or not; None without one."""
    first = _sessions(
        'id: 41, user: "11", createdAt: 2025-01-01T00:00:00Z',
        'id: 42, user: "11", createdAt: 2025-03-01T00:00:00Z, state: terminated',
        'id: 44, user: "12", createdAt: 2025-12-01T00:00:00Z',
    )
    second = _sessions('id: 43, user: "11", createdAt: 2025-02-01T00:00:00Z', agent=32)
    await store.apply(_people(more=first + second.removeprefix("agents:\n")))
    users = [await store.reads.user(user_id) for user_id in (11, 12, 13)]
    last_logins = [user.last_login for user in users if user]
    assert last_logins == [1_740_787_200 * SECOND, 1_764_547_200 * SECOND, None]


async def test_login_names_primary_first(store: Store) -> None:
    """Login names take the primary domain first, the others by name; the login, not the user name, stands in them."""
    await store.apply(_people().replace("[savanna.example, a.example, z.example]", "[m.example, z.example, a.example]"))
    users = [await store.reads.user(user_id) for user_id in (11, 14, 21)]
    assert [user.login_names for user in users if user] == [
        ["gigi@m.example", "gigi@a.example", "gigi@z.example"],
        ["birds@m.example", "birds@a.example", "birds@z.example"],
        [],
    ]


@pytest.mark.parametrize("state", ["active", "initial", "inactive", "locked", "suspend", "deleted"])
async def test_deleted_users_are_not_found(store: Store, state: str) -> None:
    """A user is found in every state but deleted."""
    await store.apply(_people(state))
    assert (await store.reads.user(13) is None) == (state == "deleted")
    assert await store.reads.user(999) is None


# Tokens.


async def test_what_a_token_tells(store: Store) -> None:
    """A token comes with the states of its user, organization and session, and whether the named one exists."""
    await store.apply(_people(more=_sessions('id: 41, user: "11"')))
    token_id, token = await store.writes.create_token(11, 41, HOUR)
    for org_id, known in {None: None, 1: 1, 2: 1, 3: 0, 0: 0}.items():
        record = await store.reads.token(token_hash(token), org_id)
        assert record is not None
        assert (record.id, record.user_id, record.session_id, record.agent_id) == (token_id, 11, 41, 31)
        assert (record.user_state, record.org_id, record.org_state, record.session_state) == (1,) * 4
        assert record.revoked_at is None
        assert record.known_org == known
    assert await store.reads.token(token_hash(token + "x"), None) is None
    assert await store.reads.token(b"", None) is None


async def test_token_without_a_session(store: Store) -> None:
    """A token that belongs to no session has neither session nor agent."""
    await store.apply(_people())
    _, token = await store.writes.create_token(14, None, HOUR)
    record = await store.reads.token(token_hash(token), None)
    assert record is not None
    assert (record.user_id, record.session_id, record.session_state, record.agent_id) == (14, None, None, None)
    await store.writes.revoke_token(token)
    record = await store.reads.token(token_hash(token), None)
    assert record is not None
    assert record.revoked_at is not None


async def test_what_a_token_of_a_client_tells(store: Store) -> None:
    """A token comes with its scope and client, and its session's activity, idle life and impersonator, or without."""
    await store.apply(_people(more=_sessions('id: 41, user: "11"')))
    token_id, token = await store.writes.create_token(11, 41, HOUR)
    _, plain = await store.writes.create_token(11, None, HOUR)
    values = {"id": 7, "client_id": "web", "name": "Web", "state": 1, "native": False, "trusted": True}
    lists = dict.fromkeys(("redirect_uris", "post_logout_uris", "grant_types", "signing_algorithm"), "")
    about = {"active_at": 5, "idle_life": 6, "impersonator_email": "help@o.example", "impersonator_reason": "Help"}
    async with store.writes.transaction() as tx:
        await store.writes.put(tx, schema.clients, {**values, **lists, "access_token_type": 0})
        await store.writes.put(tx, schema.access_tokens, {"id": token_id, "client_id": 7, "scope": "openid email"})
        await store.writes.put(tx, schema.sessions, {"id": 41, **about})
    record = await store.reads.token(token_hash(token), None)
    assert record is not None
    assert record[-5:] == ("openid email", 7, 5, 6, "help@o.example")
    record = await store.reads.token(token_hash(plain), None)
    assert record is not None
    assert record[-5:] == (None,) * 5


async def test_the_holder_of_a_token_of_another_issuer(store: Store) -> None:
    """A user whom another system knows by an id has what any token tells of its user, in force and of no session."""
    await store.apply(_people().replace("userName: gigi,", "userName: gigi, externalId: g-1,"))
    for org_id, known in {None: None, 1: 1, 3: 0}.items():
        record = await store.reads.foreign_token("g-1", org_id)
        assert record is not None
        language = record.preferred_language
        assert record == TokenRecord(0, 11, MAX_ID, None, 1, language, 1, 1, None, None, None, None, known)
    await store.apply(_people().replace("userName: gigi,", "userName: gigi, externalId: g-1, state: locked,"))
    record = await store.reads.foreign_token("g-1", None)
    assert record is not None
    assert record.user_state == UserState.LOCKED
    for unknown in ("G-1", "g-2", "", "11"):
        assert await store.reads.foreign_token(unknown, None) is None


# The demo data, as a whole.


async def test_the_savanna(savanna: Store) -> None:
    """The reads give the demo file as it stands there."""
    gigi = await savanna.reads.user(69629023906488334)
    assert gigi is not None
    assert gigi.login_names == ["gigi@zitadel.com", "gigi@zitadel.zitadel.ch"]
    assert gigi.last_login == 1_741_210_161_303_000
    sessions = await savanna.reads.sessions(69629023906488334)
    assert [(session.login, session.domain, session.state) for session in sessions] == [
        ("gigi", "zitadel.com", 1),
        ("zora", "zitadel.com", 1),
        ("pia", "zitadel.cloud", 2),
    ]
    found = await savanna.reads.grants(gigi.id, page(0, 0, ascending=True))
    assert [(grant.org_name, grant.role_keys, grant.state) for grant in found.grants] == [
        ("ZITADEL", "RoleKey1\nRoleKey2", 1),
        ("Friends of the Baobab", "gardener", 1),
        ("Waterhole Committee", "RoleKey3", 2),
    ]
    assert found.total == 3


# What it costs.


class _Context:
    def __init__(self, caller: Caller) -> None:
        self.caller = caller


@pytest.mark.parametrize("method", ["GetMyUser", "ListMyUserSessions", "ListMyUserGrants"])
@pytest.mark.parametrize("org_id", [None, "69629023906488334", "5"])
async def test_two_statements_a_call(savanna: Store, method: str, org_id: str | None) -> None:
    """A call runs two statements, the check of its token included."""
    _, token = await savanna.writes.sign_in("gigi@zitadel.com", 69629023906488334, 10**15)
    statements: list[str] = []
    sqlite(savanna.executor)._reader.set_trace_callback(statements.append)
    authenticator = Authenticator(savanna.reads, lambda: BEGINNING)
    if org_id == "5":
        with pytest.raises(PermissionDenied):
            await authenticator.caller([f"Bearer {token}"], [org_id])
        assert len(_selects(statements)) == 1
        return
    caller = await authenticator.caller([f"Bearer {token}"], [org_id] if org_id else [])
    request = getattr(auth_pb2, f"{method}Request")()
    answer = await getattr(AuthServicer(savanna.reads), method)(request, _Context(caller))
    assert answer.ByteSize() > 0
    assert len(_selects(statements)) == 2


def _selects(statements: list[str]) -> list[str]:
    """Without the beginning and the end of transactions."""
    return [statement for statement in statements if statement.startswith("SELECT")]


async def test_sessions_of_no_agent_cost_nothing(savanna: Store) -> None:
    """A call without an agent does not even ask the store for sessions."""
    statements: list[str] = []
    sqlite(savanna.executor)._reader.set_trace_callback(statements.append)
    caller = Caller(1, 1, 1, None, None, "")
    answer = await AuthServicer(savanna.reads).ListMyUserSessions(
        auth_pb2.ListMyUserSessionsRequest(), _Context(caller)
    )
    assert (answer.ByteSize(), statements) == (0, [])


@only_sqlite
async def test_every_read_uses_an_index(store: Store) -> None:
    """No read scans a table that grows: users, sessions, grants, tokens, changes, organizations and their parts."""
    reads = store.reads
    statements = [reads._token, reads._foreign_token, reads._user, reads._sessions, *reads._grants.values()]
    given = dict.fromkeys(("token_hash", "external_id", "org_id", "user_id", "agent_id", "offset", "limit", "now"), 1)
    for prepared in statements:
        plan = (
            sqlite(store.executor)
            ._reader.execute(f"EXPLAIN QUERY PLAN {prepared.sql}", prepared.arguments(given))
            .fetchall()
        )
        steps = [str(step[3]) for step in plan]
        scans = [step for step in steps if step.startswith("SCAN") and not _one_row(step)]
        assert scans == [], steps
        assert any(step.startswith("SEARCH") for step in steps)


def _one_row(step: str) -> bool:
    """Whether a step goes through a sub-select, which is one row or one page, or a constant."""
    scanned = step.split()[1]
    return scanned == "CONSTANT" or scanned.startswith(("anon_", "(subquery")) or parse_id(scanned) is not None

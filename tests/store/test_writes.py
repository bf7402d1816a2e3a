from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from authsvc.domain.clock import SECOND
from authsvc.domain.sessions import SessionState
from authsvc.domain.tokens import token_hash
from authsvc.domain.users import UserState
from authsvc.errors import Refused
from authsvc.store import schema
from authsvc.store.executor import Prepared
from authsvc.store.reads import Reads
from authsvc.store.sqlite import SqliteExecutor
from authsvc.store.writes import Writes

HOUR = 3_600_000_000
ORG, USER, AGENT = 1, 10, 20


@pytest.fixture
def ticks() -> Iterator[int]:
    """The times that the clock shows."""
    return count(1_000_000_000_000_000)


@pytest.fixture
async def writes(executor: SqliteExecutor, ticks: Iterator[int]) -> Writes:
    """A database with one organization, one person and one agent; every look at the clock is one later."""
    writes = Writes(executor, lambda: next(ticks))
    async with writes.transaction() as tx:
        await writes.put(tx, schema.orgs, {"id": ORG, "name": "Savanna", "state": 1}, owner=ORG)
        await writes.put(tx, schema.users, _user(), owner=ORG)
        await writes.put(tx, schema.user_agents, {"id": AGENT, "description": ""})
        domain = writes.statement("domain", schema.org_domains.insert)
        await tx.execute(domain, name="savanna.example", org_id=ORG, is_primary=True)
    return writes


def _user(**changed: Any) -> dict[str, Any]:
    texts = ["display_name", "first_name", "last_name", "nick_name", "preferred_language", "avatar_url", "email"]
    return {
        "id": USER,
        "org_id": ORG,
        "type": 1,
        "state": 1,
        "user_name": "gigi-giraffe",
        "login": "gigi",
        **dict.fromkeys([*texts, "phone", "description"], ""),
        "gender": 0,
        "email_verified": False,
        "phone_verified": False,
        "access_token_type": 0,
        **changed,
    }


async def _put(writes: Writes, table: Any, **values: Any) -> str:
    async with writes.transaction() as tx:
        return await writes.put(tx, table, values, owner=ORG)


async def _ask(executor: SqliteExecutor, sql: str) -> list[tuple[Any, ...]]:
    return list(await executor.fetch_all(Prepared(sql, (), {})))


async def _newest_change(executor: SqliteExecutor) -> tuple[Any, ...]:
    rows = await _ask(executor, "SELECT * FROM changes ORDER BY sequence DESC LIMIT 1")
    return rows[0]


async def test_new_entity_holds_the_number_and_time_of_its_change(writes: Writes, executor: SqliteExecutor) -> None:
    """A created row has its entry in `changes`; its sequence is that entry's number, its times that entry's time."""
    assert await _put(writes, schema.projects, id=5, org_id=ORG, name="Map") == "created"
    sequence, at, *change = await _newest_change(executor)
    assert change == ["project", 5, "created", ORG]
    assert await _ask(executor, "SELECT * FROM projects") == [(5, ORG, "Map", sequence, at, at)]


async def test_changed_entity_keeps_its_age_and_other_columns(writes: Writes, executor: SqliteExecutor) -> None:
    """A change writes the given columns, the number and the time of the change, and nothing else."""
    await _put(writes, schema.projects, id=5, org_id=ORG, name="Map")
    ((_, _, _, first, created_at, _),) = await _ask(executor, "SELECT * FROM projects")
    assert await _put(writes, schema.projects, id=5, name="Atlas") == "changed"
    sequence, at, *change = await _newest_change(executor)
    assert change == ["project", 5, "changed", ORG]
    assert sequence > first
    assert await _ask(executor, "SELECT * FROM projects") == [(5, ORG, "Atlas", sequence, created_at, at)]


async def test_same_entity_is_not_written(writes: Writes, executor: SqliteExecutor) -> None:
    """Putting what is there already leaves no trace."""
    before = await _newest_change(executor)
    async with writes.transaction() as tx:
        assert await writes.put(tx, schema.users, _user(), owner=ORG) == "unchanged"
    assert await _newest_change(executor) == before


async def test_entity_whose_parts_change_counts_as_changed(writes: Writes, executor: SqliteExecutor) -> None:
    """`touched` gives an entity a new number even if its own columns are the same."""
    async with writes.transaction() as tx:
        org = {"id": ORG, "name": "Savanna", "state": 1}
        assert await writes.put(tx, schema.orgs, org, owner=ORG, touched=True) == "changed"
    sequence, *_ = await _newest_change(executor)
    assert await _ask(executor, "SELECT sequence FROM orgs") == [(sequence,)]


async def test_given_creation_time_is_the_entitys_age(writes: Writes, executor: SqliteExecutor) -> None:
    """An entity may be older than its row."""
    await _put(writes, schema.user_agents, id=21, description="", created_at=7)
    _, at, *_ = await _newest_change(executor)
    assert await _ask(executor, "SELECT created_at, changed_at FROM user_agents WHERE id = 21") == [(7, at)]


@pytest.mark.parametrize(
    ("table", "states", "action"),
    [
        (schema.sessions, (SessionState.ACTIVE, SessionState.TERMINATED), "terminated"),
        (schema.sessions, (SessionState.TERMINATED, SessionState.ACTIVE), "changed"),
        (schema.users, (UserState.ACTIVE, UserState.DELETED), "deleted"),
        (schema.users, (UserState.ACTIVE, UserState.LOCKED), "changed"),
    ],
)
async def test_endings_are_actions_of_their_own(
    writes: Writes, executor: SqliteExecutor, table: Any, states: tuple[int, int], action: str
) -> None:
    """`changes` tells the end of a session or a user from other changes."""
    session = {"id": USER, "agent_id": AGENT, "user_id": USER}
    values = session if table is schema.sessions else _user()
    for state in states:
        await _put(writes, table, **(values | {"state": int(state)}))
    assert (await _newest_change(executor))[4] == action


async def test_failed_transaction_leaves_nothing(writes: Writes, executor: SqliteExecutor) -> None:
    """An exception in the block takes back the rows and the entries in `changes`."""
    before = await _newest_change(executor)
    with pytest.raises(RuntimeError):
        await _put_and_fail(writes)
    assert await _newest_change(executor) == before
    assert await _ask(executor, "SELECT name FROM orgs") == [("Savanna",)]


async def _put_and_fail(writes: Writes) -> None:
    async with writes.transaction() as tx:
        await writes.put(tx, schema.orgs, {"id": ORG, "name": "Steppe"}, owner=ORG)
        raise RuntimeError


@pytest.mark.parametrize("name", ["gigi@savanna.example", "gigi@SAVANNA.example"])
async def test_user_is_found_by_login_name(writes: Writes, executor: SqliteExecutor, name: str) -> None:
    """The domain of a login name may be in any case."""
    _, token = await writes.sign_in(name, None, SECOND)
    record = await Reads(executor).token(token_hash(token), None)
    assert record is not None
    assert record.user_id == USER


@pytest.mark.parametrize("name", ["GIGI@savanna.example", "gigi@waterhole.example", "gigi-giraffe@savanna.example",
                                  "gigi", "gigi@", "@savanna.example", "", "10"])  # fmt: skip
async def test_unknown_login_name_is_refused(writes: Writes, name: str) -> None:
    """Only the login before the @ counts, in its own case, at a domain of the organization."""
    with pytest.raises(Refused, match=f"^no user has the login name {name}$"):
        await writes.sign_in(name, None, SECOND)


async def test_deleted_user_is_not_found(writes: Writes) -> None:
    """A deleted user has no login name."""
    await _put(writes, schema.users, **_user(state=UserState.DELETED.value))
    with pytest.raises(Refused, match="no user has the login name"):
        await writes.sign_in("gigi@savanna.example", None, SECOND)


async def test_first_session_is_made(writes: Writes, executor: SqliteExecutor) -> None:
    """Opening a session where there is none is a sign-in."""
    session_id = await writes.open_session(USER, AGENT)
    sequence, at, *change = await _newest_change(executor)
    assert change == ["session", session_id, "created", ORG]
    assert await _ask(executor, "SELECT * FROM sessions") == [(session_id, AGENT, USER, 1, sequence, at, at)]


async def test_open_session_is_used_again(writes: Writes) -> None:
    """Who is signed in on an agent is not signed in twice."""
    assert await writes.open_session(USER, AGENT) == await writes.open_session(USER, AGENT)


async def test_newest_active_session_is_used(writes: Writes) -> None:
    """Of several active sessions on the agent the newest by its creation counts, not by its id."""
    for session_id, created_at in ((1, 50), (2, 70), (3, 60)):
        session = {"id": session_id, "agent_id": AGENT, "user_id": USER, "state": 1, "created_at": created_at}
        await _put(writes, schema.sessions, **session)
    assert await writes.open_session(USER, AGENT) == 2


async def test_session_behind_a_terminated_one_is_not_revived(writes: Writes) -> None:
    """After a sign-out comes a new session: lists show only the newest of a user on an agent."""
    await _put(writes, schema.sessions, id=1, agent_id=AGENT, user_id=USER, state=1, created_at=50)
    await _put(writes, schema.sessions, id=2, agent_id=AGENT, user_id=USER, state=2, created_at=60)
    assert await writes.open_session(USER, AGENT) not in {1, 2}


async def test_session_on_unknown_agent_is_refused(writes: Writes) -> None:
    """There are no sessions without an agent."""
    with pytest.raises(Refused, match=r"^there is no user agent 99$"):
        await writes.open_session(USER, 99)


async def test_token_is_what_the_api_accepts(writes: Writes, executor: SqliteExecutor) -> None:
    """The reads find a new token by its hash, with its user, session and end."""
    session_id = await writes.open_session(USER, AGENT)
    token_id, token = await writes.create_token(USER, session_id, HOUR)
    record = await Reads(executor).token(token_hash(token), None)
    assert record is not None
    assert (record.id, record.user_id, record.session_id, record.agent_id) == (token_id, USER, session_id, AGENT)
    ((created_at,),) = await _ask(executor, "SELECT created_at FROM access_tokens")
    assert record.expires_at == created_at + HOUR
    assert (await _newest_change(executor))[2:] == ("access_token", token_id, "created", ORG)


async def test_token_needs_no_session(writes: Writes, executor: SqliteExecutor) -> None:
    """A program's token belongs to no agent."""
    _, token = await writes.create_token(USER, None, HOUR)
    record = await Reads(executor).token(token_hash(token), None)
    assert record is not None
    assert record.session_id is None


async def test_plain_token_is_nowhere_in_the_database(writes: Writes, new_database: Path) -> None:
    """Who reads the files of the database, log included, learns no token."""
    _, token = await writes.create_token(USER, None, HOUR)
    assert await writes.revoke_token(token)
    files = [path.read_bytes() for path in new_database.parent.iterdir()]
    assert any(token_hash(token) in data for data in files)
    assert not any(token.encode() in data for data in files)


@pytest.mark.parametrize("state", [UserState.INACTIVE, UserState.DELETED, UserState.LOCKED, UserState.SUSPEND])
async def test_user_in_an_unusable_state_gets_no_token(writes: Writes, state: UserState) -> None:
    """Only active and initial users sign in."""
    await _put(writes, schema.users, **_user(state=state.value))
    with pytest.raises(Refused, match=f"^user {USER} cannot sign in: the account's state is {state.name.lower()}$"):
        await writes.create_token(USER, None, HOUR)


async def test_user_of_an_inactive_organization_gets_no_token(writes: Writes) -> None:
    """An organization that is not active keeps its users out."""
    await _put(writes, schema.orgs, id=ORG, state=2)
    with pytest.raises(Refused, match=f"^user {USER} cannot sign in: organization {ORG} is not active$"):
        await writes.open_session(USER, AGENT)


async def test_unknown_user_gets_no_token(writes: Writes) -> None:
    """A token is somebody's."""
    with pytest.raises(Refused, match=r"^there is no user 99$"):
        await writes.create_token(99, None, HOUR)


@pytest.mark.parametrize(("user_id", "state"), [(USER, SessionState.TERMINATED), (11, SessionState.ACTIVE)])
async def test_token_belongs_to_an_active_session_of_its_user(writes: Writes, user_id: int, state: int) -> None:
    """Neither another's session nor an ended one can carry a token."""
    await _put(writes, schema.users, **_user(id=11, user_name="zora", login="zora"))
    await _put(writes, schema.sessions, id=5, agent_id=AGENT, user_id=user_id, state=int(state))
    for session_id in (5, 6):
        with pytest.raises(Refused, match=f"^user {USER} has no active session {session_id}$"):
            await writes.create_token(USER, session_id, HOUR)


@pytest.mark.parametrize("ttl", [0, -HOUR, 2**63])
async def test_token_expires_after_it_is_made(writes: Writes, ttl: int) -> None:
    """A lifetime is positive, and its end a time that can be kept."""
    with pytest.raises(Refused, match="a token must expire after it is made"):
        await writes.create_token(USER, None, ttl)


async def test_sign_in_makes_all_or_nothing(writes: Writes, executor: SqliteExecutor) -> None:
    """A token that cannot be made leaves no session behind."""
    with pytest.raises(Refused):
        await writes.sign_in("gigi@savanna.example", AGENT, 0)
    assert await _ask(executor, "SELECT count(*) FROM sessions") == [(0,)]


@pytest.mark.parametrize("agent_id", [AGENT, None])
async def test_sign_in_gives_a_token_of_the_users_session(
    writes: Writes, executor: SqliteExecutor, agent_id: int | None
) -> None:
    """The token is the user's, and of their session on the agent if one is named."""
    _, token = await writes.sign_in("gigi@savanna.example", agent_id, HOUR)
    record = await Reads(executor).token(token_hash(token), None)
    assert record is not None
    assert (record.user_id, record.agent_id) == (USER, agent_id)


@pytest.mark.parametrize("by_id", [True, False])
async def test_revoked_token_stays_revoked(writes: Writes, executor: SqliteExecutor, *, by_id: bool) -> None:
    """A token is revoked by its id or itself; the second time changes nothing and is fine."""
    token_id, token = await writes.create_token(USER, None, HOUR)
    name = str(token_id) if by_id else token
    assert await writes.revoke_token(name)
    change = await _newest_change(executor)
    assert change[2:] == ("access_token", token_id, "revoked", ORG)
    assert await _ask(executor, "SELECT revoked_at FROM access_tokens") == [(change[1],)]
    assert await writes.revoke_token(name)
    assert await _newest_change(executor) == change


@pytest.mark.parametrize("name", ["1", "0", "", "no-such-token", "9" * 30])
async def test_unknown_token_cannot_be_revoked(writes: Writes, name: str) -> None:
    """Revoking says whether there was such a token."""
    assert not await writes.revoke_token(name)

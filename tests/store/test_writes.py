from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from harness import open_hastily
from store.engines import only_sqlite

from authsvc.domain.clock import SECOND
from authsvc.domain.databases import Database
from authsvc.domain.sessions import LIFETIME, SessionState, SignIn
from authsvc.domain.tokens import Permission, is_key_name, token_hash
from authsvc.domain.users import UserState
from authsvc.errors import Refused
from authsvc.store import schema
from authsvc.store.executor import Executor, Prepared
from authsvc.store.reads import Reads
from authsvc.store.writes import Writes

pytestmark = pytest.mark.both_engines

HOUR = 3_600_000_000
ORG, USER, AGENT = 1, 10, 20


@pytest.fixture
def ticks() -> Iterator[int]:
    """The times that the clock shows."""
    return count(1_000_000_000_000_000)


@pytest.fixture
async def writes(executor: Executor, ticks: Iterator[int]) -> Writes:
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


async def _ask(executor: Executor, sql: str) -> list[tuple[Any, ...]]:
    return list(await executor.fetch_all(Prepared(sql, (), {})))


async def _newest_change(executor: Executor) -> tuple[Any, ...]:
    rows = await _ask(executor, "SELECT * FROM changes ORDER BY sequence DESC LIMIT 1")
    return rows[0]


async def test_new_entity_holds_the_number_and_time_of_its_change(writes: Writes, executor: Executor) -> None:
    """A created row has its entry in `changes`; its sequence is that entry's number, its times that entry's time."""
    assert await _put(writes, schema.projects, id=5, org_id=ORG, name="Map") == "created"
    sequence, at, *change = await _newest_change(executor)
    assert change == ["project", 5, "created", ORG]
    assert await _ask(executor, "SELECT * FROM projects") == [(5, ORG, "Map", sequence, at, at)]


async def test_changed_entity_keeps_its_age_and_other_columns(writes: Writes, executor: Executor) -> None:
    """A change writes the given columns, the number and the time of the change, and nothing else."""
    await _put(writes, schema.projects, id=5, org_id=ORG, name="Map")
    ((_, _, _, first, created_at, _),) = await _ask(executor, "SELECT * FROM projects")
    assert await _put(writes, schema.projects, id=5, name="Atlas") == "changed"
    sequence, at, *change = await _newest_change(executor)
    assert change == ["project", 5, "changed", ORG]
    assert sequence > first
    assert await _ask(executor, "SELECT * FROM projects") == [(5, ORG, "Atlas", sequence, created_at, at)]


async def test_same_entity_is_not_written(writes: Writes, executor: Executor) -> None:
    """Putting what is there already leaves no trace."""
    before = await _newest_change(executor)
    async with writes.transaction() as tx:
        assert await writes.put(tx, schema.users, _user(), owner=ORG) == "unchanged"
    assert await _newest_change(executor) == before


async def test_entity_whose_parts_change_counts_as_changed(writes: Writes, executor: Executor) -> None:
    """`touched` gives an entity a new number even if its own columns are the same."""
    async with writes.transaction() as tx:
        org = {"id": ORG, "name": "Savanna", "state": 1}
        assert await writes.put(tx, schema.orgs, org, owner=ORG, touched=True) == "changed"
    sequence, *_ = await _newest_change(executor)
    assert await _ask(executor, "SELECT sequence FROM orgs") == [(sequence,)]


async def test_given_creation_time_is_the_entitys_age(writes: Writes, executor: Executor) -> None:
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
    writes: Writes, executor: Executor, table: Any, states: tuple[int, int], action: str
) -> None:
    """`changes` tells the end of a session or a user from other changes."""
    session = {"id": USER, "agent_id": AGENT, "user_id": USER}
    values = session if table is schema.sessions else _user()
    for state in states:
        await _put(writes, table, **(values | {"state": int(state)}))
    assert (await _newest_change(executor))[4] == action


async def test_failed_transaction_leaves_nothing(writes: Writes, executor: Executor) -> None:
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
async def test_user_is_found_by_login_name(writes: Writes, executor: Executor, name: str) -> None:
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


async def test_first_session_is_made(writes: Writes, executor: Executor) -> None:
    """Opening a session where there is none is a sign-in."""
    session_id = await writes.open_session(USER, AGENT)
    sequence, at, *change = await _newest_change(executor)
    assert change == ["session", session_id, "created", ORG]
    columns = "id, agent_id, user_id, state, sequence, created_at, changed_at"
    assert await _ask(executor, f"SELECT {columns} FROM sessions") == [(session_id, AGENT, USER, 1, sequence, at, at)]


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


async def test_session_whose_time_is_over_is_not_used_again(writes: Writes, ticks: Iterator[int]) -> None:
    """Nor can it carry a token: after it comes a new one."""
    session_id = await writes.open_session(USER, AGENT, SignIn(lifetime=8))
    assert await writes.open_session(USER, AGENT) == session_id
    for _ in range(8):
        next(ticks)
    assert await writes.open_session(USER, AGENT) != session_id
    with pytest.raises(Refused, match=f"^user {USER} has no active session {session_id}$"):
        await writes.create_token(USER, session_id, HOUR)


@pytest.mark.parametrize("lifetime", [0, -HOUR, 2**63])
async def test_session_is_over_after_it_begins(writes: Writes, lifetime: int) -> None:
    """A lifetime is positive, and its end a time that can be kept."""
    with pytest.raises(Refused, match="a session must be over after it begins"):
        await writes.open_session(USER, AGENT, SignIn(lifetime=lifetime))


@pytest.mark.parametrize("half", [{"impersonator_email": "a@b.example"}, {"impersonator_reason": "x"}])
async def test_who_signs_in_as_somebody_else_says_why(writes: Writes, half: dict[str, Any]) -> None:
    """Clients of the WorkOS face rely on an address and a reason."""
    with pytest.raises(Refused, match=r"^an impersonator has an e-mail address and a reason$"):
        await writes.open_session(USER, AGENT, SignIn(**half))


@pytest.mark.parametrize("org_id", [2, 99])
async def test_session_is_for_an_active_organization(writes: Writes, org_id: int) -> None:
    """Nobody signs in for an organization that is not active or not there."""
    await _put(writes, schema.orgs, id=2, name="Waterhole", state=2)
    with pytest.raises(Refused, match=f"^there is no active organization {org_id}$"):
        await writes.open_session(USER, AGENT, SignIn(org_id=org_id))


async def test_session_that_is_put_in_without_an_end_lasts_a_year(writes: Writes, executor: Executor) -> None:
    """However a session is made, there is a time at which it is over, and a sign-in, be it an unknown one."""
    await _put(writes, schema.sessions, id=5, agent_id=AGENT, user_id=USER, state=1, created_at=50)
    _, at, *_ = await _newest_change(executor)
    assert await _ask(executor, "SELECT expires_at, auth_method FROM sessions") == [(at + LIFETIME, 10)]


async def test_ended_session_is_terminated(writes: Writes, executor: Executor) -> None:
    """Ending a session is one change of it; what its user opens next is a new session."""
    session_id = await writes.open_session(USER, AGENT)
    assert await writes.end_session(session_id)
    sequence, at, *change = await _newest_change(executor)
    assert change == ["session", session_id, "terminated", ORG]
    assert await _ask(executor, "SELECT state, sequence, changed_at, ended_at FROM sessions") == [(2, sequence, at, at)]
    assert await writes.open_session(USER, AGENT) != session_id


async def test_session_ends_once(writes: Writes, executor: Executor) -> None:
    """Ending what has ended, or what there is not, changes nothing; of many at once one ends it."""
    session_id = await writes.open_session(USER, AGENT)
    ended = await asyncio.gather(*(writes.end_session(session_id) for _ in range(8)))
    assert sorted(ended) == [*[False] * 7, True]
    assert await _ask(executor, "SELECT count(*) FROM changes WHERE action = 'terminated'") == [(1,)]
    before = await _newest_change(executor)
    assert not await writes.end_session(session_id)
    assert not await writes.end_session(99)
    assert await _newest_change(executor) == before


async def test_session_ends_once_for_several_processes(
    writes: Writes, executor: Executor, new_database: Database
) -> None:
    """Others that write to the same database are waited for, and do not end it again."""
    session_id = await writes.open_session(USER, AGENT)
    others = [open_hastily(new_database) for _ in range(3)]
    try:
        ended = await asyncio.gather(*(Writes(other).end_session(session_id) for other in others))
    finally:
        for other in others:
            await other.close()
    assert sorted(ended) == [False, False, True]
    assert await _ask(executor, "SELECT count(*) FROM changes WHERE action = 'terminated'") == [(1,)]


async def test_session_whose_time_is_over_can_be_ended(writes: Writes, ticks: Iterator[int]) -> None:
    """A revocation counts even if nobody could use the session any more: it might be prolonged."""
    session_id = await writes.open_session(USER, AGENT, SignIn(lifetime=1))
    for _ in range(3):
        next(ticks)
    assert await writes.end_session(session_id)


async def test_session_on_unknown_agent_is_refused(writes: Writes) -> None:
    """There are no sessions without an agent."""
    with pytest.raises(Refused, match=r"^there is no user agent 99$"):
        await writes.open_session(USER, 99)


async def test_token_is_what_the_api_accepts(writes: Writes, executor: Executor) -> None:
    """The reads find a new token by its hash, with its user, session and end."""
    session_id = await writes.open_session(USER, AGENT)
    token_id, token = await writes.create_token(USER, session_id, HOUR)
    record = await Reads(executor).token(token_hash(token), None)
    assert record is not None
    assert (record.id, record.user_id, record.session_id, record.agent_id) == (token_id, USER, session_id, AGENT)
    assert [(record.session_expires_at,)] == await _ask(executor, "SELECT expires_at FROM sessions")
    ((created_at,),) = await _ask(executor, "SELECT created_at FROM access_tokens")
    assert record.expires_at == created_at + HOUR
    assert (await _newest_change(executor))[2:] == ("access_token", token_id, "created", ORG)


async def test_token_needs_no_session(writes: Writes, executor: Executor) -> None:
    """A program's token belongs to no agent."""
    _, token = await writes.create_token(USER, None, HOUR)
    record = await Reads(executor).token(token_hash(token), None)
    assert record is not None
    assert (record.session_id, record.session_expires_at) == (None, None)


@only_sqlite
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


async def test_sign_in_makes_all_or_nothing(writes: Writes, executor: Executor) -> None:
    """A token that cannot be made leaves no session behind."""
    with pytest.raises(Refused):
        await writes.sign_in("gigi@savanna.example", AGENT, 0)
    assert await _ask(executor, "SELECT count(*) FROM sessions") == [(0,)]


@pytest.mark.parametrize("agent_id", [AGENT, None])
async def test_sign_in_gives_a_token_of_the_users_session(
    writes: Writes, executor: Executor, agent_id: int | None
) -> None:
    """The token is the user's, and of their session on the agent if one is named."""
    _, token = await writes.sign_in("gigi@savanna.example", agent_id, HOUR)
    record = await Reads(executor).token(token_hash(token), None)
    assert record is not None
    assert (record.user_id, record.agent_id) == (USER, agent_id)


@pytest.mark.parametrize("by_id", [True, False])
async def test_revoked_token_stays_revoked(writes: Writes, executor: Executor, *, by_id: bool) -> None:
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


@only_sqlite
async def test_key_is_kept_as_its_hash(writes: Writes, executor: Executor, new_database: Path) -> None:
    """A new key is a row with its hash and its permissions in order; the key itself is nowhere in the files."""
    key_id, key = await writes.create_key("Back office", frozenset({Permission.USER_READ, Permission.SESSION_READ}))
    sequence, at, *change = await _newest_change(executor)
    assert change == ["api_key", key_id, "created", None]
    assert await _ask(executor, "SELECT * FROM api_keys") == [
        (key_id, "Back office", token_hash(key), "session.read user.read", sequence, at, at, None, None)
    ]
    assert await writes.revoke_key(key)
    assert not any(key.encode() in path.read_bytes() for path in new_database.parent.iterdir())
    assert key.startswith("sk_")
    assert len(key) > 40


@pytest.mark.parametrize(
    "name", ["", " x", "x ", "1", "\N{ARABIC-INDIC DIGIT ONE}", "sk_x", "a\nb", "a\x1bb", "x" * 201]
)
async def test_name_of_a_key_can_be_read(writes: Writes, executor: Executor, name: str) -> None:
    """A name can be printed and be told from ids and keys; another one makes no key."""
    assert not is_key_name(name)
    with pytest.raises(Refused, match="a key's name has 1 to 200 characters"):
        await writes.create_key(name, frozenset(Permission))
    assert await _ask(executor, "SELECT count(*) FROM api_keys") == [(0,)]


async def test_key_without_permissions_is_refused(writes: Writes) -> None:
    """A key that may do nothing is a mistake."""
    with pytest.raises(Refused, match=r"^an API key needs at least one permission$"):
        await writes.create_key("x", frozenset())


async def test_names_of_keys_differ_until_they_are_revoked(writes: Writes, executor: Executor) -> None:
    """Two keys with one name cannot both be valid; a name of the revoked is free, and means the valid one."""
    first, _ = await writes.create_key("x", frozenset(Permission))
    with pytest.raises(Refused, match=r"^there is an API key with the name x$"):
        await writes.create_key("x", frozenset(Permission))
    assert await writes.revoke_key("x")
    second, _ = await writes.create_key("x", frozenset(Permission))
    assert await writes.revoke_key("x")
    assert await _ask(executor, "SELECT count(*) FROM api_keys WHERE revoked_at IS NULL") == [(0,)]
    assert await _ask(executor, "SELECT entity_id FROM changes WHERE action = 'revoked'") == [(first,), (second,)]


@pytest.mark.parametrize("by", ["key", "id", "name"])
async def test_revoked_key_stays_revoked(writes: Writes, executor: Executor, by: str) -> None:
    """A key is revoked by itself, its id or its name; the second time changes nothing and is fine."""
    key_id, key = await writes.create_key("Back office", frozenset(Permission))
    other, _ = await writes.create_key("Other", frozenset(Permission))
    reference = {"key": key, "id": str(key_id), "name": "Back office"}[by]
    assert await writes.revoke_key(reference)
    change = await _newest_change(executor)
    assert change[2:] == ("api_key", key_id, "revoked", None)
    assert await _ask(executor, f"SELECT revoked_at FROM api_keys WHERE id = {key_id}") == [(change[1],)]
    assert await writes.revoke_key(reference)
    assert await _newest_change(executor) == change
    assert await _ask(executor, f"SELECT revoked_at FROM api_keys WHERE id = {other}") == [(None,)]


@pytest.mark.parametrize("reference", ["1", "", "sk_", "sk_x", "back office", "9" * 30])
async def test_unknown_key_cannot_be_revoked(writes: Writes, reference: str) -> None:
    """Revoking says whether there was such a key."""
    await writes.create_key("Back office", frozenset(Permission))
    assert not await writes.revoke_key(reference)


async def test_use_of_a_key_is_no_change(writes: Writes, executor: Executor) -> None:
    """When a key was last used is written without a trace in `changes`, and never goes back."""
    key_id, _ = await writes.create_key("x", frozenset(Permission))
    before = await _newest_change(executor)
    for at, expected in ((50, 50), (70, 70), (60, 70)):
        await writes.touch_key(key_id, at)
        assert await _ask(executor, "SELECT last_used_at FROM api_keys") == [(expected,)]
    await writes.touch_key(99, 50)
    assert await _newest_change(executor) == before


async def test_stamp_is_set_once(writes: Writes, executor: Executor) -> None:
    """A column that says when something ended gets the time of the first change that says so, and keeps it."""
    session = {"id": 5, "agent_id": AGENT, "user_id": USER, "state": 2}
    for outcome in ("created", "unchanged"):
        async with writes.transaction() as tx:
            assert await writes.put(tx, schema.sessions, session, owner=ORG, stamp="ended_at") == outcome
    _, at, *_ = await _newest_change(executor)
    assert await _ask(executor, "SELECT ended_at FROM sessions") == [(at,)]
    await _put(writes, schema.sessions, id=5, state=1, ended_at=None)
    async with writes.transaction() as tx:
        assert await writes.put(tx, schema.sessions, session, owner=ORG, stamp="ended_at") == "changed"
    _, later, *_ = await _newest_change(executor)
    assert await _ask(executor, "SELECT ended_at FROM sessions") == [(later,)]
    assert later > at

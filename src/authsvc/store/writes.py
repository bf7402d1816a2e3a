"""The writes: each in a transaction, and each with an entry in `changes`.

An entity's row keeps the number of its newest entry in `sequence`. The kind of an entity is its table's name in
the singular.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, NamedTuple

from sqlalchemy import ClauseElement, Table, bindparam, insert, select, update

from authsvc.domain.clock import Clock, now
from authsvc.domain.ids import MAX_ID, IdSource, parse_id
from authsvc.domain.orgs import OrgState
from authsvc.domain.sessions import SessionState
from authsvc.domain.tokens import new_token, token_hash
from authsvc.domain.users import USABLE_STATES, UserState, split_login_name
from authsvc.errors import Refused
from authsvc.store.executor import Executor, Prepared, Transaction
from authsvc.store.schema import access_tokens, changes, org_domains, orgs, sessions, user_agents, users

Outcome = Literal["created", "changed", "unchanged"]
Values = Mapping[str, Any]

# The states that end something have an action of their own in `changes`.
_ENDINGS = {
    (sessions.name, SessionState.TERMINATED.value): "terminated",
    (users.name, UserState.DELETED.value): "deleted",
}


class Change(NamedTuple):
    """An entry in `changes`: its number and its time."""

    sequence: int
    at: int


class Writes:
    """What changes the store. Methods that take no transaction run in one of their own."""

    def __init__(self, executor: Executor, clock: Clock = now, ids: IdSource | None = None) -> None:
        self._executor = executor
        self._clock = clock
        self._ids = ids or IdSource(clock)
        self._prepared: dict[Hashable, Prepared] = {}
        self._record = executor.prepare(_record())
        self._user_by_login_name = executor.prepare(_user_by_login_name())
        self._account = executor.prepare(_account())
        self._agent = executor.prepare(select(user_agents.c.id).where(user_agents.c.id == bindparam("id")))
        self._newest_session = executor.prepare(_newest_session())
        self._session = executor.prepare(_session())
        self._token = {column: executor.prepare(_token(column)) for column in ("id", "token_hash")}
        self._revoke = executor.prepare(_revoke())

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a write transaction, for several writes that belong together."""
        return self._executor.transaction()

    def statement(self, key: Hashable, build: Callable[[], ClauseElement]) -> Prepared:
        """The statement that `build` describes, compiled at the first use of `key`."""
        if key not in self._prepared:
            self._prepared[key] = self._executor.prepare(build())
        return self._prepared[key]

    async def record(self, tx: Transaction, table: Table, entity_id: int, action: str, org_id: int | None) -> Change:
        """Append to `changes` that `action` happened to an entity owned by the organization `org_id`."""
        at = self._clock()
        kind = table.name.removesuffix("s")
        row = await tx.fetch_one(self._record, at=at, kind=kind, entity_id=entity_id, action=action, org_id=org_id)
        assert row is not None, "an insert returns its row"  # noqa: S101
        return Change(row[0], at)

    async def stored(
        self, tx: Transaction, table: Table, entity_id: int, columns: Iterable[str]
    ) -> dict[str, Any] | None:
        """The given columns of an entity, or None if there is no such entity."""
        names = tuple(columns)
        prepared = self.statement(("stored", table, names), lambda: _stored(table, names))
        row = await tx.fetch_one(prepared, id=entity_id)
        return dict(zip(names, row, strict=True)) if row else None

    async def put(
        self,
        tx: Transaction,
        table: Table,
        values: Values,
        *,
        owner: int | None = None,
        touched: bool = False,
    ) -> Outcome:
        """Make the entity `values["id"]` hold `values`; columns that are not given keep what they hold.

        `owner` is the organization that `changes` names. `touched` says that something changes which belongs to
        the entity but stands in another table: then it counts as changed even if its own columns are the same.
        A new entity is as old as its `created_at` says, if that is given.
        """
        stored = await self.stored(tx, table, values["id"], values)
        if stored is None:
            await self._insert(tx, table, values, owner)
            return "created"
        if stored == values and not touched:
            return "unchanged"
        change = await self.record(tx, table, values["id"], _action(table, stored, values), owner)
        names = tuple(values)
        prepared = self.statement(("update", table, names), lambda: _update(table, names))
        await tx.execute(prepared, key=values["id"], **values, sequence=change.sequence, changed_at=change.at)
        return "changed"

    async def open_session(self, user_id: int, agent_id: int) -> int:
        """The id of the user's session on the agent; a new one if there is none or the newest has ended.

        Raises:
            Refused: the user cannot sign in, or there is no such agent.
        """
        async with self.transaction() as tx:
            return await self._open_session(tx, user_id, agent_id)

    async def create_token(self, user_id: int, session_id: int | None, ttl_microseconds: int) -> tuple[int, str]:
        """A new access token, and its id. The plain token exists only in the answer.

        Raises:
            Refused: the user cannot sign in, the session is not an active one of this user, or the lifetime is
                not a positive number that ends before time does.
        """
        async with self.transaction() as tx:
            return await self._create_token(tx, user_id, session_id, ttl_microseconds)

    async def sign_in(self, login_name: str, agent_id: int | None, ttl_microseconds: int) -> tuple[int, str]:
        """A new access token, and its id, for the user with this login name: all of it happens or nothing.

        With an agent the token belongs to the user's session there, as `open_session` finds or makes it.

        Raises:
            Refused: nobody has the login name, or as `open_session` and `create_token` do.
        """
        async with self.transaction() as tx:
            user_id = await self._find_user(tx, login_name)
            session_id = None if agent_id is None else await self._open_session(tx, user_id, agent_id)
            return await self._create_token(tx, user_id, session_id, ttl_microseconds)

    async def revoke_token(self, token_or_id: str) -> bool:
        """Revoke an access token, given itself or by its id; whether it exists. Twice is the same as once."""
        token_id = parse_id(token_or_id)
        async with self.transaction() as tx:
            if token_id is None:
                row = await tx.fetch_one(self._token["token_hash"], value=token_hash(token_or_id))
            else:
                row = await tx.fetch_one(self._token["id"], value=token_id)
            if row is not None and row[1] is None:
                change = await self.record(tx, access_tokens, row[0], "revoked", row[2])
                await tx.execute(self._revoke, key=row[0], revoked_at=change.at)
        return row is not None

    async def _insert(self, tx: Transaction, table: Table, values: Values, owner: int | None) -> None:
        change = await self.record(tx, table, values["id"], "created", owner)
        row = {"created_at": change.at, **values, "sequence": change.sequence, "changed_at": change.at}
        names = tuple(name for name in row if name in table.c)
        prepared = self.statement(("insert", table, names), lambda: _insert(table, names))
        await tx.execute(prepared, **row)

    async def _find_user(self, tx: Transaction, login_name: str) -> int:
        login, domain = split_login_name(login_name) or ("", "")
        row = await tx.fetch_one(self._user_by_login_name, login=login, domain=domain)
        if row is None:
            raise Refused(f"no user has the login name {login_name}")
        return int(row[0])

    async def _owner_of(self, tx: Transaction, user_id: int) -> int:
        """The organization of a user who may sign in."""
        row = await tx.fetch_one(self._account, id=user_id)
        if row is None:
            raise Refused(f"there is no user {user_id}")
        state, org_id, org_state = row
        if state not in USABLE_STATES:
            raise Refused(f"user {user_id} cannot sign in: the account's state is {_word(UserState(state))}")
        if org_state != OrgState.ACTIVE:
            raise Refused(f"user {user_id} cannot sign in: organization {org_id} is not active")
        return int(org_id)

    async def _open_session(self, tx: Transaction, user_id: int, agent_id: int) -> int:
        owner = await self._owner_of(tx, user_id)
        if await tx.fetch_one(self._agent, id=agent_id) is None:
            raise Refused(f"there is no user agent {agent_id}")
        # Lists show only the newest session of a user on an agent; one behind it must not come to life again.
        newest = await tx.fetch_one(self._newest_session, user_id=user_id, agent_id=agent_id)
        if newest is not None and newest[1] == SessionState.ACTIVE:
            return int(newest[0])
        session_id = self._ids.next()
        values = {
            "id": session_id,
            "agent_id": agent_id,
            "user_id": user_id,
            "state": SessionState.ACTIVE.value,
        }
        await self._insert(tx, sessions, values, owner)
        return session_id

    async def _create_token(self, tx: Transaction, user_id: int, session_id: int | None, ttl: int) -> tuple[int, str]:
        owner = await self._owner_of(tx, user_id)
        if session_id is not None:
            row = await tx.fetch_one(self._session, id=session_id)
            if row is None or tuple(row) != (user_id, SessionState.ACTIVE):
                raise Refused(f"user {user_id} has no active session {session_id}")
        token_id, token, at = self._ids.next(), new_token(), self._clock()
        if not 0 < ttl <= MAX_ID - at:
            raise Refused("a token must expire after it is made, and before the end of time")
        values = {
            "id": token_id,
            "token_hash": token_hash(token),
            "user_id": user_id,
            "session_id": session_id,
            "created_at": at,
            "expires_at": at + ttl,
            "revoked_at": None,
        }
        await self._insert(tx, access_tokens, values, owner)
        return token_id, token


def _action(table: Table, stored: Values, values: Values) -> str:
    if stored.get("state") == values.get("state"):
        return "changed"
    return _ENDINGS.get((table.name, values.get("state", 0)), "changed")


def _word(state: UserState) -> str:
    return state.name.lower()


def _record() -> ClauseElement:
    columns = ("at", "kind", "entity_id", "action", "org_id")
    return insert(changes).values({name: bindparam(name) for name in columns}).returning(changes.c.sequence)


def _stored(table: Table, names: tuple[str, ...]) -> ClauseElement:
    return select(*(table.c[name] for name in names)).where(table.c.id == bindparam("id"))


def _insert(table: Table, names: tuple[str, ...]) -> ClauseElement:
    return insert(table).values({name: bindparam(name) for name in names})


def _update(table: Table, names: tuple[str, ...]) -> ClauseElement:
    columns = [name for name in (*names, "sequence", "changed_at") if name != "id"]
    # A parameter that is not assigned may not have the name of a column: hence `key`.
    return update(table).where(table.c.id == bindparam("key")).values({name: bindparam(name) for name in columns})


def _user_by_login_name() -> ClauseElement:
    return (
        select(users.c.id)
        .join(org_domains, org_domains.c.org_id == users.c.org_id)
        .where(
            org_domains.c.name == bindparam("domain"),
            users.c.login == bindparam("login"),
            users.c.state != UserState.DELETED.value,
        )
    )


def _account() -> ClauseElement:
    return (
        select(users.c.state, users.c.org_id, orgs.c.state)
        .join(orgs, orgs.c.id == users.c.org_id)
        .where(users.c.id == bindparam("id"))
    )


def _newest_session() -> ClauseElement:
    return (
        select(sessions.c.id, sessions.c.state)
        .where(sessions.c.agent_id == bindparam("agent_id"), sessions.c.user_id == bindparam("user_id"))
        .order_by(sessions.c.created_at.desc(), sessions.c.id.desc())
        .limit(1)
    )


def _session() -> ClauseElement:
    return select(sessions.c.user_id, sessions.c.state).where(sessions.c.id == bindparam("id"))


def _token(column: str) -> ClauseElement:
    return (
        select(access_tokens.c.id, access_tokens.c.revoked_at, users.c.org_id)
        .join(users, users.c.id == access_tokens.c.user_id)
        .where(access_tokens.c[column] == bindparam("value"))
    )


def _revoke() -> ClauseElement:
    return (
        update(access_tokens).where(access_tokens.c.id == bindparam("key")).values(revoked_at=bindparam("revoked_at"))
    )

"""The writes: each in a transaction, and each with an entry in `changes`.

An entity's row keeps the number of its newest entry in `sequence`. The kind of an entity is its table's name in
the singular.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, NamedTuple

from sqlalchemy import BigInteger, BindParameter, ClauseElement, Table, bindparam, case, insert, or_, select, update

from authsvc.domain.clock import Clock, now
from authsvc.domain.ids import MAX_ID, IdSource, parse_id
from authsvc.domain.orgs import OrgState
from authsvc.domain.sessions import LIFETIME, TERMINATED, AuthMethod, SessionState, SignIn
from authsvc.domain.tokens import KEY_PREFIX, Permission, is_key_name, new_key, new_token, token_hash
from authsvc.domain.users import USABLE_STATES, UserState, split_login_name
from authsvc.errors import Refused
from authsvc.store.executor import Executor, Prepared, Transaction
from authsvc.store.schema import (
    access_tokens,
    api_keys,
    authorizations,
    changes,
    org_domains,
    orgs,
    sessions,
    user_agents,
    users,
)

Outcome = Literal["created", "changed", "unchanged"]
Values = Mapping[str, Any]


class _Ending(NamedTuple):
    """How a row tells that something has ended: by a value in a column, None for any; and the action in `changes`."""

    column: str
    value: int | None
    action: str

    def is_met(self, row: Values) -> bool:
        """Whether what the row holds has ended."""
        held = row.get(self.column)
        return held is not None and self.value in (None, held)


_ENDINGS: Mapping[Table, _Ending] = {
    sessions: _Ending("state", SessionState.TERMINATED.value, TERMINATED),
    users: _Ending("state", UserState.DELETED.value, "deleted"),
    api_keys: _Ending("revoked_at", None, "revoked"),
    access_tokens: _Ending("revoked_at", None, "revoked"),
    authorizations: _Ending("revoked_at", None, "revoked"),
}


def _unknown_sign_in(at: int) -> Values:
    return {
        "state": SessionState.ACTIVE.value,
        "auth_method": AuthMethod.UNKNOWN.value,
        "expires_at": at + LIFETIME,
    }


# What a new row holds in columns that are not given, by the time at which it is made.
_DEFAULTS: Mapping[Table, Callable[[int], Values]] = {sessions: _unknown_sign_in}


class Change(NamedTuple):
    """An entry in `changes`: its number and its time."""

    sequence: int
    at: int


class Writes:
    """What changes the store. Methods that take no transaction run in one of their own.

    `ids` is where ids come from, the one source of its process.
    """

    def __init__(self, executor: Executor, clock: Clock = now, ids: IdSource | None = None) -> None:
        self._executor = executor
        self._clock = clock
        self.ids = ids or IdSource(clock)
        self._prepared: dict[Hashable, Prepared] = {}
        self._record = executor.prepare(_record())
        self._user_by_login_name = executor.prepare(_user_by_login_name())
        self._account = executor.prepare(_account())
        self._agent = executor.prepare(select(user_agents.c.id).where(user_agents.c.id == bindparam("id")))
        self._newest_session = executor.prepare(_newest_session())
        self._session = executor.prepare(_session())
        self._org = executor.prepare(select(orgs.c.state).where(orgs.c.id == bindparam("id")))
        self._token = {column: executor.prepare(_token(column)) for column in ("id", "token_hash")}
        self._active_sessions = executor.prepare(_active_sessions())
        self._key = {column: executor.prepare(_key(column)) for column in ("id", "name", "key_hash")}
        self._touch_key = executor.prepare(_touch_key())

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a write transaction, for several writes that belong together."""
        return self._executor.transaction()

    def statement(self, key: Hashable, build: Callable[[], ClauseElement]) -> Prepared:
        """The statement that `build` describes, compiled at the first use of `key`."""
        if key not in self._prepared:
            self._prepared[key] = self._executor.prepare(build())
        return self._prepared[key]

    async def record(self, tx: Transaction, table: Table, entity_id: int, action: str, org_id: int | None) -> Change:
        """Append to `changes` that `action` happened to an entity owned by the organization `org_id`.

        Its time is not before that of the last entry, even if the clock has been put back.
        """
        at = self._clock()
        kind = table.name.removesuffix("s")
        (row,) = await tx.fetch_all(self._record, now=at, kind=kind, entity_id=entity_id, action=action, org_id=org_id)
        return Change._make(row)

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
        stamp: str | None = None,
    ) -> Outcome:
        """Make the entity `values["id"]` hold `values`; columns that are not given keep what they hold.

        `owner` is the organization that `changes` names. `touched` says that something changes which belongs to
        the entity but stands in another table: then it counts as changed even if its own columns are the same.
        `stamp` names a column that gets the time of the change unless it holds one: when something ended.
        A new entity is as old as its `created_at` says, if that is given. One that has ended already is recorded as
        created and then as ended.
        """
        stored = await self.stored(tx, table, values["id"], (*values, *([stamp] if stamp else [])))
        if stored is None:
            await self._insert(tx, table, values, owner, stamp)
            return "created"
        stamps = [stamp] if stamp and stored[stamp] is None else []
        is_same = all(stored[name] == value for name, value in values.items())
        if is_same and not stamps and not touched:
            return "unchanged"
        action = _action(table, stored, {**values, **dict.fromkeys(stamps, 0)})
        change = await self.record(tx, table, values["id"], action, owner)
        new = {**values, **dict.fromkeys([*stamps, "changed_at"], change.at), "sequence": change.sequence}
        names = tuple(name for name in new if name in table.c)
        prepared = self.statement(("update", table, names), lambda: _update(table, names))
        await tx.execute(prepared, key=values["id"], **new)
        return "changed"

    async def open_session(self, user_id: int, agent_id: int, sign_in: SignIn = SignIn()) -> int:  # noqa: B008 - a value
        """The id of the user's session on the agent; a new one if there is none or the newest has ended.

        Raises:
            Refused: the user cannot sign in, there is no such agent, or what `sign_in` says of a new session cannot
                be: its organization does not exist or is not active, it would be over at once or never, or half of
                its impersonator is missing.
        """
        async with self.transaction() as tx:
            return await self.open_session_in(tx, user_id, agent_id, sign_in)

    async def end_session(self, session_id: int) -> bool:
        """End a session; whether it was active. Twice is the same as once."""
        async with self.transaction() as tx:
            row = await tx.fetch_one(self._session, id=session_id)
            if row is None or row[1] != SessionState.ACTIVE:
                return False
            await self.end_session_in(tx, session_id, row[3])
            return True

    async def end_session_in(self, tx: Transaction, session_id: int, owner: int | None) -> None:
        """End a session of a user of the organization `owner`."""
        ended = {"id": session_id, "state": SessionState.TERMINATED.value}
        await self.put(tx, sessions, ended, owner=owner, stamp="ended_at")

    async def end_sessions(self, tx: Transaction, user_id: int, owner: int | None, *, but: int | None = None) -> int:
        """End all sessions of a user of the organization `owner` `but` one; how many have been active."""
        rows = [row for row in await tx.fetch_all(self._active_sessions, user_id=user_id) if row[0] != but]
        for (session_id,) in rows:
            await self.end_session_in(tx, session_id, owner)
        return len(rows)

    async def create_token(self, user_id: int, session_id: int | None, ttl_microseconds: int) -> tuple[int, str]:
        """A new access token, and its id. The plain token exists only in the answer.

        Raises:
            Refused: the user cannot sign in, the session is not an active one of this user, or the lifetime is
                not a positive number that ends before time does.
        """
        async with self.transaction() as tx:
            return await self.create_token_in(tx, user_id, session_id, ttl_microseconds)

    async def sign_in(self, login_name: str, agent_id: int | None, ttl_microseconds: int) -> tuple[int, str]:
        """A new access token, and its id, for the user with this login name: all of it happens or nothing.

        With an agent the token belongs to the user's session there, as `open_session` finds or makes it.

        Raises:
            Refused: nobody has the login name, or as `open_session` and `create_token` do.
        """
        async with self.transaction() as tx:
            user_id = await self._find_user(tx, login_name)
            session_id = None if agent_id is None else await self.open_session_in(tx, user_id, agent_id, SignIn())
            return await self.create_token_in(tx, user_id, session_id, ttl_microseconds)

    async def revoke_token(self, token_or_id: str) -> bool:
        """Revoke an access token, given itself or by its id; whether it exists. Twice is the same as once."""
        token_id = parse_id(token_or_id)
        async with self.transaction() as tx:
            if token_id is None:
                row = await tx.fetch_one(self._token["token_hash"], value=token_hash(token_or_id))
            else:
                row = await tx.fetch_one(self._token["id"], value=token_id)
            if row is not None:
                await self.put(tx, access_tokens, {"id": row[0]}, owner=row[1], stamp="revoked_at")
        return row is not None

    async def create_key(self, name: str, permissions: frozenset[Permission]) -> tuple[int, str]:
        """A new API key, and its id. The plain key exists only in the answer.

        Raises:
            Refused: the name cannot be one or is that of a key that is not revoked, or nothing is permitted.
        """
        if not is_key_name(name):
            raise Refused(
                "a key's name has 1 to 200 characters that can be printed, no space at its beginning or end, is no "
                f"number and does not begin with {KEY_PREFIX}"
            )
        if not permissions:
            raise Refused("an API key needs at least one permission")
        key_id, key = self.ids.next(), new_key()
        values = {
            "id": key_id,
            "name": name,
            "key_hash": token_hash(key),
            "permissions": " ".join(sorted(permissions)),
        }
        async with self.transaction() as tx:
            same = await tx.fetch_one(self._key["name"], value=name)
            if same is not None and same[1] is None:
                raise Refused(f"there is an API key with the name {name}")
            await self._insert(tx, api_keys, values, None)
        return key_id, key

    async def revoke_key(self, key_or_id_or_name: str) -> bool:
        """Revoke an API key, given itself or by its id or name; whether it exists. Twice is the same as once."""
        column, value = _key_reference(key_or_id_or_name)
        async with self.transaction() as tx:
            row = await tx.fetch_one(self._key[column], value=value)
            if row is not None:
                await self.put(tx, api_keys, {"id": row[0]}, stamp="revoked_at")
        return row is not None

    async def touch_key(self, key_id: int, at: int) -> None:
        """Keep in mind that an API key was used at this time, in microseconds; `changes` does not tell."""
        async with self.transaction() as tx:
            await tx.execute(self._touch_key, key=key_id, at=at)

    async def _insert(
        self, tx: Transaction, table: Table, values: Values, owner: int | None, stamp: str | None = None
    ) -> None:
        created = newest = await self.record(tx, table, values["id"], "created", owner)
        defaults = _DEFAULTS[table](created.at) if table in _DEFAULTS else {}
        stamps = [stamp] if stamp else []
        ending = _ENDINGS.get(table)
        if ending and ending.is_met({**values, **dict.fromkeys(stamps, 0)}):
            newest = await self.record(tx, table, values["id"], ending.action, owner)
        moments = {"created_at": created.at, **dict.fromkeys(stamps, newest.at)}
        row = {**defaults, **moments, **values, "sequence": newest.sequence, "changed_at": newest.at}
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

    async def open_session_in(self, tx: Transaction, user_id: int, agent_id: int, sign_in: SignIn) -> int:
        """As `open_session`, in a transaction; what somebody has just shown of who they are renews the session.

        Then it ends as a new one would, and keeps how it came about. A session is either the user's or an
        impersonator's: neither renews one of the other sort.
        """
        owner = await self._owner_of(tx, user_id)
        if await tx.fetch_one(self._agent, id=agent_id) is None:
            raise Refused(f"there is no user agent {agent_id}")
        # Lists show only the newest session of a user on an agent; one behind it must not come to life again.
        newest = await tx.fetch_one(self._newest_session, user_id=user_id, agent_id=agent_id)
        at = self._clock()
        is_impersonated = sign_in.impersonator_email is not None
        if newest is not None and newest[1] == SessionState.ACTIVE and newest[2] > at and newest[3] == is_impersonated:
            if sign_in.authenticated_at is not None:
                shown = {"authenticated_at": sign_in.authenticated_at, "amr": sign_in.amr}
                await self.put(tx, sessions, {"id": newest[0], **shown, **sign_in.ends(at)}, owner=owner)
            return int(newest[0])
        if not 0 < sign_in.lifetime <= MAX_ID - at:
            raise Refused("a session must be over after it begins, and before the end of time")
        if (sign_in.impersonator_email is None) != (sign_in.impersonator_reason is None):
            raise Refused("an impersonator has an e-mail address and a reason")
        if sign_in.org_id is not None:
            await self._check_org(tx, sign_in.org_id)
        session_id = self.ids.next()
        about = sign_in._asdict()
        del about["lifetime"]
        values = {
            **about,
            **sign_in.ends(at),
            "id": session_id,
            "agent_id": agent_id,
            "user_id": user_id,
            "state": SessionState.ACTIVE.value,
        }
        await self._insert(tx, sessions, values, owner)
        return session_id

    async def _check_org(self, tx: Transaction, org_id: int) -> None:
        """An organization for which somebody signs in exists and is active."""
        row = await tx.fetch_one(self._org, id=org_id)
        if row is None or row[0] != OrgState.ACTIVE:
            raise Refused(f"there is no active organization {org_id}")

    async def create_token_in(self, tx: Transaction, user_id: int, session_id: int | None, ttl: int) -> tuple[int, str]:
        """As `create_token`, in a transaction."""
        owner = await self._owner_of(tx, user_id)
        if session_id is not None:
            await self._check_session(tx, user_id, session_id)
        token_id, token, at = self.ids.next(), new_token(), self._clock()
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

    async def _check_session(self, tx: Transaction, user_id: int, session_id: int) -> None:
        """A session that gets a token is the user's, and neither ended nor over."""
        owner, state, expires_at, _ = await tx.fetch_one(self._session, id=session_id) or (None, None, 0, None)
        if owner != user_id or state != SessionState.ACTIVE or expires_at <= self._clock():
            raise Refused(f"user {user_id} has no active session {session_id}")


def _action(table: Table, stored: Values, new: Values) -> str:
    """What a change is called: what ends something has a name of its own."""
    ending = _ENDINGS.get(table)
    return ending.action if ending and ending.is_met(new) and not ending.is_met(stored) else "changed"


def _word(state: UserState) -> str:
    return state.name.lower()


def _record() -> ClauseElement:
    newest = select(changes.c.at).order_by(changes.c.sequence.desc()).limit(1).scalar_subquery()
    at: BindParameter[int] = bindparam("now", type_=BigInteger)
    columns: dict[str, BindParameter[Any]] = {
        name: bindparam(name) for name in ("kind", "entity_id", "action", "org_id")
    }
    later = case((newest > at, newest), else_=at)
    return insert(changes).values(at=later, **columns).returning(changes.c.sequence, changes.c.at)


def _stored(table: Table, names: tuple[str, ...]) -> ClauseElement:
    return select(*(table.c[name] for name in names)).where(table.c.id == bindparam("id"))


def _insert(table: Table, names: tuple[str, ...]) -> ClauseElement:
    return insert(table).values({name: bindparam(name) for name in names})


def _update(table: Table, names: tuple[str, ...]) -> ClauseElement:
    columns = [name for name in names if name != "id"]
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
        select(sessions.c.id, sessions.c.state, sessions.c.expires_at, sessions.c.impersonator_email.is_not(None))
        .where(sessions.c.agent_id == bindparam("agent_id"), sessions.c.user_id == bindparam("user_id"))
        .order_by(sessions.c.created_at.desc(), sessions.c.id.desc())
        .limit(1)
    )


def _session() -> ClauseElement:
    return (
        select(sessions.c.user_id, sessions.c.state, sessions.c.expires_at, users.c.org_id)
        .join(users, users.c.id == sessions.c.user_id)
        .where(sessions.c.id == bindparam("id"))
    )


def _active_sessions() -> ClauseElement:
    return (
        select(sessions.c.id)
        .where(sessions.c.user_id == bindparam("user_id"), sessions.c.state == SessionState.ACTIVE.value)
        .order_by(sessions.c.created_at, sessions.c.id)
    )


def _token(column: str) -> ClauseElement:
    return (
        select(access_tokens.c.id, users.c.org_id)
        .join(users, users.c.id == access_tokens.c.user_id)
        .where(access_tokens.c[column] == bindparam("value"))
    )


def _key_reference(text: str) -> tuple[str, int | str | bytes]:
    """The column in which an API key is looked up, and the value to look for."""
    if text.startswith(KEY_PREFIX):
        return "key_hash", token_hash(text)
    key_id = parse_id(text)
    return ("name", text) if key_id is None else ("id", key_id)


def _key(column: str) -> ClauseElement:
    """The key that is not revoked, of those that have had the same name."""
    return (
        select(api_keys.c.id, api_keys.c.revoked_at)
        .where(api_keys.c[column] == bindparam("value"))
        .order_by(api_keys.c.revoked_at.is_not(None))
        .limit(1)
    )


def _touch_key() -> ClauseElement:
    at: BindParameter[int] = bindparam("at")
    later = or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < at)
    return update(api_keys).where(api_keys.c.id == bindparam("key"), later).values(last_used_at=at)

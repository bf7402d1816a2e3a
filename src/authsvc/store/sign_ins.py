"""Signing in, as far as the store goes: accounts, and the browsers in which they are signed in."""

from __future__ import annotations

import hmac
from typing import Any

from sqlalchemy import ClauseElement, Select, Text, and_, bindparam, exists, func, or_, select, true, update

from authsvc.domain.accounts import Account, Browser, BrowserSession, Proof, secrets_digest
from authsvc.domain.clock import Clock, now
from authsvc.domain.orgs import OrgState
from authsvc.domain.sessions import MAX_SESSIONS, SessionState, SignIn
from authsvc.domain.users import USABLE_STATES, UserState, login_name
from authsvc.errors import Refused
from authsvc.store.backends import is_person
from authsvc.store.executor import Executor, Row, Transaction
from authsvc.store.reads import primary_domain_of, superseded
from authsvc.store.schema import org_domains, orgs, sessions, user_agents, users
from authsvc.store.writes import Writes


class Accounts:
    """What signing in asks the store, and does to it. Methods raise `Unavailable` when the database does not answer."""

    def __init__(self, executor: Executor, writes: Writes, clock: Clock = now) -> None:
        self._executor = executor
        self._writes = writes
        self._clock = clock
        self._ids = writes.ids
        self._by_login_name = executor.prepare(_by_login_name())
        self._by_email = executor.prepare(_by_email())
        self._by_id = executor.prepare(_account().where(users.c.id == bindparam("id")))
        self._agent = executor.prepare(_agent())
        self._known_device = executor.prepare(_known_device())
        self._sessions = executor.prepare(_sessions())
        self._active = executor.prepare(_active())
        self._accept_step = executor.prepare(_accept_step())

    async def by_login_name(self, login: str, domain: str) -> Account | None:
        """The account with this login name in any state but deleted; the domain in lower case."""
        return _to_account(await self._executor.fetch_one(self._by_login_name, login=login, domain=domain))

    async def by_email(self, email: str) -> Account | None:
        """The account of the one person with this e-mail address, in any case; one that is theirs for sure."""
        rows = await self._executor.fetch_all(self._by_email, email=email)
        return _to_account(rows[0]) if len(rows) == 1 else None

    async def by_id(self, user_id: int) -> Account | None:
        """The account of this user, unless deleted."""
        return _to_account(await self._executor.fetch_one(self._by_id, id=user_id))

    async def known_device(self, cookie_hash: bytes, user_id: int) -> int | None:
        """The id of the user agent with this cookie if the user has been signed in there, else None."""
        row = await self._executor.fetch_one(self._known_device, cookie_hash=cookie_hash, user_id=user_id)
        return row[0] if row else None

    async def browser(self, cookie_hash: bytes) -> Browser | None:
        """The browser with this cookie, and the newest session of each user in it, deleted users left out."""
        agent = await self._executor.fetch_one(self._agent, cookie_hash=cookie_hash)
        if agent is None:
            return None
        rows = await self._executor.fetch_all(self._sessions, agent_id=agent[0], now=self._clock())
        return Browser(agent[0], tuple(map(_to_session, rows)))

    async def begin(self, proof: Proof, cookies: tuple[bytes | None, bytes], device: str, sign_in: SignIn) -> int:
        """The user's session, new or renewed, in the browser with the first cookie, which from now on has the second.

        Without a cookie that anybody knows it is a new browser. `device` is what lists call it. People sign in for
        their own organization.

        Raises:
            Refused: the user cannot sign in, or their password or second factor has changed since the proof.
        """
        known, replacement = cookies
        async with self._writes.transaction() as tx:
            user = await self._writes.stored(tx, users, proof.user_id, ("org_id", "password_hash", "totp"))
            if user is None or not hmac.compare_digest(
                secrets_digest(user["password_hash"], user["totp"]), proof.secrets
            ):
                raise Refused("what proved who the user is has changed")
            agent = None if known is None else await tx.fetch_one(self._agent, cookie_hash=known)
            agent_id = agent[0] if agent else self._ids.next()
            browser = {"id": agent_id, "description": device, "cookie_hash": replacement}
            await self._writes.put(tx, user_agents, browser)
            sign_in = sign_in._replace(org_id=user["org_id"])
            return await self._writes.open_session_in(tx, proof.user_id, agent_id, sign_in)

    async def sign_out(self, agent_id: int, session_id: int | None) -> bool:
        """End a session on the agent, or all of them; False if the session is of another agent, or none at all."""
        async with self._writes.transaction() as tx:
            if session_id is not None:
                session = await self._writes.stored(tx, sessions, session_id, ("agent_id",))
                if session is None or session["agent_id"] != agent_id:
                    return False
            for active_id, owner in await tx.fetch_all(self._active, agent_id=agent_id):
                if session_id in (None, active_id):
                    await self._writes.end_session_in(tx, active_id, owner)
            return True

    async def accept_step(self, user_id: int, step: int) -> bool:
        """Keep in mind that the code of a time step was used; False if it, or one after it, was already."""
        async with self._writes.transaction() as tx:
            return await tx.execute(self._accept_step, key=user_id, step=step) == 1

    async def replace_hash(self, user_id: int, old: str, new: str) -> bool:
        """Hash the same password anew; False if it is no longer the same."""
        async with self._writes.transaction() as tx:
            owner = await self._owner_with_hash(tx, user_id, old)
            if owner is not None:
                await self._writes.put(tx, users, {"id": user_id, "password_hash": new}, owner=owner)
            return owner is not None

    async def change_password(self, user_id: int, old: str, new: str, *, others_than: int | None) -> bool:
        """A new password, and the end of all sessions but one unless that is None; False if `old` is not its hash."""
        async with self._writes.transaction() as tx:
            owner = await self._owner_with_hash(tx, user_id, old)
            if owner is None:
                return False
            await self._put_password(tx, user_id, owner, new)
            if others_than is not None:
                await self._writes.end_sessions(tx, user_id, owner, but=others_than)
            return True

    async def set_password(self, account: Account, password_hash: str, *, end_sessions: bool) -> None:
        """Give an account a password, as an operator does, and if so wished end its sessions."""
        async with self._writes.transaction() as tx:
            await self._put_password(tx, account.user_id, account.org_id, password_hash)
            if end_sessions:
                await self._writes.end_sessions(tx, account.user_id, account.org_id)

    async def set_totp(self, account: Account, sealed: str | None, *, end_sessions: bool) -> None:
        """Give an account a second factor, or take it away, as an operator does, and if so wished end its sessions."""
        values = {"id": account.user_id, "totp": sealed, "totp_step": None}
        async with self._writes.transaction() as tx:
            await self._writes.put(tx, users, values, owner=account.org_id)
            if end_sessions:
                await self._writes.end_sessions(tx, account.user_id, account.org_id)

    async def _put_password(self, tx: Transaction, user_id: int, owner: int, password_hash: str) -> None:
        values = {"id": user_id, "password_hash": password_hash, "password_changed_at": self._clock()}
        await self._writes.put(tx, users, values, owner=owner)

    async def _owner_with_hash(self, tx: Transaction, user_id: int, password_hash: str) -> int | None:
        """The organization of a user whose password still has this hash."""
        row = await self._writes.stored(tx, users, user_id, ("org_id", "password_hash"))
        held = row["password_hash"] if row is not None else None
        is_same = held is not None and hmac.compare_digest(held, password_hash)
        return int(row["org_id"]) if row is not None and is_same else None


def _to_account(row: Row | None) -> Account | None:
    if row is None:
        return None
    user_id, org_id, type_, state, org_state, login, domain, *rest = row
    return Account(user_id, org_id, type_, state, org_state, login_name(login, domain), *rest)


def _to_session(row: Row) -> BrowserSession:
    id_, user_id, org_id, login, domain, display_name, avatar_url, is_active, *shown = row
    name = login_name(login, domain)
    authenticated_at, amr, impersonator = shown
    return BrowserSession(
        id_, user_id, org_id, name, display_name, avatar_url, bool(is_active), authenticated_at, amr or "", impersonator
    )


def _account() -> Select[Any]:
    return (
        select(
            users.c.id,
            users.c.org_id,
            users.c.type,
            users.c.state,
            orgs.c.state,
            users.c.login,
            org_domains.c.name,
            users.c.display_name,
            users.c.preferred_language,
            users.c.password_hash,
            users.c.totp,
            users.c.totp_step,
        )
        .join(orgs, orgs.c.id == users.c.org_id)
        .outerjoin(org_domains, primary_domain_of(users.c.org_id))
        .where(users.c.state != UserState.DELETED.value)
    )


def _by_login_name() -> ClauseElement:
    named = org_domains.alias()
    return (
        _account()
        .join(named, named.c.org_id == users.c.org_id)
        .where(named.c.name == bindparam("domain"), users.c.login == bindparam("login"))
    )


def _by_email() -> ClauseElement:
    """Two are as good as none."""
    is_same = func.lower(users.c.email) == func.lower(bindparam("email", type_=Text))
    return _account().where(*is_person(), is_same, users.c.email_verified == true()).limit(2)


def _agent() -> ClauseElement:
    return select(user_agents.c.id).where(user_agents.c.cookie_hash == bindparam("cookie_hash"))


def _known_device() -> ClauseElement:
    """An impersonator's session does not make a browser the user's."""
    signed_in = exists().where(
        sessions.c.agent_id == user_agents.c.id,
        sessions.c.user_id == bindparam("user_id"),
        sessions.c.impersonator_email.is_(None),
    )
    return select(user_agents.c.id).where(user_agents.c.cookie_hash == bindparam("cookie_hash"), signed_in)


def _sessions() -> ClauseElement:
    is_active = and_(
        sessions.c.state == SessionState.ACTIVE.value,
        sessions.c.expires_at > bindparam("now"),
        or_(*(users.c.state == state.value for state in sorted(USABLE_STATES))),
        orgs.c.state == OrgState.ACTIVE.value,
    )
    return (
        select(
            sessions.c.id,
            sessions.c.user_id,
            users.c.org_id,
            users.c.login,
            org_domains.c.name,
            users.c.display_name,
            users.c.avatar_url,
            is_active,
            sessions.c.authenticated_at,
            sessions.c.amr,
            sessions.c.impersonator_email,
        )
        .join(users, users.c.id == sessions.c.user_id)
        .join(orgs, orgs.c.id == users.c.org_id)
        .outerjoin(org_domains, primary_domain_of(users.c.org_id))
        .where(sessions.c.agent_id == bindparam("agent_id"), users.c.state != UserState.DELETED.value, ~superseded())
        .order_by(sessions.c.created_at.desc(), sessions.c.id.desc())
        .limit(MAX_SESSIONS)
    )


def _active() -> ClauseElement:
    return (
        select(sessions.c.id, users.c.org_id)
        .join(users, users.c.id == sessions.c.user_id)
        .where(sessions.c.agent_id == bindparam("agent_id"), sessions.c.state == SessionState.ACTIVE.value)
        .order_by(sessions.c.created_at, sessions.c.id)
    )


def _accept_step() -> ClauseElement:
    is_later = or_(users.c.totp_step.is_(None), users.c.totp_step < bindparam("step"))
    return update(users).where(users.c.id == bindparam("key"), is_later).values(totp_step=bindparam("step"))

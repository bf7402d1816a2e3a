"""The reads of the API: one statement each, compiled once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    literal_column,
    null,
    select,
    true,
    tuple_,
)
from sqlalchemy.sql import ColumnElement, Select
from sqlalchemy.sql.elements import BindParameter

from authsvc.domain.clock import Clock, now
from authsvc.domain.grants import Grant, GrantPage
from authsvc.domain.ids import MAX_ID
from authsvc.domain.paging import Page
from authsvc.domain.sessions import MAX_SESSIONS, Session, SessionState
from authsvc.domain.tokens import FOREIGN, TokenRecord
from authsvc.domain.users import User, UserState
from authsvc.store.executor import Executor, Reader
from authsvc.store.schema import (
    access_tokens,
    changes,
    org_domains,
    orgs,
    projects,
    sessions,
    user_grants,
    users,
)


class Reads:
    """What the API asks the store. Every method raises `Unavailable` when the database does not answer.

    `lagging` is where to read what people are only shown, which may be a little old. A token is not looked up there: it
    is revoked at once.
    """

    def __init__(self, executor: Executor, clock: Clock = now, *, lagging: Reader | None = None) -> None:
        self._executor = executor
        self._lagging = lagging or executor
        self._clock = clock
        self._token = executor.prepare(_token())
        self._foreign_token = executor.prepare(_foreign_token())
        self._user = executor.prepare(_user())
        self._sessions = executor.prepare(_sessions())
        self._grants = {ascending: executor.prepare(_grants(ascending=ascending)) for ascending in (True, False)}

    async def token(self, token_hash: bytes, org_id: int | None) -> TokenRecord | None:
        """The token with this hash, and whether the organization `org_id` exists."""
        row = await self._executor.fetch_one(self._token, token_hash=token_hash, org_id=org_id)
        return TokenRecord._make(row) if row else None

    async def foreign_token(self, external_id: str, org_id: int | None) -> TokenRecord | None:
        """The user whom another system knows by this id, as the holder of a token that is not in the store."""
        row = await self._executor.fetch_one(self._foreign_token, external_id=external_id, org_id=org_id)
        return TokenRecord(*row) if row else None

    async def user(self, user_id: int) -> User | None:
        """The user, unless deleted."""
        row = await self._lagging.fetch_one(self._user, user_id=user_id)
        return User._make(row) if row else None

    async def sessions(self, agent_id: int) -> list[Session]:
        """The newest session of each user on the agent, newest first, deleted users left out.

        An active one whose time is over is shown as terminated.
        """
        rows = await self._lagging.fetch_all(self._sessions, agent_id=agent_id, now=self._clock())
        return [Session._make(row) for row in rows]

    async def grants(self, user_id: int, page: Page) -> GrantPage:
        """A page of the user's grants in all organizations, with the count of all."""
        statement = self._grants[page.ascending]
        rows = await self._lagging.fetch_all(statement, user_id=user_id, offset=page.offset, limit=page.limit)
        total, sequence, changed_at = rows[0][:3]
        # The counts stand beside every grant, and beside nothing when the page is empty.
        return GrantPage(total, sequence, changed_at, [Grant._make(row[3:]) for row in rows if row[3] is not None])


def _token() -> Select[*tuple[object, ...]]:
    return (
        select(
            access_tokens.c.id,
            access_tokens.c.user_id,
            access_tokens.c.expires_at,
            access_tokens.c.revoked_at,
            users.c.state,
            users.c.preferred_language,
            users.c.org_id,
            orgs.c.state,
            sessions.c.id,
            sessions.c.state,
            sessions.c.expires_at,
            sessions.c.agent_id,
            _known_org(),
            access_tokens.c.scope,
            access_tokens.c.client_id,
            sessions.c.active_at,
            sessions.c.idle_life,
            sessions.c.impersonator_email,
        )
        .select_from(access_tokens)
        .outerjoin(users, users.c.id == access_tokens.c.user_id)
        .outerjoin(orgs, orgs.c.id == users.c.org_id)
        .outerjoin(sessions, sessions.c.id == access_tokens.c.session_id)
        .where(access_tokens.c.token_hash == bindparam("token_hash"))
    )


def _foreign_token() -> Select[*tuple[object, ...]]:
    """In the place of a token and its session stands what any token has that is in force and belongs to no session."""
    no_session = [null()] * 4
    return (
        select(
            literal_column(str(FOREIGN)),
            users.c.id,
            literal_column(str(MAX_ID)),
            null(),
            users.c.state,
            users.c.preferred_language,
            users.c.org_id,
            orgs.c.state,
            *no_session,
            _known_org(),
        )
        .select_from(users)
        .outerjoin(orgs, orgs.c.id == users.c.org_id)
        .where(users.c.external_id == bindparam("external_id"))
    )


def _known_org() -> ColumnElement[bool]:
    org_id = _number("org_id")
    return case((org_id.is_(null()), null()), else_=exists().where(orgs.c.id == org_id))


def last_login() -> ColumnElement[int]:
    """When a user of the statement around it signed in last."""
    return select(func.max(sessions.c.created_at)).where(sessions.c.user_id == users.c.id).scalar_subquery()


def _user() -> Select[*tuple[object, ...]]:
    # An aggregate has no order of its own: a digit in front lets the reader put the primary domain first.
    marked = case((org_domains.c.is_primary == true(), literal_column("'0'")), else_=literal_column("'1'"))
    separator: Any = literal_column("' '")  # a plain string would stay a parameter without a value
    domains = (
        select(func.aggregate_strings(marked.concat(org_domains.c.name), separator))
        .where(org_domains.c.org_id == users.c.org_id)
        .scalar_subquery()
    )
    columns = [users.c[name] for name in User._fields if name in users.c]
    return select(*columns, last_login(), domains).where(
        users.c.id == bindparam("user_id"), users.c.state != UserState.DELETED.value
    )


def superseded() -> ColumnElement[bool]:
    """Whether the user of a session of the statement around it has a newer one on its agent."""
    newer = sessions.alias()
    return exists().where(
        newer.c.agent_id == sessions.c.agent_id,
        newer.c.user_id == sessions.c.user_id,
        tuple_(newer.c.created_at, newer.c.id) > tuple_(sessions.c.created_at, sessions.c.id),
    )


def _sessions() -> Select[*tuple[object, ...]]:
    over = sessions.c.expires_at <= bindparam("now")
    return (
        select(
            sessions.c.id,
            sessions.c.agent_id,
            case((over, literal_column(str(SessionState.TERMINATED.value))), else_=sessions.c.state),
            sessions.c.user_id,
            users.c.user_name,
            users.c.login,
            org_domains.c.name,
            users.c.display_name,
            users.c.avatar_url,
            users.c.org_id,
            sessions.c.sequence,
            sessions.c.created_at,
            sessions.c.changed_at,
        )
        .join(users, users.c.id == sessions.c.user_id)
        .outerjoin(org_domains, primary_domain_of(users.c.org_id))
        .where(
            sessions.c.agent_id == bindparam("agent_id"),
            users.c.state != UserState.DELETED.value,
            ~superseded(),
        )
        .order_by(sessions.c.created_at.desc(), sessions.c.id.desc())
        .limit(MAX_SESSIONS)
    )


def _grants(*, ascending: bool) -> Select[*tuple[object, ...]]:
    """One row of counts, joined with the page, so that an empty page still has its counts.

    Without statistics, PostgreSQL would read all users to join those of the page, and sort all of the user's grants:
    hence the user is joined once, by the key, and the page's values are hidden. A plan that does not know them counts
    on a small part of the grants and takes it from the index, in its order.
    """
    user_id = _number("user_id")
    newest = select(func.max(changes.c.sequence)).scalar_subquery()
    last_change = select(changes.c.sequence, changes.c.at).where(changes.c.sequence == newest).subquery()
    one = select(literal(1).label("one")).subquery()
    order = [user_grants.c.created_at, user_grants.c.id]
    page = (
        select(user_grants)
        .where(user_grants.c.user_id == _hidden(user_id))
        .order_by(*(order if ascending else [column.desc() for column in order]))
        .limit(_hidden(_number("limit")))
        .offset(_hidden(_number("offset")))
        .subquery()
    )
    found = [page.c.created_at, page.c.id]
    return (
        select(
            func.coalesce(users.c.grant_count, literal_column("0")),
            last_change.c.sequence,
            last_change.c.at,
            page.c.id,
            page.c.user_id,
            users.c.type,
            page.c.org_id,
            orgs.c.name,
            org_domains.c.name,
            page.c.project_id,
            projects.c.name,
            page.c.project_grant_id,
            page.c.role_keys,
            page.c.state,
            page.c.sequence,
            page.c.created_at,
            page.c.changed_at,
        )
        .select_from(one)
        .outerjoin(users, users.c.id == user_id)
        .outerjoin(last_change, true())
        .outerjoin(page, true())
        .outerjoin(orgs, orgs.c.id == page.c.org_id)
        .outerjoin(org_domains, primary_domain_of(page.c.org_id))
        .outerjoin(projects, projects.c.id == page.c.project_id)
        .order_by(*(found if ascending else [column.desc() for column in found]))
    )


def _number(name: str) -> BindParameter[int]:
    return bindparam(name, type_=BigInteger)


def _hidden(value: BindParameter[int]) -> ColumnElement[int]:
    """A parameter for whose value nothing is planned, where it is asked for once and not for each row."""
    return select(value).scalar_subquery()


def primary_domain_of(org_id: ColumnElement[int]) -> ColumnElement[bool]:
    """What joins the primary domain of an organization."""
    return and_(org_domains.c.org_id == org_id, org_domains.c.is_primary == true())

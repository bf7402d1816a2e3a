"""AuthService as a FastAPI application on SQLAlchemy's ORM, with pydantic models for its documents.

    python bench/peers/fastapi_orm.py --database sqlite:////path --listen 127.0.0.1:8000

Made as the documentation of both libraries has it. The endpoints, the session and the caller are functions, which
FastAPI runs on threads: as coroutines with `AsyncSession` and aiosqlite, GetMyUser took 1.2 to 1.5 times as much CPU,
and 100 grants 0.9 to 1.4 times. GetMyUser makes three statements, ListMyUserGrants seven, however many grants there
are. Tokens are checked as authsvc does it, but for scopes and the header `x-zitadel-orgid`, which the load has not.
"""

# ruff: noqa: INP001 - a program, and no part of a package

import hashlib
import time
from collections.abc import Iterator
from typing import Annotated

from documents import Grants, GrantsRequest, MyUser, Sessions, grant_document, list_details, my_user, session_document
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from orm import AccessToken, Change, Grant, Org, Session, User
from serving import SCHEME, options, serve
from sqlalchemy import and_, create_engine, exists, func, select, tuple_
from sqlalchemy.orm import Session as DatabaseSession
from sqlalchemy.orm import aliased, joinedload, selectinload, sessionmaker

_ACTIVE, _DELETED, _INITIAL = 1, 3, 6
_MAX = 1_000
_THREADS = 40  # as many as Starlette runs functions on

sessions = sessionmaker(expire_on_commit=False)
app = FastAPI(title="AuthService")


def database() -> Iterator[DatabaseSession]:
    """A session of the ORM, for one request."""
    with sessions() as session:
        yield session


Database = Annotated[DatabaseSession, Depends(database)]
Credentials = Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]


def _now() -> int:
    return time.time_ns() // 1_000


def caller(credentials: Credentials, database: Database) -> AccessToken:
    """The token of the request, with its user, their organization, and its session."""
    token = database.scalar(
        select(AccessToken)
        .where(AccessToken.token_hash == hashlib.sha256(credentials.credentials.encode()).digest())
        .options(joinedload(AccessToken.user).joinedload(User.org), joinedload(AccessToken.session))
    )
    if token is None or not _usable(token, _now()):
        raise HTTPException(401, "Errors.Token.Invalid", {"www-authenticate": 'Bearer error="invalid_token"'})
    if token.user.state == _DELETED:
        raise HTTPException(404, "Errors.User.NotFound")
    if token.user.state not in (_ACTIVE, _INITIAL) or token.user.org.state != _ACTIVE:
        raise HTTPException(401, "Errors.Token.Invalid", {"www-authenticate": 'Bearer error="invalid_token"'})
    return token


def _usable(token: AccessToken, at: int) -> bool:
    session = token.session
    signed_out = session is not None and (session.state != _ACTIVE or session.expires_at <= at)
    return token.expires_at > at and token.revoked_at is None and not signed_out


Caller = Annotated[AccessToken, Depends(caller)]


@app.get("/auth/v1/users/me", response_model_exclude_defaults=True)
def get_my_user(caller: Caller, database: Database) -> MyUser:
    """GetMyUser."""
    last_login = database.scalar(select(func.max(Session.created_at)).where(Session.user_id == caller.user_id))
    return my_user(caller.user, last_login)


@app.post("/auth/v1/usergrants/me/_search", response_model_exclude_defaults=True)
def list_my_user_grants(request: GrantsRequest, caller: Caller, database: Database) -> Grants:
    """ListMyUserGrants."""
    query = request.query
    order = [Grant.created_at, Grant.id] if query.asc else [Grant.created_at.desc(), Grant.id.desc()]
    grants = database.scalars(
        select(Grant)
        .where(Grant.user_id == caller.user_id)
        .order_by(*order)
        .offset(query.offset)
        .limit(query.limit or _MAX)
        .options(selectinload(Grant.org).selectinload(Org.domains), selectinload(Grant.project))
    )
    total = database.scalar(select(func.count()).select_from(Grant).where(Grant.user_id == caller.user_id))
    change = database.scalar(select(Change).order_by(Change.sequence.desc()).limit(1))
    return Grants(
        details=list_details(total or 0, change.sequence if change else 0, change.at if change else None),
        result=[grant_document(grant) for grant in grants],
    )


@app.post("/auth/v1/users/me/sessions/_search", response_model_exclude_defaults=True)
def list_my_user_sessions(caller: Caller, database: Database) -> Sessions:
    """ListMyUserSessions: the newest one of each user in the caller's browser."""
    if caller.session is None:
        return Sessions()
    newer = aliased(Session)
    superseded = exists().where(
        and_(newer.agent_id == Session.agent_id, newer.user_id == Session.user_id),
        tuple_(newer.created_at, newer.id) > tuple_(Session.created_at, Session.id),
    )
    found = database.scalars(
        select(Session)
        .join(Session.user)
        .where(Session.agent_id == caller.session.agent_id, User.state != _DELETED, ~superseded)
        .order_by(Session.created_at.desc(), Session.id.desc())
        .limit(_MAX)
        .options(joinedload(Session.user).joinedload(User.org).selectinload(Org.domains))
    )
    at = _now()
    return Sessions(result=[session_document(session, at) for session in found])


if __name__ == "__main__":
    file, host, port = options()
    sessions.configure(bind=create_engine(f"{SCHEME}{file}", pool_size=_THREADS))
    serve(app, host, port)

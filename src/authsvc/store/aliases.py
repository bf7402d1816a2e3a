"""By what else an account is known when guesses at it are counted: its names, and the browsers it has been in."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import bindparam, select

from authsvc.domain.users import login_name
from authsvc.store.executor import Executor
from authsvc.store.schema import org_domains, sessions, users


class Aliases(NamedTuple):
    """What people may type to sign in to one account, and the ids of the user agents on which somebody has."""

    names: tuple[str, ...]
    agents: tuple[int, ...]


async def aliases(executor: Executor, user_id: int) -> Aliases:
    """Those of this user."""
    is_it = users.c.id == bindparam("id")
    own = select(users.c.login, users.c.user_name, users.c.email).where(is_it)
    domains = select(org_domains.c.name).join(users, users.c.org_id == org_domains.c.org_id).where(is_it)
    agents = select(sessions.c.agent_id).distinct().where(sessions.c.user_id == bindparam("id"))
    found = await executor.fetch_one(executor.prepare(own), id=user_id)
    if found is None:
        return Aliases((), ())
    login, user_name, email = found
    rows = await executor.fetch_all(executor.prepare(domains), id=user_id)
    names = (*(login_name(login, domain) for (domain,) in rows), login, user_name, email)
    known = await executor.fetch_all(executor.prepare(agents), id=user_id)
    return Aliases(tuple(dict.fromkeys(name for name in names if name)), tuple(agent for (agent,) in known))

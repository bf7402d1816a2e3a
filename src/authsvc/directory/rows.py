"""What a directory file says, as rows of the store's tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Table

from authsvc.directory.fields import KeyState
from authsvc.directory.index import Index
from authsvc.directory.mistakes import Path
from authsvc.directory.model import Directory, Human, Machine, Session, User, each
from authsvc.domain.sessions import SessionState
from authsvc.store import schema

Values = dict[str, Any]


class Entry(NamedTuple):
    """A row to be: its table and values, the organization it belongs to, and where it stands in the file.

    `parts` are the rows of another table that belong to it alone: the domains of an organization (name, whether it
    is the primary one) or the roles of a project (key, display name, position), sorted. `stamp` is the column of the
    time at which the entity ended, if it has and the file does not tell when.
    """

    table: Table
    values: Values
    owner: int | None
    path: Path
    parts: tuple[tuple[Any, ...], ...] = ()
    stamp: str | None = None


def entries(directory: Directory) -> Iterator[Entry]:
    """The rows of all entries, each after those that it refers to."""
    index = Index(directory)
    yield from _orgs(directory)
    yield from _projects(directory)
    yield from _users(directory)
    yield from _machine_keys(directory)
    yield from _agents(directory)
    yield from _sessions(directory, index)
    yield from _user_grants(directory, index)
    yield from _api_keys(directory)
    yield from _clients(directory)


def _orgs(directory: Directory) -> Iterator[Entry]:
    for o, org in each(directory.orgs):
        values = {
            "id": org.id,
            "name": org.name,
            "state": org.state.value,
            **_kept(ulid=org.workos_id, created_at=org.created_at),
        }
        domains = sorted((name, index == 0) for index, name in each(org.domains))
        yield Entry(schema.orgs, values, org.id, ("orgs", o), tuple(domains))


def _projects(directory: Directory) -> Iterator[Entry]:
    for path, org, project in directory.all_projects():
        values = {"id": project.id, "org_id": org.id, "name": project.name, **_kept(created_at=project.created_at)}
        roles = sorted((role.key, role.display_name or "", index) for index, role in each(project.roles))
        yield Entry(schema.projects, values, org.id, path, tuple(roles))
    for path, org, project, grant in directory.all_project_grants():
        values = {
            "id": grant.id,
            "project_id": project.id,
            "org_id": grant.org,
            "role_keys": "\n".join(grant.roles),
            **_kept(created_at=grant.created_at),
        }
        yield Entry(schema.project_grants, values, org.id, path)


def _users(directory: Directory) -> Iterator[Entry]:
    for path, org, user in directory.all_users():
        values = {
            "id": user.id,
            "org_id": org.id,
            "type": user.type.value,
            "state": user.state.value,
            "user_name": user.user_name,
            "login": user.login_part,
            "external_id": user.external_id,
            **_particulars(user),
            **_kept(ulid=user.workos_id, created_at=user.created_at),
        }
        yield Entry(schema.users, values, org.id, path)


def _particulars(user: User) -> Values:
    if user.human is not None:
        return _human(user.human)
    return _machine(user.machine) if user.machine else {}


def _human(human: Human) -> Values:
    values: Values = {
        "first_name": human.first_name,
        "last_name": human.last_name,
        "nick_name": human.nick_name or "",
        "display_name": human.display_name or f"{human.first_name} {human.last_name}",
        "preferred_language": human.preferred_language or "",
        "gender": human.gender.value,
        "avatar_url": human.avatar_url or "",
        "email": human.email.email if human.email else "",
        "email_verified": bool(human.email and human.email.verified),
        "phone": human.phone.phone if human.phone else "",
        "phone_verified": bool(human.phone and human.phone.verified),
        "description": "",
        "access_token_type": 0,
        "may_impersonate": False,
    }
    theirs = {
        "password_changed_at": human.password_changed,
        "password_hash": human.password_hash,
        "totp": human.totp,
    }
    return {**values, **_kept(**theirs)}


def _machine(machine: Machine) -> Values:
    return {
        "first_name": "",
        "last_name": "",
        "nick_name": "",
        "display_name": machine.name,
        "preferred_language": "",
        "gender": 0,
        "avatar_url": "",
        "email": "",
        "email_verified": False,
        "phone": "",
        "phone_verified": False,
        "description": machine.description,
        "access_token_type": machine.access_token_type.value,
        "may_impersonate": machine.may_impersonate,
        **_kept(secret_hash=machine.secret_hash),
    }


def _machine_keys(directory: Directory) -> Iterator[Entry]:
    for path, org, user, key in directory.all_machine_keys():
        values = {
            "id": key.id,
            "user_id": user.id,
            "public_key": key.public_key,
            "expires_at": key.expires_at,
            **_kept(created_at=key.created_at),
        }
        yield Entry(schema.machine_keys, values, org.id, path)


def _agents(directory: Directory) -> Iterator[Entry]:
    for a, agent in each(directory.agents):
        values = {"id": agent.id, "description": agent.description, **_kept(created_at=agent.created_at)}
        yield Entry(schema.user_agents, values, None, ("agents", a))


def _sessions(directory: Directory, index: Index) -> Iterator[Entry]:
    for path, agent, session in directory.all_sessions():
        user_id = index.user_id(session.user) or 0
        # No session outlives its user.
        state = SessionState.TERMINATED if index.is_deleted(session.user) else session.state
        values = {"id": session.id, "agent_id": agent.id, "user_id": user_id, **_sign_in(session), **_kept(state=state)}
        stamp = "ended_at" if state is SessionState.TERMINATED and session.ended_at is None else None
        yield Entry(schema.sessions, values, index.users[user_id][0].id, path, stamp=stamp)


def _sign_in(session: Session) -> Values:
    """How a session came about and how it ended, as far as the file tells."""
    impersonator = session.impersonator
    return _kept(
        ulid=session.workos_id,
        auth_method=session.auth_method,
        ip_address=session.ip_address,
        user_agent=session.user_agent,
        org_id=session.org,
        impersonator_email=impersonator.email if impersonator else None,
        impersonator_reason=impersonator.reason if impersonator else None,
        created_at=session.created_at,
        expires_at=session.expires_at,
        ended_at=session.ended_at,
    )


def _user_grants(directory: Directory, index: Index) -> Iterator[Entry]:
    for g, grant in each(directory.user_grants):
        values = {
            "id": grant.id,
            "user_id": index.user_id(grant.user),
            "org_id": grant.org,
            "project_id": grant.project,
            "project_grant_id": grant.project_grant,
            "role_keys": "\n".join(grant.roles),
            "state": grant.state.value,
            **_kept(created_at=grant.created_at),
        }
        yield Entry(schema.user_grants, values, grant.org, ("userGrants", g))


def _api_keys(directory: Directory) -> Iterator[Entry]:
    for k, key in each(directory.api_keys):
        is_revoked = key.state is KeyState.REVOKED
        values = {
            "id": key.id,
            "name": key.name,
            "key_hash": key.key_hash,
            "permissions": " ".join(sorted(key.permissions)),
            **({} if is_revoked else {"revoked_at": None}),
            **_kept(created_at=key.created_at),
        }
        yield Entry(schema.api_keys, values, None, ("apiKeys", k), stamp="revoked_at" if is_revoked else None)


def _clients(directory: Directory) -> Iterator[Entry]:
    for c, client in each(directory.clients):
        values = {
            "id": client.id,
            "client_id": client.client_id,
            "name": client.name,
            "secret_hash": client.secret_hash,
            "native": client.native,
            "trusted": client.trusted,
            "redirect_uris": "\n".join(client.redirect_uris),
            "post_logout_uris": "\n".join(client.post_logout_redirect_uris),
            "grant_types": " ".join(sorted(client.grant_types)),
            "access_token_type": client.access_token_type.value,
            "signing_algorithm": client.signing_algorithm,
            "project_id": client.project,
            **_kept(state=client.state, created_at=client.created_at),
        }
        yield Entry(schema.clients, values, None, ("clients", c))


def _kept(**given: Any) -> Values:
    """What is not given is left alone: it is history, and nothing that a file sets back."""
    return {name: value for name, value in given.items() if value is not None}

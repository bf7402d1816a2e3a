"""What one entry of a directory file cannot say of itself: ids used twice, references to nothing, roles not had."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import NamedTuple, TypeVar

from authsvc.directory.fields import KeyState
from authsvc.directory.index import Index
from authsvc.directory.mistakes import Path, dotted
from authsvc.directory.model import Client, Directory, Project, ProjectGrant, UserGrant, each
from authsvc.domain.registration import Registration, faults
from authsvc.domain.sessions import SessionState
from authsvc.domain.users import split_login_name

_H = TypeVar("_H", bound=Hashable)
# What a file calls the fields of a registration.
_CLIENT_KEYS = {
    "native": "native",
    "redirect_uris": "redirectUris",
    "post_logout_uris": "postLogoutRedirectUris",
    "grant_types": "grantTypes",
}


class Finding(NamedTuple):
    """A mistake. If it says that something is not in the file, `absent` are the words it would be found by."""

    path: Path
    text: str
    absent: tuple[str, ...] = ()


def check(directory: Directory, index: Index, latest: int) -> Iterator[Finding]:
    """All mistakes between entries; nothing may have been created after `latest`."""
    yield from _ids(directory)
    yield from _times(directory, latest)
    yield from _domains(directory)
    yield from _user_names(directory)
    yield from _public_ids(directory)
    yield from _api_keys(directory)
    yield from _clients(directory, index)
    yield from _project_roles(directory)
    yield from _project_grants(directory, index)
    yield from _sessions(directory, index, latest)
    for g, grant in each(directory.user_grants):
        yield from _user_grant(("userGrants", g), grant, index)


def _ids(directory: Directory) -> Iterator[Finding]:
    uses = (((*path, "id"), (type(entity), entity.id)) for path, entity in directory.entities())
    yield from _repeated(uses, lambda key, first: f"{key[1]} is the id of another entry already, {dotted(first[:-1])}")


def _times(directory: Directory, latest: int) -> Iterator[Finding]:
    for path, entity in directory.entities():
        # A session from the future would hide every later sign-in behind it.
        if entity.created_at is not None and entity.created_at > latest:
            yield Finding((*path, "createdAt"), "lies in the future")


def _domains(directory: Directory) -> Iterator[Finding]:
    uses = ((("orgs", o, "domains", d), domain) for o, org in each(directory.orgs) for d, domain in each(org.domains))
    yield from _repeated(uses, lambda domain, first: f"{domain} is given already, at {dotted(first)}")


def _user_names(directory: Directory) -> Iterator[Finding]:
    names: dict[tuple[int, str], Path] = {}
    logins: dict[tuple[int, str], Path] = {}
    for path, org, user in directory.all_users():
        by_name, by_login = (org.id, user.user_name), (org.id, user.login_part)
        if by_name in names:
            text = f"another user of the organization has this userName, {dotted(names[by_name])}"
            yield Finding((*path, "userName"), text)
        elif by_login in logins:
            text = f"another user of the organization has this login, {dotted(logins[by_login])}"
            yield Finding((*path, "login" if user.login else "userName"), text)
        names.setdefault(by_name, path)
        logins.setdefault(by_login, path)


def _public_ids(directory: Directory) -> Iterator[Finding]:
    def uses() -> Iterator[tuple[Path, str, str | None]]:
        for o, org in each(directory.orgs):
            yield ("orgs", o, "workosId"), "organization", org.workos_id
        for path, _, user in directory.all_users():
            yield (*path, "workosId"), "user", user.workos_id
            yield (*path, "externalId"), "external", user.external_id
        for path, _, session in directory.all_sessions():
            yield (*path, "workosId"), "session", session.workos_id

    given = ((path, (kind, value)) for path, kind, value in uses() if value is not None)
    yield from _repeated(given, lambda _, first: f"is that of another entry already, {dotted(first[:-1])}")


def _api_keys(directory: Directory) -> Iterator[Finding]:
    """A name is free again once its key is revoked; the hash, and so the key, is not."""
    keys = [(("apiKeys", k), key) for k, key in each(directory.api_keys)]
    names = (((*path, "name"), key.name) for path, key in keys if key.state is not KeyState.REVOKED)
    hashes = (((*path, "keyHash"), key.key_hash) for path, key in keys)
    for path, key in keys:
        uses = (((*path, "permissions", p), permission) for p, permission in each(key.permissions))
        yield from _repeated(uses, lambda permission, _: f"{permission} is given twice")
    for values in (names, hashes):
        yield from _repeated(values, lambda _, first: f"is that of another key already, {dotted(first[:-1])}")


def _clients(directory: Directory, index: Index) -> Iterator[Finding]:
    uses = ((("clients", c, "clientId"), client.client_id) for c, client in each(directory.clients))
    yield from _repeated(uses, lambda _, first: f"is that of another client already, {dotted(first[:-1])}")
    for c, client in each(directory.clients):
        if client.project is not None and client.project not in index.projects:
            yield _no_such("project", ("clients", c, "project"), client.project)
        for fault in () if _is_in_part(client) else faults(_registration(client)):
            item = () if fault.item is None else (fault.item,)
            yield Finding(("clients", c, _CLIENT_KEYS[fault.field], *item), fault.text)


def _is_in_part(client: Client) -> bool:
    """Whether there are mistakes in its lists, so that the others would not be whole."""
    lists: tuple[tuple[object, ...], ...] = (
        client.redirect_uris,
        client.post_logout_redirect_uris,
        client.grant_types,
    )
    return any(len(list(each(items))) < len(items) for items in lists)


def _registration(client: Client) -> Registration:
    return Registration(
        client.secret_hash is None,
        client.native,
        client.redirect_uris,
        client.post_logout_redirect_uris,
        client.grant_types,
    )


def _project_roles(directory: Directory) -> Iterator[Finding]:
    for path, _, project in directory.all_projects():
        uses = (((*path, "roles", r, "key"), role.key) for r, role in each(project.roles))
        yield from _repeated(uses, lambda key, first: f"{key} is given already, at {dotted(first)}")


def _project_grants(directory: Directory, index: Index) -> Iterator[Finding]:
    uses: list[tuple[Path, tuple[int, int]]] = []
    for path, owner, project, grant in directory.all_project_grants():
        to = (*path, "org")
        if grant.org == owner.id:
            yield Finding(to, "owns the project and needs no grant of it")
        elif grant.org not in index.orgs:
            yield _no_such("organization", to, grant.org)
        uses.append((to, (project.id, grant.org)))
        yield from _roles((*path, "roles"), grant.roles, _keys(project), f"project {project.id}")
    yield from _repeated(uses, lambda _, first: f"has a grant of this project already, {dotted(first[:-1])}")


def _sessions(directory: Directory, index: Index, latest: int) -> Iterator[Finding]:
    for path, _, session in directory.all_sessions():
        yield from _user((*path, "user"), session.user, index)
        if session.state is SessionState.ACTIVE and index.is_deleted(session.user):
            yield Finding((*path, "state"), "cannot be active: the user is deleted")
        if session.org is not None and session.org not in index.orgs:
            yield _no_such("organization", (*path, "org"), session.org)
        if session.ended_at is None:
            continue
        if session.state is not SessionState.TERMINATED:
            yield Finding((*path, "endedAt"), "is only for a session whose state is terminated")
        elif session.ended_at > latest:
            yield Finding((*path, "endedAt"), "lies in the future")


def _user_grant(path: Path, grant: UserGrant, index: Index) -> Iterator[Finding]:
    yield from _user((*path, "user"), grant.user, index)
    if grant.org not in index.orgs:
        yield _no_such("organization", (*path, "org"), grant.org)
    if grant.project not in index.projects:
        yield _no_such("project", (*path, "project"), grant.project)
        return
    owner, project = index.projects[grant.project]
    if grant.project_grant is not None:
        yield from _granted_roles(path, grant, project, index)
    elif grant.org == owner.id:
        yield from _roles((*path, "roles"), grant.roles, _keys(project), f"project {project.id}")
    elif grant.org in index.orgs:
        yield _needs_project_grant(path, grant, project)


def _granted_roles(path: Path, grant: UserGrant, project: Project, index: Index) -> Iterator[Finding]:
    """A user grant that rests on a project grant may give only what that one has."""
    where = (*path, "projectGrant")
    through: ProjectGrant | None
    of, through = index.project_grants.get(grant.project_grant or 0, (None, None))
    if of is None or through is None:
        yield _no_such("project grant", where, grant.project_grant or 0)
    elif of is not project:
        yield Finding(where, f"is a grant of project {of.id}, not of {project.id}")
    elif through.org != grant.org:
        yield Finding(where, f"is a grant to organization {through.org}, not to {grant.org}")
    else:
        had = (key for _, key in each(through.roles))
        yield from _roles((*path, "roles"), grant.roles, had, f"project grant {through.id}")


def _needs_project_grant(path: Path, grant: UserGrant, project: Project) -> Finding:
    fitting = [through.id for _, through in each(project.grants) if through.org == grant.org]
    if fitting:
        text = f"does not own project {project.id}: name the project grant it has, projectGrant: {fitting[0]}"
        return Finding((*path, "org"), text)
    text = f"neither owns project {project.id} nor has a project grant of it"
    return Finding((*path, "org"), text, (str(grant.org),))


def _user(path: Path, reference: int | str, index: Index) -> Iterator[Finding]:
    if index.user_id(reference) is None:
        words = split_login_name(reference) if isinstance(reference, str) else (str(reference),)
        yield Finding(path, f"there is no user {reference} in this file", words or ())


def _no_such(what: str, path: Path, entity_id: int) -> Finding:
    return Finding(path, f"there is no {what} {entity_id} in this file", (str(entity_id),))


def _keys(project: Project) -> Iterator[str]:
    return (role.key for _, role in each(project.roles))


def _roles(path: Path, roles: Iterable[str], had: Iterable[str], owner: str) -> Iterator[Finding]:
    known = set(had)
    for r, key in each(roles):
        if key not in known:
            yield Finding((*path, r), f"{owner} has no role {key}", (key,))
    uses = (((*path, r), key) for r, key in each(roles))
    yield from _repeated(uses, lambda key, _: f"{key} is given twice")


def _repeated(uses: Iterable[tuple[Path, _H]], text: Callable[[_H, Path], str]) -> Iterator[Finding]:
    """A finding for each use of a value after its first."""
    first: dict[_H, Path] = {}
    for path, value in uses:
        if value in first:
            yield Finding(path, text(value, first[value]))
        else:
            first[value] = path

"""Who is who in a directory file: entries by their ids, users by their login names too."""

from __future__ import annotations

from authsvc.directory.model import Directory, Org, Project, ProjectGrant, User, each
from authsvc.domain.users import UserState, login_name, split_login_name


class Index:
    """The entries that others may refer to, each with its owner."""

    def __init__(self, directory: Directory) -> None:
        self.orgs: dict[int, Org] = {org.id: org for _, org in each(directory.orgs)}
        self.projects: dict[int, tuple[Org, Project]] = {
            project.id: (org, project) for _, org, project in directory.all_projects()
        }
        self.project_grants: dict[int, tuple[Project, ProjectGrant]] = {
            grant.id: (project, grant) for _, _, project, grant in directory.all_project_grants()
        }
        self.users: dict[int, tuple[Org, User]] = {user.id: (org, user) for _, org, user in directory.all_users()}
        self._logins = {
            login_name(user.login_part, domain): user.id
            for _, org, user in directory.all_users()
            for _, domain in each(org.domains)
        }

    def user_id(self, reference: int | str) -> int | None:
        """The user with this id or login name, or None."""
        if isinstance(reference, int):
            return reference if reference in self.users else None
        login, domain = split_login_name(reference) or ("", "")
        return self._logins.get(login_name(login, domain))

    def is_deleted(self, reference: int | str) -> bool:
        """Whether there is such a user, and their state is `deleted`."""
        user_id = self.user_id(reference)
        return user_id is not None and self.users[user_id][1].state is UserState.DELETED

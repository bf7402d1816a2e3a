"""User grants: the roles that an organization gives a user on a project."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class GrantState(IntEnum):
    """The numbers are those of zitadel.user.v1.UserGrantState."""

    ACTIVE = 1
    INACTIVE = 2


class Grant(NamedTuple):
    """A grant as ListMyUserGrants shows it. `role_keys` has one key a line; times in microseconds."""

    id: int
    user_id: int
    user_type: int
    org_id: int
    org_name: str
    org_domain: str | None
    project_id: int
    project_name: str
    project_grant_id: int | None
    role_keys: str
    state: int
    sequence: int
    created_at: int
    changed_at: int


class GrantPage(NamedTuple):
    """One page of a user's grants; `sequence` and `changed_at` are those of the newest change in the store."""

    total: int
    sequence: int | None
    changed_at: int | None
    grants: list[Grant]

"""Organizations: they own users and projects, and give grants."""

from __future__ import annotations

from enum import IntEnum


class OrgState(IntEnum):
    """The numbers are those of zitadel.org.v1.OrgState."""

    ACTIVE = 1
    INACTIVE = 2

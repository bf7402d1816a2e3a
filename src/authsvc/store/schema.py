"""The tables. Times are whole microseconds since 1970 (UTC), states the numbers of their enums in `domain`.

`sequence` in a table is the number of the row's last entry in `changes`, whose numbers are instance-wide.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

REVISION = "0001"
"""The revision that this code reads and writes: the newest in `migrations`, checked at every start."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives the row number to a key declared INTEGER, and only to that.
_Id = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[int]:
    return Column("id", _Id, primary_key=True, autoincrement=False)


def _recorded() -> list[Column[int]]:
    return [
        Column("sequence", BigInteger, nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("changed_at", BigInteger, nullable=False),
    ]


def _owner(table: str, name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, _Id, ForeignKey(f"{table}.id"), nullable=nullable)


changes = Table(
    "changes",
    metadata,
    Column("sequence", _Id, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("entity_id", BigInteger, nullable=False),
    Column("action", String(32), nullable=False),
    Column("org_id", BigInteger),
    sqlite_autoincrement=True,
)

orgs = Table(
    "orgs",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("state", SmallInteger, nullable=False),
    *_recorded(),
)

org_domains = Table(
    "org_domains",
    metadata,
    Column("name", String(253), primary_key=True),
    _owner("orgs", "org_id"),
    Column("is_primary", Boolean, nullable=False),
    Index(None, "org_id", "is_primary"),
)

projects = Table(
    "projects",
    metadata,
    _id(),
    _owner("orgs", "org_id"),
    Column("name", Text, nullable=False),
    *_recorded(),
    Index(None, "org_id"),
)

project_roles = Table(
    "project_roles",
    metadata,
    Column("project_id", _Id, ForeignKey("projects.id"), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("position", Integer, nullable=False),
)

# A project grant lets another organization give roles on the project.
project_grants = Table(
    "project_grants",
    metadata,
    _id(),
    _owner("projects", "project_id"),
    _owner("orgs", "org_id"),
    Column("role_keys", Text, nullable=False),
    *_recorded(),
    UniqueConstraint("project_id", "org_id"),
)

users = Table(
    "users",
    metadata,
    _id(),
    _owner("orgs", "org_id"),
    Column("type", SmallInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("user_name", String(200), nullable=False),
    Column("login", String(200), nullable=False),
    Column("display_name", Text, nullable=False),
    Column("first_name", Text, nullable=False),
    Column("last_name", Text, nullable=False),
    Column("nick_name", Text, nullable=False),
    Column("preferred_language", String(35), nullable=False),
    Column("gender", SmallInteger, nullable=False),
    Column("avatar_url", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("email_verified", Boolean, nullable=False),
    Column("phone", Text, nullable=False),
    Column("phone_verified", Boolean, nullable=False),
    Column("password_changed_at", BigInteger),
    Column("description", Text, nullable=False),
    Column("secret_hash", Text),
    Column("access_token_type", SmallInteger, nullable=False),
    *_recorded(),
    UniqueConstraint("org_id", "user_name"),
    UniqueConstraint("org_id", "login"),
)

user_agents = Table(
    "user_agents",
    metadata,
    _id(),
    Column("description", Text, nullable=False),
    *_recorded(),
)

sessions = Table(
    "sessions",
    metadata,
    _id(),
    _owner("user_agents", "agent_id"),
    _owner("users", "user_id"),
    Column("state", SmallInteger, nullable=False),
    *_recorded(),
    Index(None, "agent_id", "user_id", "created_at", "id"),
    Index(None, "user_id", "created_at"),
)

user_grants = Table(
    "user_grants",
    metadata,
    _id(),
    _owner("users", "user_id"),
    _owner("orgs", "org_id"),
    _owner("projects", "project_id"),
    _owner("project_grants", "project_grant_id", nullable=True),
    Column("role_keys", Text, nullable=False),
    Column("state", SmallInteger, nullable=False),
    *_recorded(),
    Index(None, "user_id", "created_at", "id"),
)

access_tokens = Table(
    "access_tokens",
    metadata,
    _id(),
    Column("token_hash", LargeBinary(32), nullable=False, unique=True),
    _owner("users", "user_id"),
    _owner("sessions", "session_id", nullable=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    Index(None, "user_id"),
    Index(None, "session_id"),
)

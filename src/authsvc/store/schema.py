"""The tables. Times are whole microseconds since 1970 (UTC), states the numbers of their enums in `domain`.

`sequence` in a table is the number of the row's last entry in `changes`, whose numbers are instance-wide. What
ends with its client or user, however much it is, has the number of the one entry about these.
"""

from __future__ import annotations

from typing import Any

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
    false,
    func,
    literal_column,
    text,
)

REVISION = "0004"
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


def _ulid() -> Column[str]:
    """The ULID of what was brought over; of everything else it follows from its id and time (see domain/ulid.py)."""
    return Column("ulid", String(26))


def _only(condition: str) -> dict[str, Any]:
    """The option of an index over those rows only which meet the condition.

    The migrations say it for PostgreSQL too; here that would load its dialect, a fifth of a command's time.
    """
    return {"sqlite_where": text(condition)}


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
    # What happened to sessions is read as a list of its own, from a time on or from a number on.
    Index("ix_changes_session", "sequence", "action", **_only("kind = 'session'")),
    Index("ix_changes_session_at", "at", "sequence", **_only("kind = 'session'")),
    sqlite_autoincrement=True,
)
OF_SESSION = changes.c.kind == literal_column("'session'", Text)
"""Chooses changes of sessions as their indexes do, by the word itself: an index cannot be chosen by a parameter."""

orgs = Table(
    "orgs",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("state", SmallInteger, nullable=False),
    *_recorded(),
    _ulid(),
    Index(None, "ulid", unique=True),
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
    _ulid(),
    Column("external_id", String(200)),
    Column("password_hash", Text),
    # A sealed secret, and the last time step whose code was accepted: no code is accepted twice.
    Column("totp", Text),
    Column("totp_step", BigInteger),
    Column("may_impersonate", Boolean, nullable=False, server_default=false()),
    # How many rows of `user_grants` there are of the user: see grant_counts.py, which whoever writes these calls.
    Column("grant_count", Integer, nullable=False, server_default="0"),
    UniqueConstraint("org_id", "user_name"),
    UniqueConstraint("org_id", "login"),
    Index(None, "ulid", unique=True),
    Index(None, "external_id", unique=True),
)
# The lists of people (type 1) that are not deleted (state 3): of all, of an organization, and with an e-mail address.
_PEOPLE = "type = 1 AND state <> 3"
Index("ix_users_people", users.c.created_at, users.c.id, **_only(_PEOPLE))
Index("ix_users_people_of_org", users.c.org_id, users.c.created_at, users.c.id, **_only(_PEOPLE))
Index("ix_users_people_by_email", func.lower(users.c.email), users.c.created_at, users.c.id, **_only(_PEOPLE))
# One with a second factor is looked for at every start.
Index("ix_users_with_totp", users.c.id, **_only("totp IS NOT NULL"))

# The public keys by which programs prove who they are; the id is the key's `kid`.
machine_keys = Table(
    "machine_keys",
    metadata,
    _id(),
    _owner("users", "user_id"),
    Column("public_key", Text, nullable=False),
    Column("expires_at", BigInteger),
    *_recorded(),
    Index(None, "user_id"),
)

# The applications that people sign in to. Lists are texts, see domain/clients.py.
clients = Table(
    "clients",
    metadata,
    _id(),
    Column("client_id", String(200), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("secret_hash", LargeBinary(32)),
    Column("native", Boolean, nullable=False),
    Column("trusted", Boolean, nullable=False),
    Column("redirect_uris", Text, nullable=False),
    Column("post_logout_uris", Text, nullable=False),
    Column("grant_types", Text, nullable=False),
    Column("access_token_type", SmallInteger, nullable=False),
    Column("signing_algorithm", String(16), nullable=False),
    _owner("projects", "project_id", nullable=True),
    *_recorded(),
)

# A browser that has been given a cookie is found by the cookie's hash.
user_agents = Table(
    "user_agents",
    metadata,
    _id(),
    Column("description", Text, nullable=False),
    Column("cookie_hash", LargeBinary(32), unique=True),
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
    _ulid(),
    Column("auth_method", SmallInteger, nullable=False),
    Column("ip_address", Text),
    Column("user_agent", Text),
    _owner("orgs", "org_id", nullable=True),
    Column("impersonator_email", Text),
    Column("impersonator_reason", Text),
    # Activity moves the end by `idle_life`, up to `ends_at`; without these it stays where it is.
    Column("expires_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger),
    Column("idle_life", BigInteger),
    Column("active_at", BigInteger),
    Column("authenticated_at", BigInteger),
    Column("amr", Text),
    Column("ended_at", BigInteger),
    Index(None, "agent_id", "user_id", "created_at", "id"),
    Index(None, "user_id", "created_at"),
    # A user's sessions in one state; those whose time is over are passed by without a look at their rows.
    Index(None, "user_id", "state", "created_at", "id", "expires_at"),
    Index(None, "ulid", unique=True),
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

# What a person let a client do. The code is exchanged once; a second time revokes all that came from the first.
authorizations = Table(
    "authorizations",
    metadata,
    _id(),
    _owner("clients", "client_id"),
    _owner("users", "user_id"),
    _owner("sessions", "session_id", nullable=True),
    Column("scope", Text, nullable=False),
    Column("code_hash", LargeBinary(32), unique=True),
    Column("code_challenge", String(64)),
    Column("code_expires_at", BigInteger),
    Column("code_used_at", BigInteger),
    Column("redirect_uri", Text),
    Column("nonce", Text),
    Column("authenticated_at", BigInteger),
    Column("amr", Text, nullable=False),
    *_recorded(),
    Column("revoked_at", BigInteger),
    # When the last of its code and its tokens is over: no earlier, and with new tokens it is later.
    Column("ends_at", BigInteger, nullable=False),
    Index(None, "user_id", "ends_at"),
    Index(None, "session_id"),
    Index(None, "client_id", "ends_at"),
    Index(None, "ends_at"),
)

# Each use gives a successor, which follows from the token itself and `salt`: the store could not tell it.
refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    _id(),
    _owner("authorizations", "authorization_id"),
    Column("token_hash", LargeBinary(32), nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Column("salt", LargeBinary(32), nullable=False),
    Index(None, "authorization_id"),
    Index(None, "ends_at"),
)

# Devices that wait for a person to let them in (RFC 8628). Times in microseconds, `interval` in seconds.
device_codes = Table(
    "device_codes",
    metadata,
    _id(),
    Column("device_hash", LargeBinary(32), nullable=False, unique=True),
    Column("user_hash", LargeBinary(32), nullable=False, unique=True),
    _owner("clients", "client_id"),
    Column("scope", Text, nullable=False),
    Column("state", SmallInteger, nullable=False),
    _owner("users", "user_id", nullable=True),
    _owner("sessions", "session_id", nullable=True),
    Column("authorization_id", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("interval", Integer, nullable=False),
    Column("asked_at", BigInteger),
    Index(None, "expires_at"),
)

# The scopes that a person has let a client have, so that they are not asked again.
consents = Table(
    "consents",
    metadata,
    _id(),
    _owner("users", "user_id"),
    _owner("clients", "client_id"),
    Column("scope", Text, nullable=False),
    *_recorded(),
    UniqueConstraint("user_id", "client_id"),
    Index(None, "client_id"),
)

# How often somebody has tried, as the time at which they would have all tries again (GCRA).
attempts = Table(
    "attempts",
    metadata,
    Column("key", LargeBinary(32), primary_key=True),
    Column("full_at", BigInteger, nullable=False),
    Index(None, "full_at"),
)

# Assertions that have been presented, by their hash, until they would be refused for their age.
used_assertions = Table(
    "used_assertions",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "expires_at"),
)

# What signs tokens: the public key as a JWK, the private one sealed with a key that is not in the database.
signing_keys = Table(
    "signing_keys",
    metadata,
    _id(),
    Column("algorithm", String(16), nullable=False),
    Column("public_key", Text, nullable=False),
    Column("private_key", Text, nullable=False),
    Column("certificate", Text),
    Column("signs_from", BigInteger, nullable=False),
    Column("published_until", BigInteger),
    *_recorded(),
    Index(None, "published_until"),
)

access_tokens = Table(
    "access_tokens",
    metadata,
    _id(),
    Column("token_hash", LargeBinary(32), nullable=False, unique=True),
    _owner("users", "user_id"),
    _owner("sessions", "session_id", nullable=True),
    _owner("clients", "client_id", nullable=True),
    _owner("authorizations", "authorization_id", nullable=True),
    Column("scope", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    Index(None, "user_id"),
    Index(None, "session_id"),
    Index(None, "authorization_id"),
    Index(None, "client_id"),
    # Those that came of signing in, by when they are over.
    Index("ix_access_tokens_issued", "expires_at", **_only("scope IS NOT NULL")),
)

# What a back end calls with. A name is free again once its key is revoked.
api_keys = Table(
    "api_keys",
    metadata,
    _id(),
    Column("name", String(200), nullable=False),
    Column("key_hash", LargeBinary(32), nullable=False, unique=True),
    Column("permissions", Text, nullable=False),
    *_recorded(),
    Column("last_used_at", BigInteger),
    Column("revoked_at", BigInteger),
    Index("ix_api_keys_name", "name", unique=True, **_only("revoked_at IS NULL")),
)

# Addresses of back ends that are told what happens to sessions. `events` are names separated by spaces, none for all;
# `cursor` is the number of the last change of which deliveries have been made, `key_fingerprint` tells which key signs.
webhooks = Table(
    "webhooks",
    metadata,
    _id(),
    Column("url", Text, nullable=False),
    Column("events", Text, nullable=False),
    Column("cursor", BigInteger, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("key_fingerprint", String(16), nullable=False),
    *_recorded(),
)

# One change on its way to one webhook; `sequence` is the number of the change, `last_status` that of an HTTP response.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    _owner("webhooks", "webhook_id"),
    Column("sequence", BigInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("last_at", BigInteger),
    Column("last_status", Integer),
    Column("last_error", Text),
    UniqueConstraint("webhook_id", "sequence"),
    Index(None, "webhook_id", "state", "next_at", "id"),
    # Those that are settled, by when they were.
    Index("ix_deliveries_settled", "last_at", "id", **_only("state <> 1")),
    # An id is never given again, or the outcome of a deleted delivery could be taken for that of another.
    sqlite_autoincrement=True,
)

"""Signing in: clients, authorizations, codes, refresh tokens, signing keys; more about accounts and sessions."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# A batch that looked at the tables it refers to would warn of the index over an expression that one of them has.
_ALONE = {"resolve_fks": False}


def _only(condition: str) -> dict[str, Any]:
    """The options of an index over those rows only which meet the condition."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    _create_tables()
    _add_to_accounts()
    _add_to_sessions()
    _add_to_tokens()


def _create_tables() -> None:
    op.create_table(
        "attempts",
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("full_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_attempts")),
    )
    op.create_table(
        "signing_keys",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("algorithm", sa.String(length=16), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("private_key", sa.Text(), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=True),
        sa.Column("signs_from", sa.BigInteger(), nullable=False),
        sa.Column("published_until", sa.BigInteger(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_keys")),
    )
    op.create_table(
        "used_assertions",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_used_assertions")),
    )
    op.create_table(
        "clients",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("client_id", sa.String(length=200), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("native", sa.Boolean(), nullable=False),
        sa.Column("trusted", sa.Boolean(), nullable=False),
        sa.Column("redirect_uris", sa.Text(), nullable=False),
        sa.Column("post_logout_uris", sa.Text(), nullable=False),
        sa.Column("grant_types", sa.Text(), nullable=False),
        sa.Column("access_token_type", sa.SmallInteger(), nullable=False),
        sa.Column("signing_algorithm", sa.String(length=16), nullable=False),
        sa.Column("project_id", _ID, nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_clients_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clients")),
        sa.UniqueConstraint("client_id", name=op.f("uq_clients_client_id")),
    )
    op.create_table(
        "machine_keys",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_machine_keys_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_machine_keys")),
    )
    op.create_table(
        "authorizations",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("client_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("session_id", _ID, nullable=True),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("code_challenge", sa.String(length=64), nullable=True),
        sa.Column("code_expires_at", sa.BigInteger(), nullable=True),
        sa.Column("code_used_at", sa.BigInteger(), nullable=True),
        sa.Column("redirect_uri", sa.Text(), nullable=True),
        sa.Column("nonce", sa.Text(), nullable=True),
        sa.Column("authenticated_at", sa.BigInteger(), nullable=True),
        sa.Column("amr", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_authorizations_client_id")),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_authorizations_session_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_authorizations_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authorizations")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_authorizations_code_hash")),
    )
    op.create_table(
        "consents",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("client_id", _ID, nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_consents_client_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_consents_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
        sa.UniqueConstraint("user_id", "client_id", name=op.f("uq_consents_user_id_client_id")),
    )
    op.create_table(
        "device_codes",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("device_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("user_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("client_id", _ID, nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("user_id", _ID, nullable=True),
        sa.Column("session_id", _ID, nullable=True),
        sa.Column("authorization_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("interval", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["clients.id"], name=op.f("fk_device_codes_client_id")),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name=op.f("fk_device_codes_session_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_device_codes_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_codes")),
        sa.UniqueConstraint("device_hash", name=op.f("uq_device_codes_device_hash")),
        sa.UniqueConstraint("user_hash", name=op.f("uq_device_codes_user_hash")),
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("authorization_id", _ID, nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["authorization_id"], ["authorizations.id"], name=op.f("fk_refresh_tokens_authorization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_refresh_tokens_token_hash")),
    )
    op.create_index(op.f("ix_attempts_full_at"), "attempts", ["full_at"])
    op.create_index(op.f("ix_used_assertions_expires_at"), "used_assertions", ["expires_at"])
    op.create_index(op.f("ix_machine_keys_user_id"), "machine_keys", ["user_id"])
    op.create_index(op.f("ix_signing_keys_published_until"), "signing_keys", ["published_until"])
    op.create_index(op.f("ix_authorizations_client_id_ends_at"), "authorizations", ["client_id", "ends_at"])
    op.create_index(op.f("ix_authorizations_ends_at"), "authorizations", ["ends_at"])
    op.create_index(op.f("ix_authorizations_session_id"), "authorizations", ["session_id"])
    op.create_index(op.f("ix_authorizations_user_id_ends_at"), "authorizations", ["user_id", "ends_at"])
    op.create_index(op.f("ix_consents_client_id"), "consents", ["client_id"])
    op.create_index(op.f("ix_device_codes_expires_at"), "device_codes", ["expires_at"])
    op.create_index(op.f("ix_refresh_tokens_authorization_id"), "refresh_tokens", ["authorization_id"])
    op.create_index(op.f("ix_refresh_tokens_ends_at"), "refresh_tokens", ["ends_at"])


def _add_to_accounts() -> None:
    op.add_column("users", sa.Column("password_hash", sa.Text(), nullable=True))
    op.add_column("users", sa.Column("totp", sa.Text(), nullable=True))
    op.add_column("users", sa.Column("totp_step", sa.BigInteger(), nullable=True))
    # Not in a batch, which would make the table anew without its index over an expression.
    op.add_column("users", sa.Column("may_impersonate", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("ix_users_with_totp", "users", ["id"], **_only("totp IS NOT NULL"))


def _add_to_sessions() -> None:
    with op.batch_alter_table("user_agents", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cookie_hash", sa.LargeBinary(length=32), nullable=True))
        batch_op.create_unique_constraint(batch_op.f("uq_user_agents_cookie_hash"), ["cookie_hash"])
    for name in ("ends_at", "idle_life", "active_at", "authenticated_at"):
        op.add_column("sessions", sa.Column(name, sa.BigInteger(), nullable=True))
    op.add_column("sessions", sa.Column("amr", sa.Text(), nullable=True))


def _add_to_tokens() -> None:
    with op.batch_alter_table("access_tokens", schema=None, reflect_kwargs=_ALONE) as batch_op:
        batch_op.add_column(sa.Column("client_id", _ID, nullable=True))
        batch_op.add_column(sa.Column("authorization_id", _ID, nullable=True))
        batch_op.add_column(sa.Column("scope", sa.Text(), nullable=True))
        batch_op.create_foreign_key(batch_op.f("fk_access_tokens_client_id"), "clients", ["client_id"], ["id"])
        batch_op.create_foreign_key(
            batch_op.f("fk_access_tokens_authorization_id"), "authorizations", ["authorization_id"], ["id"]
        )
    op.create_index(op.f("ix_access_tokens_authorization_id"), "access_tokens", ["authorization_id"])
    op.create_index(op.f("ix_access_tokens_client_id"), "access_tokens", ["client_id"])
    op.create_index("ix_access_tokens_issued", "access_tokens", ["expires_at"], **_only("scope IS NOT NULL"))


def downgrade() -> None:
    op.drop_index("ix_access_tokens_issued", "access_tokens")
    op.drop_index("ix_users_with_totp", "users")
    op.drop_index(op.f("ix_access_tokens_client_id"), "access_tokens")
    op.drop_index(op.f("ix_access_tokens_authorization_id"), "access_tokens")
    with op.batch_alter_table("access_tokens", schema=None, reflect_kwargs=_ALONE) as batch_op:
        for name in ("client_id", "authorization_id"):
            batch_op.drop_constraint(batch_op.f(f"fk_access_tokens_{name}"), type_="foreignkey")
        for name in ("client_id", "authorization_id", "scope"):
            batch_op.drop_column(name)
    for name in ("amr", "authenticated_at", "active_at", "idle_life", "ends_at"):
        op.drop_column("sessions", name)
    with op.batch_alter_table("user_agents", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_user_agents_cookie_hash"), type_="unique")
        batch_op.drop_column("cookie_hash")
    for name in ("may_impersonate", "totp_step", "totp", "password_hash"):
        op.drop_column("users", name)
    for table in (
        "refresh_tokens",
        "device_codes",
        "consents",
        "authorizations",
        "machine_keys",
        "clients",
        "used_assertions",
        "signing_keys",
        "attempts",
    ):
        op.drop_table(table)

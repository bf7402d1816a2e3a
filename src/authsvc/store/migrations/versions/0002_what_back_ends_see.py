"""Public ids, all about sessions, API keys, webhooks and their deliveries."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_YEAR = 365 * 24 * 3600 * 1_000_000  # microseconds
_TERMINATED = 2
_UNKNOWN = 10
_PEOPLE = "type = 1 AND state <> 3"


def upgrade() -> None:
    _add_columns()
    _add_about_sessions()
    _straighten_times()
    _add_indexes()
    _create_tables()


def _add_columns() -> None:
    op.add_column("orgs", sa.Column("ulid", sa.String(length=26), nullable=True))
    op.add_column("users", sa.Column("ulid", sa.String(length=26), nullable=True))
    op.add_column("users", sa.Column("external_id", sa.String(length=200), nullable=True))


def _add_about_sessions() -> None:
    """Columns that may not be empty are filled first: nobody knows how the sessions there are came about."""
    for column in (
        sa.Column("ulid", sa.String(length=26), nullable=True),
        sa.Column("auth_method", sa.SmallInteger(), nullable=True),
        sa.Column("ip_address", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("org_id", _ID, nullable=True),
        sa.Column("impersonator_email", sa.Text(), nullable=True),
        sa.Column("impersonator_reason", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
    ):
        op.add_column("sessions", column)
    sessions = sa.table(
        "sessions", *(sa.column(name) for name in ("state", "changed_at", "auth_method", "expires_at", "ended_at"))
    )
    expires_at = time.time_ns() // 1_000 + _YEAR
    op.execute(sa.update(sessions).values(auth_method=_UNKNOWN, expires_at=expires_at))
    terminated = sa.update(sessions).where(sessions.c.state == _TERMINATED)
    op.execute(terminated.values(ended_at=sessions.c.changed_at))
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.alter_column("auth_method", existing_type=sa.SmallInteger(), nullable=False)
        batch_op.alter_column("expires_at", existing_type=sa.BigInteger(), nullable=False)
        batch_op.create_foreign_key(batch_op.f("fk_sessions_org_id"), "orgs", ["org_id"], ["id"])


def _straighten_times() -> None:
    """From now on the times of changes rise with their numbers: a clock that was put back is as if it had stood."""
    op.execute(
        "UPDATE changes SET at = straight.at FROM"
        " (SELECT sequence, max(at) OVER (ORDER BY sequence) AS at FROM changes) AS straight"
        " WHERE straight.sequence = changes.sequence AND straight.at > changes.at"
    )


def _add_indexes() -> None:
    for table in ("orgs", "users", "sessions"):
        op.create_index(op.f(f"ix_{table}_ulid"), table, ["ulid"], unique=True)
    op.create_index(op.f("ix_users_external_id"), "users", ["external_id"], unique=True)
    _create_index("ix_users_people", "users", ["created_at", "id"], where=_PEOPLE)
    _create_index("ix_users_people_of_org", "users", ["org_id", "created_at", "id"], where=_PEOPLE)
    _create_index("ix_users_people_by_email", "users", [sa.text("lower(email)"), "created_at", "id"], where=_PEOPLE)
    op.create_index(
        op.f("ix_sessions_user_id_state_created_at_id_expires_at"),
        "sessions",
        ["user_id", "state", "created_at", "id", "expires_at"],
    )
    _create_index("ix_changes_session", "changes", ["sequence", "action"], where="kind = 'session'")
    _create_index("ix_changes_session_at", "changes", ["at", "sequence"], where="kind = 'session'")


def _create_index(name: str, table: str, columns: list[str | sa.TextClause], *, where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def _create_tables() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("permissions", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_keys_key_hash")),
    )
    valid = sa.text("revoked_at IS NULL")
    op.create_index("ix_api_keys_name", "api_keys", ["name"], unique=True, sqlite_where=valid, postgresql_where=valid)
    op.create_table(
        "webhooks",
        sa.Column("id", _ID, autoincrement=False, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("key_fingerprint", sa.String(length=16), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("webhook_id", _ID, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], name=op.f("fk_deliveries_webhook_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("webhook_id", "sequence", name=op.f("uq_deliveries_webhook_id_sequence")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_deliveries_webhook_id_state_next_at_id"), "deliveries", ["webhook_id", "state", "next_at", "id"]
    )
    _create_index("ix_deliveries_settled", "deliveries", ["last_at", "id"], where="state <> 1")


def downgrade() -> None:
    for table in ("deliveries", "webhooks", "api_keys"):
        op.drop_table(table)
    for name in ("ix_changes_session_at", "ix_changes_session"):
        op.drop_index(name, "changes")
    op.drop_index(op.f("ix_sessions_user_id_state_created_at_id_expires_at"), "sessions")
    for name in ("ix_users_people_by_email", "ix_users_people_of_org", "ix_users_people", "ix_users_external_id"):
        op.drop_index(name, "users")
    for table in ("orgs", "users", "sessions"):
        op.drop_index(op.f(f"ix_{table}_ulid"), table)
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_sessions_org_id"), type_="foreignkey")
        for name in (
            *("ulid", "auth_method", "ip_address", "user_agent", "org_id"),
            *("impersonator_email", "impersonator_reason", "expires_at", "ended_at"),
        ):
            batch_op.drop_column(name)
    for table, name in (("orgs", "ulid"), ("users", "ulid"), ("users", "external_id")):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column(name)

"""How many grants a user has, kept beside the user."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not in a batch, which would make the table anew without its index over an expression.
    op.add_column("users", sa.Column("grant_count", sa.Integer(), server_default="0", nullable=False))
    op.execute(
        "UPDATE users SET grant_count = counted.grants FROM"
        " (SELECT user_id, count(*) AS grants FROM user_grants GROUP BY user_id) AS counted"
        " WHERE counted.user_id = users.id"
    )


def downgrade() -> None:
    op.drop_column("users", "grant_count")

"""Starts: one row for each job that is or was asked of the scheduler for a server."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "starts",
        sa.Column("nonce", sa.String, primary_key=True),
        sa.Column("hub", sa.String, nullable=False),
        sa.Column("user", sa.String, nullable=False),
        sa.Column("server", sa.String, nullable=False),
        sa.Column("account", sa.String, nullable=False),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("asked", sa.DateTime(timezone=True), nullable=False),
        sa.Column("job_id", sa.String),
        sa.Column("port", sa.Integer),
        sa.Column("ended", sa.DateTime(timezone=True)),
        sa.Column("cause", sa.String),
    )
    # What a hub asks for, at its start and every minute: the starts of its own that are not over.
    op.create_index("starts_not_over", "starts", ["hub", "ended", "user", "server"])

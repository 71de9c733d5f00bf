"""Endings: beside the sentence, what kind of end it was and what the job printed last, so that pages offer the fix."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column, and find the newest start of a server by its index."""
    op.add_column("starts", sa.Column("ending", sa.JSON))
    op.create_index("starts_of_a_server", "starts", ["hub", "user", "server", "asked"])

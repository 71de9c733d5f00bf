"""Whether somebody wants to be told when a start is ready."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column."""
    with op.batch_alter_table("starts") as table:
        table.add_column(sa.Column("tell", sa.Boolean))

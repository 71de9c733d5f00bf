"""What was foreseen of a start, and when its job began: by these a hub learns how far its foresight is off."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns."""
    with op.batch_alter_table("starts") as table:
        table.add_column(sa.Column("foreseen", sa.JSON))
        table.add_column(sa.Column("began", sa.DateTime(timezone=True)))
    # What is asked for where a range is told: the last starts of a hub.
    op.create_index("starts_by_time", "starts", ["hub", "asked"])

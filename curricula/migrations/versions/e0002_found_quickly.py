"""What is asked at every handing in (whose, of which kind, about which attempt) is found without reading a course."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the indexes."""
    for columns in (("user",), ("submission",), ("kind", "assignment")):
        op.create_index(f"ix_events_course_{'_'.join(columns)}", "events", ["course", *columns])

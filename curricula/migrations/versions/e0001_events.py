"""Events: added, never changed; the database itself refuses."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_POSTGRESQL = (
    (
        "CREATE FUNCTION events_stay() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'events are never changed'; END $$"
    ),
    (
        "CREATE TRIGGER events_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON events"
        " FOR EACH STATEMENT EXECUTE FUNCTION events_stay()"
    ),
)
_SQLITE = tuple(
    f"CREATE TRIGGER events_no_{what.lower()} BEFORE {what} ON events"
    " BEGIN SELECT RAISE(ABORT, 'events are never changed'); END"
    for what in ("UPDATE", "DELETE")
)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("course", sa.String, nullable=False, index=True),
        sa.Column("assignment", sa.String),
        sa.Column("user", sa.String),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("submission", sa.Integer),
        sa.Column("key", sa.String, unique=True),
        sa.Column("payload", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    for statement in _POSTGRESQL if op.get_bind().dialect.name == "postgresql" else _SQLITE:
        op.execute(statement)

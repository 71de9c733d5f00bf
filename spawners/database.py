"""A database of our own, SQLite or PostgreSQL: how it is opened, and how its tables come to be."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, DateTime, Engine, create_engine, event, text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class UTCTime(TypeDecorator[datetime]):
    """A moment with its time zone, also in SQLite, which knows none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store UTC."""
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read UTC."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


def open_database(url: str, versions: Path, *, version_table: str = "alembic_version") -> Engine:
    """Open the database at SQLAlchemy's `url` and bring its tables to the newest of `versions`.

    `version_table` notes which that is; a name of its own lets the tables live beside those of others.
    """
    engine = create_engine(url, pool_pre_ping=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _patient)
    _upgrade(engine, versions, version_table)
    return engine


def wait_for_disk(connection: Connection, wait: bool) -> None:
    """Say, before anything else in a transaction, whether its commit is on the disk when it returns.

    One that is not outlives the process all the same, and is on the disk with the next that waits; a power cut before
    that loses it, and nothing else.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if wait else 'NORMAL'}")
    elif connection.dialect.name == "postgresql" and not wait:
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")


def _patient(connection: Any, _record: object) -> None:
    """Readers do not wait for a writer, a writer waits for another, and what was committed is on the disk."""
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")


def _upgrade(engine: Engine, versions: Path, version_table: str) -> None:
    """Run Alembic on a connection of the engine; spawners/migrations/env.py is its other half."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(versions))
    config.attributes["version_table"] = version_table
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # one at a time, where several services start at once
            connection.execute(text("SELECT pg_advisory_xact_lock(727001)"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

"""The one way in which events change: the database's rule is lifted within a transaction, and stands again with it."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError


@contextmanager
def lifted(engine: Engine) -> Iterator[Connection]:
    """Begin a transaction in which events may be updated, and nobody else writes; an error takes all of it back."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE events DISABLE TRIGGER events_stay"))
            yield connection
            connection.execute(text("ALTER TABLE events ENABLE TRIGGER events_stay"))
            return
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # or Python begins one only after the rule is gone
        rule = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = 'events_no_update'")).scalar_one()
        connection.execute(text("DROP TRIGGER events_no_update"))
        yield connection
        connection.exec_driver_sql(rule)


def compact(engine: Engine) -> bool:
    """Write the database's files anew without what was changed or deleted; False where others kept it from that."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("VACUUM (FULL) events"))
            return True
        try:
            connection.execute(text("VACUUM"))
            busy, *_ = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).one()
        except OperationalError:  # somebody has been writing for longer than one waits
            return False
        return not busy

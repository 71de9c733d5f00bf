"""What happened in courses, in order: added and read, and changed only to erase somebody. SQLite or PostgreSQL."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy import JSON, Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from curricula.lifted import compact, lifted
from spawners.database import UTCTime, open_database

VERSIONS = Path(__file__).with_name("migrations") / "versions"
Kind = Literal[
    "cloned",
    "edited",
    "joined",
    "left",
    "released",
    "extended",
    "outage",
    "received",
    "grading_asked",
    "graded",
    "not_run",
    "overridden",
    "feedback_released",
    "viewed_as",
    "certified",
    "withdrawn",
    "erased",
]


Values = Mapping[str, Any]  # of a new event, by column


class Base(DeclarativeBase):
    """The tables of the course service."""


class Row(Base):
    """One event as it lies in the database; curricula/migrations makes the table."""

    __tablename__ = "events"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCTime)
    kind: Mapped[str]
    course: Mapped[str] = mapped_column(index=True)
    assignment: Mapped[str | None]
    user: Mapped[str | None]
    actor: Mapped[str]
    submission: Mapped[int | None]
    key: Mapped[str | None] = mapped_column(unique=True)
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)


class Event(BaseModel, frozen=True, extra="forbid", from_attributes=True):
    """Something that happened: to whom (`user`), by whom (`actor`), about which `received` event (`submission`)."""

    id: int
    at: AwareDatetime
    kind: Kind
    course: str
    assignment: str | None = None
    user: str | None = None
    actor: str
    submission: int | None = None
    key: str | None = Field(default=None, description="the first event with a key is the only one")
    payload: Mapping[str, Any] = {}


class EventStore:
    """The events of all courses in one database."""

    def __init__(self, url: str) -> None:
        """`url` is SQLAlchemy's, such as sqlite:////srv/onramp/course/events.sqlite; the tables are made or renewed."""
        self._engine = open_database(url, VERSIONS)

    def append(
        self,
        kind: Kind,
        *,
        course: str,
        actor: str,
        assignment: str | None = None,
        user: str | None = None,
        submission: int | None = None,
        key: str | None = None,
        payload: Mapping[str, Any] | None = None,
        at: datetime | None = None,
    ) -> Event:
        """Add an event and return it; where one with this `key` is there already, return that one instead."""
        values = {
            "at": at or datetime.now(UTC),
            "kind": kind,
            "course": course,
            "assignment": assignment,
            "user": user,
            "actor": actor,
            "submission": submission,
            "key": key,
            "payload": dict(payload or {}),
        }
        with self._engine.begin() as connection:
            return _insert(connection, values)

    def events(
        self,
        *,
        course: str | None = None,
        kind: Kind | None = None,
        assignment: str | None = None,
        user: str | None = None,
        submission: int | None = None,
    ) -> tuple[Event, ...]:
        """Return the events that match everything given, oldest first."""
        return tuple(
            self._read(course=course, kind=kind, assignment=assignment, user=user, submission=submission, id=None)
        )

    def event(self, number: int) -> Event | None:
        """Return the event with this number, or None."""
        return next(self._read(id=number), None)

    def newest(self, course: str) -> int:
        """Return the number of the course's last event, or 0: as long as it stays, nothing has happened."""
        query = select(func.max(Row.id)).where(Row.course == course)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar() or 0

    def rewrite(
        self, course: str | None, change: Callable[[Event], Event], note: Callable[[list[Event]], Iterable[Values]]
    ) -> list[Event]:
        """Change the events of a course, or of all, and add what `note` says of those that were; all of it or nothing.

        `change` returns the very same event where there is nothing to change. Return the changed ones as they were.
        """
        table = Row.__table__
        query = select(table).order_by(Row.id)
        with lifted(self._engine) as connection:
            rows = connection.execute(query if course is None else query.where(table.c.course == course)).all()
            pairs = [(event, change(event)) for event in map(Event.model_validate, rows)]
            changed = [(before, after) for before, after in pairs if after is not before]
            for _, after in changed:
                values = after.model_dump(include={"user", "actor", "key", "payload"})
                connection.execute(update(Row).where(Row.id == after.id).values(values))
            before = [event for event, _ in changed]
            for added in note(before):
                _insert(connection, {"at": datetime.now(UTC), "payload": {}, **added})
        return before

    def compact(self) -> bool:
        """Write the database anew without what was changed; False where others kept it from that."""
        return compact(self._engine)

    def _read(self, **wanted: str | int | None) -> Iterator[Event]:
        query = select(Row.__table__).order_by(Row.id)
        for name, value in wanted.items():
            if value is not None:
                query = query.where(Row.__table__.c[name] == value)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return (Event.model_validate(row) for row in rows)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()


def _insert(connection: Connection, values: Mapping[str, Any]) -> Event:
    """Insert unless the key is taken; the database decides, so that of two writers one is first."""
    table = Row.__table__
    insert = pg_insert if connection.dialect.name == "postgresql" else sqlite_insert
    statement = insert(cast("Any", table)).values(**values).on_conflict_do_nothing(index_elements=["key"])
    row = connection.execute(statement.returning(*table.c)).first()
    if row is None:
        row = connection.execute(select(table).where(table.c.key == values["key"])).one()
    return Event.model_validate(row)

"""What happened in courses, in order: added and read, and changed only to erase somebody. SQLite or PostgreSQL."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy import JSON, CompoundSelect, Connection, Select, exists, func, select, union_all, update
from sqlalchemy import Row as SQLRow
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

RESULTS: tuple[Kind, ...] = ("graded", "not_run")

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


_COLUMNS = tuple(Row.__table__.c.keys())


class Event(BaseModel, frozen=True, extra="forbid"):
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
        kind: Kind | Collection[Kind] | None = None,
        assignment: str | None = None,
        user: str | None = None,
        submission: int | None = None,
    ) -> tuple[Event, ...]:
        """Return the events that match everything given, of this kind or one of these, oldest first."""
        return self._read(course=course, kind=kind, assignment=assignment, user=user, submission=submission)

    def of_learner(self, course: str, user: str, kinds: Collection[Kind] = ()) -> tuple[Event, ...]:
        """Return what happened to a learner of a course, and to all in it, oldest first; of these kinds, or of any."""
        table = Row.__table__
        every = select(table).where(table.c.course == course)
        if kinds:
            every = every.where(table.c.kind.in_(kinds))
        # Asked for either at once, SQLite reads the whole course.
        return self._found(union_all(every.where(table.c.user == user), every.where(table.c.user.is_(None))))

    def before(self, course: str, assignment: str, number: int) -> int:
        """Return how many learners' last attempts came in before the event `number` and have no result yet."""
        received, other = Row.__table__.alias(), Row.__table__.alias()
        last = (
            select(func.max(received.c.id).label("id"))
            .where(received.c.course == course, received.c.kind == "received", received.c.assignment == assignment)
            .group_by(received.c.user)
            .subquery()
        )
        graded = exists().where(other.c.course == course, other.c.submission == last.c.id, other.c.kind.in_(RESULTS))
        erased = exists().where(other.c.id == last.c.id, other.c.payload["erased"].as_boolean())
        query = select(func.count()).select_from(last).where(last.c.id < number, ~graded, ~erased)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one()

    def event(self, number: int) -> Event | None:
        """Return the event with this number, or None."""
        return next(iter(self._read(id=number)), None)

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
            pairs = [(event, change(event)) for event in map(_event, rows)]
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

    def _read(self, **wanted: str | int | Collection[str] | None) -> tuple[Event, ...]:
        query = select(Row.__table__)
        for name, value in wanted.items():
            column = Row.__table__.c[name]
            if isinstance(value, str | int):
                query = query.where(column == value)
            elif value is not None:
                query = query.where(column.in_(value))
        return self._found(query)

    def _found(self, query: Select[Any] | CompoundSelect[Any]) -> tuple[Event, ...]:
        """Put in order here: to be spared that, SQLite takes an index that has their order and finds nothing else."""
        with self._engine.connect() as connection:
            found = tuple(map(_event, connection.execute(query)))
        return tuple(sorted(found, key=lambda event: event.id))

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
    return _event(row)


def _event(row: SQLRow[Any]) -> Event:
    """Return the event of a row with all columns; from a dict, which pydantic reads in half the time."""
    return Event.model_validate(dict(zip(_COLUMNS, row, strict=True)))

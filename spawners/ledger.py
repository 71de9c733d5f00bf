"""The ledger: every start of a server, noted before Slurm is asked for a job and until that job is over.

JupyterHub forgets a start when its process dies. This does not: by the nonce in a job's comment, what a
killed hub left behind is found again, waited for, or ended.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel
from sqlalchemy import JSON, ColumnElement, Connection, Engine, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from spawners.database import UTCTime, open_database, wait_for_disk
from spawners.ending import NOT_TAKEN, REPLACED, Ending
from spawners.foresight import Foreseen, Told

VERSIONS = Path(__file__).with_name("migrations") / "versions"


class LedgerError(RuntimeError):
    """The ledger cannot be read or written; the message holds the database's own words."""


class Base(DeclarativeBase):
    """The tables of the ledger."""


class Row(Base):
    """One start as it lies in the database; spawners/migrations makes the table."""

    __tablename__ = "starts"
    nonce: Mapped[str] = mapped_column(primary_key=True)
    hub: Mapped[str]
    user: Mapped[str]
    server: Mapped[str]
    account: Mapped[str]
    options: Mapped[dict[str, Any]] = mapped_column(JSON)
    asked: Mapped[datetime] = mapped_column(UTCTime)
    job_id: Mapped[str | None]
    port: Mapped[int | None]
    ended: Mapped[datetime | None] = mapped_column(UTCTime)
    cause: Mapped[str | None]
    ending: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    foreseen: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    began: Mapped[datetime | None] = mapped_column(UTCTime)
    tell: Mapped[bool | None]


class Start(BaseModel, frozen=True, extra="forbid", from_attributes=True):
    """One start: who (`account` is the Unix user) asked for which server, and how far that has come.

    `ending` is None for what an older Onramp ended; `cause` is its text.
    `foreseen` is what the person was told before, where that is known, and `began` is when the job began.
    """

    nonce: str
    hub: str
    user: str
    server: str
    account: str
    options: Mapping[str, Any]
    asked: AwareDatetime
    job_id: str | None = None
    port: int | None = None
    ended: AwareDatetime | None = None
    cause: str | None = None
    ending: Ending | None = None
    foreseen: Foreseen | None = None
    began: AwareDatetime | None = None
    tell: bool | None = None

    @property
    def state(self) -> Literal["asked", "submitted", "running", "ended"]:
        """Asked: Slurm may or may not have the job. Submitted: it has. Running: the server reported its port."""
        if self.ended is not None:
            return "ended"
        if self.port is not None:
            return "running"
        return "asked" if self.job_id is None else "submitted"


class Ledger:
    """The starts of one hub; every method is one transaction, done when it returns, or LedgerError.

    That a job will be asked for is on the disk before Slurm hears of it. The rest outlives the hub's process, and may
    be lost when the power fails: it is found out again from Slurm. `errors` counts what failed.
    """

    def __init__(self, url: str, hub: str) -> None:
        """`url` is SQLAlchemy's; nothing is opened before the first question."""
        self._url = url
        self._hub = hub
        self.errors = 0
        self._attempts: set[str] = set()

    def ask(
        self,
        *,
        nonce: str,
        user: str,
        server: str,
        account: str,
        options: Mapping[str, object],
        foreseen: Foreseen | None = None,
    ) -> None:
        """Note that a job is about to be asked for. A server has one start: an older one ends with this."""
        values: dict[str, object] = {"nonce": nonce, "hub": self._hub, "user": user, "server": server}
        values |= {"account": account, "options": dict(options), "foreseen": foreseen and foreseen.model_dump()}
        with self._transaction(on_disk=True) as connection:
            _end(connection, self._alive(user, server), REPLACED)
            connection.execute(insert(Row).values(**values, asked=datetime.now(UTC)))

    @contextmanager
    def attempt(
        self,
        *,
        nonce: str,
        user: str,
        server: str,
        account: str,
        options: Mapping[str, object],
        foreseen: Foreseen | None = None,
    ) -> Iterator[Callable[[str], Start]]:
        """Note that a job is about to be asked for which may take the place of the server's start.

        What it yields, called with the job's id, lets it be that start. Until then it counts as over: if this
        process dies meanwhile, its job is a stray, and the start is not.
        """
        values: dict[str, object] = {"nonce": nonce, "hub": self._hub, "user": user, "server": server}
        values |= {"account": account, "options": dict(options), "foreseen": foreseen and foreseen.model_dump()}
        self._attempts.add(nonce)
        try:
            with self._transaction(on_disk=True) as connection:
                connection.execute(insert(Row).values(**values, asked=datetime.now(UTC), **_ended(NOT_TAKEN)))
            yield partial(self._take_place, nonce)
        finally:
            self._attempts.discard(nonce)

    def _take_place(self, nonce: str, job_id: str) -> Start:
        mine = select(Row.__table__).where(Row.nonce == nonce)
        with self._transaction(on_disk=True) as connection:
            row = connection.execute(mine).one()
            older = self._alive(row.user, row.server)
            tell = connection.execute(select(Row.tell).where(*older)).scalar()
            _end(connection, older, REPLACED)
            values = {"job_id": job_id, "tell": tell, **dict.fromkeys(("ended", "cause", "ending"))}
            connection.execute(update(Row).where(Row.nonce == nonce).values(**values))
            return Start.model_validate(connection.execute(mine).one())

    def submitted(self, nonce: str, job_id: str) -> None:
        """Note the id that Slurm gave to the job."""
        self._set(nonce, job_id=job_id)

    def tell(self, user: str, server: str, wanted: bool) -> None:
        """Note whether somebody wants to be told when the start of this server is ready."""
        with self._transaction() as connection:
            connection.execute(update(Row).where(*self._alive(user, server)).values(tell=wanted))

    def began(self, nonce: str, when: datetime) -> None:
        """Note when Slurm let the job begin."""
        self._set(nonce, began=when)

    def running(self, nonce: str, port: int) -> None:
        """Note the port at which the server answers."""
        self._set(nonce, port=port)

    def end(self, user: str, server: str, ending: Ending) -> None:
        """Note that the server's start is over, and why; the first ending stays."""
        with self._transaction() as connection:
            _end(connection, self._alive(user, server), ending)

    def last(self, user: str, server: str) -> Start | None:
        """Return the newest start of a server, over or not; None where there was none."""
        mine = (
            Row.hub == self._hub,
            Row.user == user,
            Row.server == server,
            Row.cause.is_distinct_from(NOT_TAKEN.text),
        )
        with self._transaction() as connection:
            row = connection.execute(select(Row.__table__).where(*mine).order_by(Row.asked.desc()).limit(1)).first()
        return None if row is None else Start.model_validate(row)

    def alive(self) -> tuple[Start, ...]:
        """Return the starts that are not over, oldest first."""
        with self._transaction() as connection:
            rows = connection.execute(select(Row.__table__).where(*self._alive()).order_by(Row.asked)).all()
        return tuple(Start.model_validate(row) for row in rows)

    def over(self, nonces: Collection[str]) -> tuple[Start, ...]:
        """Return those of the starts with these nonces that are over."""
        with self._transaction() as connection:
            # Nearly every nonce that somebody asks about belongs to a live start, so few are left to look up.
            rest = set(nonces).difference(
                self._attempts, connection.execute(select(Row.nonce).where(*self._alive())).scalars()
            )
            mine = (Row.hub == self._hub, Row.nonce.in_(rest), Row.ended.is_not(None))
            rows = connection.execute(select(Row.__table__).where(*mine)).all() if rest else []
        return tuple(Start.model_validate(row) for row in rows)

    def told(self, at_most: int) -> tuple[Told, ...]:
        """Return what was foreseen for the last starts that began, and how long each waited, the last first."""
        known = (Row.hub == self._hub, Row.foreseen.is_not(None), Row.began.is_not(None))
        with self._transaction() as connection:
            rows = connection.execute(select(Row.__table__).where(*known).order_by(Row.asked.desc()).limit(at_most))
            starts = [Start.model_validate(row) for row in rows]
        return tuple(
            Told(foreseen=start.foreseen, waited=(start.began - start.asked).total_seconds())
            for start in starts
            if start.foreseen is not None and start.began is not None
        )

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _set(self, nonce: str, **values: object) -> None:
        with self._transaction() as connection:
            connection.execute(update(Row).where(Row.nonce == nonce).values(**values))

    def _alive(self, user: str | None = None, server: str = "") -> tuple[ColumnElement[bool], ...]:
        """What is true of the rows of this hub, or of one server of it, that are not over."""
        whose = (Row.user == user, Row.server == server) if user is not None else ()
        return (Row.hub == self._hub, Row.ended.is_(None), *whose)

    @contextmanager
    def _transaction(self, *, on_disk: bool = False) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                wait_for_disk(connection, on_disk)
                yield connection
        except SQLAlchemyError as e:
            self.errors += 1
            raise LedgerError(f"The hub's ledger of starts cannot be used: {getattr(e, 'orig', None) or e}") from e

    @cached_property
    def _engine(self) -> Engine:
        return open_database(self._url, VERSIONS, version_table="ledger_version")


def _end(connection: Connection, whose: tuple[ColumnElement[bool], ...], ending: Ending) -> None:
    connection.execute(update(Row).where(*whose).values(**_ended(ending)))


def _ended(ending: Ending) -> dict[str, object]:
    return {"ended": datetime.now(UTC), "cause": ending.text, "ending": ending.model_dump(mode="json")}

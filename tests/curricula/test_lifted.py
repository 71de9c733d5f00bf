"""Events change within one transaction, all or none, and the database refuses again afterwards: on both databases."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy.event
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import Pool

from curricula.events import Event, EventStore
from tests.curricula.test_events import CHANGES, refuses, started
from tests.hub_config.test_postgresql import db_url, url

__all__ = ["db_url", "url"]

SECRET = "zaphod-beeblebrox"


@pytest.fixture
def store(url: str) -> Iterator[EventStore]:
    one = started(url)
    for number in range(300):
        one.append("joined", course="c1", actor=SECRET, user=SECRET, key=f"joined:{SECRET}:{number}")
    one.append("joined", course="c2", actor=SECRET, user="bob", payload={"said": SECRET})
    yield one
    one.close()


@pytest.fixture
def careless() -> Iterator[None]:
    """An SQLite that leaves in its files what was deleted, as most do; Debian's is built to overwrite it."""

    def leave(connection: object, *_: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA secure_delete=OFF")

    sqlalchemy.event.listen(Pool, "checkout", leave)
    yield
    sqlalchemy.event.remove(Pool, "checkout", leave)


def renamed(event: Event) -> Event:
    named = event.user == SECRET
    return event.model_copy(update={"user": "x", "actor": "x", "key": None}) if named else event


def noted(changed: list[Event]) -> list[dict[str, object]]:
    return [{"kind": "erased", "course": "c1", "actor": "operator", "payload": {"changed": len(changed)}}]


def test_all_of_a_course_changes_and_nothing_can_be_changed_again(store: EventStore, url: str) -> None:
    before = store.events()
    changed = store.rewrite("c1", renamed, noted)
    assert changed == list(before[:300])
    after = store.events()
    assert after[:300] == tuple(map(renamed, before[:300]))
    assert after[300] == before[300]
    assert (after[-1].kind, after[-1].payload, len(after)) == ("erased", {"changed": 300}, 302)
    for statement in CHANGES:
        refuses(url, statement)
    assert store.events() == after


def test_an_error_takes_all_of_it_back_and_the_rule_still_stands(store: EventStore, url: str) -> None:
    before = store.events()
    for broken in (lambda _changed: 1 / 0, lambda _changed: [{"kind": None, "course": "c1", "actor": "a"}]):
        with pytest.raises((ZeroDivisionError, IntegrityError, DBAPIError)):
            store.rewrite("c1", renamed, broken)  # type: ignore[arg-type]
        assert store.events() == before
        for statement in CHANGES:
            refuses(url, statement)


@pytest.mark.usefixtures("careless")
def test_no_file_of_the_database_holds_what_was_changed(store: EventStore, url: str, tmp_path: Path) -> None:
    """Not in free pages, not in SQLite's log, not in PostgreSQL's table and its indexes."""
    store.append("left", course="c1", actor="alice", user="alice")
    reader = EventStore(url)  # as the service has one
    assert reader.events(user=SECRET)
    store.rewrite(None, lambda one: renamed(one).model_copy(update={"actor": "x", "payload": {}}), noted)
    assert store.compact()
    assert [event.user for event in reader.events(course="c2")] == ["bob"]
    if url.startswith("sqlite"):
        held = [path.name for path in tmp_path.iterdir() if SECRET.encode() in path.read_bytes()]
    else:
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("CHECKPOINT"))
            folder = connection.execute(text("SHOW data_directory")).scalar_one()
            names = [
                connection.execute(text(f"SELECT pg_relation_filepath('{one}')")).scalar_one()
                for one in ("events", "ix_events_learner", "events_key_key")
            ]
        engine.dispose()
        held = [name for name in names if SECRET.encode() in Path(folder, name).read_bytes()]
    assert held == []
    reader.close()


def impatient(connection: sqlite3.Connection, *_: object) -> None:
    connection.execute("PRAGMA busy_timeout=50")


def test_a_reader_who_does_not_let_go_is_told_of(tmp_path: Path) -> None:
    """What was changed is still in the log that this reader needs; it is written anew once they are done."""
    sqlalchemy.event.listen(Pool, "checkout", impatient)
    try:
        store = EventStore(f"sqlite:///{tmp_path}/events.sqlite")
        store.append("joined", course="c1", actor=SECRET, user=SECRET)
        reader = sqlite3.connect(tmp_path / "events.sqlite", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM events").fetchall()
        store.rewrite(None, renamed, noted)
        assert not store.compact()
        reader.execute("ROLLBACK")
        assert store.compact()
    finally:
        sqlalchemy.event.remove(Pool, "checkout", impatient)
    reader.close()
    store.close()

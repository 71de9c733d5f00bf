"""Events are added and read, and never changed, on SQLite and on PostgreSQL."""

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from curricula.events import EventStore
from tests.hub_config.test_postgresql import db_url  # noqa: F401 - a fixture

CHANGES = ("UPDATE events SET actor = 'eve'", "DELETE FROM events")


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/events.sqlite"


@pytest.fixture
def store(url):
    one = EventStore(url)
    yield one
    one.close()


def test_what_was_added_is_read_in_order(store):
    first = store.append("joined", course="c1", actor="alice", user="alice")
    second = store.append(
        "received", course="c1", actor="alice", user="alice", assignment="a1", payload={"x": [1, "é"]}
    )
    store.append("joined", course="c2", actor="bob", user="bob")

    assert store.events(course="c1") == (first, second)
    assert store.events(user="alice", kind="received") == (second,)
    assert second.payload == {"x": [1, "é"]}
    assert (store.event(second.id), store.event(999)) == (second, None)
    assert (store.newest("c1"), store.newest("c2"), store.newest("c3")) == (second.id, second.id + 1, 0)


def test_a_moment_keeps_its_meaning(store):
    at = datetime(2026, 5, 1, 12, tzinfo=timezone(timedelta(hours=2)))

    assert store.append("joined", course="c1", actor="a", at=at).at == at
    assert store.events()[0].at == at
    assert store.events()[0].at.tzinfo == UTC


def test_the_first_event_with_a_key_is_the_only_one(store):
    first = store.append("graded", course="c1", actor="a", key="k", payload={"score": 1})

    assert store.append("graded", course="c1", actor="a", key="k", payload={"score": 2}) == first
    assert store.events() == (first,)


def test_of_many_writers_of_one_key_one_is_first(store):
    def write(number):
        return store.append("graded", course="c1", actor="a", key="k", payload={"score": number}).payload["score"]

    with ThreadPoolExecutor(8) as pool:
        scores = set(pool.map(write, range(24)))

    assert len(scores) == 1
    assert len(store.events()) == 1


def refuses(url, statement):
    engine = create_engine(url)
    with pytest.raises(DBAPIError, match="events are never changed"), engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.mark.parametrize("statement", CHANGES)
def test_the_database_refuses_to_change_what_happened(store, url, statement):
    event = store.append("joined", course="c1", actor="alice")

    refuses(url, statement)
    assert store.events() == (event,)


def started(url):
    """PostgreSQL's socket is there a moment before it takes anybody."""
    for _ in range(100):
        try:
            return EventStore(url)
        except OperationalError:
            time.sleep(0.1)
    return EventStore(url)


def test_all_of_it_on_postgresql(db_url):  # noqa: F811 - the fixture
    store = started(db_url)
    at = datetime(2026, 5, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    first = store.append("graded", course="c1", actor="a", key="k", payload={"score": 1}, at=at)

    assert store.append("graded", course="c1", actor="a", key="k", payload={"score": 2}) == first
    assert store.append("joined", course="c1", actor="a").id > first.id
    for statement in (*CHANGES, "TRUNCATE events"):
        refuses(db_url, statement)
    store.close()
    again = EventStore(db_url)
    assert again.events(kind="graded") == (first,)
    assert again.events()[0].at == at
    again.close()


def test_opening_again_keeps_everything(store, url):
    event = store.append("joined", course="c1", actor="alice")
    again = EventStore(url)

    assert again.events() == (event,)
    again.close()


def test_a_course_whose_time_is_over_is_deleted_as_the_page_says(tmp_path: Path) -> None:
    """The statements stand in docs/reference/personal-data.md; afterwards nothing else can be deleted again."""
    page = (Path(__file__).resolve().parents[2] / "docs/reference/personal-data.md").read_text()
    statements = page.split("```sql\n")[1].split("```")[0]
    store = EventStore(f"sqlite:///{tmp_path}/events.sqlite")
    for course in ("onboarding", "another"):
        store.append("joined", course=course, actor="student1", user="student1")
    store.close()
    database = sqlite3.connect(tmp_path / "events.sqlite", isolation_level=None)
    database.executescript(statements)
    assert database.execute("SELECT course FROM events").fetchall() == [("another",)]
    with pytest.raises(sqlite3.IntegrityError, match="events are never changed"):
        database.execute("DELETE FROM events")
    database.close()

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


def handed_in(store, user, assignment="a1", **payload):
    return store.append("received", course="c1", actor=user, user=user, assignment=assignment, payload=payload).id


def told(store, kind, course="c1", **about):
    return store.append(kind, course=course, actor="x", **about)


def test_what_happened_to_a_learner_and_to_all_in_a_course_is_read_without_others(store):
    joined, released = told(store, "joined", user="ann"), told(store, "released", assignment="a1")
    told(store, "joined", user="bob")
    received = store.event(handed_in(store, "ann"))
    told(store, "released", course="c2", assignment="a1")
    told(store, "joined", course="c2", user="ann")

    assert store.of_learner("c1", "ann") == (joined, released, received)
    assert store.of_learner("c1", "ann", ("received", "released")) == (released, received)
    assert store.of_learner("c1", "eve") == (released,)
    assert store.events(course="c1", kind=("released", "received"), user="ann") == (received,)


def waits_behind(store):
    """Of each learner the last attempt waits, unless it has a result or was erased."""
    ann, bob, cleo = (handed_in(store, user) for user in ("ann", "bob", "cleo"))
    assert [store.before("c1", "a1", number) for number in (ann, bob, cleo)] == [0, 1, 2]
    again = handed_in(store, "ann")
    handed_in(store, "dan", "a2")
    handed_in(store, "erased-0123456789ab", erased=True)
    last = handed_in(store, "eve")
    assert [store.before("c1", "a1", number) for number in (bob, cleo, again, last)] == [0, 1, 2, 3]
    told(store, "graded", submission=bob)
    told(store, "not_run", submission=again)
    told(store, "overridden", submission=cleo)
    assert [store.before("c1", "a1", number) for number in (cleo, last)] == [0, 1]


def test_who_waits_before_whom(store):
    waits_behind(store)


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
    waits_behind(again)
    assert [event.user for event in again.of_learner("c1", "bob", ("received", "graded"))] == [None, "bob", None]
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

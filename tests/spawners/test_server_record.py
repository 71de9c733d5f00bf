"""A hub whose disk is full goes on when there is room again. JupyterHub's own database, which refuses to be written."""

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from jupyterhub import orm
from sqlalchemy import text
from sqlalchemy.orm import Session

from spawners.server_record import record

FULL = "CREATE TRIGGER full BEFORE UPDATE ON spawners BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A hub's database with one server, and no room to write anything of it."""
    session = orm.new_session_factory(f"sqlite:///{tmp_path}/hub.sqlite")()
    session.add(orm.Spawner(name="", user=orm.User(name="alice")))
    session.commit()
    session.execute(text(FULL))
    session.commit()
    yield session
    session.close()
    session.get_bind().dispose()


def a_spawner(session: Session) -> SimpleNamespace:
    (row,) = session.query(orm.Spawner)
    names = {"_log_name": "alice", "log": logging.getLogger(), "startup_poll_interval": 0.01}
    return SimpleNamespace(orm_spawner=row, get_state=lambda: {"job_id": "7"}, **names)


async def test_it_waits_until_there_is_room(session: Session) -> None:
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            session.execute(text("DROP TRIGGER full"))
            session.commit()

    await record(a_spawner(session), look)
    session.expire_all()
    assert (looks, session.query(orm.Spawner).one().state) == (2, {"job_id": "7"})


async def test_a_job_that_ends_meanwhile_ends_the_wait(session: Session) -> None:
    async def look() -> None:
        raise LookupError("the job is over")

    with pytest.raises(LookupError, match="the job is over"):
        await record(a_spawner(session), look)

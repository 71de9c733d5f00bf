"""Starts are noted before and after, and found again, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect

from spawners.ending import Ending
from spawners.foresight import Foreseen, Told
from spawners.ledger import Ledger, LedgerError, Start
from tests.hub_config.test_postgresql import db_url, url

__all__ = ["db_url", "url"]

TIME = Ending(cause="time", sentence="Its time was up.", advice="Start again.", printed=("\u2603 <b>", "last"))
STOPPED = Ending(cause="stopped", sentence="It was stopped.")


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    one = Ledger(url, "north")
    yield one
    one.close()


def ask(ledger: Ledger, nonce: str, user: str = "alice", server: str = "") -> None:
    ledger.ask(nonce=nonce, user=user, server=server, account="a08abc00", options={"profile": "cpu", "é": ["\n"]})


def one(ledger: Ledger) -> Start:
    (start,) = ledger.alive()
    return start


def test_a_start_from_asking_to_its_end(ledger: Ledger) -> None:
    ask(ledger, "n1", server="training")
    asked = one(ledger)
    assert (asked.state, asked.hub, asked.user, asked.server) == ("asked", "north", "alice", "training")
    assert (asked.account, asked.options) == ("a08abc00", {"profile": "cpu", "é": ["\n"]})

    ledger.submitted("n1", "42")
    assert (one(ledger).state, one(ledger).job_id) == ("submitted", "42")
    ledger.running("n1", 8888)
    assert (one(ledger).state, one(ledger).port) == ("running", 8888)

    ledger.end("alice", "training", TIME)
    assert ledger.alive() == ()
    (over,) = ledger.over(["n1", "n2"])
    assert (over.state, over.cause, over.job_id) == ("ended", "Its time was up. Start again.", "42")
    assert over.ending == TIME


def test_what_ended_first_is_the_cause(ledger: Ledger) -> None:
    ask(ledger, "n1")
    for ending in (TIME, STOPPED):
        ledger.end("alice", "", ending)
    assert [start.ending for start in ledger.over(["n1"])] == [TIME]


def test_what_was_foreseen_is_kept_with_what_came(ledger: Ledger) -> None:
    foreseen = Foreseen(partition="gpu", qos=None, wait=600, soonest=60, latest=1200)
    for nonce in ("n1", "n2"):
        ledger.ask(nonce=nonce, user=nonce, server="", account="a", options={}, foreseen=foreseen)
    ask(ledger, "n3")
    asked = {start.user: start.asked for start in ledger.alive()}
    assert ledger.told(10) == ()

    for nonce, minutes in (("n1", 5), ("n2", 30)):
        ledger.began(nonce, asked[nonce] + timedelta(minutes=minutes))
        ledger.end(nonce, "", STOPPED)
    ledger.began("n3", asked["alice"])
    told = [Told(foreseen=foreseen, waited=minutes * 60) for minutes in (30, 5)]
    assert list(ledger.told(10)) == told
    assert list(ledger.told(1)) == told[:1]


def test_a_server_has_one_start(ledger: Ledger) -> None:
    for nonce, user, server in (("n1", "alice", ""), ("n2", "alice", "x"), ("n3", "bob", ""), ("n4", "alice", "")):
        ask(ledger, nonce, user, server)
    assert [start.nonce for start in ledger.alive()] == ["n2", "n3", "n4"]
    assert [start.cause for start in ledger.over(["n1"])] == ["A newer start took its place."]


def test_a_nonce_is_used_once(ledger: Ledger) -> None:
    ask(ledger, "n1")
    with pytest.raises(LedgerError):
        ask(ledger, "n1")
    assert one(ledger).nonce == "n1"


def test_what_is_not_known_or_not_over_is_not_over(ledger: Ledger) -> None:
    ask(ledger, "n1")
    assert ledger.over(["n1", "unheard-of"]) == ()
    assert ledger.over([]) == ()


def test_the_newest_start_of_a_server(ledger: Ledger) -> None:
    for nonce, user, server in (("n1", "alice", ""), ("n2", "alice", "x"), ("n3", "bob", ""), ("n4", "alice", "")):
        ask(ledger, nonce, user, server)
    newest = ledger.last("alice", "")
    assert newest is not None
    assert (newest.nonce, newest.state) == ("n4", "asked")
    ledger.end("alice", "", STOPPED)
    assert [start and start.ending for start in (ledger.last("alice", ""), ledger.last("carol", ""))] == [STOPPED, None]


def try_other(ledger: Ledger, nonce: str, job_id: str | None = None) -> None:
    """Ask for a job that may take the place of alice's start; None: Slurm refuses."""
    known: dict[str, Any] = {"user": "alice", "server": "", "account": "alice", "options": {"profile": "cpu"}}
    with ledger.attempt(nonce=nonce, **known) as take_place:
        assert ledger.over([nonce]) == (), "its job may be there already, and is no stray"
        if job_id is not None:
            assert take_place(job_id).job_id == job_id


def test_a_start_whose_place_another_takes(ledger: Ledger) -> None:
    ask(ledger, "n1")
    ledger.submitted("n1", "41")
    ledger.tell("alice", "", True)
    try_other(ledger, "n2", "42")

    start = one(ledger)
    assert (start.nonce, start.state, start.job_id, start.tell) == ("n2", "submitted", "42", True)
    assert [start.nonce for start in ledger.over(["n1", "n2"])] == ["n1"]
    last = ledger.last("alice", "")
    assert last is not None
    assert last.nonce == "n2"


def test_a_start_whose_place_nothing_takes(ledger: Ledger, url: str) -> None:
    ask(ledger, "n1")
    try_other(ledger, "n2")

    assert one(ledger).nonce == "n1"
    # Slurm may have taken the job all the same: it is a stray, and never what the server's last start was.
    assert [start.nonce for start in ledger.over(["n1", "n2"])] == ["n2"]
    ledger.end("alice", "", STOPPED)
    last = ledger.last("alice", "")
    assert last is not None
    assert last.nonce == "n1"


def test_a_process_that_dies_while_another_job_is_asked_for(ledger: Ledger, url: str) -> None:
    ask(ledger, "n1")
    known: dict[str, Any] = {"user": "alice", "server": "", "account": "alice", "options": {"profile": "cpu"}}
    with ledger.attempt(nonce="n2", **known):
        after = Ledger(url, "north")
        assert [start.nonce for start in after.alive()] == ["n1"]
        assert [start.nonce for start in after.over(["n1", "n2"])] == ["n2"]
        after.close()


def test_what_an_older_onramp_noted_is_kept(tmp_path: Path) -> None:
    """Its starts have a sentence and no more."""
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    new = Ledger(url, "north")
    ask(new, "n1")
    new.end("alice", "", TIME)
    with new._engine.begin() as connection:
        for index in ("starts_of_a_server", "starts_by_time"):
            connection.exec_driver_sql(f"DROP INDEX {index}")
        for column in ("ending", "foreseen", "began", "tell"):
            connection.exec_driver_sql(f"ALTER TABLE starts DROP COLUMN {column}")
        connection.exec_driver_sql("UPDATE ledger_version SET version_num = '0001'")
    new.close()
    again = Ledger(url, "north")
    (over,) = again.over(["n1"])
    assert (over.cause, over.ending) == (TIME.text, None)
    again.close()


def test_two_hubs_do_not_see_each_other(ledger: Ledger, url: str) -> None:
    south = Ledger(url, "south")
    ask(south, "s1")
    ask(ledger, "n1")
    south.end("alice", "", STOPPED)
    assert one(ledger).nonce == "n1"
    assert (ledger.over(["s1"]), south.alive()) == ((), ())
    south.close()


def test_another_process_reads_what_was_noted(ledger: Ledger, url: str) -> None:
    ask(ledger, "n1")
    again = Ledger(url, "north")
    assert again.alive() == ledger.alive()
    again.close()


def test_it_may_live_beside_the_tables_of_others(ledger: Ledger, url: str) -> None:
    """JupyterHub's Alembic notes its own version under the usual name."""
    ask(ledger, "n1")
    engine = create_engine(url)
    assert set(inspect(engine).get_table_names()) == {"starts", "ledger_version"}
    engine.dispose()


def test_a_disk_that_is_full_is_told(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite", "north")
    ask(ledger, "n1")
    with ledger._engine.begin() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerError, match="ledger of starts cannot be used: database or disk is full"):
        ledger.ask(nonce="n2", user="bob", server="", account="b", options={"time": "x" * 100_000})
    assert one(ledger).nonce == "n1"
    ledger.close()


def test_a_database_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="unable to open database file"):
        Ledger(f"sqlite:///{tmp_path}/none/ledger.sqlite", "north").alive()


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_text("starts: none\n" * 100)
    with pytest.raises(LedgerError, match="file is not a database"):
        Ledger(f"sqlite:///{tmp_path}/ledger.sqlite", "north").alive()


@pytest.mark.parametrize("on_disk", [True, False])
def test_only_what_comes_before_slurm_waits_for_the_disk(ledger: Ledger, on_disk: bool) -> None:
    """Each of two transactions on one connection says so anew."""
    for waits in (not on_disk, on_disk):
        with ledger._transaction(on_disk=waits) as connection:
            sqlite = connection.dialect.name == "sqlite"
            said = connection.exec_driver_sql("PRAGMA synchronous" if sqlite else "SHOW synchronous_commit").scalar()
    assert said == ({True: 2, False: 1} if sqlite else {True: "on", False: "off"})[on_disk]


def test_errors_are_counted(tmp_path: Path) -> None:
    away = Ledger(f"sqlite:///{tmp_path}/nowhere/ledger.sqlite", "north")
    for count in (1, 2):
        with pytest.raises(LedgerError):
            away.alive()
        assert away.errors == count

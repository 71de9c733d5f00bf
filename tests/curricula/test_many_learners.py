"""What a learner asks of the service reads none of what others did, however many they are."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.curricula.service_here import notebook, running

SUBMISSIONS = "api/courses/c1/assignments/a1/submissions"


@pytest.fixture
def asked() -> Iterator[list[tuple[str, Any]]]:
    """Every SELECT that is sent to a database."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.startswith("SELECT") and "events" in statement:
            statements.append((statement, values))

    event.listen(Engine, "before_cursor_execute", note)
    yield statements
    event.remove(Engine, "before_cursor_execute", note)


async def test_no_request_of_a_learner_reads_a_whole_course(tmp_path: Path, asked: list[tuple[str, Any]]) -> None:
    async with running(tmp_path) as service:
        await service.teach("release")
        await service.ask("student1", "POST", "api/join", json={"code": "JOIN-1"})
        receipt = await service.hand_in("student1", notebook("right"))
        asked.clear()
        answers = [
            await service.ask("student1", method, path, **body)
            for method, path, body in (
                ("GET", "", {}),
                ("GET", "api/courses", {}),
                ("GET", "courses/c1/map", {}),
                ("GET", "api/courses/c1/assignments/a1/notebook", {}),
                ("GET", f"submissions/{receipt.json()['id']}", {}),
                ("GET", "certificates/ABCD-EFGH-JKLM-NPQR", {}),
                ("POST", SUBMISSIONS, {"content": notebook("another")}),
            )
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 200, 404, 201]
        assert len(asked) > 10
        for statement, values in asked:
            assert reads_little(tmp_path / "events.sqlite", statement, values), statement


def reads_little(database: Path, statement: str, values: Any) -> bool:
    """Whether no row is read to be thrown away: an index alone, or one that knows more than the course, finds all."""
    connection = sqlite3.connect(database)
    plan = [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    connection.close()
    reads = [step for step in plan if "events" in step]
    assert reads, plan
    return all("COVERING" in step or ("SEARCH" in step and "(course=?)" not in step) for step in reads)

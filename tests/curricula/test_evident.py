"""Evidence in what is handed in, marked by the running service with the key that the hub tells."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from curricula.course import Course
from curricula.evidence import METADATA
from curricula.marks import CellGrade, GradingError, Key, Result
from curricula.service.evident import Evident, RunKey
from curricula.submissions import Submission
from spawners.run_seal import public_key
from tests.curricula.service_here import SOURCE, Service, running
from tests.curricula.test_evidence import KEY, evidence, ran

ABOUT = {"grade_id": "job", "grade": True, "solution": True, "locked": False, "points": 3, "schema_version": 3}


def answer(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": "c3", "metadata": {"nbgrader": ABOUT}, "source": text}


def handed_in(text: str) -> bytes:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [answer(text)]}).encode()


async def by_hand(course: Course, submission: Submission, *, again: bool = False) -> Result:
    """A grader that leaves one cell to a person, and does not run what is called endless."""
    version = course.version(course.assignment(submission.assignment))
    key = Key(submission=submission.sha256, assignment=version, environment="e")
    if "endless" in submission.path.read_text():
        return Result(key=key, not_run="It took longer than 60 seconds.")
    return Result(key=key, cells=(CellGrade(name="job", score=None, max_score=3, message="By hand."),))


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """A course whose first assignment asks for a GPU run, before a service that knows the platform's key."""
    async with running(tmp_path) as one:
        rule = {"runs": [{"gpus": 1, "minutes": 5}]}
        cell = answer("YOUR ANSWER HERE")
        cell["metadata"][METADATA] = rule
        cells = [*SOURCE["cells"], cell]  # type: ignore[misc]
        (tmp_path / "courses/c1/source/a1/first.ipynb").write_text(json.dumps({**SOURCE, "cells": cells}))
        (tmp_path / "run_key.pub").write_text(public_key(KEY) + "\n")
        one.teaching.results.grade = Evident(by_hand, RunKey(tmp_path, None))
        await one.ask("student1", "POST", "api/join", json={"code": "JOIN-1"})
        await one.ask("student2", "POST", "api/join", json={"code": "JOIN-1"})
        await one.teach("release")
        yield one


def graded(service: Service, user: str) -> tuple[float | None, str]:
    (event,) = service.desk.store.events(kind="graded", user=user)
    (cell,) = event.payload["cells"]
    return cell["score"], cell["message"]


async def test_it_is_marked_by_what_the_platform_signed_of_whoever_handed_in(service: Service) -> None:
    text = handed_in(evidence(ran()))
    for user in ("student1", "student2"):  # the second one copied it
        assert (await service.hand_in(user, text)).status_code == 201
    await service.teach("grade")
    assert graded(service, "student1") == (3, "")
    score, message = graded(service, "student2")
    assert score == 0
    assert "1 statement here cannot be believed" in message


async def test_a_teacher_still_has_the_last_word(service: Service) -> None:
    await service.hand_in("student1", handed_in("I did it, and lost it."))
    await service.teach("grade")
    assert graded(service, "student1")[0] == 0
    number = service.desk.store.events(kind="received")[-1].id
    told = {"cell": "job", "score": 2, "comment": "I saw it."}
    assert (await service.ask("teacher1", "POST", f"api/submissions/{number}/points", json=told)).status_code == 200
    page = (await service.ask("teacher1", "GET", "courses/c1/teach")).text
    assert "2 of 3 points" in page
    assert "Mark answers by hand" not in page


async def test_what_was_not_run_has_no_mark_for_evidence_either(service: Service) -> None:
    await service.hand_in("student1", handed_in(f"endless {evidence(ran())}"))
    await service.teach("grade")
    (event,) = service.desk.store.events(kind="not_run")
    assert event.payload["cells"] == []


class _Hub(RequestHandler):
    key = public_key(KEY)

    def get(self) -> None:
        if not self.key:
            self.send_error(503)
        else:
            self.finish({"key": self.key})


@pytest.fixture
async def hub() -> AsyncIterator[str]:
    """An address that tells the key, as the hub does."""
    sockets, port = bind_unused_port()
    server = HTTPServer(Application([("/hub/api/onramp/run-key", _Hub)]))
    server.add_sockets(sockets if isinstance(sockets, list) else [sockets])
    yield f"http://127.0.0.1:{port}/hub/api"
    server.stop()
    await server.close_all_connections()


async def test_the_key_is_asked_for_once_and_outlives_the_hub(tmp_path: Path, hub: str) -> None:
    asked = RunKey(tmp_path, hub)
    assert await asked() == await asked() == public_key(KEY)
    assert await RunKey(tmp_path, None)() == public_key(KEY)
    assert await RunKey(tmp_path, "http://127.0.0.1:9/hub/api")() == public_key(KEY)


async def test_without_a_key_nothing_is_marked_and_nothing_lost(tmp_path: Path, service: Service) -> None:
    (tmp_path / "run_key.pub").unlink()
    with pytest.raises(GradingError, match="grade again later"):
        await RunKey(tmp_path, "http://127.0.0.1:9/hub/api")()
    await service.hand_in("student1", handed_in(evidence(ran())))
    await service.teach("grade")
    assert service.desk.store.events(kind="graded") == ()
    (tmp_path / "run_key.pub").write_text(public_key(KEY))
    await service.teach("grade")
    assert graded(service, "student1") == (3, "")

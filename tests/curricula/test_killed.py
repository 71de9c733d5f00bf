"""The service is killed at every moment between a file's coming and its recorded result: nothing is lost or doubled."""

import asyncio
import json
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from nbformat.v4 import new_code_cell

from curricula.course import Course, load_course
from curricula.events import EventStore
from curricula.grading import Grader
from curricula.handover import Handover
from curricula.marks import Result
from curricula.report import Task
from curricula.service.desk import Desk
from curricula.service.teaching import Teaching
from curricula.submissions import Incoming, Submission
from spawners.site import Site
from tests.curricula.course_here import Node, course_in, grader_of, solved

NAME = "onboarding"
# When the service dies: as soon as this has been done, with these arguments.
MOMENTS: dict[str, tuple[type, str, Callable[..., bool]]] = {
    "the file is kept": (Incoming, "keep", lambda *_, **__: True),
    "it is on record": (EventStore, "append", lambda _, kind, **__: kind == "received"),
    "a job has it": (Handover, "give", lambda _, __, work: isinstance(work, Task)),
    "the job has answered": (Handover, "answer", lambda *_: True),
    "the result is kept": (Grader, "_keep", lambda *_: True),
    "the result is on record": (EventStore, "append", lambda _, kind, **__: kind == "graded"),
}


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """The course account's folder, with a course that grades what comes in at once; jobs end with their folders."""
    course = course_in(tmp_path / "courses")
    told = yaml.safe_load((course.folder / "course.yaml").read_text())
    told["assignments"] = [one | {"feedback": "at-once"} for one in told["assignments"] if one["name"] == "m00"]
    told.pop("tracks", None)
    (course.folder / "course.yaml").write_text(yaml.safe_dump(told))
    store = EventStore(f"sqlite:///{tmp_path}/events.sqlite")
    store.append("released", course=NAME, assignment="m00", actor="teacher1", payload={"version": "1", "before": None})
    store.close()
    yield tmp_path
    shutil.rmtree(tmp_path / "handover")


class Life:
    """One life of the service, with a node of its own; what an earlier one began is still there."""

    def __init__(self, root: Path, site: Site) -> None:
        self.desk = Desk(root, EventStore(f"sqlite:///{root}/events.sqlite"))
        self.course = self.desk.course(NAME)
        self.node = Node()
        self.grader = grader_of(self.course, site, self.node, root)
        self.teaching = Teaching(self.desk, self._grade)

    async def _grade(self, course: Course, submission: Submission, *, again: bool = False) -> Result:
        return await self.grader.grade(submission, again=again)

    def hand_in(self, user: str, content: bytes) -> None:
        """Take a file as the service's address does; whoever has no receipt sends it again."""
        self.desk.enrol(user, self.course, user)
        work = self.desk.handed_out(user, NAME, "m00")
        with self.desk.submissions.incoming(work.assignment.max_bytes) as file:
            file.write(content)
            receipt = self.desk.receive(work, file, datetime.now(UTC))
        self.teaching.at_once.received(work.course, work.assignment, receipt)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(120):
            while not condition():
                await asyncio.sleep(0.05)

    async def close(self) -> None:
        for task in self.teaching.at_once._tasks:
            task.cancel()
        await self.grader.workers.close()
        self.node.close()
        self.desk.store.close()


def killed(root: Path, site: Site, content: bytes, moment: str) -> None:
    """Begin, take the file, go on with whatever is left, and die by kill -9 at this moment."""
    owner, name, now = MOMENTS[moment]
    real = getattr(owner, name)

    def last(*arguments: Any, **named: Any) -> Any:
        done = real(*arguments, **named)
        if now(*arguments, **named):
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    setattr(owner, name, last)

    async def live() -> None:
        life = Life(root, site)
        life.teaching.resume()
        life.hand_in("student1", content)
        await life.until(lambda: False)

    asyncio.run(live())


def results(life: Life) -> list[tuple[str | None, str, float]]:
    """Of every result on record: whose, of which file, and how many points."""
    kept = {event.id: event.payload["sha256"] for event in life.desk.received(life.course)}
    events = [event for event in life.desk.store.events() if event.kind in ("graded", "not_run")]
    points = [sum(cell["score"] for cell in event.payload["cells"]) for event in events]
    return [(one.user, kept[one.submission or 0], score) for one, score in zip(events, points, strict=True)]


def test_one_file_through_a_service_that_is_killed_at_every_moment(root: Path, site: Site) -> None:
    course = load_course(root / "courses" / NAME)
    content = json.dumps(solved(course, course.assignment("m00"))).encode()
    for moment in MOMENTS:
        process = multiprocessing.get_context("fork").Process(target=killed, args=(root, site, content, moment))
        process.start()
        process.join(180)
        assert process.exitcode == -signal.SIGKILL, moment

    async def last() -> tuple[list[Any], int, int]:
        life = Life(root, site)
        life.teaching.resume()
        life.hand_in("student1", content)
        await asyncio.sleep(0)
        found = results(life), len(life.desk.received(life.course)), len(life.node.scripts)
        await life.close()
        return found

    sha256 = next(root.glob("submissions/??/*")).name
    assert asyncio.run(last()) == ([("student1", sha256, 8.0)], 1, 0)
    assert len([*course.folder.glob("results/[!p]*.json")]) == 1


async def test_a_node_that_is_lost_while_notebooks_run_gives_each_one_result(root: Path, site: Site) -> None:
    life = Life(root, site)
    notebook = solved(life.course, life.course.assignment("m00"))
    notebook.cells.append(new_code_cell("import time; time.sleep(3)"))
    contents = [json.dumps({**notebook, "metadata": {"of": user}}).encode() for user in ("student1", "student2")]
    await life.grader.plan(life.course.assignment("m00"))
    for number, content in enumerate(contents, 1):
        life.hand_in(f"student{number}", content)
    await life.until(lambda: [*life.grader.workers.handover.glob("*/in/*-task.json")])
    begun = len(life.node.scripts)
    for number in range(1, begun + 1):
        life.node.kill(str(number))
    await life.until(lambda: len(results(life)) >= 2)
    assert len(life.node.scripts) > begun
    await life.close()
    again = Life(root, site)
    assert sorted((user, score) for user, _, score in results(again)) == [("student1", 8.0), ("student2", 8.0)]
    assert len({sha256 for _, sha256, _ in results(again)}) == 2
    await again.close()

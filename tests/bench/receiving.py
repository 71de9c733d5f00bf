"""The course service as it receives, has a grading job examine, and records: all of it real but for hub and Slurm."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_raw_cell

from curricula.course import Course, load_course
from curricula.grading import Result
from curricula.submissions import Submission
from spawners.site import load_site
from tests.bench.tree import Spent
from tests.curricula.course_here import Node, grader_of
from tests.curricula.service_here import Service, running

_PATIENCE = 600.0


async def recorded(
    course: Path, assignment: str, notebook: NotebookNode, copies: int
) -> tuple[Spent, list[float | None]]:
    """Hand in so many different copies at once, while a grading job stands by; return what it took and the scores.

    It ends when the last result is on record.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with _standing_by(Path(folder), course, assignment) as (service, name):
            await _hand_in(service, name, assignment, notebook, range(1))
            before = Spent.now()
            await _hand_in(service, name, assignment, notebook, range(1, copies + 1))
            took = before.until(Spent.now())
            events = service.desk.store.events(course=name, kind="graded")
    return took, [Result.model_validate(event.payload).score for event in events[1:]]


@asynccontextmanager
async def _standing_by(root: Path, source: Path, assignment: str) -> AsyncIterator[tuple[Service, str]]:
    """A service with the course released, one learner in it, and feedback at once."""
    name = _put(source, root, assignment)
    async with running(root) as service:
        node = Node()
        grader = grader_of(load_course(root / "courses" / name), load_site("local"), node, root)

        async def grade(course: Course, submission: Submission, *, again: bool = False) -> Result:
            return await grader.grade(submission, again=again)

        service.teaching.results.grade = grade
        code = load_course(source).code
        (await service.teach("release", assignment, course=name)).raise_for_status()
        (await service.ask("student1", "POST", "api/join", json={"code": code})).raise_for_status()
        try:
            yield service, name
        finally:
            await grader.workers.close()
            await asyncio.to_thread(node.close)


def _put(source: Path, root: Path, assignment: str) -> str:
    """Put the course into a service's folder, with feedback at once and no other assignment."""
    told = yaml.safe_load((source / "course.yaml").read_text())
    told["assignments"] = [one | {"feedback": "at-once"} for one in told["assignments"] if one["name"] == assignment]
    folder = root / "courses" / told["name"]
    shutil.copytree(source, folder)
    (folder / "course.yaml").write_text(yaml.safe_dump(told))
    return str(told["name"])


async def _hand_in(service: Service, course: str, assignment: str, notebook: NotebookNode, numbers: range) -> None:
    """Hand in copies that differ by a line, and wait until each has a result."""

    def copy(number: int) -> bytes:
        return json.dumps(notebook | {"cells": [*notebook.cells, new_raw_cell(f"copy {number}")]}).encode()

    store = service.desk.store
    known = len(store.events(course=course, kind="graded"))
    path = f"api/courses/{course}/assignments/{assignment}/submissions"
    async with service.client("student1") as client, asyncio.timeout(_PATIENCE):
        for answer in await asyncio.gather(*[client.post(path, content=copy(number)) for number in numbers]):
            answer.raise_for_status()
        while len(store.events(course=course, kind="graded")) < known + len(numbers):
            await asyncio.sleep(0.01)

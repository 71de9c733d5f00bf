"""nbgrader's quickstart as a course of ours with two learners' work graded, and nbgrader's own formgrader on a copy."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from curricula.course import Course
from curricula.events import EventStore
from curricula.marks import Result
from curricula.moves.bring import bring
from curricula.release import generated
from curricula.service.desk import Desk
from curricula.service.teaching import Teaching
from curricula.submissions import Submission
from spawners.site import load_site
from tests.curricula.course_here import Node, grader_of
from tests.curricula.nbgrader_here import quickstart
from tests.ports import free_port

NAME, FIRST = "course101", "ps1-problem1"
TOKEN = "of-the-test"
_SOLUTION = re.compile(r"[ \t]*### (BEGIN|END) SOLUTION\n?")
_RUNS = "from IPython.display import HTML\nHTML('<b>bold</b><script>alert(1)</script>')"


def desk_of(root: Path) -> Desk:
    return Desk(root, EventStore(f"sqlite:///{root}/events.sqlite"))


def solved(course: Course) -> NotebookNode:
    """The release of the first notebook with its author's answers, and a cell that says something of its own."""
    assignment = course.assignment(FIRST)
    answers = {cell.id: cell for cell in nbformat.read(course.source(assignment), as_version=4).cells}
    notebook = generated(course, assignment).release
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = _SOLUTION.sub("", answers[cell.id].source).rstrip()
    notebook.cells.append(new_code_cell(_RUNS))
    return notebook


def hand_in(desk: Desk, user: str, notebook: NotebookNode, minute: int = 0) -> int:
    """Receive a notebook as the service does, and return its number."""
    work = desk.handed_out(user, NAME, FIRST)
    with desk.submissions.incoming(work.assignment.max_bytes) as file:
        file.write(json.dumps(notebook).encode())
        at = datetime(2026, 11, 20, 12, minute, tzinfo=UTC) + timedelta(microseconds=7)
        return desk.receive(work, file, at).id


def graded_course(root: Path) -> None:
    """Put nbgrader's quickstart in place below `root`; ada's answers are right, bob has none, both are graded."""
    (root / "courses").mkdir(parents=True)
    bring(quickstart(root.parent / "theirs"), root / "courses" / NAME, ["teacher1"], split=True)
    desk, node = desk_of(root), Node()
    course = desk.course(NAME)
    grader = grader_of(course, load_site("local"), node, root.parent)

    async def grade(_: Course, submission: Submission, *, again: bool = False) -> Result:
        return await grader.grade(submission, again=again)

    async def all_of_it() -> None:
        teaching = Teaching(desk, grade)
        await teaching.release("teacher1", course, FIRST)
        for user in ("ada", "bob", "eve"):
            desk.enrol(user, course, user)
        hand_in(desk, "ada", solved(course))
        hand_in(desk, "bob", generated(course, course.assignment(FIRST)).release)
        await teaching.grade("teacher1", course, FIRST)

    try:
        asyncio.run(all_of_it())
    finally:
        node.close()
        desk.store.close()


@contextmanager
def formgrader(folder: Path) -> Iterator[httpx.Client]:
    """nbgrader's own formgrader in a Jupyter server of that folder, and a client with its token."""
    port = free_port()
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    options = (
        f"--ServerApp.root_dir={folder}",
        f"--ServerApp.port={port}",
        f"--IdentityProvider.token={TOKEN}",
        "--ServerApp.open_browser=False",
        "--ServerApp.allow_root=True",
        "--ServerApp.jpserver_extensions={'nbgrader.server_extensions.formgrader': True}",
    )
    environment = os.environ | {"HOME": str(home), "JUPYTER_CONFIG_DIR": str(home), "PYTHONWARNINGS": "ignore"}
    environment |= {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    with (folder.parent / "server.log").open("wb") as log:
        argv = [sys.executable, "-m", "jupyter_server", *options]
        process = subprocess.Popen(argv, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            headers = {"Authorization": f"token {TOKEN}"}
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as client:
                _answers(client, process)
                yield client
        finally:
            process.terminate()
            process.wait(20)


def _answers(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        try:
            client.get("/formgrader/api/status").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the Jupyter server does not answer")

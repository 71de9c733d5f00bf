"""A course of the tests' own, answers to its assignments, and a node: jobs run here, as ordinary processes."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode

from curricula.course import Assignment, Course, load_course
from curricula.grading import Grader
from curricula.grading_job import GradingJob
from curricula.submissions import Submission
from curricula.workers import Workers
from spawners.environment import Environment
from spawners.reasons import explain
from spawners.render import Script
from spawners.scheduler import JobState, SchedulerError, Secrets, Snapshot
from spawners.site import Site

REPOSITORY = Path(__file__).resolve().parents[2]
_SOLUTION = re.compile(r"[ \t]*### (BEGIN|END) SOLUTION\n?")


def course_in(folder: Path) -> Course:
    """The onboarding course, copied."""
    shutil.copytree(REPOSITORY / "curricula/onboarding", folder / "onboarding")
    return load_course(folder / "onboarding")


def solved(course: Course, assignment: Assignment) -> NotebookNode:
    """The release with the teacher's answers in it, as a perfect learner would hand it in."""
    from curricula.release import generated

    answers = {cell.id: cell for cell in nbformat.read(course.source(assignment), as_version=4).cells}
    notebook = generated(course, assignment).release
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = _SOLUTION.sub("", answers[cell.id].source).rstrip()
    return notebook


def submitted(course: Course, assignment: Assignment, content: NotebookNode | bytes, number: int = 1) -> Submission:
    """Put a notebook, or bytes, where the service would, and return the submission."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    sha256 = hashlib.sha256(data).hexdigest()
    path = course.folder / sha256
    path.write_bytes(data)
    return Submission(
        id=number,
        course=course.name,
        assignment=assignment.name,
        user="student1",
        sha256=sha256,
        path=path,
        received_at=datetime.now(UTC),
    )


def cell(notebook: NotebookNode, name: str) -> NotebookNode:
    """The cell with this grade_id."""
    found: NotebookNode = next(
        cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == name
    )
    return found


def bubblewrap() -> str:
    """The folder of bwrap, installed or unpacked; the test is skipped where there is none."""
    tools = os.environ.get("ONRAMP_TOOLS", str(REPOSITORY / ".tools"))
    found = shutil.which("bwrap", path=f"/usr/bin:{tools}/debian/usr/bin")
    if not found:
        pytest.skip("Debian's bubblewrap is neither installed nor in .tools: run ./onramp test")
    return str(Path(found).parent)


class Node:
    """A scheduler with one node, which is this machine: a job's script is run at once by sh."""

    def __init__(self) -> None:
        self.scripts: list[str] = []
        self.refuses = ""
        self.cancelled: list[str] = []
        self.forgets = False
        self.says = "the job speaks"
        self.end: dict[str, Any] | None = None
        self._processes: list[subprocess.Popen[bytes]] = []
        self._path = f"{bubblewrap()}:/usr/local/bin:/usr/bin:/bin"

    async def submit(self, user: str, script: Script, secrets: Secrets | None = None) -> str:
        if self.refuses:
            raise SchedulerError(self.refuses)
        self.scripts.append(script.text)
        text = script.text.replace("PATH=/usr/local/bin:/usr/bin:/bin", f"PATH={self._path}")
        command = ["sh", "-c", f"echo {self.says}; true" if self.end else f"echo {self.says}\n{text}"]
        environment = {"PYTHONPATH": "/nonexistent", "A_SECRET": "s3cret"}
        (output,) = re.findall(r"^#SBATCH --output=(.*)$", script.text, re.MULTILINE)
        with Path(output).open("wb") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        self._processes.append(process)
        return str(len(self._processes))

    async def jobs(self) -> Snapshot:
        states: dict[str, JobState] = {}
        if self.forgets:
            return Snapshot(states, at=0)
        for number, process in enumerate(self._processes, 1):
            code = process.poll()
            name = "RUNNING" if code is None else "COMPLETED" if code == 0 else "FAILED"
            end = self.end if code is not None and self.end else {}
            state = {"state": name, "exit_code": f"{code}:0"} | end
            states[str(number)] = JobState(job_id=str(number), user="onramp-grade", name="g", comment="", **state)
        return Snapshot(states, at=0)

    async def ended(self, *job_ids: str) -> dict[str, JobState]:
        return {}

    async def cancel(self, user: str, job_id: str) -> None:
        self.cancelled.append(job_id)
        self.kill(job_id)

    def kill(self, job_id: str) -> None:
        """End a job with all its processes, as a node does that is lost."""
        process = self._processes[int(job_id) - 1]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    @property
    def running(self) -> int:
        """How many jobs have not ended."""
        return sum(process.poll() is None for process in self._processes)

    def close(self) -> None:
        """End what runs."""
        for number in range(1, len(self._processes) + 1):
            self.kill(str(number))

    def explain(self, job: JobState) -> str:
        return explain(job)


def grading_site(site: Site) -> Site:
    """The site, whose jobs use the Python that runs this test."""
    here = Environment(name="here", kind="venv", path=sys.prefix, arch="x86_64")
    return site.model_copy(update={"environments": (here,)})


def grader_of(course: Course, site: Site, scheduler: object, folder: Path) -> Grader:
    """A grader with a scheduler of the tests' own."""
    handover = folder / "handover"
    handover.mkdir(exist_ok=True)
    return Grader(course, Workers(scheduler, GradingJob(grading_site(site)), handover))  # type: ignore[arg-type]


Change = Callable[[NotebookNode], object]

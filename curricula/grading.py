"""grade(submission) → Result: what is examined on a node, under an account of its own, is marked here.

Tests are put back before and marks are given afterwards, by the course's account. Who examines gets the steps of one
notebook and hands back a report; it does not know who wrote the notebook.
"""

import asyncio
import hashlib
import json
import logging
import os
import random
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from nbformat import NotebookNode

from curricula.canary import Tampered
from curricula.course import Assignment, Course
from curricula.marks import GradingError, Key, NotRun, Result, graded, restored
from curricula.pieces import Outcome
from curricula.release import Generated, generated, hidden_seed
from curricula.report import Limits, Task
from curricula.routing import Plan
from curricula.steps import examination, executed
from curricula.submissions import Submission
from curricula.trial import Trial
from curricula.workers import Workers
from spawners.request import RequestError, Resources
from spawners.run_environment import digest, environment_file, locked
from spawners.site import SiteError

__all__ = ["Grader", "GradingError", "Result"]

log = logging.getLogger(__name__)
# How often a plan may need an assignment's time: it is found once for a version.
_TRIALS = 6
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Grader:
    """Grades the submissions of one course; several at a time, if `grade` is awaited several times.

    `seeds` is the site's secret, of which hidden tests have their inputs.
    """

    course: Course
    workers: Workers
    seeds: bytes = b""
    _planning: dict[str, asyncio.Lock] = field(default_factory=dict)
    _generated: dict[str, tuple[str, Generated]] = field(default_factory=dict)

    async def grade(self, submission: Submission, *, again: bool = False) -> Result:
        """Return the result of `submission`: the one there is, or a new one; `again` always a new one.

        Raises GradingError, ReleaseError.
        """
        assignment = self.course.assignment(submission.assignment)
        key = self._key(submission.sha256, assignment)
        if again:
            self._forget(key)
        if (known := self._known(key)) is not None:
            return known
        version = await self._version(assignment)
        content = _verified(submission)
        job: list[str | None] = [None]
        try:
            notebook = await asyncio.to_thread(restored, content, version)
            plan = await self.plan(assignment, version)
            result = await self._examined(key, notebook, assignment, version, plan, job)
        except (NotRun, Tampered) as reason:
            result = Result(key=key, not_run=str(reason), job_id=job[-1])
        return self._keep(result)

    async def plan(self, assignment: Assignment, version: Generated | None = None) -> Plan:
        """Return which tests run where, as was found for this version, or as a job finds now. Raises GradingError."""
        key = self._key("plan", assignment)
        async with self._planning.setdefault(key.digest, asyncio.Lock()):
            if (known := self.known_plan(assignment)) is not None:
                return known
            made = await self._version(assignment) if version is None else version
            trial = Trial(source=made.source, tests=made.tests, limits=self._limits(assignment))
            # In a job of its own: it holds the course's answers, and no learner's code shall have been there.
            outcome = await self._answer(key, assignment, trial, _TRIALS * assignment.minutes, alone=True)
            if isinstance(outcome.problem, NotRun):
                raise GradingError(
                    f"The course's own answers to {assignment.name} could not be tried: {outcome.problem} "
                    "Give it more `minutes` in course.yaml, or check it with `onramp course check`."
                )
            plan = _there(outcome, outcome.answer.plan)
            self._place(key).with_suffix(".log").unlink(missing_ok=True)
            self._write(self._plan_place(key), plan.model_dump_json())
            return plan

    def known_plan(self, assignment: Assignment) -> Plan | None:
        """Return the plan that was found for the version in place, if one was."""
        try:
            return Plan.model_validate_json(self._plan_place(self._key("plan", assignment)).read_text())
        except FileNotFoundError:
            return None

    async def _version(self, assignment: Assignment) -> Generated:
        """The notebooks of the version in place, made once for it. Raises ReleaseError."""
        digest, known = self.course.version(assignment), self._generated.get(assignment.name)
        if known is None or known[0] != digest:
            seed = hidden_seed(self.seeds, self.course, assignment)
            known = digest, await asyncio.to_thread(generated, self.course, assignment, seed)
            self._generated[assignment.name] = known
        return known[1]

    def _key(self, sha256: str, assignment: Assignment) -> Key:
        environment = self._resources(assignment).environment
        return Key(
            submission=sha256,
            assignment=self.course.version(assignment),
            environment=(environment and locked(environment).lock) or digest(environment_file()),
        )

    async def _examined(
        self,
        key: Key,
        notebook: NotebookNode,
        assignment: Assignment,
        version: Generated,
        plan: Plan,
        job: list[str | None],
    ) -> Result:
        """Have a submission examined, and mark what comes back; `job` gets the id of the job that did it."""
        exam = examination(notebook, plan, self._limits(assignment), random.SystemRandom())
        outcome = await self._answer(key, assignment, exam.task, assignment.minutes)
        job.append(outcome.job_id)
        report = _there(outcome, outcome.answer.report)
        self._keep_executed(key, json.dumps(executed(notebook, exam.uncounted(report))))
        cells = graded(notebook, exam.result(report), version)
        modes = {name: route.mode for name, route in plan.routes.items()}
        return Result(
            key=key,
            cells=tuple(cell.model_copy(update={"mode": modes.get(cell.name, "")}) for cell in cells),
            job_id=job[-1],
            walls=report.walls,
        )

    async def _answer(
        self, key: Key, assignment: Assignment, work: Task | Trial, minutes: int, *, alone: bool = False
    ) -> Outcome:
        """Have something done, and keep the end of the job's log where it came to nothing."""
        outcome = await self.workers.of(assignment.profile).run(work, minutes, alone=alone)
        if outcome.log:
            self._keep_log(key, outcome)
        return outcome

    def _resources(self, assignment: Assignment) -> Resources:
        """What one of its jobs asks for. Raises GradingError."""
        try:
            return self.workers.of(assignment.profile).job.resources(assignment.minutes)
        except (RequestError, SiteError) as error:
            where = " It is the `profile` of this assignment in course.yaml." if assignment.profile else ""
            raise GradingError(f"{assignment.name} cannot be graded here: {error}{where}") from None

    def _limits(self, assignment: Assignment) -> Limits:
        return self.workers.of(assignment.profile).job.limits(self._resources(assignment), assignment.minutes)

    def _known(self, key: Key) -> Result | None:
        """The result with this key, if there is one."""
        try:
            return Result.model_validate_json(self._place(key).read_text())
        except FileNotFoundError:
            return None

    def _forget(self, key: Key) -> None:
        """Remove a result, for a new one to be found; what it was stays in the events."""
        for suffix in (".json", ".ipynb"):
            self._place(key).with_suffix(suffix).unlink(missing_ok=True)

    def _keep(self, result: Result) -> Result:
        """Keep a result for good; of two that are found at once, the first one stands."""
        place = self._place(result.key)
        if result.not_run is None:
            place.with_suffix(".log").unlink(missing_ok=True)
        self._write(place, result.model_dump_json())
        return Result.model_validate_json(place.read_text())

    def _keep_executed(self, key: Key, text: str) -> None:
        """Keep the notebook as it ran, for teachers: its author would read hidden tests in it."""
        self._write(self._place(key).with_suffix(".ipynb"), text)

    def _write(self, place: Path, text: str) -> None:
        """Write a file that stands as it was first written."""
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = place.with_suffix(f".{secrets.token_hex(4)}")
        with fresh.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())  # or a power cut may leave an empty file, which would stand for good
        try:
            os.link(fresh, place)
        except FileExistsError:
            log.debug("%s is there already", place)
        finally:
            fresh.unlink()

    def _keep_log(self, key: Key, outcome: Outcome) -> None:
        """Keep the end of a job's log beside the results, where it gave no mark: only then does anybody read it.

        Every other log ends with the folder it lies in, so that none is ever to be swept up.
        """
        place = self._place(key).with_suffix(".log")
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.write_bytes(outcome.log)
        log.warning("grading job %s gave no mark; its log is kept in %s", outcome.job_id, place)

    def _place(self, key: Key) -> Path:
        return self.course.folder / "results" / f"{key.digest}.json"

    def _plan_place(self, key: Key) -> Path:
        return self.course.folder / "results" / f"plan-{key.digest}.json"


def _there(outcome: Outcome, answer: _Answer | None) -> _Answer:
    """The answer. Raises what stands in its place, GradingError or NotRun."""
    if outcome.problem is not None or answer is None:
        raise outcome.problem or GradingError("A grading job left nothing. Nothing is lost: grade again.")
    return answer


def _verified(submission: Submission) -> bytes:
    """The submitted bytes, if they are still those that were received; raises GradingError."""
    try:
        content = submission.path.read_bytes()
    except OSError as error:
        raise GradingError(f"Submission {submission.id} cannot be read: {error}.") from None
    if hashlib.sha256(content).hexdigest() != submission.sha256:
        raise GradingError(f"Submission {submission.id} is not what was received: its sha256 differs.")
    return content

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
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from nbformat import NotebookNode

from curricula.canary import Tampered
from curricula.course import Assignment, Course
from curricula.handover import JOB_LOG, handed_over, read_answer, read_left
from curricula.marks import GradingError, Key, NotRun, Result, graded, restored
from curricula.release import Generated, generated
from curricula.report import Limits, Report, Task, Trial
from curricula.routing import Plan
from curricula.steps import examination, executed
from curricula.submissions import Submission
from spawners.render import Job, Script, render
from spawners.request import Request, Resources, resolve
from spawners.run_environment import digest, environment_file, locked
from spawners.scheduler import JobState, Scheduler, SchedulerError
from spawners.site import Site

__all__ = ["Grader", "GradingError", "Result"]

log = logging.getLogger(__name__)
# How Slurm says that a job used more than it was given: the notebook's doing, unlike a lost node.
_TOO_MUCH = {"OUT_OF_MEMORY", "TIMEOUT", "DEADLINE"}
_POLL = 0.5
# How often a plan may need an assignment's time: it is found once for a version.
_TRIALS = 6
_Answer = TypeVar("_Answer", Report, Plan)
_ANSWERS: Mapping[type, str] = {Report: "report.json", Plan: "plan.json"}
LOG_KEPT = 100_000  # bytes
_ABSENT = 240  # polls in a row, two minutes: accounting may be late, but not that late


@dataclass(frozen=True)
class Grader:
    """Grades the submissions of one course; several at a time, if `grade` is awaited several times."""

    course: Course
    site: Site
    scheduler: Scheduler
    handover: Path
    user: str = "onramp-grade"
    profile: str = "cpu"
    account: str | None = None
    _planning: dict[str, asyncio.Lock] = field(default_factory=dict)

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
        version = await asyncio.to_thread(generated, self.course, assignment)
        content = _verified(submission)
        job: list[str] = []
        try:
            notebook = await asyncio.to_thread(restored, content, version)
            plan = await self.plan(assignment, version)
            result = await self._examined(key, notebook, assignment, version, plan, job)
        except (NotRun, Tampered) as reason:
            result = Result(key=key, not_run=str(reason), job_id=job[-1] if job else None)
        return self._keep(result)

    async def plan(self, assignment: Assignment, version: Generated | None = None) -> Plan:
        """Return which tests run where, as was found for this version, or as a job finds now. Raises GradingError."""
        key = self._key("plan", assignment)
        async with self._planning.setdefault(key.digest, asyncio.Lock()):
            if (known := self.known_plan(assignment)) is not None:
                return known
            made = await asyncio.to_thread(generated, self.course, assignment) if version is None else version
            trial = Trial(source=made.source, tests=made.tests, limits=self._limits(assignment))
            resources = self._resources(assignment, minutes=_TRIALS * assignment.minutes)
            try:
                plan = await self._run(key, trial, resources, Plan, [])
            except NotRun as reason:
                raise GradingError(
                    f"The course's own answers to {assignment.name} could not be tried: {reason} "
                    "Give it more `minutes` in course.yaml, or check it with `onramp course check`."
                ) from None
            self._place(key).with_suffix(".log").unlink(missing_ok=True)
            self._write(self._plan_place(key), plan.model_dump_json())
            return plan

    def known_plan(self, assignment: Assignment) -> Plan | None:
        """Return the plan that was found for the version in place, if one was."""
        try:
            return Plan.model_validate_json(self._plan_place(self._key("plan", assignment)).read_text())
        except FileNotFoundError:
            return None

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
        job: list[str],
    ) -> Result:
        """Have a submission examined, and mark what comes back; `job` gets the id of the job that did it."""
        exam = examination(notebook, plan, self._limits(assignment), random.SystemRandom())
        report = await self._run(key, exam.task, self._resources(assignment), Report, job)
        self._keep_executed(key, json.dumps(executed(notebook, exam.uncounted(report))))
        cells = graded(notebook, exam.result(report), version)
        modes = {name: route.mode for name, route in plan.routes.items()}
        return Result(
            key=key,
            cells=tuple(cell.model_copy(update={"mode": modes.get(cell.name, "")}) for cell in cells),
            job_id=job[0] if job else None,
            walls=report.walls,
        )

    async def _run(
        self, key: Key, work: Task | Trial, resources: Resources, kind: type[_Answer], job: list[str]
    ) -> _Answer:
        """Have something done by a job of its own, and return its answer; `job` gets the job's id."""
        with handed_over(self.handover, work) as folder:
            try:
                job_id = await self.scheduler.submit(self.user, self._script(key, folder, resources))
            except SchedulerError as error:
                raise GradingError(
                    f"The grading job was not accepted: {error}. Nothing is lost: grade again."
                ) from None
            job.append(job_id)
            try:
                answer = await self._answer(folder / "out", job_id, kind)
                if isinstance(answer, Report) and answer.stopped:
                    self._keep_log(key, folder / JOB_LOG, job_id)
                return answer
            except (GradingError, NotRun):
                self._keep_log(key, folder / JOB_LOG, job_id)
                raise
            except asyncio.CancelledError:
                await self.scheduler.cancel(self.user, job_id)
                raise

    def _limits(self, assignment: Assignment) -> Limits:
        """What one notebook may use: the memory of its job, and its time but for a minute to start and end."""
        resources = self._resources(assignment)
        seconds = max(30, resources.time * 60 - 60)
        return Limits(seconds=seconds, cpu_seconds=seconds, memory_bytes=resources.mem << 20)

    def _resources(self, assignment: Assignment, minutes: int | None = None) -> Resources:
        """One processor for as long as the assignment says, and two minutes to start and end.

        Where nodes are given whole, one processor costs as much as all of them, and the profile's number stands; where
        they are given in slices, it costs as much as the smallest.
        """
        partition = self.site.partition(self.site.profile(self.profile).partition)
        whole = partition.exclusive == "always"
        request = Request(
            purpose="grading",
            profile=self.profile,
            account=self.account,
            time=(minutes or assignment.minutes) + 2,
            cpus_per_task=None if whole else partition.least_cpus or 1,
            gpus=None if whole else 0,
        )
        return resolve(request, self.site, attended=False)

    def _script(self, key: Key, folder: Path, resources: Resources) -> Script:
        """The job, which knows one folder and nothing else."""
        program = ("python", "-I", "-m", "curricula.autograde_node", str(folder))
        job = Job(
            name="onramp-grade",
            comment=f"onramp:grade:{self.course.name}:{key.digest[:16]}",
            output=str(folder / JOB_LOG),
            chdir="/",
            argv=resources.environment.argv(*program) if resources.environment else program,
            # It reads its folder and writes its report last and whole; of two results the first stands.
            idempotent=True,
        )
        return render(self.site, resources, job)

    async def _answer(self, out: Path, job_id: str, kind: type[_Answer]) -> _Answer:
        """Wait for the answer, or for the end of the job without one. Raises GradingError, NotRun."""
        absent, path = 0, out / _ANSWERS[kind]
        while absent < _ABSENT:
            over = await self._ended(job_id)
            if path.exists():
                return read_answer(path, kind)
            if over is not None:
                raise self._without_answer(over)
            jobs = await self.scheduler.jobs()
            absent = 0 if jobs.stale or job_id in jobs else absent + 1
            await asyncio.sleep(_POLL)
        raise GradingError(f"Slurm knows nothing of grading job {job_id} any more. Nothing is lost: grade again.")

    async def _ended(self, job_id: str) -> JobState | None:
        """The job's end; None while it waits or runs, and while Slurm does not answer."""
        jobs = await self.scheduler.jobs()
        job = jobs.get(job_id)
        if job is not None:
            return job if job.ended else None
        if jobs.stale:
            return None
        try:
            return (await self.scheduler.ended(job_id)).get(job_id)
        except SchedulerError:
            return None

    def _without_answer(self, job: JobState) -> Exception:
        """What a job means that left nothing: too much used, or a failure that is not the notebook's."""
        why = self.scheduler.explain(job)
        killed = job.state == "FAILED" and (job.exit_code or "").endswith(":9")
        if job.state in _TOO_MUCH or killed:
            return NotRun(f"Its job was ended: {why}")
        return GradingError(f"Grading job {job.job_id} ended without a report: {why} Nothing is lost: grade again.")

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
        fresh.write_text(text)
        try:
            os.link(fresh, place)
        except FileExistsError:
            log.debug("%s is there already", place)
        finally:
            fresh.unlink()

    def _keep_log(self, key: Key, path: Path, job_id: str) -> None:
        """Keep the end of a job's log beside the results, where it gave no mark: only then does anybody read it.

        Every other log ends with the folder it lies in, so that none is ever to be swept up.
        """
        if text := read_left(path, last=LOG_KEPT):
            place = self._place(key).with_suffix(".log")
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.write_bytes(text)
            log.warning("grading job %s gave no mark; its log is kept in %s", job_id, place)

    def _place(self, key: Key) -> Path:
        return self.course.folder / "results" / f"{key.digest}.json"

    def _plan_place(self, key: Key) -> Path:
        return self.course.folder / "results" / f"plan-{key.digest}.json"


def _verified(submission: Submission) -> bytes:
    """The submitted bytes, if they are still those that were received; raises GradingError."""
    try:
        content = submission.path.read_bytes()
    except OSError as error:
        raise GradingError(f"Submission {submission.id} cannot be read: {error}.") from None
    if hashlib.sha256(content).hexdigest() != submission.sha256:
        raise GradingError(f"Submission {submission.id} is not what was received: its sha256 differs.")
    return content

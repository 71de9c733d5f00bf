"""grade(submission) → Result: one sandboxed Slurm job per submission, under an account of its own.

Tests are put back before the job and marks are given after it, here, by the course's account. The job gets one
notebook and hands back a report; it knows neither who wrote the notebook nor what is right.
"""

import asyncio
import hashlib
import os
import secrets
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from nbformat import NotebookNode

from curricula.autograde_node import Report
from curricula.course import Assignment, Course
from curricula.handover import handed_over, read_left, read_report
from curricula.marks import GradingError, Key, NotRun, Result, graded, restored
from curricula.release import Generated, generated
from curricula.submissions import Submission
from spawners.render import Job, Script, render
from spawners.request import Request, Resources, resolve
from spawners.scheduler import JobState, Scheduler, SchedulerError
from spawners.site import Site

__all__ = ["Grader", "GradingError", "Result", "software"]

# How Slurm says that a job used more than it was given: the notebook's doing, unlike a lost node.
_TOO_MUCH = {"OUT_OF_MEMORY", "TIMEOUT", "DEADLINE"}
_POLL = 0.5


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

    async def grade(self, submission: Submission) -> Result:
        """Return the result of `submission`: the one there is, or a new one. Raises GradingError, ReleaseError."""
        assignment = self.course.assignment(submission.assignment)
        resources = self._resources(assignment)
        environment = resources.environment
        key = Key(
            submission=submission.sha256,
            assignment=self.course.version(assignment),
            environment=(environment and environment.lock) or software(),
        )
        if (known := self._known(key)) is not None:
            return known
        version = await asyncio.to_thread(generated, self.course, assignment)
        content = _verified(submission)
        try:
            notebook = await asyncio.to_thread(restored, content, version)
            result = await self._run(key, notebook, version, resources)
        except NotRun as reason:
            result = Result(key=key, not_run=str(reason))
        return self._keep(result)

    async def _run(self, key: Key, notebook: NotebookNode, version: Generated, resources: Resources) -> Result:
        """Have the notebook executed, and mark what comes back."""
        with handed_over(self.handover, notebook, resources) as folder:
            try:
                job_id = await self.scheduler.submit(self.user, self._script(key, folder, resources))
            except SchedulerError as error:
                raise GradingError(
                    f"The grading job was not accepted: {error}. Nothing is lost: grade again."
                ) from None
            try:
                report = await self._report(folder / "out", job_id)
                self._keep_executed(key, folder / "out/executed.ipynb")
            except asyncio.CancelledError:
                await self.scheduler.cancel(self.user, job_id)
                raise
        try:
            return Result(key=key, cells=graded(notebook, report, version), job_id=job_id)
        except NotRun as reason:
            return Result(key=key, not_run=str(reason), job_id=job_id)

    def _resources(self, assignment: Assignment) -> Resources:
        """One processor for as long as the assignment says, and two minutes to start and end."""
        minutes = assignment.minutes + 2
        request = Request(
            purpose="grading", profile=self.profile, account=self.account, time=minutes, cpus_per_task=1, gpus=0
        )
        return resolve(request, self.site)

    def _script(self, key: Key, folder: Path, resources: Resources) -> Script:
        """The job, which knows one folder and nothing else."""
        program = ("python", "-I", "-m", "curricula.autograde_node", str(folder))
        runtime = self.site.paths.runtime.format(user=self.user, account=self.account or "")
        job = Job(
            name="onramp-grade",
            comment=f"onramp:grade:{self.course.name}:{key.digest[:16]}",
            output=f"{runtime}/{key.digest[:16]}.log",
            chdir="/",
            argv=resources.environment.argv(*program) if resources.environment else program,
        )
        return render(self.site, resources, job)

    async def _report(self, out: Path, job_id: str) -> Report:
        """Wait for the report, or for the end of the job without one."""
        while True:
            over = await self._ended(job_id)
            if (out / "report.json").exists():
                return read_report(out / "report.json")
            if over is not None:
                return self._without_report(over)
            await asyncio.sleep(_POLL)

    async def _ended(self, job_id: str) -> JobState | None:
        """The job's end; None while it waits or runs, and while Slurm does not answer."""
        jobs = await self.scheduler.jobs()
        job = jobs.get(job_id)
        if job is not None:
            return job if job.ended else None
        if jobs.stale:
            return None
        try:
            return await self.scheduler.ended(job_id)
        except SchedulerError:
            return None

    def _without_report(self, job: JobState) -> Report:
        """What a job means that left nothing: too much used, or a failure that is not the notebook's."""
        why = self.scheduler.explain(job)
        killed = job.state == "FAILED" and (job.exit_code or "").endswith(":9")
        if job.state in _TOO_MUCH or killed:
            return Report(stopped=f"Its job was ended: {why}")
        raise GradingError(f"Grading job {job.job_id} ended without a report: {why} Nothing is lost: grade again.")

    def _known(self, key: Key) -> Result | None:
        """The result with this key, if there is one."""
        try:
            return Result.model_validate_json(self._place(key).read_text())
        except FileNotFoundError:
            return None

    def _keep(self, result: Result) -> Result:
        """Keep a result for good; of two that are found at once, the first one stands."""
        place = self._place(result.key)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = place.with_suffix(f".{secrets.token_hex(4)}")
        fresh.write_text(result.model_dump_json())
        try:
            os.link(fresh, place)
        except FileExistsError:
            return Result.model_validate_json(place.read_text())
        finally:
            fresh.unlink()
        return result

    def _keep_executed(self, key: Key, path: Path) -> None:
        """Keep the notebook as it ran, for teachers: its author would read hidden tests in it."""
        place = self._place(key).with_suffix(".ipynb")
        if path.exists() and not place.exists():
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.write_bytes(read_left(path))

    def _place(self, key: Key) -> Path:
        return self.course.folder / "results" / f"{key.digest}.json"


def software() -> str:
    """A hash of this Python environment: every distribution and its version."""
    found = sorted({f"{d.metadata['Name']}=={d.version}" for d in metadata.distributions()})
    return hashlib.sha256("\n".join(found).encode()).hexdigest()


def _verified(submission: Submission) -> bytes:
    """The submitted bytes, if they are still those that were received; raises GradingError."""
    try:
        content = submission.path.read_bytes()
    except OSError as error:
        raise GradingError(f"Submission {submission.id} cannot be read: {error}.") from None
    if hashlib.sha256(content).hexdigest() != submission.sha256:
        raise GradingError(f"Submission {submission.id} is not what was received: its sha256 differs.")
    return content

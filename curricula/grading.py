"""grade(submission) → Result: one sandboxed Slurm job per submission, under an account of its own.

Tests are put back before the job and marks are given after it, here, by the course's account. The job gets one
notebook and hands back a report; it knows neither who wrote the notebook nor what is right.
"""

import asyncio
import hashlib
import logging
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from curricula.autograde_node import Report
from curricula.canary import check_canaries, with_canaries
from curricula.course import Assignment, Course
from curricula.handover import JOB_LOG, handed_over, read_left, read_report
from curricula.marks import GradingError, Key, NotRun, Result, graded, restored
from curricula.release import Generated, generated
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

    async def grade(self, submission: Submission) -> Result:
        """Return the result of `submission`: the one there is, or a new one. Raises GradingError, ReleaseError."""
        assignment = self.course.assignment(submission.assignment)
        resources = self._resources(assignment)
        environment = resources.environment
        key = Key(
            submission=submission.sha256,
            assignment=self.course.version(assignment),
            environment=(environment and locked(environment).lock) or digest(environment_file()),
        )
        if (known := self._known(key)) is not None:
            return known
        version = await asyncio.to_thread(generated, self.course, assignment)
        content = _verified(submission)
        try:
            notebook = with_canaries(await asyncio.to_thread(restored, content, version))
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
                check_canaries(notebook, report)
                return Result(key=key, cells=graded(notebook, report, version), job_id=job_id)
            except NotRun as reason:
                self._keep_log(key, folder / JOB_LOG, job_id)
                return Result(key=key, not_run=str(reason), job_id=job_id)
            except GradingError:
                self._keep_log(key, folder / JOB_LOG, job_id)
                raise
            except asyncio.CancelledError:
                await self.scheduler.cancel(self.user, job_id)
                raise

    def _resources(self, assignment: Assignment) -> Resources:
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
            time=assignment.minutes + 2,
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

    async def _report(self, out: Path, job_id: str) -> Report:
        """Wait for the report, or for the end of the job without one."""
        absent = 0
        while absent < _ABSENT:
            over = await self._ended(job_id)
            if (out / "report.json").exists():
                return read_report(out / "report.json")
            if over is not None:
                return self._without_report(over)
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
        if result.not_run is None:
            place.with_suffix(".log").unlink(missing_ok=True)
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


def _verified(submission: Submission) -> bytes:
    """The submitted bytes, if they are still those that were received; raises GradingError."""
    try:
        content = submission.path.read_bytes()
    except OSError as error:
        raise GradingError(f"Submission {submission.id} cannot be read: {error}.") from None
    if hashlib.sha256(content).hexdigest() != submission.sha256:
        raise GradingError(f"Submission {submission.id} is not what was received: its sha256 differs.")
    return content

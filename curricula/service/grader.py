"""How the service grades: grading jobs under its own launcher, and one grader per course."""

import argparse
from typing import TYPE_CHECKING

from curricula.course import Course
from curricula.service.secret import secret
from curricula.submissions import Submission
from spawners.launcher import SocketLauncher, SudoLauncher

if TYPE_CHECKING:  # nbgrader loads slowly, and a page needs none of it
    from curricula.grading import Grader
    from curricula.marks import Result
    from curricula.workers import Workers


class Grading:
    """Grades a submission of any course; nbgrader is loaded when it is first needed."""

    def __init__(self, arguments: argparse.Namespace, *, least: int = 0) -> None:
        """`least` grading jobs stand by once `stand_by` was called."""
        self._arguments, self.least = arguments, least
        self._workers: Workers | None = None
        self._graders: dict[str, tuple[Course, Grader]] = {}

    async def __call__(self, course: Course, submission: Submission, *, again: bool = False) -> "Result":
        """Return the result of one submission. Raises GradingError."""
        return await self._grader(course).grade(submission, again=again)

    def stand_by(self) -> None:
        """Have the jobs begin that stand by, if there are to be any."""
        if self.least:
            self._jobs().stand_by()

    async def close(self) -> None:
        """End all grading jobs."""
        if self._workers is not None:
            await self._workers.close()

    def _grader(self, course: Course) -> "Grader":
        from curricula.grading import Grader

        known = self._graders.get(course.name)
        if known is None or known[0] != course:
            seeds = secret(self._arguments.root, "hidden_seeds")
            known = self._graders[course.name] = course, Grader(course, self._jobs(), seeds)
        return known[1]

    def _jobs(self) -> "Workers":
        from curricula.grading_job import GradingJob
        from curricula.workers import Workers
        from spawners.site import load_site
        from spawners.slurm import Slurm

        if self._workers is None:
            told = self._arguments
            job = GradingJob(load_site(told.site), profile=told.grading_profile, account=told.grading_account)
            self._workers = Workers(Slurm(launcher(told)), job, told.handover, least=self.least)
        return self._workers


def launcher(arguments: argparse.Namespace) -> SocketLauncher | SudoLauncher:
    """How grading jobs are submitted as the grading account: by its socket, or by the command that sudo may run."""
    return SudoLauncher(arguments.sudo) if arguments.sudo else SocketLauncher(arguments.launcher)

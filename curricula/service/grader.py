"""How the service grades: curricula.grading under its own launcher, one grader per course."""

import argparse
from typing import Any

from curricula.course import Course
from curricula.service.teaching import Grade
from curricula.submissions import Submission
from spawners.launcher import SocketLauncher, SudoLauncher


def grade_with(arguments: argparse.Namespace) -> Grade:
    """Return the function that grades one submission of a course; nbgrader is loaded when it is first needed."""
    graders: dict[str, Any] = {}

    async def grade(course: Course, submission: Submission, *, again: bool = False) -> Any:
        if graders.get(course.name, (None,))[0] != course:
            graders[course.name] = course, _grader(arguments, course)
        return await graders[course.name][1].grade(submission, again=again)

    return grade


def launcher(arguments: argparse.Namespace) -> SocketLauncher | SudoLauncher:
    """How grading jobs are submitted as the grading account: by its socket, or by the command that sudo may run."""
    return SudoLauncher(arguments.sudo) if arguments.sudo else SocketLauncher(arguments.launcher)


def _grader(arguments: argparse.Namespace, course: Course) -> Any:
    from curricula.grading import Grader
    from spawners.site import load_site
    from spawners.slurm import Slurm

    scheduler = Slurm(launcher(arguments))
    return Grader(course, load_site(arguments.site), scheduler, handover=arguments.handover)

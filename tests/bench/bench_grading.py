"""`onramp bench grading`: what grading one notebook costs, of six cells with numpy, and of six with what loads slowly.

ours          curricula.here, as a grading job and the course's account would together: isolation on, nobody's account
              where root starts it, every notebook in two processes of its own.
peer          stock `nbgrader autograde`, its own program on a course of its own: no isolation.
otter         `otter run`, one program for each submission, as Gradescope starts it: no isolation.
The notebook holds right answers, and everybody has to give it full marks. Per submission:
cpu, wall             seconds of the whole process tree and by the clock, all that it starts for some copies counted:
                      our sandbox and the trial of the tests; nbgrader's program; otter's.
exec_cpu, exec_wall   what one more copy costs where the sandbox stands by, or nbgrader runs already.
total_cpu, total_wall from when it is handed in until its result is on record: ours through the whole course service,
                      with a grading job that stands by; nbgrader's is the program that puts it into its gradebook.
Not in it: the queue of Slurm, and the collecting of files, which nbgrader's teachers do before.
"""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import nbformat
import psutil
from nbformat import NotebookNode

from curricula.course import load_course
from curricula.here import Here
from curricula.release import Generated, generated
from curricula.report import Limits
from tests.attacks.attack import COURSE
from tests.bench import interleave
from tests.bench.goals import Goal, judged
from tests.bench.graders import OTTER, TOOLS, LeftOut, Nbgrader, Otter
from tests.bench.interleave import Contender, Measures, Sample
from tests.bench.outcome import asked
from tests.bench.receiving import recorded
from tests.bench.tree import Spent, adopt
from tests.curricula.course_here import solved

GOALS = {"exec_cpu_ratio": Goal(least=40), "total_ratio": Goal(least=15)}


class Size(NamedTuple):
    """How often, how many copies a contender grades from its start on, and how many more we do then."""

    rounds: int
    copies: int
    more: int
    warm_up: int


class Exercise(NamedTuple):
    """An assignment of a course, what its right answers get, and how its keys in RESULT end."""

    course: Path
    assignment: str
    points: float
    suffix: str
    full: Size
    quick: Size


NUMPY = Exercise(
    COURSE,
    "attacks",
    points=10,
    suffix="",
    full=Size(rounds=10, copies=10, more=90, warm_up=1),
    quick=Size(rounds=2, copies=5, more=40, warm_up=0),
)
# pandas, scikit-learn and matplotlib, which who starts a kernel for each notebook loads each time.
SCIENCE = Exercise(
    Path(__file__).with_name("science"),
    "science",
    points=10,
    suffix="_science",
    full=Size(rounds=4, copies=4, more=40, warm_up=1),
    quick=Size(rounds=1, copies=2, more=10, warm_up=0),
)


class Work(NamedTuple):
    """What there is to grade: an exercise's notebook with right answers, also as bytes, and the assignment."""

    exercise: Exercise
    notebook: NotebookNode
    content: bytes
    version: Generated


def main() -> None:
    """Measure, print the tables, save the samples, and end with the line RESULT."""
    quick = asked("grading", "fewer rounds and copies, for a first look").quick
    adopt()
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:{TOOLS / 'debian/usr/bin'}"
    found: dict[str, float] = {}
    for exercise in (NUMPY, SCIENCE):
        found |= measured(exercise, exercise.quick if quick else exercise.full)
    print(judged("grading", GOALS, found))
    print(interleave.result("grading", found))


def measured(exercise: Exercise, size: Size) -> Mapping[str, float]:
    """Have everybody grade one exercise, print the tables, save the samples, and return what RESULT says of it."""
    course = load_course(exercise.course)
    assignment = course.assignment(exercise.assignment)
    right = solved(course, assignment)
    work = Work(exercise, right, nbformat.writes(right).encode(), generated(course, assignment))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        nbgrader = Nbgrader(Path(folder), exercise.assignment, course.source(assignment))
        contenders = [
            Contender("ours", lambda: by_us(work, size)),
            Contender("peer", lambda: by_nbgrader(nbgrader, work, size)),
            *(with_otter(Path(folder), work) if exercise is NUMPY else ()),
        ]
        walls = isolation(work)
        interleave.say(f"{assignment.title}. Ours: walls of {walls}. Per submission, {size.copies} at a time:")
        samples = interleave.interleave(contenders, size.rounds, warm_up=size.warm_up)
        found = results(samples)
        report(samples, found, walls, exercise)
    return {f"{name}{exercise.suffix}": value for name, value in found.items()}


def isolation(work: Work) -> str:
    """Grade once, and return which walls stood around that, and as whom its processes ran."""
    with Here() as here:
        walls = here.grade(work.content, work.version, Limits()).result.walls
        users = {one.uids().real for one in psutil.Process().children(recursive=True)}
    return f"{walls}, as uid {', '.join(map(str, sorted(users)))}"


def by_us(work: Work, size: Size) -> Measures:
    """Start a sandbox and grade some copies, and more of them once it stands; then have the service grade some."""
    begin = Spent.once_quiet()
    with Here() as here:

        def grade(copies: int) -> Spent:
            checked((here.grade(work.content, work.version, Limits()).result.score for _ in range(copies)), work)
            return Spent.now()

        started = grade(size.copies)
        more = grade(size.more)
    place, assignment = work.exercise.course, work.exercise.assignment
    served, scores = asyncio.run(recorded(place, assignment, work.notebook, size.copies))
    checked(scores, work)
    return (
        from_start(begin.until(started), size.copies)
        | one_more(Spent(0, 0), started.until(more), size.more)
        | {"total_cpu": served.cpu / size.copies, "total_wall": served.at / size.copies}
    )


def by_nbgrader(nbgrader: Nbgrader, work: Work, size: Size) -> Measures:
    """Grade one copy, and some, each by a program of its own: the difference is what one more costs."""
    one, first = nbgrader.grade(work.content, 1)
    some, scores = nbgrader.grade(work.content, size.copies)
    checked([*first, *scores], work)
    assert (len(first), len(scores)) == (1, size.copies)
    whole = from_start(some, size.copies)
    total = {"total_cpu": whole["cpu"], "total_wall": whole["wall"]}
    return whole | one_more(one, some, size.copies - 1) | total


def with_otter(folder: Path, work: Work) -> Sequence[Contender]:
    """Return otter as a contender; where it cannot be installed, say so and return none."""
    try:
        otter = Otter(folder, work.version.tests)
    except LeftOut as reason:
        interleave.say(f"otter is left out: {reason}")
        return ()
    return (Contender("otter", lambda: by_otter(otter, work)),)


def by_otter(otter: Otter, work: Work) -> Measures:
    """Grade one copy."""
    took, score = otter.grade(work.content)
    checked([score], work)
    return from_start(took, 1)


def checked(scores: Iterable[float | None], work: Work) -> None:
    """See that right answers got full marks: who grades wrongly has not graded."""
    found, points = list(scores), work.exercise.points
    assert found == [points] * len(found), f"{found}, where each is to be {points:g} points"


def from_start(took: Spent, copies: int) -> dict[str, float]:
    """Return what one of these copies took, all that was started for them counted."""
    return {"cpu": took.cpu / copies, "wall": took.at / copies}


def one_more(few: Spent, many: Spent, more: int) -> dict[str, float]:
    """Return what each further copy took, from what few and many did."""
    return {"exec_cpu": (many.cpu - few.cpu) / more, "exec_wall": (many.at - few.at) / more}


def results(samples: Sequence[Sample]) -> Mapping[str, float]:
    """Return what RESULT says; without otter, nothing of it."""
    found = {
        "exec_cpu_ratio": interleave.ratio(samples, "exec_cpu", ours="peer", peer="ours"),
        "total_ratio": interleave.ratio(samples, "total_wall", ours="peer", peer="ours"),
    }
    if interleave.values(samples, "otter", "wall"):
        found["otter_wall_ratio"] = interleave.ratio(samples, "wall", ours="otter", peer="ours")
    return found | {
        "per_min": 60 / interleave.median(samples, "ours", "exec_wall"),
        "per_min_peer": 60 / interleave.median(samples, "peer", "exec_wall"),
        "exec_cpu_ms": 1000 * interleave.median(samples, "ours", "exec_cpu"),
        "exec_cpu_ms_peer": 1000 * interleave.median(samples, "peer", "exec_cpu"),
        "total_cpu_ratio": interleave.ratio(samples, "total_cpu", ours="peer", peer="ours"),
        "start_ratio": interleave.ratio(samples, "wall", ours="peer", peer="ours"),
    }


def report(samples: Sequence[Sample], found: Mapping[str, float], walls: str, exercise: Exercise) -> None:
    """Print and save what was found; `walls` says what ours ran within."""
    for measure in ("exec_cpu", "exec_wall", "total_cpu", "total_wall", "cpu", "wall"):
        print(table(samples, measure), end="\n\n")
    bubblewrap = subprocess.run(["bwrap", "--version"], check=True, capture_output=True, text=True).stdout.split()[-1]
    versions = {"nbgrader": version("nbgrader"), "numpy": version("numpy"), "bubblewrap": bubblewrap, "walls": walls}
    versions |= {"otter": OTTER} if "otter_wall_ratio" in found else {}
    file = interleave.save(f"grading{exercise.suffix}", samples, found, versions)
    print(f"raw samples: {os.path.relpath(file)}")


def table(samples: Sequence[Sample], measure: str) -> str:
    """Return a table in milliseconds: in seconds ours would be all zeros."""
    scaled = [
        Sample(one.round, one.contender, one.at, one.load, {f"{measure}, ms": 1000 * one.measures[measure]})
        for one in samples
        if measure in one.measures
    ]
    return interleave.table(scaled, f"{measure}, ms")


if __name__ == "__main__":
    main()

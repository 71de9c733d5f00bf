"""`onramp bench rush`: a class hands in within a minute, and everything is receipted, graded and recorded.

A thousand learners, each with a token of the hub's, post their notebook (six cells with numpy) through its proxy; the
assignment's feedback is shown at once, so each is graded as it comes in, by grading jobs of a real Slurm.
calm          nothing else happens.
killed        once a third has come the course service is killed, at two thirds the grading job that stands by.
p99_ms        milliseconds from the first try until the receipt; who gets none tries again after a second.
behind_s      seconds from the last one's handing in until all results are recorded.
lost          those with a receipt of which the service does not have what was handed in, with full marks.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import yaml

from curricula.course import load_course
from hub_config.cli.terminal import REPOSITORY
from tests.attacks.attack import COURSE
from tests.bench import interleave
from tests.bench.bench_grading import NUMPY
from tests.bench.factory import Factory
from tests.bench.goals import Goal
from tests.bench.hub import Hub, HubError
from tests.bench.interleave import Sample
from tests.bench.outcome import asked, conclude
from tests.bench.rush import Handed, Rush, judge
from tests.curricula.course_here import solved

NAME, TEACHER = "rush", "teacher1"
# The results of all are waited for so long.
PATIENCE = 300.0
GOALS = {
    "lost": Goal(most=0),
    "lost_killed": Goal(most=0),
    "behind_s": Goal(most=5),
}


class Size(NamedTuple):
    """How many learners, and the seconds over which they hand in."""

    learners: int
    seconds: float


FULL = Size(learners=1000, seconds=60)
QUICK = Size(learners=60, seconds=6)


def main() -> None:
    """Measure, print the tables, save the samples, and end with the line RESULT."""
    size = QUICK if asked("rush", "fewer learners, for a first look").quick else FULL
    with Factory() as factory:
        factory.up()
        hub = factory.hub(TEACHER)
        service = f"{hub.url}/services/onramp-course"
        content = course(factory, hub, service)
        tokens = learners(hub, service, size.learners)
        rush = Rush(f"{service}/{address()}/submissions", tokens, content)
        interleave.say(f"{size.learners} learners hand in within {size.seconds:g} s:")
        samples = [
            round_of("calm", rush, size, {}, hub, service),
            round_of("killed", rush, size, kills(factory), hub, service),
        ]
    report(samples, size)


def address() -> str:
    """The assignment in the service's API."""
    return f"api/courses/{NAME}/assignments/{NUMPY.assignment}"


def course(factory: Factory, hub: Hub, service: str) -> Mapping[str, Any]:
    """Put the course in place, release its assignment and have it graded once; return right answers to it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name, NAME)
        shutil.copytree(COURSE / "source" / NUMPY.assignment, folder / "source" / NUMPY.assignment)
        about = {
            "name": NUMPY.assignment,
            "title": "Rush",
            "notebook": f"{NUMPY.assignment}.ipynb",
            "feedback": "at-once",
        }
        whole = {"name": NAME, "title": "A rush", "teachers": [TEACHER], "code": "RUSH-1", "assignments": [about]}
        (folder / "course.yaml").write_text(yaml.safe_dump(whole))
        command = ["./onramp", "course", "create", str(folder), "--state", str(factory.state.folder)]
        subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
        here = load_course(folder)
        right: Mapping[str, Any] = solved(here, here.assignment(NUMPY.assignment))
    post(hub, f"{service}/{address()}/release")
    # Which tests run where is found once, for the first who hands in: long before the last minute.
    post(hub, f"{service}/{address()}/submissions", nbformat.writes(nbformat.from_dict(dict(right))).encode())
    wait_for_results(hub, service, 1)
    return right


def learners(hub: Hub, service: str, number: int) -> Mapping[str, str]:
    """Make learners known to the hub and to the course; return a token of each."""
    names = [f"rush{one:04}" for one in range(number)]
    hub.add(names)
    post(hub, f"{service}/api/courses/{NAME}/roster", "\n".join(["id", *names]).encode())
    return {name: hub.api("POST", f"users/{name}/tokens", {"note": "rush"})["token"] for name in names}


def round_of(
    name: str, rush: Rush, size: Size, moments: Mapping[float, Callable[[], None]], hub: Hub, service: str
) -> Sample:
    """Let all hand in once and hold what they got against what is on record."""
    before, begin, load = len(records(hub, service)), time.time(), os.getloadavg()[0]
    handed = asyncio.run(rush.hand_in(name, size.seconds, moments))
    over = time.monotonic()
    recorded = wait_for_results(hub, service, before + sum(one.receipt is not None for one in handed))
    behind = time.monotonic() - over
    verdict = judge(handed, recorded, NUMPY.points)
    measures = {
        "submitted": len(handed),
        **{key: float(value) for key, value in verdict._asdict().items()},
        "p50_ms": 1000 * percentile(handed, 0.5),
        "p99_ms": 1000 * percentile(handed, 0.99),
        "behind_s": behind,
    }
    sample = Sample(0, name, begin, load, measures)
    interleave.say(f"  {name:8} {'  '.join(f'{key} {value:.0f}' for key, value in measures.items())}")
    return sample


def percentile(handed: Sequence[Handed], share: float) -> float:
    """The seconds within which so many had their receipt."""
    seconds = sorted(one.seconds for one in handed)
    return seconds[min(len(seconds) - 1, int(share * len(seconds)))]


def kills(factory: Factory) -> Mapping[float, Callable[[], None]]:
    """What is killed, and when."""

    def service() -> None:
        factory.run("supervisorctl", "-s", "unix:///run/supervisor.sock", "signal", "KILL", "course")

    def worker() -> None:
        jobs = factory.run("squeue", "-h", "-t", "R", "-n", "onramp-grade", "-o", "%i").split()
        factory.run("scancel", "--signal=KILL", "--full", jobs[-1])

    return {1 / 3: service, 2 / 3: worker}


def records(hub: Hub, service: str) -> Sequence[Mapping[str, Any]]:
    """What the service has on record of the assignment."""
    found: Sequence[Mapping[str, Any]] = post(hub, f"{service}/{address()}/submissions", method="GET")["submissions"]
    return found


def wait_for_results(hub: Hub, service: str, number: int) -> Sequence[Mapping[str, Any]]:
    """Wait until so many have a result, or for as long as anybody would."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            found = records(hub, service)
        except HubError:  # it is just being started again
            found = ()
        if sum(one["mark"] is not None for one in found) >= number or time.monotonic() > end:
            return found
        time.sleep(2)


def post(hub: Hub, url: str, body: bytes = b"", method: str = "POST") -> Any:
    """Ask the service as the teacher."""
    return hub.ask_service(url, body if method == "POST" else None)


def report(samples: Sequence[Sample], size: Size) -> None:
    """Print and save what was found."""
    calm, killed = (sample.measures for sample in samples)
    print(interleave.medians(samples, tuple(calm)), end="\n\n")
    results = {**calm, **{f"{key}_killed": value for key, value in killed.items() if key != "submitted"}}
    conclude("rush", GOALS, samples, results, {"seconds": f"{size.seconds:g}"})


if __name__ == "__main__":
    main()

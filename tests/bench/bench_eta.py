"""`onramp bench eta`: whether servers start when the start page says that they would.

A factory's GPU nodes are kept busy by jobs that come in waves; most end well before their limits, some run until those
end them. On that cluster somebody asks again and again when a server would start, and starts it. Nothing is known
beforehand: what is learned is learned from the same factory, on the way.
ours          what the start page says: a range, from Slurm's answer and what earlier starts and accounting teach.
peer          Slurm's own answer of the same moment, `sbatch --test-only`: a time, taken as right within a tenth.
inside        1 where the wait was within what was said. A start within 5 s of what was said is never missed.
width         seconds between the soonest and the latest start that was said.
A start that had not come when the bench ended counts as outside.
"""

import json
import shutil
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench import interleave
from tests.bench.factory import Factory
from tests.bench.goals import Goal
from tests.bench.interleave import Measures, Sample
from tests.bench.outcome import asked, conclude, show

LOAD = Path(__file__).with_name("eta_load.py")
INSIDE = "/srv/onramp/bench"
HUB = "onramp-hub"
# Another number is another load.
SEED = 1
# Nobody minds so many seconds: what takes Slurm itself as long as this.
GRACE = 5.0
# How far Slurm's own answer may be off, as a part of the wait.
TENTH = 0.1


class Size(NamedTuple):
    """How many starts, and how many seconds lie between two of them."""

    starts: int
    every: float


FULL = Size(starts=30, every=8)
QUICK = Size(starts=8, every=5)


class Start(NamedTuple):
    """One start, in seconds: Slurm's answer, our range, and the wait; None where there was no answer or no start."""

    foreseen: float | None
    soonest: float | None
    latest: float | None
    waited: float | None


GOALS = {"inside_pct": Goal(least=80)}


def main() -> None:
    """Measure, print the tables, save the samples, and end with the line RESULT."""
    size = QUICK if asked("eta", "fewer starts, for a first look").quick else FULL
    with Factory() as factory:
        factory.up()
        interleave.say(f"{size.starts} starts on a busy cluster:")
        starts = started(factory, size)
    report(list(samples(starts)))


def started(factory: Factory, size: Size) -> Sequence[Start]:
    """Load the cluster, and ask and start inside it."""
    folder = factory.state.folder / INSIDE.removeprefix("/")
    folder.mkdir(mode=0o755)
    shutil.copy(LOAD, folder)
    arguments = (str(SEED), str(size.starts), str(size.every))
    said = factory.run("python", "-I", f"{INSIDE}/{LOAD.name}", *arguments, user=HUB)
    return [Start(**each) for each in json.loads(said)]


def samples(starts: Sequence[Start]) -> Iterator[Sample]:
    """What was said, by us and by Slurm, and whether it held."""
    for number, start in enumerate(starts):
        said = {"ours": (start.soonest, start.latest), "peer": (less(start.foreseen), more(start.foreseen))}
        for name, (soonest, latest) in said.items():
            yield Sample(number, name, 0.0, 0.0, held(soonest, latest, start))


def held(soonest: float | None, latest: float | None, start: Start) -> Measures:
    """Whether the wait was between two times; nothing said, and no start, are outside."""
    if soonest is None or latest is None or start.waited is None:
        return {"inside": 0.0}
    inside = soonest - GRACE <= start.waited <= latest + GRACE
    measures: Mapping[str, float] = {"inside": float(inside), "width": latest - soonest, "waited": start.waited}
    return measures


def less(foreseen: float | None) -> float | None:
    """A tenth before."""
    return None if foreseen is None else foreseen * (1 - TENTH)


def more(foreseen: float | None) -> float | None:
    """A tenth after."""
    return None if foreseen is None else foreseen * (1 + TENTH)


def report(found: Sequence[Sample]) -> None:
    """Print and save what was found."""
    show(found, "inside", "width", "waited")
    results = {
        "inside_pct": percent(found, "ours"),
        "width_s": interleave.median(found, "ours", "width"),
        "inside_pct_peer": percent(found, "peer"),
        "waited_s": interleave.median(found, "ours", "waited"),
    }
    conclude("eta", GOALS, found, results)


def percent(found: Sequence[Sample], name: str) -> float:
    """How many of a hundred starts were inside."""
    return 100 * statistics.mean(interleave.values(found, name, "inside"))


if __name__ == "__main__":
    main()

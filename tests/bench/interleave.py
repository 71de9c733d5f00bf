"""Measure several contenders by turns: on a shared, noisy machine only what ran side by side can be compared.

A contender is one way to do the same thing: "ours", the "peer" people would use otherwise, the "floor" that nobody can
beat. In every round each of them runs once, in rotating order, so that a slow minute of the machine meets all of them.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

SAMPLES = Path(__file__).with_name("samples")
PACKAGES = ("jupyterhub", "batchspawner", "jupyterlab", "jupyter_server", "tornado")
Measures = Mapping[str, float]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Contender:
    """One way to do it: `run` does it once and returns what was measured, by name."""

    name: str
    run: Callable[[], Measures]


@dataclass(frozen=True)
class Sample:
    """What one contender measured in one round; `load` is the machine's load average before it, over a minute."""

    round: int
    contender: str
    at: float
    load: float
    measures: Measures


def interleave(contenders: Sequence[Contender], rounds: int, *, warm_up: int = 0) -> list[Sample]:
    """Run every contender once per round, in rotating order; rounds of the warm-up are numbered below 0."""
    samples = []
    for number in range(-warm_up, rounds):
        for contender in rotated(contenders, number):
            begin, load = time.time(), os.getloadavg()[0]
            sample = Sample(number, contender.name, begin, load, dict(contender.run()))
            say(f"  round {number + 1:2} {contender.name:10} {_shown(sample.measures)}")
            samples.append(sample)
    return samples


def rotated(items: Sequence[_T], by: int) -> Sequence[_T]:
    """Return the items in another order for each number: nobody always comes first, or always after the same."""
    first = by % len(items)
    order = [*items[first:], *items[:first]]
    return order if by // len(items) % 2 == 0 else order[::-1]


def values(samples: Iterable[Sample], contender: str, measure: str) -> list[float]:
    """Return what a contender measured, round by round, without the warm-up; empty where it has no such measure."""
    counted = (sample.measures for sample in samples if sample.round >= 0 and sample.contender == contender)
    return [measures[measure] for measures in counted if measure in measures]


def median(samples: Iterable[Sample], contender: str, measure: str) -> float:
    """Return the median of what a contender measured."""
    return statistics.median(values(samples, contender, measure))


def ratio(samples: Sequence[Sample], measure: str, ours: str = "ours", peer: str = "peer") -> float:
    """Return the median of ours/peer over the rounds, each quotient from one and the same round."""
    pairs = zip(values(samples, ours, measure), values(samples, peer, measure), strict=True)
    return statistics.median(mine / theirs for mine, theirs in pairs)


def table(samples: Sequence[Sample], measure: str) -> str:
    """Return min, median and max of a measure, one line per contender that has it."""
    lines = [f"{measure:12} {'min':>9} {'median':>9} {'max':>9} {'rounds':>7}"]
    for name in dict.fromkeys(sample.contender for sample in samples if measure in sample.measures):
        found = values(samples, name, measure)
        numbers = (min(found), statistics.median(found), max(found))
        lines.append(f"{name:12} " + " ".join(f"{number:9.2f}" for number in numbers) + f" {len(found):7}")
    return "\n".join(lines)


def medians(samples: Sequence[Sample], measures: Sequence[str]) -> str:
    """Return the medians of several measures, one line per contender."""
    lines = [" ".join([f"{'median':12}", *(f"{measure:>9}" for measure in measures)])]
    for name in dict.fromkeys(sample.contender for sample in samples):
        lines.append(" ".join([f"{name:12}", *(f"{median(samples, name, measure):9.2f}" for measure in measures)]))
    return "\n".join(lines)


def result(name: str, results: Mapping[str, float]) -> str:
    """Return the one line that programs read: `RESULT NAME key=value …`."""
    return " ".join(["RESULT", name, *(f"{key}={_digits(value)}" for key, value in results.items())])


def save(
    name: str,
    samples: Sequence[Sample],
    results: Mapping[str, float],
    versions: Mapping[str, str] | None = None,
    folder: Path = SAMPLES,
) -> Path:
    """Write the raw samples to a new JSON file and return its path.

    With them goes what they were measured of and on: `versions` of programs, our own commit, packages, the machine.
    """
    folder.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    file = folder / f"{name}-{now:%Y%m%d-%H%M%S}-{os.getpid()}.json"
    content = {
        "bench": name,
        "date": now.isoformat(timespec="seconds"),
        "arguments": sys.argv[1:],
        "machine": machine(),
        "versions": {"onramp": commit(), **{package: version(package) for package in PACKAGES}, **(versions or {})},
        "results": dict(results),
        "samples": [asdict(sample) for sample in samples],
    }
    file.write_text(json.dumps(content, indent=1) + "\n")
    return file


def machine() -> Mapping[str, str | int | None]:
    """Say what the machine is, and nothing of who owns it."""
    return {
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
    }


def commit() -> str:
    """Return the commit of this checkout, with `-dirty` where files differ from it; empty without git."""
    try:
        command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def say(text: str) -> None:
    """Print how far it is, beside the results."""
    print(text, file=sys.stderr, flush=True)


def _shown(measures: Measures) -> str:
    return "  ".join(f"{name} {value:.2f}" for name, value in measures.items())


def _digits(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"

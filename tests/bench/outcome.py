"""What every bench begins and ends with: its command line; tables, the raw samples, and the lines GOALS and RESULT."""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench import interleave
from tests.bench.factory import end_when_told
from tests.bench.goals import Goal, judged
from tests.bench.interleave import SAMPLES, Sample


def asked(name: str, quick: str = "fewer rounds, for a first look", *only: str) -> argparse.Namespace:
    """Read a bench's command line, and let it be ended through every `with` block from then on.

    `quick` says what --quick does; where contenders are named, --only has one of them run alone.
    """
    read = argparse.ArgumentParser(prog=f"onramp bench {name}")
    read.add_argument("--quick", action="store_true", help=quick)
    if only:
        read.add_argument("--only", choices=only, help="one of the two, for looking into it")
    options = read.parse_args()
    end_when_told()
    return options


def show(samples: Sequence[Sample], *measures: str) -> None:
    """Print a table of each measure."""
    for measure in measures:
        print(interleave.table(samples, measure), end="\n\n")


def conclude(
    name: str,
    goals: Mapping[str, Goal],
    samples: Sequence[Sample],
    results: Mapping[str, float],
    versions: Mapping[str, str] | None = None,
    *,
    aside: Mapping[str, float] = {},
    folder: Path = SAMPLES,
) -> None:
    """Save the samples and print the last lines; `aside` has goals and no place in RESULT."""
    print(f"raw samples: {os.path.relpath(interleave.save(name, samples, results, versions, folder))}")
    print(judged(name, goals, {**results, **aside}))
    print(interleave.result(name, results))

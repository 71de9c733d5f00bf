"""The grid of a sweep: which members it has, what they may cost at most, and what is wrong with it. Pure."""

import math
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

from spawners.run_notebook import Notebook, check_parameters
from spawners.run_record import RunError

# A member has a folder of its own, and a home folder holds so many files only.
MOST = 1000
# So many jobs share the members, where nobody says otherwise.
JOBS = 4


def read_grid(grid: object) -> dict[str, list[Any]]:
    """A grid as plain lists; RunError for what is none."""
    if not isinstance(grid, Mapping) or not grid:
        raise RunError('The grid is empty. Give each parameter its values: grid={"learning_rate": [0.1, 0.01]}.')
    found: dict[str, list[Any]] = {}
    for name, values in grid.items():
        if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
            raise RunError(
                f"The values of '{name}' are {values!r}, and no list. Write grid={{{name!r}: [{values!r}]}}."
            )
        found[str(name)] = list(values)
        if not found[str(name)]:
            raise RunError(f"'{name}' has no values, so there is nothing to run. Give at least one, or leave it out.")
    count = math.prod(map(len, found.values()))
    if count > MOST:
        told = " × ".join(f"{len(values)} ({name})" for name, values in found.items())
        raise RunError(f"{told} are {count} members, and a sweep has at most {MOST}. Try fewer values of one of them.")
    return found


def check_grid(notebook: Notebook, grid: Mapping[str, list[Any]]) -> None:
    """RunError unless the notebook has each parameter, and each value is of its kind."""
    for name, values in grid.items():
        for value in values:
            check_parameters(notebook, {name: value})


def members(grid: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """Every combination of the values; the last parameter changes first."""
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]


def jobs_for(count: int, jobs: int | None) -> int:
    """How many jobs share so many members; RunError for more than there are, or none."""
    if jobs is None:
        return min(count, JOBS)
    if isinstance(jobs, bool) or not isinstance(jobs, int) or not 1 <= jobs <= count:
        raise RunError(f"jobs is {jobs!r}, and {count} members are shared by 1 to {count} jobs.")
    return jobs


def check_cap(jobs: int, minutes: int, gpus: int, cap: float | None, used: float = 0.0) -> None:
    """RunError, with the arithmetic, where the jobs might use more GPU-hours than they may.

    Slurm ends a job at its time limit, so that they never use more than this.
    """
    most = jobs * minutes * gpus / 60
    shared, each = ("" if number == 1 else "s" for number in (jobs, gpus))
    told = f"{jobs} job{shared} × {minutes} minutes × {gpus} GPU{each} = {most:g} GPU-hours"
    if cap is None:
        if gpus:
            raise RunError(f"Say what the sweep may cost at most: {told}. Give gpu_hours={most:g}, or a lower time.")
        return
    if isinstance(cap, bool) or not isinstance(cap, int | float) or not cap >= 0:
        raise RunError(f"gpu_hours is {cap!r}; it is a number of hours, such as {most:g}.")
    if used + most > cap:
        so_far = f" and {used:.2f} are used already" if used else ""
        fit = int((cap - used) * 60 / (jobs * gpus))
        less = f"time={fit}, " if fit >= 1 else ""
        raise RunError(
            f"{told}{so_far}, and gpu_hours is {cap:g}. Give {less}fewer jobs, or gpu_hours={used + most:g}."
        )

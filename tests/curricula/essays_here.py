"""A course whose second assignment has an answer that only a person can mark, and a program worth comparing."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from curricula.course import Course
from curricula.marks import CellGrade, Key, Result
from curricula.submissions import Submission
from tests.curricula.service_here import SOURCE, Service, running

PROGRAM = """def moving_mean(values, width):
    # of every window
    means = []
    total = 0
    for at, value in enumerate(values):
        total += value
        if at >= width:
            total -= values[at - width]
        if at >= width - 1:
            means.append(total / width)
    return means
"""
DISGUISED = """def moving_mean(xs, n):
    out = []
    s = 0  # so far
    for i, x in enumerate(xs):
        s += x
        if i >= n:
            s -= xs[i - n]
        # a whole window
        if i >= n - 1:
            out.append(s / n)
    return out
"""
OWN = """import numpy

def moving_mean(values, width):
    sums = numpy.cumsum([0, *values])
    if width > len(values):
        return []
    return list((sums[width:] - sums[:-width]) / width)
"""
_ABOUT = {"solution": True, "locked": False, "schema_version": 3}


def _cell(kind: str, source: str, **about: object) -> dict[str, Any]:
    more = {"execution_count": None, "outputs": []} if kind == "code" else {}
    metadata = {"nbgrader": about} if about else {}
    return {"cell_type": kind, "id": f"x{len(source)}", "metadata": metadata, "source": source, **more}


def written(essay: str, program: str = "### BEGIN SOLUTION\n" + PROGRAM + "### END SOLUTION") -> dict[str, Any]:
    """A notebook with an essay and a program in it; as it is without the program, the teacher's source."""
    question = _cell("markdown", "# Why does the batch fit?\nSay it in two sentences.")
    cells = [
        question,
        _cell("markdown", essay, grade_id="essay", grade=True, points=6, **_ABOUT),
        _cell("code", program, grade_id="program", grade=False, **_ABOUT),
        *SOURCE["cells"],  # type: ignore[misc]
    ]
    return {**SOURCE, "cells": cells}


async def by_hand(course: Course, submission: Submission, *, again: bool = False) -> Result:
    """Grade as curricula.grading does where a person has to look."""
    key = Key(submission=submission.sha256, assignment=course.version(course.assignment("a2")), environment="e")
    cells = (CellGrade(name="t", score=4, max_score=4), CellGrade(name="essay", score=None, max_score=6))
    return Result(key=key, cells=cells)


@asynccontextmanager
async def essays(root: Path, people: Mapping[str, tuple[str, str]], *, released: bool = True) -> AsyncIterator[Service]:
    """Start the service; everybody of `people` has handed in an essay and a program."""
    async with running(root) as service:
        source = root / "courses/c1/source/a2/second.ipynb"
        source.write_text(json.dumps(written("Since its gradients are accumulated.")))
        service.teaching.results.grade = by_hand
        if released:
            assert (await service.teach("release", "a2")).status_code == 200
        for user, (essay, program) in people.items():
            await service.ask(user, "POST", "api/join", json={"code": "JOIN-1"})
            answer = await service.hand_in(user, json.dumps(written(essay, program)), "a2")
            assert answer.status_code == 201, answer.text
        yield service

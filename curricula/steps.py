"""What is run of a notebook, where and in which order: its steps by the plan of its assignment. Pure."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace

import nbformat
from nbformat import NotebookNode
from pydantic import BaseModel

from curricula import canary
from curricula.cell_names import has_value, touched_names
from curricula.report import CANARIES, Limits, Report, Step, Task
from curricula.routing import Plan, grade_id, is_test


class Examination(BaseModel, frozen=True, extra="forbid"):
    """A task, and which test each of its canaries stands for."""

    task: Task
    canaries: Mapping[int, int]

    def result(self, report: Report) -> Report:
        """Return a report without the canaries. Raises canary.Tampered."""
        canary.check(report, self.canaries)
        return self.uncounted(report)

    def uncounted(self, report: Report) -> Report:
        """Return a report without the canaries, whatever became of them."""
        return replace(report, cells=tuple(ran for ran in report.cells if ran.index < CANARIES))


def examination(notebook: NotebookNode, plan: Plan, limits: Limits, chance: random.Random) -> Examination:
    """Return how a restored notebook is examined; `chance` decides where canaries stand and what they say."""
    canaries: dict[int, int] = {}
    steps: list[Step] = []
    done = set[int]()
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        name = grade_id(cell)
        if not is_test(cell):
            names = tuple(sorted(touched_names(plan.answers[name]))) if name in plan.answers else ()
            steps.append(
                Step(index=index, source=cell.source, where="learner", answers=names, value=has_value(cell.source))
            )
            continue
        mode, value = plan.routes[name].mode, has_value(cell.source)
        step = Step(index=index, source=cell.source, where=mode, value=value)
        if step.where == "split":
            steps += _helpers(plan, name, done)
            steps.append(step)
        else:
            before, after = canary.beside(step, plan.routes[name], len(canaries), chance)
            canaries[CANARIES + len(canaries)] = index
            steps += [*before, step, *after]
    task = Task(steps=tuple(steps), trusted=plan.trusted, learners=plan.learners, packages=plan.packages, limits=limits)
    return Examination(task=task, canaries=canaries)


def _helpers(plan: Plan, test: str, done: set[int]) -> Iterator[Step]:
    """Yield the course's own cells that stand before a test in its own notebook, unless they have been run."""
    for place, source in plan.beside:
        if place < plan.places.get(test, 0) and place not in done:
            done.add(place)
            yield Step(index=place, source=source, where="beside", value=has_value(source))


def executed(notebook: NotebookNode, report: Report) -> NotebookNode:
    """Return the notebook with what its cells showed, for teachers; an output that is none is left out."""
    shown: NotebookNode = nbformat.from_dict(notebook)
    for count, ran in enumerate(report.cells, 1):
        shown.cells[ran.index].execution_count = count
        shown.cells[ran.index].outputs = [one for one in map(_output, ran.outputs) if one is not None]
    return shown


def _output(told: Mapping[str, object]) -> NotebookNode | None:
    output: NotebookNode = nbformat.from_dict(dict(told))
    try:
        nbformat.validate(output, ref=str(told.get("output_type")), version=4)
    except Exception:  # noqa: BLE001 - what a learner's process says can fail in any way
        return None
    return output

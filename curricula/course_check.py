"""Whether a course is fit for learners: its tests take right answers and no wrong ones, and its pages can be read."""

import re
import time
from collections.abc import Iterable, Iterator, Sequence

import nbformat
from nbformat import NotebookNode
from pydantic import BaseModel

from curricula.course import Assignment, Course, CourseError
from curricula.evidence import rules
from curricula.marks import CellGrade, NotRun, graded
from curricula.modes import Modes, modes_of
from curricula.module import Answer, Module, load_answers, load_module
from curricula.mutants import mutants
from curricula.readable import readable
from curricula.rehearsal import RehearsalError, Task, Variant, rehearse
from curricula.release import Generated, generate, seeded
from curricula.report import Ran, Report

# A notebook takes at most so many seconds on a small machine, and one wrong answer so many.
SECONDS, VARIANT = 60, 10
SEED = 271_828_182
_ASSERT = re.compile(r"^\s*assert\b", re.MULTILINE)
AUTHORED = 3  # wrong answers that the author of an exercise writes


class Row(BaseModel, frozen=True, extra="forbid"):
    """One module: what it asks for, its tests and evidence, how many wrong answers they noticed, and what is wrong."""

    name: str
    minutes: int = 0
    cells: int = 0
    visible: int = 0
    hidden: int = 0
    evidence: int = 0
    modes: Modes = Modes()
    caught: int = 0
    wrong: int = 0
    seconds: float = 0
    problems: tuple[str, ...] = ()


class _Tried(BaseModel, frozen=True):
    """One variant to run: whether its answer is right, and which exercise it is about."""

    variant: Variant
    right: bool
    exercise: str


def check_course(course: Course) -> Iterator[Row]:
    """Yield a row for each assignment of a course."""
    for assignment in course.assignments:
        begun = time.monotonic()
        try:
            row = _check(course, assignment)
        except (CourseError, RehearsalError) as error:
            row = Row(name=assignment.name, problems=(str(error),))
        yield row.model_copy(update={"seconds": time.monotonic() - begun})


def _check(course: Course, assignment: Assignment) -> Row:
    module, answers = load_module(course, assignment), load_answers(course, assignment)
    path = course.source(assignment)
    # With another seed than the author's, as at every site.
    source = seeded(nbformat.read(path, as_version=4), SEED)
    version = generate(source, assignment)
    tried, problems = _variants(source, version, (*answers.right, *answers.wrong), len(answers.right))
    code = {place: cell.source for place, cell in enumerate(source.cells) if cell.cell_type == "code"}
    tests = frozenset(
        place for place, cell in enumerate(source.cells) if _is_test(cell) and cell.metadata.nbgrader.points
    )
    task = Task(cells=code, tests=tests, variants=tuple(one.variant for one in tried), seconds=VARIANT)
    done = rehearse(task, seconds=SECONDS + VARIANT * len(tried))
    unfit = _unfit(source, version, Report(cells=done.whole))
    caught = 0
    # Where the instructor's own answer fails, no other says anything.
    for one, ran in () if unfit else zip(tried, done.variants, strict=True):
        full = ran is not None and not _lost(source, version, Report(cells=_with(done.whole, ran)))
        caught += not one.right and not full
        if full is not one.right:
            said = "is right, and does not get full marks" if one.right else "is wrong, and gets full marks"
            problems.append(f"{one.exercise}: the answer “{one.variant.name}” {said}.")
    seen, all_ = _asserts(version.release), _asserts(version.tests)
    return Row(
        name=assignment.name,
        minutes=module.minutes,
        cells=len(code),
        visible=seen,
        hidden=all_ - seen,
        evidence=len(rules(source)),
        modes=modes_of(version.source, version.tests),
        caught=caught,
        wrong=sum(not one.right for one in tried),
        problems=(*problems, *unfit, *_fails(source, done.whole), *readable(source), *_data(module, code.values())),
    )


def _variants(
    source: NotebookNode, version: Generated, answers: Sequence[Answer], right: int
) -> tuple[list[_Tried], list[str]]:
    """Return every answer to try, the author's and our own, and what is missing among them."""
    places = {_id(cell): place for place, cell in enumerate(source.cells) if _is_solution(cell)}
    released = {_id(cell): cell.source for cell in version.release.cells}
    visible = [cell.source for cell in version.release.cells if _is_test(cell)]
    tried = [
        _Tried(variant=_variant(one.name, places, one), right=n < right, exercise=one.cell)
        for n, one in enumerate(answers)
        if one.cell in places
    ]
    problems = [
        f"answers.yaml: there is no solution cell {one.cell}: choose one of {', '.join(places)}."
        for one in answers
        if one.cell not in places
    ]
    for exercise, place in places.items():
        by_author = [one for one in tried if one.exercise == exercise]
        if sum(not one.right for one in by_author) < AUTHORED or not any(one.right for one in by_author):
            problems.append(
                f"{exercise}: answers.yaml has less than {AUTHORED} wrong answers and 1 other right one to it."
            )
        for name, text in mutants(source.cells[place].source, released[exercise], visible):
            tried.append(_Tried(variant=Variant(name=name, cell=place, source=text), right=False, exercise=exercise))
    return tried, problems


def _variant(name: str, places: dict[str, int], answer: Answer) -> Variant:
    return Variant(name=name, cell=places[answer.cell], source=answer.source)


def _with(whole: Sequence[Ran], ran: Sequence[Ran]) -> tuple[Ran, ...]:
    """Return how the cells went with a variant in place: what it did not touch went as in the whole notebook."""
    by_place = {one.index: one for one in (*whole, *ran)}
    return tuple(by_place[place] for place in sorted(by_place))


def _unfit(source: NotebookNode, version: Generated, report: Report) -> list[str]:
    """Say which tests the instructor's own answers do not pass."""
    return [
        f"{one.name}: the instructor's own answer gets {one.score:g} of {one.max_score:g} points. {one.message}"
        for one in _lost(source, version, report)
    ]


def _fails(source: NotebookNode, whole: Sequence[Ran]) -> Iterator[str]:
    """Say which other cells end with an error: their learners would think that it is theirs."""
    for ran in whole:
        if not ran.ok and not _is_test(source.cells[ran.index]):
            yield f"Cell {ran.index + 1} ends with an error: {ran.error}: {ran.message}"


def _lost(source: NotebookNode, version: Generated, report: Report) -> list[CellGrade]:
    """Return the test cells that do not get all their points; what a person marks is left out."""
    try:
        marks = graded(source, report, version)
    except NotRun as error:
        return [CellGrade(name="notebook", score=0, max_score=0, message=str(error))]
    return [one for one in marks if one.score is not None and one.score < one.max_score]


def _asserts(notebook: NotebookNode) -> int:
    return sum(len(_ASSERT.findall(cell.source)) for cell in notebook.cells if _is_test(cell))


def _id(cell: NotebookNode) -> str:
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def _is_solution(cell: NotebookNode) -> bool:
    known = cell.metadata.get("nbgrader", {})
    return bool(cell.cell_type == "code" and known.get("solution") and not known.get("grade"))


def _is_test(cell: NotebookNode) -> bool:
    known = cell.metadata.get("nbgrader", {})
    return bool(cell.cell_type == "code" and known.get("grade") and not known.get("solution"))


def _data(module: Module, code: Iterable[str]) -> Iterator[str]:
    """Yield data that the notebook loads and module.yaml does not name."""
    loaded = {name for text in code for name in re.findall(r"(?<![.\w])load_([a-z_]+)\(", text)}
    for name in sorted(loaded - {one.name for one in module.data}):
        yield f"The notebook loads {name}, which module.yaml does not name under data, with its licence."

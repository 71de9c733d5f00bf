"""What the visible tests say of a notebook before it is handed in: never a mark. Pure.

The tests are the released ones, put back as grading puts them back: what differs in one's own copy is said, and does
not count.
"""

import html
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from nbformat import NotebookNode
from pydantic import AwareDatetime, BaseModel

from curricula.marks import CellGrade, graded
from curricula.release import Generated
from curricula.report import TIME_LIMIT, Ran, Report
from curricula.submissions import spoken

Outcome = Literal["passed", "partly passed", "did not pass", "not run", "by hand"]
_HIDDEN = "Hidden tests are run only when you hand in, so this is no mark."
_TITLE = 'style="text-align: left; white-space: nowrap"'
_LEFT = 'style="text-align: left; vertical-align: top; white-space: normal"'


class Visible(BaseModel, frozen=True):
    """One test cell: what came of it, the points it stands for, and what there is to know."""

    name: str
    outcome: Outcome
    points: float
    said: str = ""


class Checked(BaseModel, frozen=True):
    """A notebook as it was saved, and what its visible tests say; a notebook shows it as a table."""

    path: Path
    saved_at: AwareDatetime
    tests: tuple[Visible, ...]
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether there is nothing that did not pass; what a person marks is left out."""
        return all(one.outcome in ("passed", "by hand") for one in self.tests)

    @property
    def sentence(self) -> str:
        """How many passed, and what that means."""
        ran = [one for one in self.tests if one.outcome != "by hand"]
        passed, points = sum(one.outcome == "passed" for one in ran), sum(one.points for one in ran)
        if not ran:
            return f"It has no visible test. {_HIDDEN}"
        return f"{passed} of {len(ran)} tests passed. They stand for {points:g} points. {_HIDDEN}"

    @property
    def saved(self) -> str:
        """Which file this is about."""
        return f"{self.path.name}, as saved on {spoken(self.saved_at)}"

    def __str__(self) -> str:
        rows = (f"{one.name} ({one.points:g} points): {one.outcome}. {one.said}".rstrip() for one in self.tests)
        return "\n".join((self.saved, *rows, *self.notes, self.sentence))

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """Return it as a notebook shows it."""
        head = "".join(f'<th scope="col" {_LEFT}>{name}</th>' for name in ("Test", "Points", "What came of it"))
        rows = "".join(
            f"<tr><td {_LEFT}>{html.escape(one.name)}</td><td {_LEFT}>{one.points:g}</td>"
            f"<td {_LEFT}><strong>{one.outcome.capitalize()}</strong>. {html.escape(one.said)}</td></tr>"
            for one in self.tests
        )
        table = f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in (*self.notes, self.sentence))
        return f"<table><caption {_TITLE}>{html.escape(self.saved)}</caption>{table}</table>{notes}"


def checked(
    path: Path, saved_at: AwareDatetime, mine: NotebookNode, version: Generated, put_back: NotebookNode, report: Report
) -> Checked:
    """Return what a run says of one's own notebook (`mine`); `put_back` is what was run of it."""
    differs = copies(mine, version.release)
    tests = tuple(_with(one, differs.pop(one.name, "")) for one in _tests(put_back, report, version))
    others = (f"{name}: {said}" for name, said in differs.items())
    return Checked(path=path, saved_at=saved_at, tests=tests, notes=(*others, *_first_failure(put_back, report)))


def copies(mine: NotebookNode, released: NotebookNode) -> dict[str, str]:
    """Return what is to be said of one's own copies of the released cells, by their grade_id."""
    found: defaultdict[str, list[NotebookNode]] = defaultdict(list)
    for cell in mine.cells:
        found[str(_about(cell).get("grade_id"))].append(cell)
    known = {str(_about(cell)["grade_id"]): cell for cell in released.cells if "nbgrader" in cell.metadata}
    said = {name: _copy(found[name], cell) for name, cell in known.items()}
    return {name: text for name, text in said.items() if text}


def _copy(mine: list[NotebookNode], released: NotebookNode) -> str:
    if not mine:
        return "You have deleted this cell: it was put back as it was given out."
    if any(one.cell_type != released.cell_type for one in mine):
        return f"You have made another type of this cell: it was run as {released.cell_type}."
    if _about(released).get("locked") and any(one.source != released.source for one in mine):
        return "You have changed this cell: your copy is not what counts, the one that was given out was run."
    if len(mine) > 1:
        return f"This cell is there {len(mine)} times: the last one counts."
    return ""


def _tests(notebook: NotebookNode, report: Report, version: Generated) -> Iterator[Visible]:
    """Yield what became of each test, also of those that a run which was stopped did not come to."""
    end = max((ran.index for ran in report.cells), default=-1) + 1
    begun = NotebookNode(notebook, cells=notebook.cells[:end] if report.stopped else notebook.cells)
    ran = {_about(notebook.cells[one.index]).get("grade_id"): one for one in report.cells}
    yield from (_visible(one, ran.get(one.name)) for one in graded(begun, Report(cells=report.cells), version))
    for cell in notebook.cells[len(begun.cells) :]:
        about = _about(cell)
        if about.get("grade") or about.get("task"):
            by_hand = about["solution"] or cell.cell_type != "code"
            yield Visible(
                name=about["grade_id"],
                outcome="by hand" if by_hand else "not run",
                points=about["points"],
                said="" if by_hand else report.stopped or "",
            )


def _visible(found: CellGrade, ran: Ran | None) -> Visible:
    """Return what grading would say of a test; where it could not show the line that failed, Python's own words."""
    unplaced = ran and not ran.ok and ran.line is None and ran.error != TIME_LIMIT
    said = _words(ran) if ran and unplaced else found.message
    return Visible(name=found.name, outcome=_outcome(found), points=found.max_score, said=said)


def _with(found: Visible, differs: str) -> Visible:
    """Add what differs in one's own copy of a test."""
    said = f"{found.said}." if differs and found.said and not found.said.endswith(".") else found.said
    return found.model_copy(update={"said": f"{said} {differs}".strip()})


def _outcome(found: CellGrade) -> Outcome:
    if found.score is None:
        return "by hand"
    if found.message:
        return "did not pass"
    return "passed" if found.score == found.max_score else "partly passed"


def _first_failure(notebook: NotebookNode, report: Report) -> Iterator[str]:
    """Yield a sentence on the first cell that failed and is no test: what comes after it may fail for its sake."""
    for ran in report.cells:
        if not (ran.ok or _about(notebook.cells[ran.index]).get("grade")):
            yield f"Cell {ran.index + 1} failed first, and what needs it fails with it: {_words(ran)}"
            return


def _words(ran: Ran) -> str:
    if ran.error == TIME_LIMIT:
        return f"it ran for {ran.message} and was stopped."
    return f"{ran.error}: {ran.message}"[:300] if ran.message else ran.error


def _about(cell: NotebookNode) -> Mapping[str, Any]:
    """Return what nbgrader knows of a cell."""
    about = cell.metadata.get("nbgrader")
    return about if isinstance(about, dict) else {}

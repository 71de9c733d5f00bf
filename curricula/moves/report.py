"""What came of an import, as a table: a column is a heading and a function of one assignment that was taken."""

from collections.abc import Callable, Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from curricula.moves.bring import Report
from curricula.moves.taking import Taken
from curricula.routing import drafted
from curricula.submissions import spoken


def _points(one: Taken) -> str:
    return f"{sum(cell.metadata.nbgrader.points for cell in one.tests):g}"


def _due(one: Taken) -> str:
    return spoken(one.assignment.due) if one.assignment.due else "–"


def _apart(one: Taken) -> str:
    """Tests that reading finds fit to run apart from the learner's code; the first grading tries each."""
    return f"{drafted(one.notebook, one.notebook).split} of {len(one.tests)}"


COLUMNS: Mapping[str, Callable[[Taken], str]] = {
    "assignment": lambda one: one.assignment.name,
    "title": lambda one: one.assignment.title,
    "notebook": lambda one: one.assignment.notebook,
    "tests": lambda one: str(len(one.tests)),
    "apart": _apart,
    "points": _points,
    "due": _due,
    "changed on the way": lambda one: "; ".join(one.notes) or "–",
}


def shown(report: Report) -> RenderableType:
    """Return the report: what was taken, and below it what was left, why, and what to do."""
    taken = Table(*COLUMNS, box=None, pad_edge=False)
    for one in report.taken:
        taken.add_row(*(Text(column(one)) for column in COLUMNS.values()))
    if not report.left:
        return taken
    left = Table("left", "why, and what to do", box=None, pad_edge=False)
    for item in report.left:
        for line in item.why:
            left.add_row(Text(item.name), Text(line))
    return Group(taken, Text(), left)

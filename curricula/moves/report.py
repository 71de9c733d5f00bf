"""What came of an import, as a table: a column is a heading and a function of one assignment that was taken."""

from collections.abc import Callable, Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from curricula.modes import modes_of, together
from curricula.moves.bring import Report
from curricula.moves.taking import Taken
from curricula.submissions import spoken


def _points(one: Taken) -> str:
    return f"{sum(cell.metadata.nbgrader.points for cell in one.tests):g}"


def _due(one: Taken) -> str:
    return spoken(one.assignment.due) if one.assignment.due else "–"


COLUMNS: Mapping[str, Callable[[Taken], str]] = {
    "assignment": lambda one: one.assignment.name,
    "title": lambda one: one.assignment.title,
    "notebook": lambda one: one.assignment.notebook,
    "tests": lambda one: str(len(one.tests)),
    "points": _points,
    "due": _due,
    "changed on the way": lambda one: "; ".join(one.notes) or "–",
}


def shown(report: Report) -> RenderableType:
    """Return the report: what was taken, where its tests run, what was left, why, and what to do."""
    taken = Table(*COLUMNS, box=None, pad_edge=False)
    for one in report.taken:
        taken.add_row(*(Text(column(one)) for column in COLUMNS.values()))
    modes = {one.assignment.name: modes_of(one.notebook, one.notebook) for one in report.taken}
    lines = [line for name, one in modes.items() for line in one.lines(name)]
    lines.append(next(together(modes.values()).lines("all")))
    parts: list[RenderableType] = [taken, Text(), *map(Text, lines)]
    if report.left:
        left = Table("left", "why, and what to do", box=None, pad_edge=False)
        for item in report.left:
            for line in item.why:
                left.add_row(Text(item.name), Text(line))
        parts += [Text(), left]
    return Group(*parts)

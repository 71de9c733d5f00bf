"""Where the tests of an assignment run, as far as reading finds: split, in-sandbox, or by hand. Pure.

The first grading tries the course's own answers, and runs those within that fail beside.
"""

from collections.abc import Iterable, Iterator, Mapping

from nbformat import NotebookNode
from pydantic import BaseModel

from curricula.routing import drafted, is_test


class Modes(BaseModel, frozen=True, extra="forbid"):
    """The test cells of one assignment by where they run; of those in-sandbox, by grade_id, why."""

    split: int = 0
    within: Mapping[str, str] = {}
    by_hand: int = 0

    def lines(self, name: str) -> Iterator[str]:
        """Yield how many run where, and below it each that runs in-sandbox, and why."""
        counts = {"split": self.split, "in-sandbox": len(self.within), "by hand": self.by_hand}
        total = sum(counts.values())
        shares = (f"{count} {mode} ({count / max(total, 1):.0%})" for mode, count in counts.items())
        yield f"{name}: {total} test cell{'' if total == 1 else 's'}: {', '.join(shares)}"
        yield from (f"  {cell} in-sandbox: {why}" for cell, why in self.within.items())


def together(modes: Iterable[Modes]) -> Modes:
    """Return the modes of several assignments as those of one."""
    known = list(modes)
    return Modes(
        split=sum(one.split for one in known),
        within={f"{number}/{cell}": why for number, one in enumerate(known) for cell, why in one.within.items()},
        by_hand=sum(one.by_hand for one in known),
    )


def modes_of(source: NotebookNode, tests: NotebookNode) -> Modes:
    """Return the modes by the course's own notebook with answers, and the one that is graded."""
    plan = drafted(source, tests)
    known = ((cell, cell.metadata.get("nbgrader", {})) for cell in tests.cells)
    return Modes(
        split=plan.split,
        within={name: route.why for name, route in plan.routes.items() if route.mode == "in-sandbox"},
        by_hand=sum(bool(about.get("grade") or about.get("task")) and not is_test(cell) for cell, about in known),
    )

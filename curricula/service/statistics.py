"""How an assignment went, question by question: what a teacher reads before the next lesson. Pure."""

from collections.abc import Iterable
from statistics import mean

from pydantic import BaseModel

from curricula.service.standing import Attempt, CellMark


class Question(BaseModel, frozen=True):
    """One test cell over all last attempts that were run: `mean` points, and how many got all, some, or none.

    Answers that nobody has marked yet count in `unmarked` alone. `mode` says where the test ran: split or in-sandbox.
    """

    name: str
    max_score: float
    mean: float | None
    all: int
    some: int
    none: int
    unmarked: int
    mode: str = ""


def questions(latest: Iterable[Attempt]) -> tuple[Question, ...]:
    """Return the questions in the order of the notebook; none where no attempt has been run."""
    found: dict[str, list[CellMark]] = {}
    for attempt in latest:
        for cell in attempt.mark.cells if attempt.mark else ():
            found.setdefault(cell.name, []).append(cell)
    return tuple(_question(name, cells) for name, cells in found.items())


def _question(name: str, cells: list[CellMark]) -> Question:
    marked = [(cell.score, cell.max_score) for cell in cells if cell.score is not None]
    full = sum(score == most for score, most in marked)
    nothing = sum(score == 0 != most for score, most in marked)
    return Question(
        name=name,
        max_score=cells[-1].max_score,
        mode=cells[-1].mode,
        mean=mean(score for score, _ in marked) if marked else None,
        all=full,
        some=len(marked) - full - nothing,
        none=nothing,
        unmarked=len(cells) - len(marked),
    )

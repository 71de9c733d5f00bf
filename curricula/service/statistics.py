"""How an assignment went, question by question: what a teacher reads before the next lesson. Pure."""

from collections.abc import Iterable
from statistics import mean

from pydantic import BaseModel

from curricula.service.standing import Attempt


class Question(BaseModel, frozen=True):
    """One test cell over all last attempts that were run: `mean` points, and how many got all, some, or none.

    Answers that nobody has marked yet count in `unmarked` alone.
    """

    name: str
    max_score: float
    mean: float | None
    all: int
    some: int
    none: int
    unmarked: int


def questions(latest: Iterable[Attempt]) -> tuple[Question, ...]:
    """Return the questions in the order of the notebook; none where no attempt has been run."""
    found: dict[str, list[tuple[float | None, float]]] = {}
    for attempt in latest:
        for cell in attempt.mark.cells if attempt.mark else ():
            found.setdefault(cell.name, []).append((cell.score, cell.max_score))
    return tuple(_question(name, cells) for name, cells in found.items())


def _question(name: str, cells: list[tuple[float | None, float]]) -> Question:
    marked = [(score, most) for score, most in cells if score is not None]
    full = sum(score == most for score, most in marked)
    nothing = sum(score == 0 != most for score, most in marked)
    return Question(
        name=name,
        max_score=cells[-1][1],
        mean=mean(score for score, _ in marked) if marked else None,
        all=full,
        some=len(marked) - full - nothing,
        none=nothing,
        unmarked=len(cells) - len(marked),
    )

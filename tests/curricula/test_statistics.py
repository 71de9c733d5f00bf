"""How an assignment went, question by question."""

from datetime import UTC, datetime

from curricula.service.standing import Attempt, CellMark, Mark
from curricula.service.statistics import Question, questions


def attempt(number: int, *scores: float | None) -> Attempt:
    cells = tuple(CellMark(name=f"q{n}", score=score, max_score=4) for n, score in enumerate(scores))
    mark = Mark(cells=cells) if scores else None
    at = datetime(2026, 11, 20, tzinfo=UTC)
    return Attempt(id=number, user=f"u{number}", number=1, sha256="a" * 64, received_at=at, late=False, mark=mark)


def test_each_question_over_all_who_were_run() -> None:
    not_run = attempt(5).model_copy(update={"mark": Mark(not_run="It took too long.")})
    first, second = questions([attempt(1, 4, None), attempt(2, 0, 2), attempt(3, 4, None), attempt(4), not_run])
    assert first == Question(name="q0", max_score=4, mean=8 / 3, all=2, some=0, none=1, unmarked=0)
    assert second == Question(name="q1", max_score=4, mean=2, all=0, some=1, none=0, unmarked=2)


def test_nothing_graded_and_nothing_marked() -> None:
    assert questions([]) == questions([attempt(1)]) == ()
    (only,) = questions([attempt(1, None)])
    assert (only.mean, only.unmarked) == (None, 1)


def test_a_question_without_points_is_neither_right_nor_wrong_by_accident() -> None:
    free = Attempt.model_validate(
        {**attempt(1).model_dump(), "mark": Mark(cells=(CellMark(name="q", score=0, max_score=0),))}
    )
    (only,) = questions([free])
    assert (only.all, only.none) == (1, 0)

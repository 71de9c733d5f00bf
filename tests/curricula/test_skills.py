"""A course as a map: where one learner stands with each module, and where all do."""

from datetime import UTC, datetime

from curricula.course import Assignment
from curricula.module import Module
from curricula.service.skills import crowd, minutes_left, step, words_of
from curricula.service.standing import Attempt, CellMark, Mark, Standing

AT = datetime(2026, 11, 20, tzinfo=UTC)
WORK = Assignment(name="m00", title="Zero", notebook="m00.ipynb")
MODULE = Module(goals=("Find your way",), minutes=20, glossary={"queue": "who waits", "Account": "who pays"})


def attempt(*scores: float | None, user: str = "u1", shown: bool = True, most: float = 4) -> Attempt:
    cells = tuple(CellMark(name=f"q{n}", score=score, max_score=most) for n, score in enumerate(scores))
    mark = Mark(cells=cells) if scores else None
    return Attempt(id=1, user=user, number=1, sha256="a" * 64, received_at=AT, late=False, mark=mark, shown=shown)


def standing(*attempts: Attempt, released: bool = True) -> Standing:
    return Standing(assignment=WORK, released_at=AT if released else None, attempts=attempts)


def test_a_module_goes_from_not_released_to_done() -> None:
    seen = [
        step(one, MODULE)
        for one in (
            standing(released=False),
            standing(),
            standing(attempt()),
            standing(attempt(4, 0)),
            standing(attempt(4, 0), attempt(4, 4)),
        )
    ]
    assert [(one.state, one.share) for one in seen] == [
        ("not released", 0),
        ("open", 0),
        ("handed in", 0),
        ("under way", 0.5),
        ("done", 1),
    ]
    assert seen[3].sentence == "4 of 8 points"


def test_what_a_learner_may_not_see_yet_does_not_count() -> None:
    one = step(standing(attempt(4, 4, shown=False)), MODULE)
    assert (one.state, one.share, one.sentence) == ("handed in", 0, "")


def test_what_was_not_run_is_handed_in_and_what_has_no_points_is_done() -> None:
    not_run = attempt().model_copy(update={"mark": Mark(not_run="It took too long.")})
    assert (step(standing(not_run), None).state, step(standing(not_run), None).sentence) == (
        "handed in",
        "Not run: It took too long.",
    )
    assert step(standing(attempt(0, most=0)), None).state == "done"


def test_all_of_a_course_are_counted_and_nobody_else() -> None:
    latest = (
        attempt(4, 4, user="u1"),
        attempt(4, 0, user="u2", shown=False),
        attempt(user="u3"),
        attempt(0, 0, user="left"),
    )
    one = crowd(standing(*latest), MODULE, ["u1", "u2", "u3", "u4"])
    assert (one.learners, one.handed_in, one.graded, one.done, one.hardest) == (4, 3, 2, 1, "q1")
    assert one.share == 0.25


def test_nothing_is_hardest_where_all_is_right_or_nothing_graded() -> None:
    assert crowd(standing(attempt(4, 4)), None, ["u1"]).hardest == ""
    empty = crowd(standing(), None, [])
    assert (empty.hardest, empty.share, empty.graded) == ("", 0, 0)


def test_minutes_are_of_what_is_not_done() -> None:
    done, left, unknown = step(standing(attempt(4)), MODULE), step(standing(), MODULE), step(standing(), None)
    assert minutes_left([done, left, unknown]) == 20
    assert minutes_left([done]) == 0


def test_words_stand_in_the_order_of_a_dictionary() -> None:
    other = MODULE.model_copy(update={"glossary": {"node": "a computer"}})
    assert [*words_of([MODULE, None, other])] == ["Account", "node", "queue"]

"""How far a grading is, and how long it still takes."""

import pytest

from curricula.service.progress import Progress, spoken_seconds


def after(*ends: float, total: int = 40, failed: int = 0) -> Progress:
    """A grading of which so many have ended, at these seconds after its begin."""
    progress = Progress(total, at_once=8, began=100.0)
    for count, end in enumerate(ends):
        progress = progress.step(100 + end, failed=count < failed)
    return progress


def test_no_time_is_told_before_the_pace_is_known() -> None:
    for ends in ((), (5.0,), (5.0,) * 7):
        assert after(*ends).eta(110) is None
        assert after(*ends).sentence(110) == f"{len(ends)} of 40 graded"


def test_the_time_left_is_that_of_the_pace_so_far() -> None:
    progress = after(*(10.0,) * 8)
    assert (progress.eta(110), progress.eta(120), progress.eta(1000)) == (40, 30, 0)
    assert progress.sentence(110) == "8 of 40 graded, about 40 s left"
    assert progress.sentence(1000) == "8 of 40 graded"
    assert after(*(10.0,) * 40).sentence(110) == "40 of 40 graded"


def test_of_a_few_half_are_enough() -> None:
    assert [after(*(6.0,) * count, total=3).eta(106) for count in range(4)] == [None, None, 3, 0]


def test_what_got_no_result_is_not_called_graded() -> None:
    assert after(*(10.0,) * 10, failed=2).sentence(110) == "8 of 40 graded, 2 could not be, about 30 s left"


@pytest.mark.parametrize(
    ("seconds", "said"), [(1, "1 s"), (9, "9 s"), (11, "15 s"), (90, "90 s"), (91, "2 min"), (3600, "60 min")]
)
def test_times_are_rough(seconds: int, said: str) -> None:
    assert spoken_seconds(seconds) == said

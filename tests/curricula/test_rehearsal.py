"""A notebook run once, and from its cells on with other answers."""

import pytest

from curricula.rehearsal import RehearsalError, Task, Variant, rehearse

CELLS = {
    0: "import os\nparent = os.getpid()",
    2: "x = 1",
    3: "y = 10\ncount = []",
    5: "assert x == 1",
    6: "z = y\nassert z == 10",
}


def outcome(
    *variants: tuple[int, str], cells: dict[int, str] = CELLS, tests: tuple[int, ...] = (), seconds: int = 10
) -> list[dict[int, bool] | None]:
    tried = tuple(Variant(name="v", cell=cell, source=source) for cell, source in variants)
    done = rehearse(Task(cells=cells, tests=frozenset(tests), variants=tried, seconds=seconds), seconds=60)
    return [ran and {one.index: one.ok for one in ran} for ran in (done.whole, *done.variants)]


def test_the_whole_notebook_and_what_a_changed_cell_touches() -> None:
    whole, right, wrong, other = outcome((2, "x = 2 - 1"), (2, "x = 2"), (3, "y = 11\ncount = []"))
    assert whole == {0: True, 2: True, 3: True, 5: True, 6: True}
    assert right == {2: True, 5: True}
    assert wrong == {2: True, 5: False}
    assert other == {3: True, 6: False}


def test_a_variant_ends_at_the_first_test_that_fails_and_at_no_other_cell() -> None:
    cells = {0: "x = 1", 1: "assert x == 1", 2: "y = 10 / x", 3: "assert x == 1"}
    assert outcome((0, "x = 0"), cells=cells, tests=(3,))[1] == {0: True, 1: False, 2: False, 3: False}
    assert outcome((0, "x = 0"), cells=cells, tests=(1, 3))[1] == {0: True, 1: False}


def test_what_an_affected_cell_needs_is_run_as_well() -> None:
    cells = {0: "x = 1", 1: "base = 40", 2: "unrelated = missing", 3: "assert x + base == 41"}
    assert outcome((0, "x = 1"), cells=cells)[1] == {0: True, 1: True, 3: True}


def test_a_variant_changes_nothing_for_those_after_it() -> None:
    assert outcome((3, "x = 5\ny = 10\ncount = []"), (3, "y = 10\ncount = [x]"))[2] == {3: True, 6: True}


@pytest.mark.parametrize(
    "text", ["while True: pass", "import os; os._exit(0)", "import os; os.abort()", "import time; time.sleep(99)"]
)
def test_an_answer_that_never_ends_or_ends_its_process(text: str) -> None:
    assert outcome((2, text), seconds=1)[1] is None


def test_what_is_no_python_and_what_prints() -> None:
    _, broken, loud = outcome((2, "x ="), (2, "print('{' * 100)\nx = 1\nx"))
    assert broken == {2: False, 5: False}
    assert loud == {2: True, 5: True}


@pytest.mark.parametrize(
    ("text", "said"), [("import os; os._exit(3)", "ended with 3"), ("while True: pass", "longer than 2 seconds")]
)
def test_a_notebook_whose_own_process_does_not_end_well(text: str, said: str) -> None:
    with pytest.raises(RehearsalError, match=said):
        rehearse(Task(cells={0: text}), seconds=2)

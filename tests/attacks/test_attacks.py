"""No attack gains a point, reads or changes what is not its own, or leaves anything; honest work gets its marks."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.attacks.attack import ROWS, Attack, attacks, families
from tests.attacks.ground import Ground, ground


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """The ground, on which honest work gets full marks before and after all attacks, and unedited work none."""
    with ground(tmp_path_factory) as one:
        assert [one.honest("attacks").score, one.honest("inside").score] == [10, 10]
        one.settle()
        yield one
        assert [one.honest("attacks").score, one.honest("inside").score] == [10, 10]


def each(*which: Attack) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("attack", which, ids=[one.id for one in which])


def test_every_row_has_an_attack_and_no_attack_is_there_twice() -> None:
    every = attacks()
    assert set(ROWS) <= {one.row for one in every} <= {*ROWS, None}
    assert len({one.id for one in every}) == len(every)
    assert all(families().values())


def test_the_wrong_answers_are_worth_nothing(here: Ground) -> None:
    """So that whatever an attack has, it has gained."""
    plain = Attack(id="plain", tries="nothing")
    assert [here.grade(plain, "attacks").result.score, here.grade(plain, "inside").result.score] == [0, 0]


@each(*attacks("attacks"))
def test_nothing_is_gained_where_tests_look_at_values(here: Ground, attack: Attack) -> None:
    """Split: the tests run where none of the attack's code does."""
    with ThreadPoolExecutor(1) as beside:
        honest = beside.submit(here.honest, "attacks") if attack.side_by_side else None
        trial = here.grade(attack, "attacks")
        if honest:
            assert honest.result().score == 10
    assert here.harm(trial) == []
    assert [ran.message for ran in trial.report.cells if ran.error == "SawTests"] == []
    assert (trial.result.score or 0) == 0


@each(*attacks("inside"))
def test_nothing_is_reached_where_tests_run_in_the_learners_process(
    here: Ground, attack: Attack, record_property: Callable[[str, object], None]
) -> None:
    """In the sandbox, beside the attack's code: marks may be gained there, and those that are get told."""
    trial = here.grade(attack, "inside")
    assert here.harm(trial) == []
    if trial.result.score:
        record_property("gained", f"{attack.id}: {trial.result.score:g} of {trial.result.max_score:g}")

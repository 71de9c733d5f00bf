"""Goals of benches: which a run has met. Nothing here measures anything."""

import math
from importlib import import_module
from pathlib import Path

import pytest

from tests.bench.goals import Goal, judged

BENCHES = sorted(path.stem for path in Path(__file__).parent.glob("bench_*.py"))
GOALS = {"ratio": Goal(most=0.5), "spawns": Goal(least=25), "lost": Goal(most=0)}


def test_all_are_met() -> None:
    assert judged("spawn", GOALS, {"ratio": 0.5, "spawns": 25, "lost": 0, "more": 9}) == "GOALS spawn met 3 of 3"


def test_what_is_missed_is_named_with_its_goal() -> None:
    said = judged("spawn", GOALS, {"ratio": 0.612, "spawns": 30})
    assert said == ("GOALS spawn met 1 of 3, missed 2: ratio is 0.612 (goal ≤ 0.5); lost was not measured (goal ≤ 0)")


def test_what_is_no_number_is_missed() -> None:
    assert not Goal(most=1).met(math.nan)
    assert not Goal(least=1).met(math.nan)


def test_two_bounds() -> None:
    assert [Goal(1, 2).met(value) for value in (0.9, 1, 2, 2.1)] == [False, True, True, False]
    assert str(Goal(1, 2)) == "≥ 1 and ≤ 2"


@pytest.mark.parametrize("name", BENCHES)
def test_every_bench_has_its_goals(name: str) -> None:
    goals = import_module(f"tests.bench.{name}").GOALS
    assert goals
    assert all(isinstance(goal, Goal) for goal in goals.values())

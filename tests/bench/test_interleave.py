"""The harness itself: who runs when, and what is made of the numbers. Nothing here measures time."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from tests.bench.interleave import (
    Contender,
    Measures,
    Sample,
    interleave,
    median,
    medians,
    ratio,
    result,
    rotated,
    save,
    table,
)


def sample(round_: int, contender: str, **measures: float) -> Sample:
    return Sample(round_, contender, at=0.0, load=0.0, measures=measures)


ROUNDS = [
    sample(-1, "ours", wait=900.0),
    sample(-1, "peer", wait=1.0),
    sample(0, "ours", wait=2.0, rpcs=5),
    sample(0, "peer", wait=4.0, rpcs=10),
    sample(1, "peer", wait=40.0, rpcs=10),
    sample(1, "ours", wait=30.0, rpcs=5),
    sample(2, "ours", wait=1.0, rpcs=7),
    sample(2, "peer", wait=4.0, rpcs=10),
    sample(2, "floor", wait=0.5),
]


def test_every_contender_runs_once_in_every_round() -> None:
    ran: list[str] = []

    def contender(name: str) -> Contender:
        def run() -> Measures:
            ran.append(name)
            return {"turn": len(ran)}

        return Contender(name, run)

    samples = interleave([contender(name) for name in ("ours", "peer", "floor")], rounds=4, warm_up=1)

    assert ran == [found.contender for found in samples]
    assert set(Counter((found.round, found.contender) for found in samples).values()) == {1}
    assert {found.round for found in samples} == {-1, 0, 1, 2, 3}
    assert [found.measures["turn"] for found in samples] == list(range(1, 16))


def test_the_first_round_is_as_written() -> None:
    assert list(rotated(["new", "kept"], 0)) == ["new", "kept"]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_over_the_rounds_everybody_has_every_place_equally_often(count: int) -> None:
    names = [str(number) for number in range(count)]
    orders = [rotated(names, number) for number in range(2 * count)]
    assert Counter((name, order.index(name)) for order in orders for name in names) == {
        (name, place): 2 for name in names for place in range(count)
    }


def test_over_the_rounds_nobody_always_follows_the_same() -> None:
    orders = [rotated(["a", "b", "c"], number) for number in range(6)]
    follows = Counter(pair for order in orders for pair in pairwise(order))
    assert set(follows.values()) == {2}
    assert len(follows) == 6


def test_the_ratio_is_of_paired_rounds_without_the_warm_up() -> None:
    assert ratio(ROUNDS, "wait") == 0.5
    assert median(ROUNDS, "ours", "wait") == 2.0


def test_rounds_that_do_not_pair_are_no_ratio() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratio(ROUNDS[:-2], "wait")


def test_the_table_has_a_line_for_each_that_was_measured() -> None:
    assert table(ROUNDS, "rpcs").splitlines() == [
        "rpcs               min    median       max  rounds",
        "ours              5.00      5.00      7.00       3",
        "peer             10.00     10.00     10.00       3",
    ]
    assert "floor             0.50      0.50      0.50       1" in table(ROUNDS, "wait")


def test_the_result_is_one_line_for_programs() -> None:
    numbers = {"seconds": 3.7385, "wait_ratio": 0.77316, "rpcs": 5, "rpcs_queued_peer": 1648.03}
    assert result("up", numbers) == "RESULT up seconds=3.74 wait_ratio=0.773 rpcs=5 rpcs_queued_peer=1648"


def test_what_is_saved_says_on_what_it_was_measured(tmp_path: Path) -> None:
    file = save("up", ROUNDS, {"wait": 2.0}, {"slurm": "22.05.8"}, folder=tmp_path / "samples")
    content = json.loads(file.read_text())
    assert [Sample(**found) for found in content["samples"]] == ROUNDS
    assert content["results"] == {"wait": 2.0}
    assert content["machine"]["cores"] >= 1
    assert {"onramp", "jupyterhub", "batchspawner", "slurm"} <= content["versions"].keys()


def test_medians_are_one_line_for_each_contender() -> None:
    assert medians(ROUNDS[:-1], ["wait", "rpcs"]).splitlines() == [
        "median            wait      rpcs",
        "ours              2.00      5.00",
        "peer              4.00     10.00",
    ]

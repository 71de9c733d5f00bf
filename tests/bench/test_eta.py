"""What counts as a start inside its range, and the load that makes one wait. Nothing here measures time."""

from collections.abc import Mapping
from itertools import islice

import pytest

from tests.bench.bench_eta import Start, percent, samples
from tests.bench.eta_load import others


@pytest.mark.parametrize(
    ("start", "inside"),
    [
        (Start(100, 40, 80, 60), {"ours": 1, "peer": 0}),
        (Start(100, 40, 80, 84), {"ours": 1, "peer": 0}),
        (Start(100, 40, 80, 105), {"ours": 0, "peer": 1}),
        (Start(0, 0, 0, 4), {"ours": 1, "peer": 1}),
        (Start(None, None, None, 4), {"ours": 0, "peer": 0}),
        (Start(100, 40, 80, None), {"ours": 0, "peer": 0}),
    ],
    ids=["inside", "hardly late", "late", "at once", "nothing said", "no start"],
)
def test_what_is_inside(start: Start, inside: Mapping[str, int]) -> None:
    found = list(samples([start]))

    assert {name: percent(found, name) for name in inside} == {name: 100 * value for name, value in inside.items()}


def test_the_same_seed_is_the_same_load_in_which_most_jobs_end_before_their_limits() -> None:
    load = list(islice(others(1), 500))

    assert load == list(islice(others(1), 500))
    used = [min(job.seconds / job.limit / 60, 1) for job in load]
    assert 0.05 < sum(share == 1 for share in used) / 500 < 0.2
    assert sum(share < 0.7 for share in used) > 250

"""Points for speed: given by what a test measures in its own process, and not to be had by deceiving it."""

import re
from collections.abc import Iterator

import pytest

from tests.attacks.attack import Attack, attacks
from tests.attacks.ground import Ground, ground
from tests.curricula.course_here import REPOSITORY


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """The ground, on which the course's own answer gets full marks before and after all attacks."""
    with ground(tmp_path_factory) as one:
        assert one.honest("speed").score == 4
        one.settle()
        yield one
        assert one.honest("speed").score == 4


@pytest.mark.parametrize("attack", attacks("speed"), ids=lambda one: one.id)
def test_nothing_is_gained_where_a_test_measures(here: Ground, attack: Attack) -> None:
    """All but one of these answers are right, and none is worth a point: each takes far too long."""
    trial = here.grade(attack, "speed")
    assert trial.modes == ("split",)
    assert here.harm(trial) == []
    assert trial.result.not_run is None
    assert trial.result.score == 0


def test_how_fast_an_answer_is_decides_how_many_points_it_gets(here: Ground) -> None:
    """Half of them for what takes thirty times as long as the course's own answer."""
    own = "import numpy as np\ndef checksum(factor, n): return int((np.arange(n) * factor % 1009).sum())"
    slower = f"{own}\nimport time\nonce = checksum\ndef checksum(factor, n):\n    begin = time.perf_counter()\n"
    slower += "    found = once(factor, n)\n    time.sleep(30 * (time.perf_counter() - begin))\n    return found"
    assert gets(here, own, 4)
    assert gets(here, slower, 2)


def gets(here: Ground, code: str, points: float, times: int = 6) -> bool:
    """Whether an answer gets so many points: a busy machine lengthens what it likes, so it may be tried again."""
    attack = Attack(id="paced", tries="nothing", answers={"checksum": code})
    return any(here.grade(attack, "speed").result.score == points for _ in range(times))


def test_the_instructors_tutorial_has_this_very_test(here: Ground) -> None:
    (test,) = [one for one in here.versions["speed"].tests.cells if one.get("id") == "checksum-test"]
    pattern = re.sub(r"HIDDEN_SEED = \d+", "HIDDEN_SEED = 0", test.source)
    assert pattern in (REPOSITORY / "docs/tutorials/instructor.md").read_text()

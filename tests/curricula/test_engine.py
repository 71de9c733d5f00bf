"""The engine on this machine, with each kind of walls."""

import pytest

from curricula.engine import Engine, EngineError
from curricula.report import Limits, Step, Task
from curricula.zygote import WALLS
from tests.curricula.course_here import bubblewrap

LEARNERS = "import os\ndef processes(): return sum(name.isdigit() for name in os.listdir('/proc'))\nx = 2"
TASK = Task(
    steps=(
        Step(index=0, source=LEARNERS, where="learner", answers=("processes", "x")),
        Step(index=1, source="assert x == 2 and processes() < 10", where="split"),
        Step(index=2, source="assert x == 3", where="in-sandbox"),
        Step(index=3, source="open('/etc/passwd')", where="learner"),
    ),
    learners=("processes", "x"),
    limits=Limits(cell_seconds=10, seconds=30),
)


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{bubblewrap()}:/usr/local/bin:/usr/bin:/bin")


@pytest.mark.parametrize("walls", WALLS)
async def test_a_notebook_is_examined_within_walls_of_each_kind(walls: str) -> None:
    async with Engine(walls) as engine:
        for _ in range(2):
            report = await engine.examine(TASK)
            assert [ran.error for ran in report.cells] == ["", "", "AssertionError", "FileNotFoundError"]
            assert (report.walls, report.stopped) == (walls, None)


async def test_without_bubblewrap_nothing_is_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(EngineError, match=r"grades nothing.*install Debian's bubblewrap"):
        async with Engine():
            pass

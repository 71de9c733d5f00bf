"""The engine on this machine, with each kind of walls."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from curricula.devices import Devices
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


async def test_what_is_drawn_by_chance_is_another_in_each_process() -> None:
    drawn = Step(index=0, source="import random\nx = random.random()\nprint(x)", where="learner", answers=("x",))
    tested = Step(index=1, source="import random\nprint(random.random())", where="split")
    async with Engine("namespaces") as engine:
        task = replace(TASK, steps=(drawn, tested), learners=("x",))
        reports = [await engine.examine(task) for _ in range(3)]
    assert len({ran.outputs[0]["text"] for report in reports for ran in report.cells}) == 6


async def test_a_notebook_is_not_blamed_where_walls_cannot_be_raised_any_more() -> None:
    no_folder = replace(TASK, limits=replace(TASK.limits, disk_bytes=-1))
    async with Engine("namespaces") as engine:
        with pytest.raises(EngineError, match="could not raise its walls"):
            await engine.examine(no_folder)
        assert (await engine.examine(TASK)).stopped is None


async def test_without_bubblewrap_nothing_is_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(EngineError, match=r"grades nothing.*install Debian's bubblewrap"):
        async with Engine():
            pass


@pytest.fixture
def gpus() -> Iterator[Path]:
    """A folder of five devices, which everybody can open."""
    with tempfile.TemporaryDirectory(prefix="onramp-gpus-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for number in range(5):
            (folder / f"nvidia{number}").symlink_to("/dev/zero")
        yield folder


# What a learner's code or a test finds: the devices there, whether they can be used, and the variables.
LOOK = """
import os
there = sorted(os.listdir(FOLDER)) if os.path.isdir(FOLDER) else []
read = [len(open(f"{FOLDER}/{name}", "r+b", buffering=0).read(3)) for name in there]
told = {name: value for name, value in os.environ.items() if "VISIBLE" in name}
"""


@pytest.mark.parametrize("walls", WALLS)
async def test_a_notebook_and_its_tests_see_these_devices_and_no_other(walls: str, gpus: Path) -> None:
    own = Devices((str(gpus / "nvidia1"), str(gpus / "nvidia4")), {"CUDA_VISIBLE_DEVICES": "0,1"})
    look = f"FOLDER = {str(gpus)!r}\n{LOOK}"
    seen = "assert (there, read, told) == (['nvidia1', 'nvidia4'], [3, 3], {'CUDA_VISIBLE_DEVICES': '0,1'})"
    steps = (
        Step(index=0, source=look, where="learner", answers=("there", "read", "told")),
        Step(index=1, source=seen, where="split"),
        Step(index=2, source=f"{look}\n{seen}", where="split"),
    )
    async with Engine(walls, own) as engine:
        report = await engine.examine(Task(steps=steps, learners=("there", "read", "told")))
    assert [(ran.error, ran.message) for ran in report.cells] == [("", "")] * 3


async def test_without_devices_none_is_seen_and_none_is_named(gpus: Path) -> None:
    seen = "assert (there, told) == ([], {'CUDA_VISIBLE_DEVICES': ''}), (there, told)"
    steps = (Step(index=0, source=f"FOLDER = {str(gpus)!r}\n{LOOK}\n{seen}", where="learner"),)
    async with Engine() as engine:
        report = await engine.examine(Task(steps=steps))
    assert [ran.message for ran in report.cells] == [""]


@pytest.mark.parametrize("with_gpus", [False, True])
async def test_nothing_has_touched_a_gpu_before_the_fork(gpus: Path, with_gpus: bool) -> None:
    """Packages are loaded beforehand, but not where loading one could open a device that a fork cannot use."""
    own = Devices((str(gpus / "nvidia1"),), {}) if with_gpus else Devices()
    source = "import sys\nprint('mailbox' in sys.modules)"
    task = Task(steps=(Step(index=0, source=source, where="learner"),), packages=("mailbox",))
    async with Engine(devices=own) as engine:
        (ran,) = (await engine.examine(task)).cells
    assert [out["text"] for out in ran.outputs] == [f"{not with_gpus}\n"]


TRAINING = """
import torch, torch.distributed as dist
dist.init_process_group("gloo")
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(2, 1))
model(torch.full((3, 2), float(dist.get_rank() + 1))).sum().backward()
if dist.get_rank() == 0:
    print("gradient", model.module.weight.grad[0, 0].item(), "of", dist.get_world_size())
dist.destroy_process_group()
"""


@pytest.mark.parametrize("walls", WALLS)
async def test_processes_of_a_notebook_can_speak_with_each_other(walls: str) -> None:
    code = "import socket\nhere = socket.create_server(('', 0))\n"
    code += "socket.create_connection(('localhost', here.getsockname()[1]), 5)"
    async with Engine(walls) as engine:
        report = await engine.examine(Task(steps=(Step(index=0, source=code, where="learner"),)))
    assert [(ran.error, ran.message) for ran in report.cells] == [("", "")]


async def test_a_training_of_several_processes_runs_within() -> None:
    """They find each other as torchrun does by itself. The mean gradient is (3 + 6) / 2."""
    pytest.importorskip("torch")
    code = f"""
import subprocess, sys
open("train.py", "w").write({TRAINING!r})
words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "train.py"]
done = subprocess.run(words, capture_output=True, text=True)
assert done.stdout.splitlines() == ["gradient 4.5 of 2"], done
"""
    limits = Limits(cell_seconds=200, seconds=200, memory_bytes=4 << 30)
    async with Engine() as engine:
        report = await engine.examine(Task(steps=(Step(index=0, source=code, where="learner"),), limits=limits))
    assert [(ran.error, ran.message) for ran in report.cells] == [("", "")]


async def test_processes_that_start_anew_are_not_in_the_way_of_a_notebook_without_a_file() -> None:
    code = "import multiprocessing\nx = multiprocessing.get_context('spawn').Pool(2).map(abs, [-1, 2])"
    steps = (
        Step(index=0, source=code, where="learner", answers=("x",)),
        Step(index=1, source="assert x == [1, 2]", where="split"),
    )
    async with Engine() as engine:
        report = await engine.examine(Task(steps=steps, learners=("x",)))
    assert [(ran.error, ran.message) for ran in report.cells] == [("", "")] * 2


# How many processors a cell may use when it begins, and a moment later.
PROCESSORS = """
import os, time
at_first = len(os.sched_getaffinity(0))
time.sleep(0.5)
later = len(os.sched_getaffinity(0))
"""


async def test_what_is_quickly_done_is_done_on_one_processor_and_what_takes_longer_on_all() -> None:
    """Unless it may keep several busy: then it has them from the start."""
    every = len(os.sched_getaffinity(0))
    steps = (
        Step(index=0, source=PROCESSORS, where="learner", answers=("at_first", "later")),
        Step(index=1, source=f"assert later == {every}, later\nassert at_first == {every}, at_first", where="split"),
    )
    task = Task(steps=steps, learners=("at_first", "later"))
    async with Engine() as engine:
        messages = [(await engine.examine(task)).cells[1].message]
        while every > 1 and messages[-1] == "" and len(messages) < 20:  # a busy machine was too late to see it
            messages.append((await engine.examine(task)).cells[1].message)
        assert messages[-1] == ("1" if every > 1 else "")
        several = replace(task, limits=replace(task.limits, cpu_seconds=2 * task.limits.seconds))
        assert (await engine.examine(several)).cells[1].message == ""

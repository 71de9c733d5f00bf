"""What a run uses, added up over looks."""

import os

import pytest

from spawners import run_use
from spawners.node_gpus import GPU
from spawners.node_usage import Process, Sample
from spawners.run_use import Use, Watch, add


def sample(cpu: float, memory: int, *gpus: GPU) -> Sample:
    """One process, and GPUs."""
    return Sample(0.0, (Process(1, 0, "python", cpu, memory),), gpus, memory)


def gpu(percent: int | None, memory: int) -> GPU:
    """One look at a GPU."""
    return GPU("H100", percent, memory, 80, None)


def test_time_and_memory_are_the_most_and_gpus_are_averaged() -> None:
    use = Use()
    for one in (sample(1, 50, gpu(0, 10)), sample(9, 70, gpu(90, 30)), sample(4, 60, gpu(30, 20))):
        use = add(use, one)
    assert (use.looks, use.cpu_seconds, use.memory_bytes) == (3, 9, 70)
    assert [(one.percent, one.memory_bytes) for one in use.gpus] == [(40, 30)]


def test_a_slice_that_does_not_tell_how_busy_it_is_and_a_driver_that_is_silent_once() -> None:
    use = add(add(Use(), sample(1, 1, gpu(None, 10))), sample(2, 2))
    assert [(one.percent, one.memory_bytes) for one in use.gpus] == [(None, 10)]


def test_it_looks_until_the_block_ends_and_once_more_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_use, "EVERY", 0.01)
    with Watch(os.environ) as watch:
        while watch.use.looks < 2:
            pass
        before = watch.use.looks
    assert watch.use.looks > before
    assert watch.use.memory_bytes > 0

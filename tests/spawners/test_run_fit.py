"""What a run used against what it was given, and what to ask for next time."""

from datetime import timedelta

import pytest

from spawners.resources import Request, Resources, fill
from spawners.run_fit import NOTHING, cpu_hint, fit, memory_hint, span, time_hint
from spawners.run_use import GPUUse, Use
from spawners.scheduler import JobState, Spent
from spawners.site import Site
from tests.spawners.test_run_report import AT

GIB = 1024**3


@pytest.fixture
def asked(site: Site) -> Resources:
    """An hour of a GPU with four CPUs and 8000 MiB."""
    return fill(Request(purpose="run", profile="gpu-1", cpus_per_task=4, mem=8000), site)


def job(minutes: float, state: str = "COMPLETED") -> JobState:
    """A job that ran for so many."""
    end = AT + timedelta(minutes=minutes)
    return JobState(job_id="1", user="a", name="n", comment="", state=state, start=AT, end=end)


def gpu(percent: float | None) -> GPUUse:
    """One GPU of which 12 GiB were used at most."""
    return GPUUse(name="H100", percent=percent, memory_bytes=12 * GIB, memory_limit_bytes=80 * GIB)


def test_all_of_it(asked: Resources) -> None:
    use = Use(looks=9, cpu_seconds=1, memory_bytes=GIB, gpus=(gpu(64.4),))
    assert dict(fit(asked, job(40), Spent(cpu_seconds=2400, memory_bytes=GIB // 2), use)) == {
        "Time": "Used 40 min of 1 h asked for.",
        "CPUs": "1.0 of 4 busy on average. Next time cpus_per_task=2 is enough.",
        "Memory": "At most 1 GiB of 7.8 GiB at once. Next time mem=2000 is enough, with room to spare.",
        "GPUs": "H100: busy 64 % of the time, at most 12 GiB of 80 GiB.",
    }


def test_where_accounting_measures_nothing_the_job_is_believed(asked: Resources) -> None:
    told = dict(fit(asked, job(10), NOTHING, Use(looks=2, cpu_seconds=1200, memory_bytes=6 * GIB, gpus=(gpu(None),))))
    assert told["CPUs"] == "2.0 of 4 busy on average. Next time cpus_per_task=3 is enough."
    assert told["Memory"] == "At most 6 GiB of 7.8 GiB at once."
    assert told["GPUs"] == "H100: at most 12 GiB of 80 GiB."


def test_what_nobody_measured_is_not_told(asked: Resources) -> None:
    assert list(dict(fit(asked, job(40), NOTHING, None))) == ["Time", "GPUs"]
    assert list(fit(asked, job(40).model_copy(update={"start": None}), NOTHING, None)) == []


def test_a_gpu_that_was_hardly_used_is_named(asked: Resources) -> None:
    idle = Use(looks=2, cpu_seconds=1, memory_bytes=1, gpus=(gpu(3), gpu(9)))
    assert "Hardly used" in dict(fit(asked, job(40), NOTHING, idle))["GPUs"]
    busy = idle.model_copy(update={"gpus": (gpu(3), gpu(90))})
    assert "Hardly used" not in dict(fit(asked, job(40), NOTHING, busy))["GPUs"]


def test_one_that_did_not_end_as_it_should_tells_nothing_about_next_time(asked: Resources) -> None:
    use = Use(looks=2, cpu_seconds=1, memory_bytes=1, gpus=(gpu(3),))
    told = " ".join(text for _, text in fit(asked, job(40, "FAILED"), NOTHING, use))
    assert "Next time" not in told
    assert "Hardly used" not in told


@pytest.mark.parametrize(("busy", "asked", "cpus"), [(0.1, 8, 1), (1.9, 8, 3), (4.1, 8, None), (0.2, 1, None)])
def test_fewer_cpus_are_advised_only_where_there_were_far_too_many(busy: float, asked: int, cpus: int | None) -> None:
    assert cpu_hint(busy, asked) == ("" if cpus is None else f"Next time cpus_per_task={cpus} is enough.")


@pytest.mark.parametrize(
    ("mib", "asked", "mem"), [(100, 8000, 500), (3000, 8000, 4500), (5000, 8000, None), (1, 500, None)]
)
def test_less_memory_is_advised_only_where_it_was_far_too_much(mib: int, asked: int, mem: int | None) -> None:
    said = memory_hint(mib * 1024**2, asked)
    assert said == ("" if mem is None else f"Next time mem={mem} is enough, with room to spare.")


@pytest.mark.parametrize(
    ("used", "asked", "state", "time"),
    [
        (60, 60, "COMPLETED", 5),
        (29 * 60, 60, "COMPLETED", 45),
        (31 * 60, 60, "COMPLETED", None),
        (60, 5, "COMPLETED", None),
        (60, 60, "FAILED", None),
        (60, 60, "TIMEOUT", None),
    ],
)
def test_less_is_advised_only_where_it_was_far_too_much(used: float, asked: int, state: str, time: int | None) -> None:
    said = time_hint(used, asked, state)
    assert (f"--time {time} is enough" in said) if time else (said == "")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (0.44, "0.4 s"), (12.4, "12 s"), (60, "1 min"), (185, "3 min 5 s"), (7800, "2 h 10 min")],
)
def test_spans(seconds: float, said: str) -> None:
    assert span(seconds) == said

"""Numbers and states in plain words."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from notebooks import words

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"), [(0, "0 GPUs"), (1, "1 GPU"), (4, "4 GPUs"), (5940.4, "5\N{NO-BREAK SPACE}940 GPUs")]
)
def test_count(value: float, expected: str) -> None:
    assert expected == words.count(value, "GPU")


@pytest.mark.parametrize(("mem", "expected"), [(512, "512 MiB"), (2000, "2 GiB"), (4000, "3.9 GiB"), (16384, "16 GiB")])
def test_memory(mem: int, expected: str) -> None:
    assert expected == words.memory(mem)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "less than a minute"),
        (59, "less than a minute"),
        (60, "1 minute"),
        (3600, "1 hour"),
        (2 * 3600 + 61, "2 hours 1 minute"),
    ],
)
def test_duration(seconds: float, expected: str) -> None:
    assert expected == words.duration(seconds)


def test_time_left_is_told_with_the_hour_it_ends() -> None:
    end = NOW + timedelta(minutes=57)

    assert f"57 minutes, until {end.astimezone():%H:%M}." == words.time_left(end, NOW)


def test_little_time_left_asks_to_save() -> None:
    assert words.time_left(NOW + timedelta(minutes=9), NOW).startswith("Save your work now: 9 minutes, until ")


def test_the_last_seconds_begin_with_a_capital_letter_or_a_warning() -> None:
    assert words.time_left(NOW + timedelta(seconds=5), NOW).startswith("Save your work now: less than a minute")


def test_no_time_left() -> None:
    assert words.time_left(NOW, NOW) == "The time is over: Slurm is ending this job."


def test_what_is_not_known_is_said_in_words() -> None:
    assert words.NOT_KNOWN == words.time_left(None, NOW) == words.budget(None, None, None)


@pytest.mark.parametrize(
    ("used", "limit", "account", "expected"),
    [
        (60, 600, "onboarding", "540 of 600 GPU minutes left in account onboarding."),
        (700, 600, None, "0 of 600 GPU minutes left in your account."),
        (1, None, "sme", "1 GPU minute used by account sme; no limit is set."),
    ],
)
def test_budget(used: float, limit: float | None, account: str | None, expected: str) -> None:
    assert expected == words.budget(used, limit, account)


@pytest.mark.parametrize(
    ("name", "cpus", "mem", "expected"),
    [
        ("gpu1", 2, 4000, "gpu1, with 2 CPUs and 3.9 GiB of memory."),
        ("gpu1", 1, None, "gpu1, with 1 CPU."),
        ("gpu1", None, None, "gpu1."),
    ],
)
def test_node(name: str, cpus: int | None, mem: int | None, expected: str) -> None:
    assert expected == words.node(name, cpus, mem)


def test_gpus_without_a_driver_say_where_the_work_runs() -> None:
    assert "This node has no GPU driver, so work runs on the CPU." in words.gpus(("0", "1"), driver=False)


@pytest.mark.parametrize(
    ("visible", "stand_ins", "expected"),
    [
        (("2",), ("2",), "1 GPU, device 2. It is a stand-in, which Slurm counts as a GPU; work runs on the CPU."),
        (("0", "1"), ("0", "1"), "They are stand-ins, which Slurm counts as GPUs; work runs on the CPU."),
        (("0", "1"), ("1",), "Device 1 is a stand-in, which Slurm counts as a GPU and nothing can compute on."),
        (("0", "1", "2"), ("1", "2"), "Devices 1, 2 are stand-ins, which Slurm counts as GPUs and nothing can"),
    ],
    ids=["one", "all", "one of two", "two of three"],
)
def test_stand_ins_are_named(visible: tuple[str, ...], stand_ins: tuple[str, ...], expected: str) -> None:
    """Whatever driver the node has."""
    for driver in (False, True):
        assert expected in words.gpus(visible, stand_ins, driver=driver)


def test_several_gpus_are_listed() -> None:
    assert words.gpus(("0", "1", "2"), driver=True) == "3 GPUs, devices 0, 1, 2."


def test_no_gpu() -> None:
    assert words.gpus((), driver=True) == "No GPU: this job did not ask for one."


def test_a_gpu_costs_while_the_server_is_on() -> None:
    assert "4 GPU minutes per minute" in words.cost(("0", "1", "2", "3"))
    assert words.cost(()) == "This server uses no GPU minutes."


def test_a_moment_names_its_day() -> None:
    assert re.fullmatch(r"(19|20|21) November 2026, \d\d:\d\d", words.moment(NOW))

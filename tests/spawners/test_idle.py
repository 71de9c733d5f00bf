"""From what is seen of a server to how long it has been idle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spawners.idle import Idle, Kernel, Policy, busy, ends, look, over
from spawners.node_gpus import GPU
from spawners.node_usage import Process, Sample

POLICY = Policy(after=600, grace=100)
SERVER, KERNEL, SHELL, CHILD, LONER = 10, 20, 30, 31, 40
PARENTS = {SERVER: 1, KERNEL: SERVER, SHELL: SERVER, CHILD: SHELL, LONER: 1}
WAITS = Kernel("train.ipynb", KERNEL, "idle")


def sample(at: float, *gpus: GPU, **cpu: float) -> Sample:
    """The processes of one server, which have used so much CPU."""
    names = {"server": SERVER, "kernel": KERNEL, "shell": SHELL, "child": CHILD, "loner": LONER}
    found = (Process(pid, PARENTS[pid], name, cpu.get(name, 50.0), 0) for name, pid in names.items())
    return Sample(at, tuple(found), gpus, 0)


def seen(now: Sample, *kernels: Kernel) -> tuple[str, ...]:
    """What is busy at `now`, when nothing was ten seconds before."""
    return busy(sample(now.at - 10), now, kernels or (WAITS,), {SHELL: "1"}, SERVER)


def gpu(percent: int | None, *pids: int) -> GPU:
    return GPU("H100", percent, 0, 0, frozenset(pids))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (sample(100), ()),
        (sample(100, server=60.0), ()),
        (sample(100, kernel=50.9, shell=50.9, child=50.9), ()),
        (sample(100, kernel=51.1), ("kernel train.ipynb",)),
        (sample(100, child=51.1), ("terminal 1",)),
        (sample(100, loner=51.1), ("program loner",)),
        (sample(100, kernel=60.0, child=60.0), ("kernel train.ipynb", "terminal 1")),
        (sample(100, kernel=0.0), ()),
        (sample(100, gpu(0)), ()),
        (sample(100, gpu(None)), ()),
        (sample(100, gpu(80)), ("GPU H100",)),
        (sample(100, gpu(80, KERNEL, 4711)), ("GPU H100",)),
        (sample(100, gpu(80, 4711)), ()),
    ],
    ids=[
        "nothing",
        "only the server itself",
        "many that wait",
        "a thread of a kernel",
        "a program in a terminal",
        "a program that left its terminal",
        "two",
        "a kernel that was started anew",
        "a GPU that only holds memory",
        "a MIG slice",
        "a GPU",
        "a shared GPU, for us",
        "a shared GPU, for somebody else",
    ],
)
def test_what_computes(now: Sample, expected: tuple[str, ...]) -> None:
    assert seen(now) == expected


@pytest.mark.parametrize("state", ["busy", "starting", "restarting", "unknown", None])
def test_a_kernel_that_does_not_wait_is_busy(state: str | None) -> None:
    assert seen(sample(100), Kernel("a", None, state)) == ("kernel a",)


@pytest.mark.parametrize("state", ["idle", "dead"])
def test_a_kernel_that_waits_is_not(state: str) -> None:
    assert seen(sample(100), Kernel("a", None, state)) == ()


@pytest.mark.parametrize("state", ["starting", "restarting", "autorestarting"])
def test_a_kernel_that_starts_here_is_busy_while_it_uses_a_cpu(state: str) -> None:
    """It stays in this state while nobody looks; one that is elsewhere may wait in a queue."""
    starts = Kernel("a", KERNEL, state)
    assert seen(sample(100), starts) == ()
    assert seen(sample(100, kernel=55.0), starts) == ("kernel a",)


def days(*looks: tuple[float, float, tuple[str, ...]]) -> Idle:
    """What is known after looks at (moment, last sign of a person, what was busy)."""
    idle = Idle(0.0)
    for now, person, found in looks:
        idle = look(idle, now, person=person, busy=found, longest=1000)
    return idle


def test_quiet_adds_up_and_is_warned_of() -> None:
    idle = days((300, 0, ()), (599, 0, ()))
    assert (idle.seconds, ends(idle, POLICY), over(idle, POLICY)) == (599, None, False)
    idle = days((300, 0, ()), (650, 0, ()))
    assert (ends(idle, POLICY), over(idle, POLICY)) == (700, False)
    assert over(days((700, 0, ())), POLICY)


def test_work_and_people_begin_it_anew() -> None:
    assert days((650, 0, ()), (660, 0, ("kernel a",))).seconds == 0
    assert days((650, 0, ("kernel a",)), (660, 0, ())).seconds == 10
    assert days((650, 640, ())).seconds == 10


def test_time_in_which_the_node_slept_does_not_count() -> None:
    """A job that was suspended for a night is not released in the moment it goes on."""
    idle = look(Idle(0.0, 500), 90_000, person=0, busy=(), longest=30)
    assert idle.seconds == 530
    assert ends(idle, POLICY) is None


def test_a_clock_that_jumps_back_ends_nothing() -> None:
    idle = look(Idle(5000.0, 500), 1000, person=4500, busy=(), longest=30)
    assert idle.seconds == 0
    assert not over(idle, POLICY)


@given(
    st.lists(
        st.tuples(st.floats(-1e4, 1e5), st.floats(-1e4, 1e5), st.sampled_from([(), ("a",)])), min_size=1, max_size=20
    )
)
def test_nobody_is_released_unwarned(looks: list[tuple[float, float, tuple[str, ...]]]) -> None:
    """Whatever the clock does: before each release lies a look at which the warning stood, and lasted."""
    idle, warned = Idle(0.0), False
    for now, person, found in looks:
        idle = look(idle, now, person=person, busy=found, longest=50)
        assert warned or not over(idle, POLICY)
        assert 0 <= idle.seconds <= POLICY.after + POLICY.grace + 50 * len(looks)
        warned = ends(idle, POLICY) is not None

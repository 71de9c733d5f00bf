"""Faults made for real: none costs a healthy server, none leaves a job behind, and the person is told.

The table of them is printed after the tests, and is docs/reference/faults.md.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.end_to_end.factory import Factory, until
from tests.end_to_end.faults import Squeue, clock, full_disk, hidden_jobs, slurm_works, stopped
from tests.end_to_end.healthy import Healthy
from tests.end_to_end.hub import restart_hub
from tests.end_to_end.person import Person

PAGE = Path(__file__).parents[2] / "docs/reference/faults.md"
# What squeue says where nothing is wrong with any job.
COMPLAINTS = (
    "slurm_load_jobs error: Socket timed out on send/recv operation",
    "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
    'squeue: error: Munge encode failed: Failed to access "/run/munge/munge.socket.2": No such file or directory',
    "slurm_load_jobs error: Protocol authentication error",
    "slurm_load_jobs error: Zero Bytes were transmitted or received",
    "slurm_load_jobs error: Slurm backup controller in standby mode",
    "slurm_load_jobs error: Insane message length",
    "squeue: fatal: Could not establish a configuration source",
    "sudo: unable to resolve host login1: Temporary failure in name resolution",
    "slurm_load_jobs error: Invalid job id specified",
)
UNNOTED = ("grep", "-c", "is up, but cannot be noted yet", "/var/log/onramp/hub.log")
QUEUED = "In the queue."
ENDING = ("cancelled", "requeued", "on-a-node")
Through = Callable[[str, str], AbstractContextManager[Callable[[str], None]]]


@pytest.fixture(scope="module")
def squeue(factory: Factory) -> Iterator[Squeue]:
    """The hub's squeue."""
    one = Squeue(factory)
    try:
        one.put()
        yield one
    finally:
        one.remove()


@pytest.fixture(scope="module")
def healthy(factory: Factory) -> Iterator[Healthy]:
    """The servers that no fault may cost; of their person no job is left at the end."""
    with Person(factory, "student2") as person:
        one = Healthy(factory, person)
        yield one
        one.close()
    until("no job is left", lambda: not factory.jobs("student2"))


@pytest.fixture(scope="module")
def doomed(factory: Factory, healthy: Healthy) -> Mapping[str, str]:
    """More servers of the same person, by name their jobs, on a node of their own: something does end these."""
    jobs = {name: healthy.ask(name) for name in ENDING}
    for name in ENDING:
        until(f"{name} is ready", partial(healthy.person.ready, name), seconds=120)
    return jobs


@pytest.fixture
def through(healthy: Healthy, record_property: Callable[[str, object], None]) -> Through:
    """Look at the servers before and after a fault, and keep a row of the table, which the page has as well."""

    @contextmanager
    def measure(fault: str, told: str) -> Iterator[Callable[[str], None]]:
        heard: list[str] = []
        before = healthy.alive()
        yield heard.append
        alive, orphans = healthy.alive(), healthy.orphans()
        row = f"| {fault} | {before} | {alive} | {before - alive} | {orphans} | {told} |"
        record_property("fault", row)
        assert (before, alive, orphans) == (2, 2, 0)
        assert heard
        assert all(told.lower() in words.lower() for words in heard), f"{told!r} is not in {heard}"
        assert row in PAGE.read_text(), f"{PAGE.name} lacks this row:\n{row}"

    return measure


def test_what_something_ends(through: Through, factory: Factory, healthy: Healthy, doomed: Mapping[str, str]) -> None:
    # At once, since the hub asks after a running server every half a minute.
    with (
        through("`scancel` by root, of a running server", "It was cancelled") as hear_of_root,
        through("`scancel` by the person, of a waiting server", "It was cancelled") as hear_of_person,
        through(
            "`scontrol requeue` of a running server", "put it back into the queue; what ran is lost."
        ) as hear_of_queue,
        through("slurmd and its node die, and come back", "Its node failed; this was not your fault.") as hear_of_node,
    ):
        factory.exec("scancel", doomed["cancelled"])
        factory.exec("scancel", healthy.hold("withdrawn"), user=healthy.person.name)
        factory.exec("scontrol", "update", f"JobId={doomed['requeued']}", "Requeue=1")
        factory.exec("scontrol", "requeue", doomed["requeued"])
        with stopped(factory, "gpu1"):
            factory.exec("scontrol", "update", "NodeName=gpu1", "State=DOWN", "Reason=test")
            hear_of_root(healthy.end("cancelled"))
            hear_of_person(healthy.end("withdrawn"))
            hear_of_queue(healthy.end("requeued"))
            hear_of_node(healthy.end("on-a-node"))


def test_slurmd_is_killed(through: Through, factory: Factory, healthy: Healthy) -> None:
    with through("slurmd is killed below a running server", QUEUED) as hear:
        (pid,) = [pid for pid, args in factory.processes("root") if args.startswith("slurmd -D -N cpu1")]
        factory.exec("kill", "-KILL", str(pid))
        until("slurmd is back", lambda: pid not in dict(factory.processes("root")) and slurm_works(factory))
        hear(healthy.said())


def test_slurmctld_is_stopped(through: Through, factory: Factory, healthy: Healthy, squeue: Squeue) -> None:
    # One outage for four: a question that fails takes nine seconds, and the next one waits for half a minute.
    with (
        through("slurmctld is stopped, and started again", QUEUED) as hear,
        through("Stop is pressed while slurmctld is away", "It was stopped from the hub") as hear_of_stop,
        through("a server is asked for while slurmctld is away", "Slurm does not answer just now") as hear_of_start,
        through("the hub is killed while slurmctld is away", QUEUED) as hear_of_hub,
    ):
        healthy.hold("given-up")
        with stopped(factory, "slurmctld"):
            squeue.wait()
            hear(healthy.said())
            healthy.person.stop("given-up")
            hear_of_stop(healthy.end("given-up"))
            assert healthy.person.ask("one-more", profile="cpu").status_code in (202, 503)
            hear_of_start(healthy.end("one-more"))
            restart_hub(factory, "KILL")
            assert healthy.computes()
        restart_hub(factory)
        squeue.wait()
        hear_of_hub(healthy.said())


def test_the_hub_is_killed_twice(through: Through, factory: Factory, healthy: Healthy, squeue: Squeue) -> None:
    with (
        through("the hub is killed, twice", QUEUED) as hear,
        through("a server is suspended, the hub is killed, the server resumes", "Running") as hear_of_pause,
    ):
        restart_hub(factory, "KILL")
        factory.exec("scontrol", "suspend", healthy.running)
        restart_hub(factory, "KILL")
        squeue.wait()
        hear(healthy.said())
        hear_of_pause(healthy.listed(""))
        factory.exec("scontrol", "resume", healthy.running)


def test_the_hub_ends_while_it_asks(through: Through, factory: Factory, healthy: Healthy, squeue: Squeue) -> None:
    with through("the hub is told to end (SIGTERM) while it asks Slurm", QUEUED) as hear:
        with squeue.says('sleep 1; exec /run/faults/squeue "$@"'):
            until("the hub asks", squeue.asking)
            restart_hub(factory)
        squeue.wait()
        hear(healthy.said())


@pytest.mark.parametrize("part", ["slurmdbd", "munge"])
def test_a_part_is_stopped(through: Through, factory: Factory, healthy: Healthy, squeue: Squeue, part: str) -> None:
    with through(f"{part} is stopped, and started again", QUEUED) as hear:
        with stopped(factory, part):
            squeue.wait()
            hear(healthy.said())
        squeue.wait()


# Ended with 0 it is an answer that shows nothing, which is looked at below too.
@pytest.mark.parametrize("code", [1, pytest.param(0, marks=pytest.mark.full)])
def test_squeue_complains(through: Through, healthy: Healthy, squeue: Squeue, code: int) -> None:
    with through(f"squeue fails with each of {len(COMPLAINTS)} texts, and ends with {code}", QUEUED) as hear:
        for words in COMPLAINTS:
            with squeue.says(f"echo {shlex.quote(words)} >&2; exit {code}"):
                squeue.wait()
        hear(healthy.said())


@pytest.mark.parametrize(
    ("what", "script"),
    [
        ("prints nothing", "exit 0"),
        ("prints half a line", r"printf '%s\037' 1 student2 RUNN"),
        ("prints its complaint as its answer", f"echo {shlex.quote(COMPLAINTS[0])}"),
    ],
)
def test_squeue_answers_wrongly(through: Through, healthy: Healthy, squeue: Squeue, what: str, script: str) -> None:
    with through(f"squeue {what}, and ends with 0", QUEUED) as hear, squeue.says(script):
        squeue.wait(4)
        hear(healthy.said())


# Half a minute; tests/spawners/test_slurm.py has it with a shorter patience.
@pytest.mark.full
def test_squeue_hangs(through: Through, factory: Factory, healthy: Healthy, squeue: Squeue) -> None:
    with through("squeue hangs for longer than the hub waits", QUEUED) as hear:
        with squeue.says("exec sleep 600"):
            squeue.wait()
            hear(healthy.said())
        # Which begins to ask at once; after half a minute of waiting the hub would rest for as long.
        restart_hub(factory, "KILL")


def test_slurm_hides_jobs(through: Through, factory: Factory, healthy: Healthy, squeue: Squeue) -> None:
    fault = "PrivateData=jobs: squeue shows nothing and calls that success"
    with through(fault, QUEUED) as hear, hidden_jobs(factory):
        squeue.wait(4)
        hear(healthy.said())


def test_squeue_hides_some_jobs(through: Through, healthy: Healthy, squeue: Squeue) -> None:
    """As with PrivateData where the hub coordinates some accounts, or in a federation."""
    with through("squeue hides the running server, then the waiting one", QUEUED) as hear:
        for job_id in (healthy.running, healthy.waiting):
            row = rf"^{job_id}$(printf '\037')"  # squeue's fields end in a separator that begins so
            with squeue.says(f'/run/faults/squeue "$@" | grep -av "{row}"'):
                squeue.wait(5)
                hear(healthy.said())


def test_the_clock_jumps(through: Through, factory: Factory, healthy: Healthy, squeue: Squeue) -> None:
    with through("the hub's clock jumps a day ahead, then two days back", QUEUED) as hear, clock(factory) as set_clock:
        for word in ("+1d", "-1d"):
            set_clock(word)
            squeue.wait(3)
            assert healthy.alive() == 2
            hear(healthy.said())


def test_the_disk_is_full(through: Through, factory: Factory, healthy: Healthy, squeue: Squeue) -> None:
    refused = "A new start is refused."
    with (
        through("the hub's disk is full, for its database and its ledger", refused) as hear,
        full_disk(factory) as make_room,
    ):
        squeue.wait(2)
        jobs = factory.jobs(healthy.person.name)
        answer = healthy.person.ask("one-more", profile="cpu")
        # JupyterHub itself may fail first, where it notes that the person was here.
        assert (answer.status_code in (403, 500), factory.jobs(healthy.person.name)) == (True, jobs), answer.text
        hear(refused)
        # And the one that waited starts, where nothing can be noted of it yet.
        before = factory.attempt(*UNNOTED).stdout
        healthy.release()
        until("a server is up and cannot be noted", lambda: factory.attempt(*UNNOTED).stdout != before, seconds=90)
        make_room()
        until("the server that waited is ready", lambda: healthy.person.ready("waiting"), seconds=90)

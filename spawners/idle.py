"""Whether anything happens in a server: from what is seen of it to how long it has been idle, and its release. Pure.

Busy is what computes: a kernel that runs a cell or does not answer, a program that uses a CPU, a GPU that works. A
person counts too, but not a tab that is merely open. What cannot be known is taken for busy.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from spawners.node_gpus import GPU
from spawners.node_usage import Process, Sample

# A kernel that waits for its next cell, and one that is gone. Any other may be about to do what it was asked to.
WAITING = frozenset({"idle", "dead", "terminating"})
# One that died in a closed tab stays so until somebody looks. Where its process is here, its CPU tells if it starts.
STARTING = frozenset({"starting", "restarting", "autorestarting"})
# Of one CPU. A process that waits uses less: a kernel 0.001, a Dask scheduler 0.04 with two workers, those 0.03 each.
SHARE = 0.1
# Per cent. A GPU that only holds memory shows none.
WORKING = 5


class Policy(NamedTuple):
    """Seconds without activity after which a person is warned, and those that the warning stands before the release."""

    after: float
    grace: float


class Kernel(NamedTuple):
    """A kernel: what it is called, its process where that is on this node, and the state Jupyter has for it."""

    name: str
    pid: int | None
    state: str | None


class Idle(NamedTuple):
    """What was seen last: when (seconds since 1970), for how many seconds nothing has happened, and what is busy."""

    at: float
    seconds: float = 0.0
    busy: tuple[str, ...] = ()


def busy(
    before: Sample, now: Sample, kernels: Sequence[Kernel], terminals: Mapping[int, str], server: int
) -> tuple[str, ...]:
    """Say what computes, by name; `terminals` are names by process. The process `server` itself does not count."""
    owners = {kernel.pid: f"kernel {kernel.name}" for kernel in kernels if kernel.pid is not None}
    owners |= {pid: f"terminal {name}" for pid, name in terminals.items()}
    found = [
        *(f"kernel {kernel.name}" for kernel in kernels if _runs(kernel)),
        *_programs(before, now, owners, server),
        *(f"GPU {gpu.name}" for gpu in now.gpus if _works(gpu, now.processes)),
    ]
    return tuple(dict.fromkeys(found))


def look(before: Idle, now: float, *, person: float, busy: tuple[str, ...], longest: float) -> Idle:
    """See the server again at `now`; `person` is when somebody last did something.

    Time in which nobody looked for more than `longest` seconds, since the job or the machine slept, does not count.
    """
    if busy:
        return Idle(now, 0.0, busy)
    elapsed = min(max(0.0, now - before.at), longest)
    return Idle(now, max(0.0, min(before.seconds + elapsed, now - person)))


def ends(idle: Idle, policy: Policy) -> float | None:
    """When the server is released (seconds since 1970) unless something happens; None while nobody need be warned."""
    if idle.seconds < policy.after:
        return None
    return idle.at + policy.after + policy.grace - idle.seconds


def over(idle: Idle, policy: Policy) -> bool:
    """Whether the server is to be released now."""
    return idle.seconds >= policy.after + policy.grace


def _programs(before: Sample, now: Sample, owners: Mapping[int, str], server: int) -> Iterator[str]:
    """Name whatever has used a CPU since: the kernel or terminal that it belongs to, else the program."""
    parents = {process.pid: process.parent for process in now.processes}
    earlier = {process.pid: process.cpu for process in before.processes}
    for process in now.processes:
        used = process.cpu - earlier.get(process.pid, 0.0)
        if process.pid != server and used > SHARE * (now.at - before.at):
            yield _owner(process, parents, owners)


def _owner(process: Process, parents: Mapping[int, int], owners: Mapping[int, str]) -> str:
    pid = process.pid
    while pid not in owners and pid in parents:
        pid = parents[pid]
    return owners.get(pid, f"program {process.name}")


def _runs(kernel: Kernel) -> bool:
    return kernel.state not in (WAITING if kernel.pid is None else WAITING | STARTING)


def _works(gpu: GPU, ours: Iterable[Process]) -> bool:
    """Whether a GPU works, and for us where it says for whom: it may be shared."""
    if gpu.percent is None or gpu.percent < WORKING:
        return False
    return not gpu.pids or not gpu.pids.isdisjoint(process.pid for process in ours)

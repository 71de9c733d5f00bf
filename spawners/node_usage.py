"""What this job uses of what it was given: CPUs, memory and GPUs, measured on the node itself.

A package that shows such numbers in JupyterLab knows the server's own children, one limit, and no GPU, and it reads
every page of their memory while the server waits. Here it is the whole job, against what Slurm gave it, in a thread.
"""

import asyncio
import logging
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from spawners.kept import Kept
from spawners.node_gpus import GPU, gpus

_log = logging.getLogger(__name__)
# Seconds for which an answer is good: several tabs of a person ask once.
FRESH = 3.0


class Process(NamedTuple):
    """One process of this job: CPU time in seconds, with that of its children that have ended; memory in bytes."""

    pid: int
    parent: int
    name: str
    cpu: float
    memory: int


class Sample(NamedTuple):
    """What the job used at one moment; `at` in seconds of a clock that only goes forward."""

    at: float
    processes: tuple[Process, ...]
    gpus: tuple[GPU, ...]
    memory: int


def processes(job_id: str | None) -> Iterator[Process]:
    """This process, its descendants, and whatever else of this user belongs to the same job on this node."""
    import psutil

    ours = {os.getpid()}
    for process in psutil.process_iter():  # by number, so that nearly every child comes after its parent
        try:
            if os.stat(f"/proc/{process.pid}").st_uid != os.getuid():
                continue
            with process.oneshot():
                if process.pid not in ours and process.ppid() not in ours and not _of_job(process, job_id):
                    continue
                ours.add(process.pid)
                yield _process(process)
        except (psutil.Error, OSError):
            continue  # it has ended, or is not for us to see


def _of_job(process: Any, job_id: str | None) -> bool:
    return job_id is not None and process.environ().get("SLURM_JOB_ID") == job_id


def _process(process: Any) -> Process:
    times = process.cpu_times()
    cpu = times.user + times.system + times.children_user + times.children_system
    return Process(process.pid, process.ppid(), process.name(), cpu, process.memory_info().rss)


def cpus(environ: Mapping[str, str]) -> int:
    """How many CPUs this job may use."""
    given = _number(environ, "SLURM_CPUS_PER_TASK") or _number(environ, "SLURM_CPUS_ON_NODE")
    allowed = len(os.sched_getaffinity(0))
    return min(given, allowed) if given else allowed


def memory_limit(environ: Mapping[str, str], root: Path = Path("/")) -> int:
    """How many bytes of memory this job may use: what its cgroup enforces, what Slurm gave, or what the node has."""
    import psutil

    group = job_group(environ, root)
    enforced = _text(group / "memory.max") if group else ""
    limits = [int(enforced)] if enforced.isdecimal() else []
    given = given_memory(environ)
    return min([*limits, *([given << 20] if given else []), int(psutil.virtual_memory().total)])


def given_memory(environ: Mapping[str, str]) -> int | None:
    """How much memory (MiB) Slurm gave this job on this node, however it was asked for; None where it does not say."""
    per_node = _number(environ, "SLURM_MEM_PER_NODE")
    if per_node:
        return per_node
    for each, count in (("SLURM_MEM_PER_CPU", "SLURM_CPUS_ON_NODE"), ("SLURM_MEM_PER_GPU", "SLURM_GPUS_ON_NODE")):
        given, number = _number(environ, each), _number(environ, count)
        if given and number:
            return given * number
    return None


def memory_used(environ: Mapping[str, str], found: tuple[Process, ...], root: Path = Path("/")) -> int:
    """How many bytes this job uses, as whoever would end it for that counts: its cgroup, without files that may go.

    Where the job has none, Slurm adds up its processes, and so do we.
    """
    group = job_group(environ, root)
    used = _text(group / "memory.current") if group else ""
    if group is None or not used.isdecimal():
        return sum(process.memory for process in found)
    stat = dict(line.split() for line in _text(group / "memory.stat").splitlines())
    return max(0, int(used) - int(stat.get("inactive_file", 0)) - int(stat.get("active_file", 0)))


def job_group(environ: Mapping[str, str], root: Path = Path("/")) -> Path | None:
    """The folder of this job's cgroup (version 2); None where it has none of its own."""
    job = f"job_{environ.get('SLURM_JOB_ID')}"
    for line in _text(root / "proc/self/cgroup").splitlines():
        path = Path(line.removeprefix("0::/"))
        if line.startswith("0::/") and job in path.parts:
            return root.joinpath("sys/fs/cgroup", *path.parts[: path.parts.index(job) + 1])
    return None


def take(environ: Mapping[str, str]) -> Sample:
    """Measure the job with this environment; asks the kernel and the drivers, and may wait for them."""
    found = tuple(processes(environ.get("SLURM_JOB_ID")))
    return Sample(time.monotonic(), found, gpus(environ), memory_used(environ, found))


class Meter:
    """What this job uses, as numbers to show; they are kept for a moment, and nothing here keeps the server waiting."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """`environ` is that of the server, which Slurm and the launcher gave it."""
        self._environ = environ
        self._kept: Kept[dict[str, object]] = Kept(FRESH)
        self._before: Sample | None = None

    async def usage(self) -> dict[str, object] | None:
        """{"cpu_percent", "cpus", "memory_bytes", "memory_limit_bytes", "gpus"}; 100 per cent is all CPUs of the job.

        "gpus" is a list of {"name", "percent", "memory_bytes", "memory_limit_bytes"}; a MIG slice's percent is None.
        None where this node does not say.
        """
        try:
            return await self._kept.get("job", lambda: asyncio.to_thread(self._measure))
        except (OSError, ValueError) as error:
            _log.warning("It cannot be measured what this job uses: %s", error)
            return None

    def _measure(self) -> dict[str, object]:
        sample = take(self._environ)
        before, self._before = self._before or sample, sample
        return {
            "cpu_percent": round(100 * cpus_used(before, sample) / cpus(self._environ), 1),
            "cpus": cpus(self._environ),
            "memory_bytes": sample.memory,
            "memory_limit_bytes": memory_limit(self._environ),
            "gpus": [{name: value for name, value in gpu._asdict().items() if name != "pids"} for gpu in sample.gpus],
        }


def cpus_used(before: Sample, now: Sample) -> float:
    """How many CPUs the job kept busy between two samples; a process that has left takes no time away."""
    used = sum(process.cpu for process in now.processes) - sum(process.cpu for process in before.processes)
    return max(0.0, used) / (now.at - before.at) if now.at > before.at else 0.0


def _number(environ: Mapping[str, str], name: str) -> int | None:
    value = environ.get(name, "")
    return int(value) if value.isdecimal() else None


def _text(path: Path) -> str:
    """What a file of the kernel's says; empty where there is none."""
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""

"""What a factory has spent so far: `bench_spawn` runs this inside it, before and after what it measures.

Prints one JSON object: `cpu`, the CPU seconds of everything that runs in the factory, and of the processes of jobs
alone `job_cpu`, `processes` and `began`, the Unix time at which the oldest of them did.
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# The job that stands by for grading is there all the time, and nobody's whose start is measured.
STANDING = b"\0SLURM_JOB_NAME=onramp-grade\0"
_TICKS = os.sysconf("SC_CLK_TCK")


class Process(NamedTuple):
    """One process: whether a job's, its CPU seconds with those of its dead children, and when it began."""

    of_job: bool
    cpu: float
    began: float


def processes(folder: Path = Path("/proc")) -> Iterator[Process]:
    """Yield every process but this one and the first; who dies meanwhile is left out."""
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    for path in folder.glob("[0-9]*"):
        if path.name == str(os.getpid()):
            continue
        try:
            # The name, in brackets, may hold anything; the fields are counted from behind it.
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            # What is over is on its way to its parent's account; the first process is everybody's heir, long after.
            if fields[0] == "Z" or path.name == "1":
                continue
            environment = b"\0" + (path / "environ").read_bytes()
        except OSError:
            continue
        of_job = b"\0SLURM_JOB_ID=" in environment and STANDING not in environment
        yield Process(of_job, sum(map(int, fields[11:15])) / _TICKS, booted + int(fields[19]) / _TICKS)


def spent(folder: Path = Path("/proc")) -> dict[str, float]:
    """Return what is printed; `began` is 0 where no job runs."""
    found = list(processes(folder))
    jobs = [process for process in found if process.of_job]
    return {
        "cpu": sum(process.cpu for process in found),
        "job_cpu": sum(process.cpu for process in jobs),
        "processes": len(jobs),
        "began": min((process.began for process in jobs), default=0.0),
    }


if __name__ == "__main__":
    print(json.dumps(spent()))

"""What a run used of what it was given, and how much to ask for next time: with room to spare, and only where it tells.

Whoever saw it: accounting where that measured, and for GPUs, and for peaks between two of accounting's looks, the job.
"""

import math
from collections.abc import Iterator

from spawners.foresight import MINUTE
from spawners.resources import Resources
from spawners.run_use import GPUUse, Use
from spawners.scheduler import JobState, Spent

# Who used less than this share may well ask for less; what they are told to ask for has room to spare.
MUCH, MARGIN = 0.5, 1.5
# Steps of what is told: minutes, MiB.
TIME_STEP, MEMORY_STEP = 5, 500
# A GPU that is busy for fewer of a hundred seconds is hardly used.
IDLE = 10
NOTHING = Spent()


def fit(asked: Resources, job: JobState, spent: Spent, use: Use | None) -> Iterator[tuple[str, str]]:
    """Time, CPUs, memory and GPUs, each as a name and a sentence; nothing of what nobody measured."""
    seconds = ran(job)
    if seconds is None:
        return
    ended = job.state == "COMPLETED"
    yield (
        "Time",
        _told(
            f"Used {span(seconds)} of {span(asked.time * MINUTE)} asked for.", time_hint(seconds, asked.time, job.state)
        ),
    )
    cpu = spent.cpu_seconds or (use.cpu_seconds if use else 0.0)
    if cpu and seconds:
        yield (
            "CPUs",
            _told(_busy(cpu / seconds, asked.cpus_per_task), ended and cpu_hint(cpu / seconds, asked.cpus_per_task)),
        )
    memory = max(spent.memory_bytes or 0, use.memory_bytes if use else 0)
    if memory:
        text = f"At most {size(memory)} of {size(asked.mem << 20)} at once."
        yield "Memory", _told(text, ended and memory_hint(memory, asked.mem))
    if asked.gpus:
        yield "GPUs", _gpus(use.gpus if use else (), ended=ended)


def ran(job: JobState) -> float | None:
    """How many seconds a job was on its node; None where it never was."""
    if not (job.start and job.end) or (job.waiting and not job.over):
        return None
    return max(0.0, (job.end - job.start).total_seconds())


def time_hint(used: float, asked: int, state: str) -> str:
    """What time (minutes) to ask for next time, by one run that ended as it should; "" where it was well chosen."""
    enough = _enough(used / MINUTE, TIME_STEP)
    if state != "COMPLETED" or used > MUCH * asked * MINUTE or enough >= asked:
        return ""
    return f"Next time --time {enough} is enough, with room to spare; a shorter job often starts sooner."


def cpu_hint(busy: float, asked: int) -> str:
    """How many CPUs to ask for; "" where they were well chosen."""
    enough = _enough(busy, 1)
    return "" if busy > MUCH * asked or enough >= asked else f"Next time cpus_per_task={enough} is enough."


def memory_hint(used: int, asked: int) -> str:
    """How much memory (MiB) to ask for; "" where it was well chosen."""
    enough = _enough(used / 1024**2, MEMORY_STEP)
    return (
        ""
        if used > MUCH * (asked << 20) or enough >= asked
        else f"Next time mem={enough} is enough, with room to spare."
    )


def _enough(used: float, step: int) -> int:
    return max(1, math.ceil(used * MARGIN / step)) * step


def _busy(busy: float, asked: int) -> str:
    return f"{busy:.1f} of {asked} busy on average." if asked > 1 else f"{100 * busy:.0f} % of one, on average."


def _gpus(gpus: tuple[GPUUse, ...], *, ended: bool) -> str:
    """What each GPU did; where none of them did much, that another profile costs less."""
    if not gpus:
        return "Not measured: no driver on its node told what they did."
    told = "; ".join(_gpu(one) for one in gpus)
    idle = ended and all(one.percent is not None and one.percent < IDLE for one in gpus)
    return _told(
        f"{told}.",
        idle and "Hardly used: does the notebook compute on the GPU? On a profile without one it costs no GPU minutes.",
    )


def _gpu(gpu: GPUUse) -> str:
    busy = "" if gpu.percent is None else f"busy {gpu.percent:.0f} % of the time, "
    return f"{gpu.name}: {busy}at most {size(gpu.memory_bytes)} of {size(gpu.memory_limit_bytes)}"


def _told(text: str, hint: str | bool) -> str:
    return f"{text} {hint}" if hint else text


def size(count: float) -> str:
    """An amount of memory or disk: 12 bytes, 250 MiB, 1.2 GiB, 80 GiB, 3 TiB."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    whole, unit = (count, "GiB") if count < 1024 else (count / 1024, "TiB")
    return f"{whole:.1f} {unit}".replace(".0 ", " ")


def span(seconds: float) -> str:
    """A length of time: 0.4 s, 12 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 ", " ")
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s".removesuffix(" 0 s")
    return f"{whole // 3600} h {whole % 3600 // 60} min".removesuffix(" 0 min")

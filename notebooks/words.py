"""Plain words for numbers and states: what a newcomer reads instead of raw values."""

from datetime import datetime

# Below this many seconds the words ask the reader to save: Slurm ends a job at its limit without asking.
SAVE_NOW = 10 * 60
NOT_KNOWN = "Not known yet."


def number(value: float) -> str:
    """A whole number with no-break spaces between thousands: `5940.2` reads `5 940`."""
    return f"{round(value):,}".replace(",", "\N{NO-BREAK SPACE}")


def count(value: float, noun: str) -> str:
    """A number with its noun, in singular or plural: `1 GPU`, `4 GPUs`."""
    amount = number(value)
    return f"{amount} {noun}" if amount == "1" else f"{amount} {noun}s"


def memory(mem: int) -> str:
    """Memory given in MiB, as Slurm counts it, in the unit people know: GiB from 1024 MiB on."""
    if mem < 1024:
        return f"{number(mem)} MiB"
    return f"{mem / 1024:.1f}".removesuffix(".0") + " GiB"


def duration(seconds: float) -> str:
    """A length of time in seconds as hours and minutes, never more exact than a minute."""
    hours, minutes = divmod(max(0, int(seconds // 60)), 60)
    parts = [count(hours, "hour")] if hours else []
    parts += [count(minutes, "minute")] if minutes else []
    return " ".join(parts) or "less than a minute"


def moment(when: datetime) -> str:
    """A day and a time of day here: `20 November 2026, 15:20`."""
    return f"{when.astimezone():%-d %B %Y, %H:%M}"


def node(name: str, cpus: int | None, mem: int | None) -> str:
    """The node and this job's share of it (`mem` in MiB)."""
    share = [count(cpus, "CPU")] if cpus else []
    share += [f"{memory(mem)} of memory"] if mem else []
    return f"{name}, with {' and '.join(share)}." if share else f"{name}."


def gpus(visible: tuple[str, ...], stand_ins: tuple[str, ...] = (), *, driver: bool) -> str:
    """Which GPUs this job was given, and whether work can run on them."""
    if not visible:
        return "No GPU: this job did not ask for one."
    noun = "device" if len(visible) == 1 else "devices"
    given = f"{count(len(visible), 'GPU')}, {noun} {', '.join(visible)}"
    if stand_ins:
        return f"{given}. {_stand_ins(visible, stand_ins)}"
    if driver:
        return f"{given}."
    return f"{given}. This node has no GPU driver, so work runs on the CPU."


def _stand_ins(visible: tuple[str, ...], stand_ins: tuple[str, ...]) -> str:
    if len(visible) == 1:
        return "It is a stand-in, which Slurm counts as a GPU; work runs on the CPU."
    if len(stand_ins) == len(visible):
        return "They are stand-ins, which Slurm counts as GPUs; work runs on the CPU."
    if len(stand_ins) == 1:
        return f"Device {stand_ins[0]} is a stand-in, which Slurm counts as a GPU and nothing can compute on."
    return f"Devices {', '.join(stand_ins)} are stand-ins, which Slurm counts as GPUs and nothing can compute on."


def time_left(end: datetime | None, now: datetime) -> str:
    """How long this job may still run, and a request to save when it is nearly over."""
    if end is None:
        return NOT_KNOWN
    seconds = (end - now).total_seconds()
    if seconds <= 0:
        return "The time is over: Slurm is ending this job."
    text = f"{duration(seconds)}, until {end.astimezone():%H:%M}."
    return f"Save your work now: {text}" if seconds < SAVE_NOW else text[0].upper() + text[1:]


def budget(used: float | None, limit: float | None, account: str | None) -> str:
    """What is left of the account's GPU minutes (`used` and `limit` as Slurm's accounting has them)."""
    if used is None:
        return NOT_KNOWN
    whose = f"account {account}" if account else "your account"
    if limit is None:
        return f"{count(used, 'GPU minute')} used by {whose}; no limit is set."
    return f"{number(max(0.0, limit - used))} of {count(limit, 'GPU minute')} left in {whose}."


def cost(visible: tuple[str, ...]) -> str:
    """What this server takes from the budget while it is on."""
    if not visible:
        return "This server uses no GPU minutes."
    rate = count(len(visible), "GPU minute")
    return f"This server uses {rate} per minute until you stop it, also while you only read."

"""What a run uses on its node, as its own job sees it: CPU time, the most memory, and how busy its GPUs are."""

import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from pydantic import BaseModel

from spawners.node_gpus import GPU
from spawners.node_usage import Sample, take

# Seconds between two looks: a peak that is shorter may be missed, and whoever looks costs next to nothing.
EVERY = 1.0


class GPUUse(BaseModel, frozen=True, extra="forbid"):
    """One GPU over all looks: how busy on average (0 to 100; None: not told), and the most memory in use."""

    name: str
    percent: float | None
    memory_bytes: int
    memory_limit_bytes: int


class Use(BaseModel, frozen=True, extra="forbid"):
    """What the job used so far: CPU seconds, the most memory at one moment, its GPUs; seen in so many looks."""

    looks: int = 0
    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    gpus: tuple[GPUUse, ...] = ()


def add(use: Use, sample: Sample) -> Use:
    """Add one look to what was seen before; a process that has left takes no CPU time away."""
    return Use(
        looks=use.looks + 1,
        cpu_seconds=max(use.cpu_seconds, sum(process.cpu for process in sample.processes)),
        memory_bytes=max(use.memory_bytes, sample.memory),
        gpus=_gpus(use, sample.gpus) if sample.gpus else use.gpus,
    )


def _gpus(use: Use, now: tuple[GPU, ...]) -> tuple[GPUUse, ...]:
    before = use.gpus if len(use.gpus) == len(now) else (None,) * len(now)
    return tuple(_gpu(old, gpu, use.looks) for old, gpu in zip(before, now, strict=True))


def _gpu(old: GPUUse | None, now: GPU, looks: int) -> GPUUse:
    """One GPU with one look more; how busy it is, is averaged over the looks."""
    percent = None if now.percent is None else float(now.percent)
    if old is not None and old.percent is not None and percent is not None:
        percent = (old.percent * looks + percent) / (looks + 1)
    most = max(now.memory_bytes, old.memory_bytes if old else 0)
    return GPUUse(name=now.name, percent=percent, memory_bytes=most, memory_limit_bytes=now.memory_limit_bytes)


class Watch:
    """Looks every few seconds, in a thread, while the `with` block runs; `use` is what was seen so far."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """`environ` is the job's, which names its GPUs."""
        self.use = Use()
        self._environ = dict(environ)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self.look()

    def look(self) -> None:
        """Look now; a node that does not tell costs nobody a run."""
        try:
            self.use = add(self.use, take(self._environ))
        except (OSError, ValueError):
            return

    def _watch(self) -> None:
        while not self._over.wait(EVERY):
            self.look()

"""A grading job: it stands by on its node, examines what is laid into its folder, and hands back how each went.

`python -I -m curricula.worker FOLDER SLOTS [--gpus]`: of FOLDER/in/ so many files at a time are worked on, in the order
of their numbers; of 7-task.json the answer lies in FOLDER/out/7.json, and in FOLDER/out/ready.json that it has begun. A
file that is taken away is not worked on any further. The job ends with its folder, or once nobody touches FOLDER/alive.
With `--gpus` notebooks see the job's GPUs, and otherwise none.
"""

import asyncio
import contextlib
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat
from pydantic import BaseModel, Field, TypeAdapter

from curricula.devices import NO_GPU, Devices, DevicesError, job_devices
from curricula.engine import Engine, EngineError
from curricula.report import Report, Task
from curricula.routing import Plan
from curricula.trial import Trial, planned

log = logging.getLogger(__name__)
# Seconds between two looks into the folder: while there is work, and once there has been none for a while.
LOOK, REST, A_WHILE = 0.02, 0.25, 5.0
# Seconds after which nobody is there any more.
LONELY = 120.0
_TASK = TypeAdapter(Task)


class Ready(BaseModel, frozen=True, extra="forbid"):
    """What a job says when it can begin."""

    walls: str = Field(description="which sandbox it has")


class Answer(BaseModel, frozen=True, extra="forbid"):
    """What came of one file: the report of a task, the plan of a trial, or why there is neither."""

    report: Report | None = None
    plan: Plan | None = None
    problem: str = ""


class Pulse:
    """Whether somebody still touches a file; by this machine's clock, whatever that of the other one says."""

    def __init__(self, path: Path) -> None:
        self._path, self._seen, self._since = path, -1, time.monotonic()

    def beats(self) -> bool:
        """Look; False once the file is gone, or has long been left alone."""
        try:
            found = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return False
        if found != self._seen:
            self._seen, self._since = found, time.monotonic()
        return time.monotonic() - self._since < LONELY


async def serve(folder: Path, slots: int, devices: Devices) -> None:
    """Work on what lies in `folder` until nobody wants it. Raises EngineError where nothing can be examined."""
    pulse, gate = Pulse(folder / "alive"), asyncio.Semaphore(slots)
    pieces: dict[str, asyncio.Task[None]] = {}
    async with Engine(devices=devices) as engine:
        seen = ", ".join(devices.files) or "none"
        print(f"Walls: {engine.walls}. Notebooks at once: {slots}. Devices: {seen}.", flush=True)
        leave(folder / "out" / "ready.json", Ready(walls=engine.walls))
        busy = time.monotonic()
        while pulse.beats():
            there = _inside(folder / "in")
            for name in sorted(there - pieces.keys(), key=_number):
                pieces[name] = asyncio.create_task(_work(folder, name, engine, gate))
            for name in pieces.keys() - there:
                pieces.pop(name).cancel()
            busy = time.monotonic() if pieces else busy
            await asyncio.sleep(LOOK if time.monotonic() - busy < A_WHILE else REST)
        for piece in pieces.values():
            piece.cancel()
        await asyncio.gather(*pieces.values(), return_exceptions=True)


def _inside(folder: Path) -> set[str]:
    try:
        return {name for name in os.listdir(folder) if name.endswith(".json")}
    except FileNotFoundError:
        return set()


def _number(name: str) -> int:
    return int(name.partition("-")[0])


async def _work(folder: Path, name: str, engine: Engine, gate: asyncio.Semaphore) -> None:
    """Answer one file; whatever goes wrong with it harms no other."""
    async with gate:
        try:
            answer = await answered(folder / "in" / name, engine)
        except EngineError as error:
            answer = Answer(problem=str(error))
        except Exception as error:
            log.exception("%s", name)
            answer = Answer(problem=f"{type(error).__name__}: {error}"[:1000])
    stopped = answer.report.stopped if answer.report else None
    print(f"{_number(name)}: {answer.problem or stopped or 'It ran to its end.'}", flush=True)
    with contextlib.suppress(FileNotFoundError):  # nobody waits for it any more
        leave(folder / "out" / f"{_number(name)}.json", answer)


async def answered(path: Path, engine: Engine) -> Answer:
    """Do what a file asks for. Raises EngineError."""
    if path.name.endswith("-task.json"):
        return Answer(report=await engine.examine(_TASK.validate_json(path.read_bytes())))
    trial = Trial.model_validate_json(path.read_bytes())
    source, tests = nbformat.from_dict(dict(trial.source)), nbformat.from_dict(dict(trial.tests))
    return Answer(plan=await planned(source, tests, trial.limits, engine.examine))


def leave(path: Path, said: BaseModel) -> None:
    """Write a file that appears at once, and whole."""
    fresh = path.with_suffix(".new")
    fresh.write_text(said.model_dump_json())
    fresh.chmod(0o644)
    os.replace(fresh, path)


def main(argv: Sequence[str]) -> int:
    """Stand by; 1 with a sentence where nothing can be examined here."""
    folder, slots, *gpus = argv
    try:
        asyncio.run(serve(Path(folder), int(slots), job_devices(os.environ) if gpus else NO_GPU))
    except (EngineError, DevicesError) as error:
        print(f"onramp: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

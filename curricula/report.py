"""What a notebook to be examined is, and what is said of it afterwards: the task and the report, as they travel.

Plain dataclasses: the process that is forked for each notebook loads this, and each page that it has costs every fork.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

TIME_LIMIT = "TimeLimit"
# Steps from this number on are canaries: they stand at no place in the notebook.
CANARIES = 1_000_000


class Travels:
    """What all of these can: become JSON. Who reads a file or another program's words checks them with pydantic."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    def json(self) -> str:
        """Return it as JSON."""
        return json.dumps(self, default=vars)


@dataclass(frozen=True)
class Limits(Travels):
    """How much one notebook may use, all its processes together.

    Seconds of one cell, of all cells, and of processor time; bytes that it prints, shows or hands to tests, that it
    needs beyond Python and its packages, and that it has in its work folder; processes and threads.
    """

    cell_seconds: int = 60
    seconds: int = 240
    cpu_seconds: int = 240
    output_bytes: int = 10_000_000
    memory_bytes: int = 2 << 30
    disk_bytes: int = 64 << 20
    processes: int = 64

    @property
    def one_processor(self) -> bool:
        """Whether it may keep no more than one busy."""
        return self.cpu_seconds <= self.seconds

    @property
    def late(self) -> str:
        """What is said of a notebook that takes too long."""
        return f"It ran for longer than {self.seconds} seconds and was stopped. Look for a loop without end."


@dataclass(frozen=True)
class Step(Travels):
    """One code cell, its place in the notebook, and where it runs.

    `learner`: in the learner's process. `beside`: beside the tests, which need it; the course wrote it, and nothing is
    said of it. `split`: a test beside the others, `in-sandbox`: a test in the learner's process.
    `answers` are names that an answer in this cell may give a new value; `value` is False where it is known to end in
    no expression, so that it has no value.
    """

    index: int
    source: str
    where: Literal["learner", "beside", "split", "in-sandbox"]
    answers: tuple[str, ...] = ()
    value: bool = True


@dataclass(frozen=True)
class Task(Travels):
    """One notebook to examine.

    `trusted` are names that only the course's own cells bind, `learners` those that answers bind; `packages` are to be
    loaded beforehand: they cost no time then.
    """

    steps: tuple[Step, ...]
    trusted: tuple[str, ...] = ()
    learners: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    limits: Limits = Limits()


def read_task(text: bytes) -> Task:
    """Return the task that is this JSON, which `json` made of one."""
    told = json.loads(text)
    steps = tuple(Step(**{**step, "answers": tuple(step["answers"])}) for step in told.pop("steps"))
    limits = Limits(**told.pop("limits"))
    return Task(steps=steps, limits=limits, **{name: tuple(words) for name, words in told.items()})


@dataclass(frozen=True)
class Ran(Travels):
    """How one code cell went: its place in the notebook, whether it ended well, and if not, the error and its line."""

    index: int
    ok: bool
    error: str = ""
    message: str = ""
    line: int | None = None
    result: str | None = None
    outputs: tuple[Mapping[str, Any], ...] = ()


def read_ran(index: int, told: Mapping[str, Any]) -> Ran:
    """Return how a cell went by what a learner's process says of it, which may be anything. Raises ValueError and such.

    Signs that are none become question marks.
    """
    plain = json.loads(json.dumps({**told}, ensure_ascii=False).encode(errors="replace"))
    outputs = plain.pop("outputs", [])
    ran = Ran(index, **plain)
    words = ((ran.error, 200), (ran.message, 2000), ("" if ran.result is None else ran.result, 100))
    if type(ran.ok) is not bool or not all(type(one) is str and len(one) <= most for one, most in words):
        raise ValueError("its words are none, or too many")
    if not (ran.line is None or type(ran.line) is int):
        raise ValueError("its line has no number")
    if type(outputs) is not list or not all(type(one) is dict and _is_flat(one) for one in outputs):
        raise ValueError("its outputs are none")
    return replace(ran, outputs=tuple(outputs))


def _is_flat(value: object, most: int = 100) -> bool:
    """Whether there is nothing within so many others: who reads it later gives up at about 200."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return most > 0 and all(_is_flat(one, most - 1) for one in inner)


@dataclass(frozen=True)
class Report(Travels):
    """How the notebook went. `stopped` says in a sentence why it did not run to its end, `walls` what it ran in."""

    cells: tuple[Ran, ...] = ()
    stopped: str | None = None
    walls: str = ""

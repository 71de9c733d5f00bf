"""What a notebook to be examined is, and what is said of it afterwards: the task and the report, as they travel."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field

TIME_LIMIT = "TimeLimit"
# Steps from this number on are canaries: they stand at no place in the notebook.
CANARIES = 1_000_000


class Limits(BaseModel, frozen=True, extra="forbid"):
    """How much one notebook may use, all its processes together."""

    cell_seconds: int = Field(default=60, description="of one cell")
    seconds: int = Field(default=240, description="of all cells")
    cpu_seconds: int = Field(default=240, description="of all its processes")
    output_bytes: int = Field(default=10_000_000, description="that it prints, shows or hands to tests")
    memory_bytes: int = Field(default=2 << 30, description="beyond what Python and its packages take")
    disk_bytes: int = Field(default=64 << 20, description="in its work folder, which is in memory")
    processes: int = Field(default=64, description="and threads")

    @property
    def late(self) -> str:
        """What is said of a notebook that takes too long."""
        return f"It ran for longer than {self.seconds} seconds and was stopped. Look for a loop without end."


class Step(BaseModel, frozen=True, extra="forbid"):
    """One code cell and where it runs.

    `learner`: in the learner's process. `beside`: beside the tests, which need it; the course wrote it, and nothing is
    said of it. `split`: a test beside the others, `in-sandbox`: a test in the learner's process.
    """

    index: int = Field(ge=0, description="its place in the notebook")
    source: str
    where: Literal["learner", "beside", "split", "in-sandbox"]
    answers: tuple[str, ...] = Field(default=(), description="names that an answer in this cell may give a new value")


class Task(BaseModel, frozen=True, extra="forbid"):
    """One notebook to examine."""

    steps: tuple[Step, ...]
    trusted: tuple[str, ...] = Field(default=(), description="names that only the course's own cells bind")
    learners: tuple[str, ...] = Field(default=(), description="names that answers bind")
    packages: tuple[str, ...] = Field(default=(), description="to be loaded beforehand: they cost no time then")
    limits: Limits = Limits()


class Ran(BaseModel, frozen=True, extra="forbid"):
    """How one code cell went: its place in the notebook, whether it ended well, and if not, the error and its line."""

    index: int
    ok: bool
    error: str = Field(default="", max_length=200)
    message: str = Field(default="", max_length=2000)
    line: int | None = None
    result: str | None = Field(default=None, max_length=100)
    outputs: tuple[Mapping[str, Any], ...] = ()


class Report(BaseModel, frozen=True, extra="forbid"):
    """How the notebook went. `stopped` says in a sentence why it did not run to its end."""

    cells: tuple[Ran, ...] = ()
    stopped: str | None = None
    walls: str = Field(default="", description="which sandbox it ran in")


class Trial(BaseModel, frozen=True, extra="forbid"):
    """One version of an assignment, of which it is to be found which tests run where: its notebooks, as JSON.

    `source` is the course's own with answers, `tests` the one that is graded.
    """

    source: Mapping[str, Any]
    tests: Mapping[str, Any]
    limits: Limits = Limits()

"""What a module is beside its notebook: goals, time, budget, data; and answers that its tests must tell apart."""

from pathlib import Path

from pydantic import Field

from curricula.course import Assignment, Course, CourseError, Frozen
from spawners.model_file import read_model

# One line of a data set's licence: its SPDX name, or what its holder calls it.
LICENCE = r"^[A-Za-z0-9][A-Za-z0-9 .+()-]{1,60}$"


class ModuleError(CourseError):
    """A module's files cannot be used; the message says file, line, key and what is valid there."""


class Data(Frozen):
    """Data that the notebook uses; it comes with a package or from a generator, never from a network."""

    name: str = Field(min_length=1)
    source: str = Field(min_length=1, description="the package or the generator")
    licence: str = Field(pattern=LICENCE)


class Module(Frozen):
    """module.yaml, beside the notebook."""

    goals: tuple[str, ...] = Field(min_length=1, description="what the learner can do afterwards")
    minutes: int = Field(ge=1, le=600)
    gpu_hours: float = Field(default=0, ge=0, description="a learner's budget for the whole module")
    glossary: dict[str, str] = Field(default_factory=dict)
    data: tuple[Data, ...] = ()


class Answer(Frozen):
    """Another answer to one exercise: what stands in the solution cell `cell`, in place of the instructor's."""

    name: str = Field(min_length=1, description="what is special about it, in a few words")
    cell: str = Field(min_length=1, description="grade_id of the solution cell")
    source: str


class Answers(Frozen):
    """answers.yaml, beside the notebook: right ones get full marks, wrong ones less."""

    right: tuple[Answer, ...] = ()
    wrong: tuple[Answer, ...] = ()


def load_module(course: Course, assignment: Assignment) -> Module:
    """Read an assignment's module.yaml; raises ModuleError."""
    return read_model(_beside(course, assignment, "module.yaml"), Module, ModuleError)


def load_answers(course: Course, assignment: Assignment) -> Answers:
    """Read an assignment's answers.yaml; raises ModuleError."""
    return read_model(_beside(course, assignment, "answers.yaml"), Answers, ModuleError)


def _beside(course: Course, assignment: Assignment, name: str) -> Path:
    return course.source(assignment).with_name(name)

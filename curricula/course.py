"""What a course is: its people, its assignments and their rules, read once from course.yaml."""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from curricula.late import Late, Penalty, rule
from spawners.environment import Slug
from spawners.model_file import read_model

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")]


class CourseError(ValueError):
    """A course cannot be used as asked; the message says what was asked, what was found and what is valid."""


class Frozen(BaseModel):
    """A part of a course: unknown keys are refused, and nothing changes once it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Assignment(Frozen):
    """One assignment: a notebook in nbgrader's cell format, `source/<name>/<notebook>`, and when it is due."""

    name: Name
    title: str = Field(min_length=1)
    notebook: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*\.ipynb$")
    due: AwareDatetime | None = Field(default=None, description="with its time zone; without one there is no deadline")
    late: Late = Field(default="accept", description="what happens after `due`: accept, refuse, or points taken off")
    feedback: Literal["released", "at-once"] = Field(
        default="released", description="shown once a teacher releases it, or each attempt's as soon as it is graded"
    )
    attempts: int | None = Field(default=None, ge=1, description="how often it may be handed in; without it, 200 times")
    max_bytes: int = Field(default=20_000_000, ge=1_000, le=1_000_000_000, description="of a submitted notebook")
    minutes: int = Field(default=5, ge=1, le=240, description="wall time of one grading job")
    profile: Slug | None = Field(default=None, description="of the site, whose resources a notebook is graded with")

    @property
    def late_rule(self) -> str:
        """What becomes of late work, in words."""
        return rule(self.late)

    @property
    def grace(self) -> timedelta:
        """How long after `due` nothing is late yet."""
        return timedelta(minutes=self.late.grace) if isinstance(self.late, Penalty) else timedelta()


class Course(Frozen):
    """One course. `code` is what learners type to join; `teachers` are hub user names."""

    name: Name
    title: str = Field(min_length=1)
    description: str = ""
    teachers: frozenset[str] = Field(min_length=1)
    code: str = Field(pattern=r"^[A-Za-z0-9-]{4,40}$")
    assignments: tuple[Assignment, ...] = Field(min_length=1)
    _folder: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [assignment.name for assignment in self.assignments]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two assignments are called {', '.join(twice)}: give each its own name")
        return self

    @property
    def folder(self) -> Path:
        """Where course.yaml lies; source/, release/ and feedback/ are beside it."""
        return self._folder

    def source(self, assignment: Assignment) -> Path:
        """The instructor's notebook, with solutions and hidden tests."""
        return self.folder / "source" / assignment.name / assignment.notebook

    def release(self, assignment: Assignment) -> Path:
        """The learners' notebook, made from the source by `onramp course release`."""
        return self.folder / "release" / assignment.name / assignment.notebook

    def assignment(self, name: str) -> Assignment:
        """Return an assignment by its name; CourseError names those there are."""
        for assignment in self.assignments:
            if assignment.name == name:
                return assignment
        known = ", ".join(assignment.name for assignment in self.assignments)
        raise CourseError(f"{self.title} has no assignment {ascii(name)[:60]}: choose one of {known}.")

    def version(self, assignment: Assignment) -> str:
        """The version of an assignment: the sha256 of its source notebook, and of the profile that it asks for, if any.

        CourseError where there is no source.
        """
        path = self.source(assignment)
        try:
            return hashlib.sha256(path.read_bytes() + f"{assignment.profile or ''}".encode()).hexdigest()
        except OSError as error:
            raise CourseError(f"the source of {assignment.name} cannot be read: {error}") from None


def load_course(folder: Path) -> Course:
    """Read `folder`/course.yaml; CourseError says file, line, key and what is valid there."""
    course = read_model(folder / "course.yaml", Course, CourseError)
    course._folder = folder
    return course

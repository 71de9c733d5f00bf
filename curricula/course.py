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


class Award(Frozen):
    """The certificate for a track: what it is called, and the part of the points that each of its modules takes."""

    title: str = Field(min_length=1, max_length=80)
    percent: int = Field(ge=1, le=100, description="of the points of each module, at least")

    @property
    def rule(self) -> str:
        """What it takes, in words."""
        return f"{self.title}, with {self.percent} % of the points of each module"


class Track(Frozen):
    """A way through a course for one kind of learner: some of its assignments, in the order they are best done in."""

    name: Name
    title: str = Field(min_length=1, description="for whom it is")
    assignments: tuple[Name, ...] = Field(min_length=1)
    certificate: Award | None = Field(default=None, description="without it there is none")


class Course(Frozen):
    """One course. `code` is what learners type to join; `teachers` are hub user names."""

    name: Name
    title: str = Field(min_length=1)
    description: str = ""
    teachers: frozenset[str] = Field(min_length=1)
    code: str = Field(pattern=r"^[A-Za-z0-9-]{4,40}$")
    assignments: tuple[Assignment, ...] = Field(min_length=1)
    tracks: tuple[Track, ...] = Field(
        default=(), description="ways through it; without one there is all of it, in order"
    )
    _folder: Path = PrivateAttr(default=Path())

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        for kind, named in (("assignments", self.assignments), ("tracks", self.tracks)):
            names = [one.name for one in named]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"two {kind} are called {', '.join(twice)}: give each its own name")
        return self

    @model_validator(mode="after")
    def _tracks_lead_somewhere(self) -> Self:
        known = [assignment.name for assignment in self.assignments]
        for track in self.tracks:
            unknown = [name for name in track.assignments if name not in known]
            if unknown:
                raise ValueError(
                    f"track {track.name} names {', '.join(unknown)}, and there is no such assignment: "
                    f"choose among {', '.join(known)}"
                )
            if len(set(track.assignments)) < len(track.assignments):
                raise ValueError(f"track {track.name} names an assignment twice: name each once")
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

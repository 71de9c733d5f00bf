"""A course as a map of skills: what one can do after each module, and how far a learner is, or all of them. Pure."""

from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import BaseModel

from curricula.course import Assignment, Course, Track
from curricula.module import Module
from curricula.service.standing import Attempt, Standing
from curricula.service.statistics import questions

State = Literal["not released", "open", "handed in", "under way", "done"]


class Step(BaseModel, frozen=True):
    """A module on one learner's map; `share` is the part of its points that they have, 0 to 1.

    It is under way with some of the points, and done with all of them. `module` is None where nothing says what it is
    for.
    """

    assignment: Assignment
    module: Module | None = None
    state: State
    share: float = 0
    sentence: str = ""


class Crowd(BaseModel, frozen=True):
    """A module as its teacher sees it: how many of `learners` handed in, have a result, and have all points.

    `hardest` is the test that the fewest got all points of, if any missed one.
    """

    assignment: Assignment
    module: Module | None = None
    released: bool
    learners: int
    handed_in: int
    graded: int
    done: int
    hardest: str = ""

    @property
    def share(self) -> float:
        """The part of the learners that are done, 0 to 1."""
        return self.done / self.learners if self.learners else 0


def on_track(course: Course, track: Track | None) -> tuple[Assignment, ...]:
    """Return the assignments of a track in its order; of the whole course where there is none."""
    return tuple(course.assignment(name) for name in track.assignments) if track else course.assignments


def step(standing: Standing, module: Module | None) -> Step:
    """Return where one learner stands with a module; what they may not see yet does not count."""
    last = standing.attempts[-1] if standing.attempts else None
    state: State = "open" if standing.released_at else "not released"
    sentence = ""
    if last:
        share = _share(last) if last.shown else None
        state = "handed in" if share is None else "done" if share == 1 else "under way"
        sentence = last.sentence if last.shown else ""
        return Step(assignment=standing.assignment, module=module, state=state, share=share or 0, sentence=sentence)
    return Step(assignment=standing.assignment, module=module, state=state)


def crowd(standing: Standing, module: Module | None, learners: Sequence[str]) -> Crowd:
    """Return where the learners of a course stand with a module, nobody by name."""
    latest = [one for one in standing.latest if one.user in learners]
    shares = [share for share in map(_share, latest) if share is not None]
    missed = [one for one in questions(latest) if one.some + one.none]
    return Crowd(
        assignment=standing.assignment,
        module=module,
        released=standing.released_at is not None,
        learners=len(learners),
        handed_in=len(latest),
        graded=len(shares),
        done=shares.count(1),
        hardest=min(missed, key=lambda one: one.all).name if missed else "",
    )


def minutes_left(steps: Sequence[Step]) -> int:
    """Return the minutes of the modules that are not done, by their own account."""
    return sum(one.module.minutes for one in steps if one.module and one.state != "done")


def words_of(modules: Iterable[Module | None]) -> dict[str, str]:
    """Return the glossaries of several modules as one, by word."""
    found = {word: meaning for module in modules if module for word, meaning in module.glossary.items()}
    return dict(sorted(found.items(), key=lambda one: one[0].casefold()))


def _share(attempt: Attempt) -> float | None:
    """The part of the points that an attempt got; None without a result. Where there are no points, it got them all."""
    if attempt.mark is None or attempt.mark.score is None:
        return None
    most = attempt.mark.max_score
    return attempt.mark.score / most if most else 1.0

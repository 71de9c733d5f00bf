"""The answers that a person has to mark, in the order they are gone through, and comments to use again. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from pydantic import BaseModel

from curricula.answers import Written, answers, questions
from curricula.events import Event
from curricula.service.standing import CellMark, Standing

OFFERED = 12  # comments


class ToMark(BaseModel, frozen=True):
    """One answer: whose, in which attempt, and what it has by now."""

    submission: int
    user: str
    number: int
    cell: CellMark

    @property
    def marked(self) -> bool:
        """Whether a person has given it points."""
        return self.cell.score is not None


class Comment(BaseModel, frozen=True):
    """A comment that was given before: how often, and with which points, where they were always the same."""

    text: str
    times: int
    score: float | None


class Texts(BaseModel, frozen=True):
    """What is read to mark an answer: what the learner wrote, and of the source the question and its solution."""

    answer: Written | None
    question: str
    solution: Written | None


def texts(one: ToMark, written: bytes, source: bytes) -> Texts:
    """Return what is read to mark `one`, of the notebook that was handed in and of the teacher's."""
    cell = one.cell.name
    return Texts(
        answer=answers(written).get(cell),
        question=questions(source).get(cell, ""),
        solution=answers(source).get(cell),
    )


def to_mark(standing: Standing, events: Iterable[Event]) -> tuple[ToMark, ...]:
    """Return every answer of a last attempt that tests cannot mark, question by question, so that all are judged alike.

    An answer that has been marked stays among them: it can be marked anew.
    """
    by_hand = {
        (event.submission, cell["name"])
        for event in events
        if event.kind == "graded"
        for cell in event.payload["cells"]
        if cell["score"] is None
    }
    latest = [one for one in standing.latest if one.mark and not one.erased]
    order = list(dict.fromkeys(cell.name for one in latest if one.mark for cell in one.mark.cells))
    found = [
        ToMark(submission=one.id, user=one.user, number=one.number, cell=cell)
        for one in latest
        for cell in (one.mark.cells if one.mark else ())
        if (one.id, cell.name) in by_hand
    ]
    return tuple(sorted(found, key=lambda one: (order.index(one.cell.name), one.user)))


def after(found: Sequence[ToMark], this: ToMark) -> ToMark | None:
    """Return the next answer without points, from the beginning again after the last; None where there is no other."""
    at = found.index(this)
    return next((one for one in (*found[at + 1 :], *found[:at]) if not one.marked), None)


def comments(events: Iterable[Event], assignment: str, cell: str) -> tuple[Comment, ...]:
    """Return the comments that were given on a cell, those given most often first."""
    given: defaultdict[str, list[float]] = defaultdict(list)
    for event in events:
        if event.kind == "overridden" and event.assignment == assignment and event.payload["cell"] == cell:
            given[event.payload["comment"]].append(event.payload["score"])
    found = [_comment(text, scores) for text, scores in given.items() if text]
    return tuple(sorted(found, key=lambda one: (-one.times, one.text))[:OFFERED])


def _comment(text: str, scores: Sequence[float]) -> Comment:
    return Comment(text=text, times=len(scores), score=scores[0] if len(set(scores)) == 1 else None)

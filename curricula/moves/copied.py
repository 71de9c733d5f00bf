"""What a copy for the formgrader was made of, written into it, and what of its gradebook differs from that now."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from curricula.events import Event
from curricula.moves.database import rows
from curricula.moves.files import MoveError, read_plain

NAME = "onramp.json"
_MOST = 100_000_000
_WHERE = """
    JOIN base_cell ON base_cell.id = {table}.cell_id
    JOIN submitted_notebook ON submitted_notebook.id = {table}.notebook_id
    JOIN submitted_assignment ON submitted_assignment.id = submitted_notebook.assignment_id
    JOIN assignment ON assignment.id = submitted_assignment.assignment_id
"""
_WHO = "assignment.name AS assignment, submitted_assignment.student_id AS user, base_cell.name AS cell"
_GRADES = f"SELECT {_WHO}, manual_score AS score, extra_credit AS extra FROM grade {_WHERE.format(table='grade')}"  # noqa: S608 - no value in it
_COMMENTS = f"SELECT {_WHO}, manual_comment AS comment FROM comment {_WHERE.format(table='comment')}"  # noqa: S608


class Frozen(BaseModel):
    """What is known of a copy; numbers that are none stay visible as such."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class ByHand(Frozen):
    """What a person decided about one answer: points (None: those of its test) and a comment."""

    score: float | str | None = None
    comment: str = ""


class Attempted(Frozen):
    """The attempt that a copy holds of one learner's assignment, and what was decided by hand when it was made."""

    submission: int
    assignment: str
    user: str
    cells: Mapping[str, ByHand] = {}


class Copy(Frozen):
    """One copy of a course; `answers` says on which test's line a comment on an answer is kept."""

    course: str
    made_at: AwareDatetime
    attempts: tuple[Attempted, ...] = ()
    answers: Mapping[str, Mapping[str, str]] = {}
    left: tuple[str, ...] = ()


class Change(Frozen):
    """One answer about which the copy's gradebook says something else than when the copy was made."""

    assignment: str
    user: str
    cell: str
    submission: int | None = None
    before: ByHand = ByHand()
    after: ByHand = ByHand()
    extra: float | str | None = None


class Returned(Frozen):
    """What comes back from a copy."""

    course: str
    changes: tuple[Change, ...]


def by_hand(events: Iterable[Event]) -> dict[str, ByHand]:
    """Return what teachers decided last about each answer of one attempt, without those that were given back."""
    found = {
        str(event.payload["cell"]): ByHand(score=event.payload["score"], comment=event.payload["comment"])
        for event in events
        if event.kind == "overridden"
    }
    return {cell: one for cell, one in found.items() if one != ByHand()}


def answers_of(tests: NotebookNode) -> dict[str, str]:
    """Return for each answer that has no points of its own the first test after it: there its comment is kept."""
    found: dict[str, str] = {}
    answer = ""
    for cell in tests.cells:
        about = cell.metadata.get("nbgrader", {})
        if about.get("grade") or about.get("task"):
            if answer:
                found[answer] = about["grade_id"]
            answer = ""
        elif about.get("solution"):
            answer = about["grade_id"]
    return found


def read_copy(folder: Path) -> Copy:
    """Read what a copy was made of. Raises MoveError."""
    try:
        return Copy.model_validate_json(read_plain(folder / NAME, _MOST))
    except (MoveError, ValidationError) as error:
        said = str(error).splitlines()[0]
        raise MoveError(
            f"{folder} is no copy that `./onramp course formgrader` made: {said} Name the folder it was made in."
        ) from None


def read_back(folder: Path) -> Returned:
    """Return what differs in a copy's gradebook; the gradebook is only looked at. Raises MoveError."""
    copy = read_copy(folder)
    database = folder / "gradebook.db"
    if database.is_symlink() or not database.is_file():
        raise MoveError(f"{folder} has no gradebook.db. Name the folder that `./onramp course formgrader` made.")
    attempts = {(one.assignment, one.user): one for one in copy.attempts}
    changes = (_change(row, attempts.get((row["assignment"], row["user"]))) for row in _rows(database, copy))
    return Returned(course=copy.course, changes=tuple(one for one in changes if one.extra or one.before != one.after))


def read_returned(told: bytes) -> Returned:
    """Return what `read_back` found, after it was on its way as JSON. Raises MoveError."""
    try:
        return Returned.model_validate_json(told)
    except ValidationError as error:
        raise MoveError(f"What came back cannot be read: {str(error).splitlines()[0]}.") from None


def _rows(database: Path, copy: Copy) -> Iterator[dict[str, Any]]:
    """Yield each answer with points or a comment; without the key `comment` where the copy has no place for one."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in rows(database, _GRADES):
        row = {name: _text(value) for name, value in row.items()}
        found[row["assignment"], row["user"], row["cell"]] = row
    for row in rows(database, _COMMENTS):
        assignment, user, cell = (str(row[name]) for name in ("assignment", "user", "cell"))
        cell = copy.answers.get(assignment, {}).get(cell, cell)
        known = found.setdefault((assignment, user, cell), {"assignment": assignment, "user": user, "cell": cell})
        known["comment"] = str(row["comment"] or "").strip()
    yield from found.values()


def _text(value: object) -> object:
    """Return what a database may hold in a column of numbers, as numbers or as text."""
    return (
        value
        if value is None or isinstance(value, int | float)
        else ascii(value)
        if isinstance(value, bytes)
        else str(value)
    )


def _change(row: Mapping[str, Any], attempt: Attempted | None) -> Change:
    before = attempt.cells.get(row["cell"], ByHand()) if attempt else ByHand()
    score = row.get("score")
    with suppress(ValueError, OverflowError):
        score = score if score is None else float(score)
    return Change(
        assignment=row["assignment"],
        user=row["user"],
        cell=row["cell"],
        submission=attempt.submission if attempt else None,
        before=before,
        after=ByHand(score=score, comment=row.get("comment", before.comment)),
        extra=row.get("extra"),
    )

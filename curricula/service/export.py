"""The marks of a course as a table to take along: CSV, with the columns of nbgrader's own export. Pure."""

import csv
import io
from collections.abc import Iterable

from curricula.course import Course
from curricula.events import Event
from curricula.service.standing import Mark, standings

# The last four are named as in nbgrader's own export: `score` is what is left of `raw_score`.
COLUMNS = (
    "course",
    "assignment",
    "user",
    "attempt",
    "received_at",
    "late",
    "sha256",
    "state",
    "raw_score",
    "late_submission_penalty",
    "score",
    "max_score",
)


def table(course: Course, events: Iterable[Event]) -> str:
    """Return the marks as CSV: one line per learner and assignment, the last attempt; no score where not run."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for standing in standings(course, events):
        for attempt in standing.latest:
            mark = attempt.mark or Mark(not_run="")
            when = attempt.received_at.isoformat(timespec="seconds")
            row = (course.name, standing.assignment.name, attempt.user, attempt.number, when, attempt.late)
            points = (mark.score, attempt.late_submission_penalty, attempt.score, mark.max_score)
            writer.writerow((*row, attempt.sha256, attempt.state, *points))
    return out.getvalue()

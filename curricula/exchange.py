"""nbgrader's own Lab extension at work on the course service: its list, fetch, submit and feedback, over HTTP.

Configured by etc/jupyter/nbgrader_config.json of the environment; a course on shared directories needs none of this.
"""

import html
from pathlib import Path
from typing import Any

from nbgrader.exchange import abc
from traitlets import default

from curricula.client import Client, CourseServiceError
from curricula.learner import fetch, folder_of
from curricula.learner import submit as hand_in
from curricula.submissions import SubmissionError

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'"><title>{title}</title>
<h1>{title}</h1><p>Attempt {number}: {sentence}</p><table>{rows}</table></html>
"""


class Exchange(abc.Exchange):  # type: ignore[misc]
    """What is the same for all: courses lie below ~/courses, whoever asks is whom the server's token names."""

    @default("assignment_dir")
    def _assignment_dir(self) -> str:
        folder = Path.home() / "courses"
        folder.mkdir(exist_ok=True)  # nbgrader goes there
        return str(folder)

    def start(self) -> Any:
        """Do it, with what the service says in the place of a traceback."""
        try:
            return self.perform()
        except (CourseServiceError, SubmissionError, OSError) as error:
            self.fail(str(error))

    def perform(self) -> Any:
        """Do it."""
        raise NotImplementedError

    def _chosen(self) -> tuple[str, dict[str, Any]]:
        return Client.of_this_server().find(self.coursedir.assignment_id, self.coursedir.course_id)


class List(Exchange, abc.ExchangeList):  # type: ignore[misc]
    """What is released to me, or what I handed in."""

    def perform(self) -> list[dict[str, Any]]:
        """Return nbgrader's list."""
        wanted = self.coursedir.course_id if self.coursedir else None
        found = []
        for course in Client.of_this_server().courses():
            if wanted in (None, "", "*", course["name"]):
                for assignment in course["assignments"]:
                    found += self._entries(course["name"], assignment)
        return found

    def _entries(self, course: str, assignment: dict[str, Any]) -> list[dict[str, Any]]:
        about = {"course_id": course, "assignment_id": assignment["name"]}
        if not (self.cached or self.inbound):
            return [about | _copy(course, assignment)]
        attempts = [about | _attempt(course, assignment, one) for one in assignment["attempts"]]
        if not attempts:
            return []
        return [about | {"student_id": attempts[0]["student_id"], "status": "submitted", "submissions": attempts}]


def _copy(course: str, assignment: dict[str, Any]) -> dict[str, Any]:
    """Return whether the assignment is fetched, and where its notebook is or would be."""
    path = folder_of(course, assignment["name"]) / assignment["notebook"]
    notebook = {"notebook_id": path.stem, "path": str(path)}
    return {"status": "fetched" if path.exists() else "released", "path": str(path.parent), "notebooks": [notebook]}


def _attempt(course: str, assignment: dict[str, Any], attempt: dict[str, Any]) -> dict[str, Any]:
    """Return one attempt in nbgrader's words; its feedback is a page beside the notebook once it is fetched."""
    page = _feedback(course, assignment, attempt)
    feedback = {
        "has_local_feedback": page.exists(),
        "has_exchange_feedback": attempt["shown"],
        "feedback_updated": False,
        "local_feedback_path": str(page.parent) if page.exists() else None,
    }
    notebook = {"notebook_id": page.stem, "path": str(page.parents[2] / assignment["notebook"])} | feedback
    if page.exists():
        notebook["local_feedback_path"] = str(page)
    return feedback | {
        "student_id": attempt["user"],
        "timestamp": attempt["received_at"],
        "status": "submitted",
        "path": str(page.parents[2]),
        "notebooks": [notebook],
    }


def _feedback(course: str, assignment: dict[str, Any], attempt: dict[str, Any]) -> Path:
    name = Path(assignment["notebook"]).with_suffix(".html").name
    return folder_of(course, assignment["name"]) / "feedback" / f"attempt-{attempt['number']}" / name


class FetchAssignment(Exchange, abc.ExchangeFetchAssignment):  # type: ignore[misc]
    """Fetch; a copy that is there stays."""

    def perform(self) -> None:
        """Put the notebook in place."""
        fetch(self.coursedir.assignment_id, self.coursedir.course_id)


class Submit(Exchange, abc.ExchangeSubmit):  # type: ignore[misc]
    """Hand in the copy below ~/courses."""

    def perform(self) -> None:
        """Send it; the receipt is kept beside it."""
        hand_in(self.coursedir.assignment_id, self.coursedir.course_id)


class FetchFeedback(Exchange, abc.ExchangeFetchFeedback):  # type: ignore[misc]
    """Write the feedback there is as pages beside the notebook."""

    def perform(self) -> None:
        """One page for each attempt whose feedback is released."""
        course, assignment = self._chosen()
        for attempt in assignment["attempts"]:
            if attempt["shown"] and "mark" in attempt:
                page = _feedback(course, assignment, attempt)
                page.parent.mkdir(parents=True, exist_ok=True)
                page.write_text(_page(assignment["title"], attempt), encoding="utf-8")


def _page(title: str, attempt: dict[str, Any]) -> str:
    """Return one attempt's feedback as a page without any script."""
    mark = attempt["mark"]
    rows = [
        f"<tr><td>{html.escape(cell['name'])}</td><td>{_points(cell)} of {cell['max_score']:g}</td>"
        f"<td>{html.escape(' '.join(filter(None, (cell['message'], cell['comment']))))}</td></tr>"
        for cell in mark["cells"]
    ]
    said = html.escape(attempt["sentence"])
    return _PAGE.format(title=html.escape(title), number=attempt["number"], sentence=said, rows="".join(rows))


def _points(cell: dict[str, Any]) -> str:
    """Return the points of an answer; one that nobody has marked yet has none, which is not 0."""
    return "?" if cell["score"] is None else f"{cell['score']:g}"

"""The service's REST API, for pages, servers and commands: JSON in, JSON out, notebooks as they are."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from tornado.web import stream_request_body

from curricula.course import Course
from curricula.service.http import ASSIGNMENT, Handler, body_of
from curricula.service.refused import Refused
from curricula.service.standing import Attempt, Standing
from curricula.submissions import Incoming, TooLarge, too_large

# Of a body that is too large, so much is read and dropped, so that its sender can still be told why.
DRAINED = 4_000_000_000


class Courses(Handler):
    """GET: the courses of whoever asks, with their assignments and attempts."""

    def get(self) -> None:
        """Answer with a list."""
        self.finish({"user": self.user, "courses": [self._course(course) for course in self.desk.mine(self.user)]})

    def _course(self, course: Course) -> dict[str, Any]:
        return {
            "name": course.name,
            "title": self.desk.called(course),
            "teacher": self.user in course.teachers,
            "assignments": [
                _plain(one) | {"before": self.desk.ahead(course, one)}
                for one in self.desk.standings(course, self.user)
                if one.released_at
            ],
        }


def _plain(standing: Standing) -> dict[str, Any]:
    """Return what a learner may know: results only once feedback is released."""
    attempts = [
        one.model_dump(mode="json", exclude={"mark"})
        | ({"mark": one.mark.model_dump(mode="json"), **_counted(one)} if one.shown and one.mark else {})
        for one in standing.attempts
    ]
    assignment = standing.assignment
    return {
        "name": assignment.name,
        "title": assignment.title,
        "notebook": assignment.notebook,
        "due": standing.deadline.due.isoformat() if standing.deadline.due else None,
        "late": assignment.model_dump(mode="json")["late"],
        "late_rule": assignment.late_rule,
        "max_bytes": assignment.max_bytes,
        "feedback": assignment.feedback,
        "attempts_allowed": assignment.attempts,
        "attempts": attempts,
    }


def _counted(one: Attempt) -> dict[str, Any]:
    """Return what counts of an attempt's points, and in words how much of them was taken off."""
    return {"score": one.score, "late_submission_penalty": one.late_submission_penalty, "sentence": one.sentence}


class Join(Handler):
    """POST {"code"}: join a course."""

    def post(self) -> None:
        """Answer with the course's name; a few wrong codes end the guessing for a while."""
        guesses = self.settings["guesses"]
        if not guesses.test(self.user):
            raise Refused(429, "Too many codes were wrong. Ask your teacher for the right one and wait ten minutes.")
        try:
            course = self.desk.join(self.user, str(body_of(self).get("code", "")))
        except Refused:
            guesses.hit(self.user)
            raise
        self.finish({"course": course.name, "message": f"You are in {self.desk.called(course)}."})


class Notebook(Handler):
    """GET: the released notebook of an assignment, to work on."""

    def get(self, course: str, assignment: str) -> None:
        """Answer with the file."""
        path = self.desk.notebook(self.user, course, assignment)
        self.send_file(path.name, "application/x-ipynb+json", path.read_bytes())


@stream_request_body
class Submissions(Handler):
    """POST: a notebook, as it is; counted while it arrives. GET, for teachers: what was handed in."""

    _file: Incoming | None = None
    _problem: Exception | None = None

    async def prepare(self) -> None:
        """Refuse before the first byte is kept; the rest is then dropped as it comes."""
        self.request.connection.set_max_body_size(DRAINED)  # type: ignore[union-attr]
        await super().prepare()  # a stranger's bytes are not waited for
        try:
            if self.request.method == "POST":
                self._open()
        except (Refused, TooLarge) as error:
            self._problem = error

    def _open(self) -> None:
        name, assignment_name = self.path_args
        assignment = self.desk.open_for(self.user, name, assignment_name, self.now).assignment
        announced = int(self.request.headers.get("Content-Length", 0))
        if announced > assignment.max_bytes:
            raise TooLarge(too_large(announced, assignment.max_bytes))
        self._file = self.desk.submissions.incoming(assignment.max_bytes)

    def data_received(self, chunk: bytes) -> None:
        """Keep the next bytes, or drop them where there is a problem already."""
        if self._file is not None and self._problem is None:
            try:
                self._file.write(chunk)
            except (TooLarge, OSError) as error:
                self._problem = error

    def post(self, course: str, assignment: str) -> None:
        """Answer 201 with the receipt, or 200 where this very file was there already."""
        if self._problem is not None:
            raise self._problem
        assert self._file is not None
        # A body may take its time; what counts is when all of it was here.
        now = datetime.now(UTC)
        work = self.desk.open_for(self.user, course, assignment, now)
        receipt = self.desk.receive(work, self._file, now)
        self.teaching.at_once.received(work.course, work.assignment, receipt)
        self.set_status(200 if receipt.again else 201)
        self.finish(receipt.model_dump(mode="json") | {"message": receipt.sentence})

    async def get(self, course: str, assignment: str) -> None:
        """Answer with everybody's attempts."""
        if self._problem is not None:
            raise self._problem
        taught = self.desk.taught(self.user, course)
        self.finish({"submissions": await asyncio.to_thread(self._attempts, taught, assignment)})

    def _attempts(self, course: Course, assignment: str) -> list[dict[str, Any]]:
        found = [one for one in self.desk.standings(course) if one.assignment.name == assignment]
        attempts = [attempt for standing in found for attempt in standing.attempts]
        return [one.model_dump(mode="json") | {"state": one.state} for one in attempts]

    def on_finish(self) -> None:
        """Forget what was not kept."""
        self._forget()

    def on_connection_close(self) -> None:
        """The sender left half-way."""
        self._forget()

    def _forget(self) -> None:
        if self._file is not None:
            self._file.close()


class Submitted(Handler):
    """GET: a notebook as it was handed in; one's own, or a learner's for teachers."""

    def get(self, number: str) -> None:
        """Answer with the file."""
        event = self.desk.visible(self.user, int(number))
        submission = self.desk.handed_in(event)
        name = f"{submission.assignment}-{submission.user}-{event.payload['attempt']}.ipynb"
        self.send_file(name, "application/x-ipynb+json", submission.path.read_bytes())


ADDRESSES = (
    (r"api/courses", Courses),
    (r"api/join", Join),
    (rf"api/{ASSIGNMENT}/notebook", Notebook),
    (rf"api/{ASSIGNMENT}/submissions", Submissions),
    (r"api/submissions/(\d{1,12})/notebook", Submitted),
)

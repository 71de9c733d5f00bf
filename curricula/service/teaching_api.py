"""A teacher's part of the service's REST API: release, grade, decide, and what came of it."""

import asyncio
import re

from curricula.course import CourseError
from curricula.service.http import ASSIGNMENT, COURSE, Handler, body_of
from curricula.service.live import grading_now
from curricula.service.refused import Refused

DAYS = re.compile(r"-?[0-9]{1,6}", re.ASCII)


class Teach(Handler):
    """POST: a teacher's release, grade, or feedback for one assignment."""

    async def post(self, course: str, assignment: str, action: str) -> None:
        """Answer with a sentence; grading goes on after it."""
        taught = self.desk.taught(self.user, course)
        match action:
            case "release":
                message = await self.teaching.release(self.user, taught, assignment)
            case "grade":
                message = self.teaching.start_grading(self.user, taught, assignment)
            case _:
                message = self.teaching.release_feedback(self.user, taught, assignment)
        self.finish({"message": message, "running": self.teaching.grading(taught, assignment)})


class Roster(Handler):
    """POST a CSV: a teacher lets everybody in whom it names."""

    async def post(self, course: str) -> None:
        """Answer with a sentence."""
        taught = self.desk.taught(self.user, course)
        try:
            text = self.request.body.decode()
        except UnicodeDecodeError:
            raise Refused(400, "The roster is not text in UTF-8: save it as CSV (UTF-8).") from None
        message = await asyncio.to_thread(self.teaching.deciding.enrol, self.user, taught, text)
        await self.teaching.project(taught)
        self.finish({"message": message})


class Clone(Handler):
    """POST {"name", "days"}: a teacher puts next year's course in place, its deadlines so many days later."""

    async def post(self, course: str) -> None:
        """Answer with a sentence."""
        from curricula.service import moving  # nbgrader loads slowly, and a page needs none of it

        taught, told = self.desk.taught(self.user, course), body_of(self)
        name, days = str(told.get("name", "")), str(told.get("days", ""))
        if not DAYS.fullmatch(days):
            raise Refused(400, f"{ascii(days)[:60]} is no number of days. Write it as 364.")
        try:
            message = await asyncio.to_thread(moving.clone, self.desk, self.user, taught, name, shift=int(days))
        except CourseError as error:
            raise Refused(409, str(error)) from None
        self.finish({"message": message})


class Leave(Handler):
    """POST {"user"}: a teacher takes a learner off."""

    def post(self, course: str) -> None:
        """Answer with a sentence."""
        taught = self.desk.taught(self.user, course)
        self.finish({"message": self.teaching.deciding.remove(self.user, taught, body_of(self))})


class Extension(Handler):
    """POST {"user", "until"}: a teacher gives one learner more time, or with null as "until" takes it back."""

    async def post(self, course: str, assignment: str) -> None:
        """Answer with a sentence."""
        taught = self.desk.taught(self.user, course)
        message = self.teaching.deciding.extend(self.user, taught, assignment, body_of(self))
        await self.teaching.project(taught)
        self.finish({"message": message})


class Points(Handler):
    """POST {"cell", "score", "comment"}: a teacher decides what one answer of an attempt is worth."""

    async def post(self, number: str) -> None:
        """Answer with a sentence."""
        event = self.desk.visible(self.user, int(number))
        taught = self.desk.taught(self.user, event.course)
        message = self.teaching.deciding.mark(self.user, taught, event.id, body_of(self))
        await self.teaching.project(taught)
        self.finish({"message": message})


class Grading(Handler):
    """GET: how far the grading of one assignment is."""

    def get(self, course: str, assignment: str) -> None:
        """Answer {"running", "waiting", "problem", "done", "total", "eta", "message"}."""
        taught = self.desk.taught(self.user, course)
        waiting = len(self.teaching.results.ungraded(taught, assignment))
        self.finish({"waiting": waiting, **grading_now(self.teaching, taught, assignment)})


class Export(Handler):
    """GET: the marks of a course as CSV."""

    def get(self, course: str) -> None:
        """Answer with the file."""
        taught = self.desk.taught(self.user, course)
        self.send_file(f"{course}.csv", "text/csv; charset=utf-8", self.teaching.export(taught).encode())


ADDRESSES = (
    (rf"api/{ASSIGNMENT}/(release|grade|feedback)", Teach),
    (rf"api/{ASSIGNMENT}/grading", Grading),
    (rf"api/{ASSIGNMENT}/extension", Extension),
    (rf"api/{COURSE}/export\.csv", Export),
    (rf"api/{COURSE}/roster", Roster),
    (rf"api/{COURSE}/leave", Leave),
    (rf"api/{COURSE}/clone", Clone),
    (r"api/submissions/(\d{1,12})/points", Points),
)

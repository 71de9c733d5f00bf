"""What the teacher's page asks while it is open, and the grading of one attempt anew from its row."""

import time
from typing import Any

from curricula.course import Course
from curricula.service.http import COURSE, Handler
from curricula.service.teaching import Teaching


def grading_now(teaching: Teaching, course: Course, assignment: str) -> dict[str, Any]:
    """Return how far the grading of an assignment is: numbers, and the same as a sentence."""
    progress, now = teaching.progress(course, assignment), time.monotonic()
    return {
        "running": teaching.grading(course, assignment),
        "problem": teaching.problem(course, assignment),
        "done": progress.done if progress else 0,
        "total": progress.total if progress else 0,
        "eta": progress.eta(now) if progress else None,
        "message": progress.sentence(now) if progress else "",
    }


class Live(Handler):
    """GET: whether anything has happened in a course, and how far each grading is; cheap, since it is asked often."""

    def get(self, course: str) -> None:
        """Answer {"event", "grading"}: the number of the last event, and what is graded by assignment."""
        taught = self.desk.taught(self.user, course)
        grading = {one.name: grading_now(self.teaching, taught, one.name) for one in taught.assignments}
        self.finish({"event": self.desk.store.newest(course), "grading": grading})


class Regrade(Handler):
    """POST: a teacher has one attempt graded anew."""

    def post(self, number: str) -> None:
        """Answer with a sentence; grading goes on after it."""
        event = self.desk.visible(self.user, int(number))
        taught = self.desk.taught(self.user, event.course)
        self.finish({"message": self.teaching.regrade(self.user, taught, event), "running": True})


ADDRESSES = (
    (rf"api/{COURSE}/live", Live),
    (r"api/submissions/(\d{1,12})/regrade", Regrade),
)

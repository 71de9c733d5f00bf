"""From what was handed in to what is alike in it; for the page and for the command."""

from curricula.answers import answers
from curricula.course import Assignment, Course
from curricula.service.desk import Desk
from curricula.service.refused import Refused
from curricula.similarity import Pair, pairs

SHOWN = 50  # pairs
WHY = (
    "Common ways are alike by themselves, and learners may have been asked to work together. "
    "Read both, and speak with both."
)


def compared(desk: Desk, course: Course, assignment: Assignment) -> tuple[int, tuple[Pair, ...]]:
    """Return how many last attempts were compared, and the pairs. Raises Refused where nothing is released.

    What was released is compared with, not the source: its solutions nobody was given.
    """
    try:
        given = answers(course.release(assignment).read_bytes())
    except OSError:
        raise Refused(409, f"{assignment.title} is not released, so there is nothing to compare.") from None
    latest = desk.latest(course, assignment)
    teachers = course.teachers
    written = {user: answers(one.path.read_bytes()) for user, one in latest.items() if user not in teachers}
    return len(written), pairs(given, written)


def as_text(learners: int, found: tuple[Pair, ...]) -> str:
    """Return the pairs as lines for a terminal: how alike, in which cell, who."""
    lines = [f"{one.percent:3d} %  {one.cell}  {one.users[0]} and {one.users[1]}" for one in found]
    if not lines:
        return f"No two of {learners} are alike."
    return "\n".join([*lines, f"A hint of where to look, never a finding. {WHY}"])

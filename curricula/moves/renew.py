"""A course for the next time: the same sources and rules under another name, its deadlines moved. Pure."""

from datetime import datetime, timedelta

from pydantic import ValidationError

from curricula.course import Course
from curricula.moves.bring import new_code
from curricula.moves.files import MoveError


def renewed(course: Course, name: str, days: int) -> Course:
    """Return `course` called `name`, with a code of its own and every deadline `days` later. Raises MoveError."""
    try:
        assignments = [{**one.model_dump(), "due": one.due and moved(one.due, days)} for one in course.assignments]
        told = {**course.model_dump(), "name": name, "code": new_code(name), "assignments": assignments}
        return Course.model_validate(told)
    except OverflowError:
        raise MoveError(f"{days} days lead out of the calendar. Give a number such as 364.") from None
    except ValidationError as error:
        said = error.errors()[0]
        raise MoveError(
            f"{ascii(name)[:60]} cannot be: {'.'.join(map(str, said['loc']))}: {said['msg']}. "
            "A course's name is lower-case letters, digits and hyphens, at most 41."
        ) from None


def moved(due: datetime, days: int) -> datetime:
    """Return a deadline so many days later, at the same time of day: also across a change to summer time here."""
    local = due.astimezone()
    if local.utcoffset() == due.utcoffset():
        return (due.replace(tzinfo=None) + timedelta(days=days)).astimezone()
    return due + timedelta(days=days)

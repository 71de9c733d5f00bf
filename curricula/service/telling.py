"""What a teacher's pages show, for a terminal: who handed in what, how it went, what is to be marked, what happened."""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from curricula.answers import Written, printable
from curricula.course import Course
from curricula.events import Event
from curricula.service.audit import SHOWN, log
from curricula.service.marking import Comment, Texts, ToMark
from curricula.service.standing import Attempt, Standing
from curricula.service.statistics import questions
from curricula.submissions import spoken

WIDE = 4000  # columns, where there is no terminal: what is searched by lines is not broken into more
RAN = {"split": "apart", "in-sandbox": "in the sandbox"}


def tell(parts: Iterable[RenderableType]) -> None:
    """Print them to stdout."""
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = WIDE
    for part in parts:
        console.print(part)


def submissions(standing: Standing) -> Iterator[RenderableType]:
    """Tell who handed in what, and who has more time."""
    yield _plain(f"{standing.assignment.title}: {_facts(standing)}")
    extended = set(standing.extensions) - {one.user for one in standing.latest}
    rows = [*map(_row, standing.latest), *((user, "", "not handed in", "", "", "") for user in sorted(extended))]
    more = {user: spoken(one.due) for user, one in standing.extensions.items() if one.due}
    titles = ("learner", "attempt", "received", "sha256", "late", "result", "more time")
    if rows:
        yield _table(titles, ((*row, more.get(row[0], "")) for row in rows))


def _facts(standing: Standing) -> str:
    """Say when it is due and what has come in."""
    due = f"due {spoken(standing.deadline.due)}, {standing.assignment.late_rule}; " if standing.deadline.due else ""
    released = "" if standing.released_at else "not released; "
    return f"{released}{due}{len(standing.latest)} handed in, {standing.waiting} without a result."


def _row(one: Attempt) -> tuple[str, ...]:
    late = f"late, {one.percent_off:g} % off" if one.percent_off else "late" if one.late else ""
    result = one.sentence or "not graded yet"
    return one.user, f"{one.number}", spoken(one.received_at), one.sha256[:12], late, result


def statistics(standing: Standing) -> Iterator[RenderableType]:
    """Tell how an assignment went, question by question."""
    if not standing.latest:
        released = "" if standing.released_at else ", and it is not released"
        yield _plain(f"{standing.assignment.title}: nothing was handed in{released}.")
        return
    found = questions(standing.latest)
    yield _plain(f"{standing.assignment.title}: {'' if found else 'nothing is graded yet, '}{_facts(standing)}")
    rows = [
        (
            one.name,
            RAN.get(one.mode, ""),
            "" if one.mean is None else f"{one.mean:.3g} of {one.max_score:g}",
            *map(str, (one.all, one.some, one.none, one.unmarked)),
        )
        for one in found
    ]
    if rows:
        yield _table(("test", "ran", "mean", "all points", "some", "none", "not marked yet"), rows)


def to_be_marked(answers: Sequence[ToMark]) -> Iterator[RenderableType]:
    """Tell which answers a person has to mark."""
    left = sum(not one.marked for one in answers)
    yield _plain(f"{left} of {len(answers)} answers are not marked yet." if answers else "There is nothing to mark.")
    rows = ((one.cell.name, one.user, f"{one.number}", _points(one), one.cell.comment) for one in answers)
    if answers:
        yield _table(("cell", "learner", "attempt", "points", "comment"), rows)


def _points(one: ToMark) -> str:
    return "" if one.cell.score is None else f"{one.cell.score:g} of {one.cell.max_score:g}"


def answer(one: ToMark, texts: Texts, before: Sequence[Comment]) -> Iterator[RenderableType]:
    """Tell what a learner wrote, beside the question and the solution, and the comments used on this cell before."""
    yield _plain(f"{one.cell.name}, {one.user}, attempt {one.number}: {_points(one) or 'not marked yet'}", "bold")
    for title, text in (
        ("Question", texts.question),
        (f"What {one.user} wrote", _source(texts.answer)),
        ("Solution", _source(texts.solution)),
    ):
        yield _plain(title, "underline")
        yield _plain(text.strip() or "nothing")
    for comment in before:
        points = "" if comment.score is None else f", {comment.score:g} points"
        yield _plain(f"used before ({comment.times}×{points}): {comment.text}")


def _source(written: Written | None) -> str:
    return "" if written is None else written.source + ("\n…" if written.cut else "")


def happened(events: Iterable[Event], course: Course) -> Iterator[RenderableType]:
    """Tell what happened, the newest last: that is where a reader of a terminal looks."""
    found = [*log(events, course)]
    if len(found) > SHOWN:
        yield _plain(f"These are the last {SHOWN} of {len(found)}.")
    yield _table(("when", "who", "what"), ((spoken(one.at), one.actor, one.sentence) for one in found[-SHOWN:]))


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(*titles, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*map(_plain, row))
    return table


def _plain(text: str, style: str = "") -> Text:
    """Return text that is shown as it is: learners wrote some of it."""
    return Text(printable(text), style)

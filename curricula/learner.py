"""What a learner does from a notebook: see courses, fetch, hand in, also while the course service is away."""

import re
from datetime import UTC, datetime
from pathlib import Path

from curricula.client import Away, Client, CourseServiceError
from curricula.outbox import MOST, Outbox
from curricula.submissions import Receipt, SubmissionError, check_notebook, spoken, too_large

# Answers that will be the same next time: no notebook, no such assignment, too late, too large.
_NEVER = (400, 404, 409, 413)


def folder_of(course: str, assignment: str) -> Path:
    """Return where one's copy of an assignment lies."""
    return Path.home() / "courses" / course / assignment


def outbox() -> Outbox:
    """Return one's own outbox."""
    return Outbox(Path.home() / "courses/.outbox")


def courses() -> None:
    """Print one's courses, deadlines, receipts and scores; send what waits in the outbox first."""
    client = Client.of_this_server()
    _send_waiting(client)
    for course in client.courses():
        print(f"{course['title']} ({course['name']})" if course["name"] not in course["title"] else course["title"])
        for one in course["assignments"]:
            due = f"due {one['due']}; {one['late_rule']}" if one["due"] else "no deadline"
            print(f"  {one['name']}: {one['title']}, {due}")
            for attempt in one["attempts"]:
                result = f", {attempt['sentence']}" if attempt["shown"] else ""
                print(f"    attempt {attempt['number']}: sha256 {attempt['sha256'][:12]}…{result}")


def fetch(assignment: str, course: str | None = None, *, replace: bool = False) -> Path:
    """Put the notebook of an assignment into ~/courses/COURSE/ASSIGNMENT/ and return its path.

    A copy that is there already stays; with `replace`, it is kept beside the fresh one as NAME.before.ipynb.
    """
    client = Client.of_this_server()
    where, found = client.find(assignment, course)
    path = folder_of(where, assignment) / str(found["notebook"])
    if path.exists() and not replace:
        print(f"Your copy is there already: {path}. With replace=True you get a fresh one, and this one is kept.")
        return path
    content = client.notebook(where, assignment)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.replace(path.with_suffix(".before.ipynb"))
    path.write_bytes(content)
    print(f"Fetched {found['title']}: open {path}")
    return path


def submit(assignment: str, course: str | None = None, *, path: str | Path | None = None) -> Receipt:
    """Hand in the saved notebook of an assignment; print the receipt, keep it beside the notebook, and return it.

    While the course service is away the notebook is kept in an outbox, and CourseServiceError says so; it is sent with
    the next `submit` or `courses`.
    """
    client = Client.of_this_server()
    _send_waiting(client)
    begun = datetime.now(UTC)
    try:
        where, found = client.find(assignment, course)
        file = Path(path) if path else folder_of(where, assignment) / found["notebook"]
        if not file.is_file():
            raise CourseServiceError(f'There is no file {file}: onramp.fetch("{assignment}") first, or say path=…')
        receipt = client.submit(where, assignment, file, found["max_bytes"])
    except Away as away:
        raise Away(_put_in_outbox(away, assignment, course, path), away.status) from None
    outbox().forget(where, assignment, begun)
    _keep(receipt)
    print(f"{receipt.sentence}\nsha256 {receipt.sha256}")
    return receipt


def _keep(receipt: Receipt) -> None:
    """Keep a receipt beside the notebook."""
    kept = folder_of(receipt.course, receipt.assignment) / "receipts"
    kept.mkdir(parents=True, exist_ok=True)
    (kept / f"attempt-{receipt.attempt}.json").write_text(receipt.model_dump_json(indent=1) + "\n")


def _send_waiting(client: Client) -> None:
    """Hand in what waits in the outbox, the oldest first, until the service is away again; say what came of each."""
    for one in outbox().waiting():
        since = f"The notebook for {one.assignment} in your outbox, of {spoken(one.since)}"
        try:
            receipt = client.submit(one.course, one.assignment, one.path, one.path.stat().st_size)
        except (Away, FileNotFoundError):  # or another window of the same person sends it just now
            return
        except (CourseServiceError, SubmissionError) as error:
            if getattr(error, "status", 400) not in _NEVER:
                print(f"{since}, still waits. {error}")
                continue
            place = outbox().set_aside(one, folder_of(one.course, one.assignment) / "not-taken")
            print(f"{since}, was not taken, and lies in {place} now. {error}")
        else:
            outbox().forget(one.course, one.assignment, one.since)
            _keep(receipt)
            print(f"{since}: {receipt.sentence}\nsha256 {receipt.sha256}")


def _put_in_outbox(away: Away, assignment: str, course: str | None, path: str | Path | None) -> str:
    """Keep a notebook until the service is back, and return what its owner has to know. Raises CourseServiceError."""
    folder = _folder_here(assignment, course)
    file = Path(path) if path else _notebook_in(folder)
    try:
        content = _content(file)
        kept = outbox().put(folder.parent.name, assignment, content)
    except OSError as error:
        raise CourseServiceError(f"{away} Nor can {file} be kept in your outbox: {error}") from None
    return (
        f"Not handed in yet: the course service is away. Your notebook (sha256 {kept.sha256}) waits in your outbox, "
        f"{kept.path.parent}, and is sent with your next onramp.submit(…) or onramp.courses(). "
        "What counts is when it arrives, so look again before the deadline."
    )


def _content(file: Path) -> bytes:
    """Return a notebook, looked at before it is read. Raises SubmissionError where none would be taken, and OSError."""
    size = file.stat().st_size
    if size > MOST:
        raise SubmissionError(too_large(size, MOST))
    if not file.is_file():
        raise SubmissionError(f"{file} is not a file. Say path=… of the notebook that you want to hand in.")
    content = file.read_bytes()
    check_notebook(content)
    return content


def _folder_here(assignment: str, course: str | None) -> Path:
    """Where one's copy of an assignment lies, found without asking the service. Raises CourseServiceError."""
    if not all(re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", name) for name in (assignment, course or "c")):
        raise CourseServiceError("The names of courses and assignments are lower-case letters, digits and '-'.")
    if course is not None:
        return folder_of(course, assignment)
    found = [path for path in sorted(Path.home().glob(f"courses/[a-z0-9]*/{assignment}")) if path.is_dir()]
    if len(found) != 1:
        known = " or ".join(repr(path.parent.name) for path in found) or "its name"
        raise CourseServiceError(
            f"The course service is away, and nothing here says which course {assignment!r} belongs to. "
            f"To keep your notebook in your outbox until then, say course={known}."
        )
    return found[0]


def _notebook_in(folder: Path) -> Path:
    """The one notebook that was fetched into a folder. Raises CourseServiceError."""
    found = [path for path in sorted(folder.glob("*.ipynb")) if not path.name.endswith(".before.ipynb")]
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise CourseServiceError(
            f"The course service is away, and it is not clear which notebook in {folder} to keep for it ({names}): "
            "say path=…"
        )
    return found[0]

"""Fetch and hand in from a server: HTTP to the course service, with the server's own token. Needs no jupyterhub."""

import json
import os
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

from curricula.submissions import Receipt, SubmissionError, check_notebook, too_large

# The service is reached directly: what a proxy is for lies elsewhere.
_http = build_opener(ProxyHandler({}))


class CourseServiceError(RuntimeError):
    """The course service did not do it; the message says why, and that nothing was lost."""


class Client:
    """One person's view of the course service."""

    def __init__(self, url: str, token: str) -> None:
        """`url` ends with /services/onramp-course/."""
        self._url, self._token = url.rstrip("/") + "/", token

    @classmethod
    def of_this_server(cls) -> "Client":
        """Return the client of the server this runs in. Raises CourseServiceError anywhere else."""
        try:
            return cls(os.environ["ONRAMP_COURSE_URL"], os.environ["JUPYTERHUB_API_TOKEN"])
        except KeyError as error:
            raise CourseServiceError(
                f"{error.args[0]} is not set: courses are reached from a notebook or terminal of a server that Onramp "
                "started. Start one on the hub's page, or use “My courses” there."
            ) from None

    def courses(self) -> list[dict[str, Any]]:
        """Return one's courses with their released assignments and one's attempts."""
        found: list[dict[str, Any]] = self._ask("GET", "api/courses")["courses"]
        return found

    def join(self, code: str) -> str:
        """Join a course by its code; return a sentence."""
        return str(self._ask("POST", "api/join", json.dumps({"code": code}).encode())["message"])

    def find(self, assignment: str, course: str | None = None) -> tuple[str, dict[str, Any]]:
        """Return (course, assignment) by name, from all of one's courses unless one is named."""
        mine = [one for one in self.courses() if course in (None, one["name"])]
        found = [(one["name"], each) for one in mine for each in one["assignments"] if each["name"] == assignment]
        if len(found) == 1:
            return found[0]
        if found:
            names = " or ".join(repr(name) for name, _ in found)
            raise CourseServiceError(f"Two of your courses have an assignment {assignment!r}: say course={names}.")
        known = ", ".join(each["name"] for one in mine for each in one["assignments"]) or "none"
        raise CourseServiceError(
            f"No released assignment is called {assignment!r}: choose one of {known}, or join its course first."
        )

    def notebook(self, course: str, assignment: str) -> bytes:
        """Return the released notebook."""
        return self._send("GET", f"{_path(course, assignment)}/notebook")

    def submit(self, course: str, assignment: str, path: Path, limit: int) -> Receipt:
        """Hand in a file of at most `limit` bytes. Raises SubmissionError before anything is sent."""
        size = path.stat().st_size
        if size > limit:
            raise SubmissionError(too_large(size, limit))
        check_notebook(path.read_bytes())
        with path.open("rb") as file:
            answer = json.loads(self._send("POST", f"{_path(course, assignment)}/submissions", file, size))
        return Receipt.model_validate({name: answer[name] for name in Receipt.model_fields})

    def _ask(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._send(method, path, body))
        return answer

    def _send(self, method: str, path: str, body: bytes | IO[bytes] | None = None, size: int | None = None) -> bytes:
        headers = {"Authorization": f"token {self._token}", "Content-Type": "application/octet-stream"}
        if size is not None:
            headers["Content-Length"] = str(size)
        request = Request(self._url + path, data=body, headers=headers, method=method)
        try:
            with _http.open(request, timeout=120) as answer:
                content: bytes = answer.read()
                return content
        except HTTPError as error:
            raise CourseServiceError(_said(error)) from None
        except (OSError, HTTPException) as error:
            raise CourseServiceError(
                f"The course service cannot be reached ({error}). Nothing was lost: your files are as they were. "
                "Try again in a minute."
            ) from None


def _path(course: str, assignment: str) -> str:
    return f"api/courses/{quote(course, safe='')}/assignments/{quote(assignment, safe='')}"


def _said(error: HTTPError) -> str:
    """Return the service's own sentence."""
    try:
        told: Mapping[str, Any] = json.loads(error.read())
        return str(told["message"])
    except (ValueError, KeyError, TypeError):
        return f"The course service refused (error {error.code}). Nothing was lost; try again."


def folder_of(course: str, assignment: str) -> Path:
    """Return where one's copy of an assignment lies."""
    return Path.home() / "courses" / course / assignment


def courses() -> None:
    """Print one's courses, deadlines, receipts and scores."""
    for course in Client.of_this_server().courses():
        print(course["title"])
        for one in course["assignments"]:
            print(f"  {one['name']}: {one['title']}, {'due ' + one['due'] if one['due'] else 'no deadline'}")
            for attempt in one["attempts"]:
                result = f", {attempt['score']:g} points" if attempt.get("score") is not None else ""
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
    """Hand in the saved notebook of an assignment; print the receipt, keep it beside the notebook, and return it."""
    client = Client.of_this_server()
    where, found = client.find(assignment, course)
    file = Path(path) if path else folder_of(where, assignment) / found["notebook"]
    if not file.is_file():
        raise CourseServiceError(f'There is no file {file}: onramp.fetch("{assignment}") first, or say path=…')
    receipt = client.submit(where, assignment, file, found["max_bytes"])
    kept = folder_of(where, assignment) / "receipts"
    kept.mkdir(parents=True, exist_ok=True)
    (kept / f"attempt-{receipt.attempt}.json").write_text(receipt.model_dump_json(indent=1) + "\n")
    print(f"{receipt.sentence}\nsha256 {receipt.sha256}")
    return receipt

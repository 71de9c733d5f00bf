"""The course service over HTTP, from a server and with its own token. Needs no jupyterhub."""

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
from spawners.plain_error import PlainError

# The service is reached directly: what a proxy is for lies elsewhere.
_http = build_opener(ProxyHandler({}))


class CourseServiceError(PlainError, RuntimeError):
    """The course service did not do it; the message says why, and that nothing was lost."""

    def __init__(self, message: str, status: int | None = None) -> None:
        """`status` is HTTP's, where there was an answer."""
        super().__init__(message)
        self.status = status


class Away(CourseServiceError):
    """The course service, or the hub behind it, does not answer; nobody has looked at what was sent."""


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
            answer = _read(self._send("POST", f"{_path(course, assignment)}/submissions", file, size))
        return Receipt.model_validate({name: answer[name] for name in Receipt.model_fields})

    def _ask(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        return _read(self._send(method, path, body))

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
            raise _refusal(error) from None
        except (OSError, HTTPException) as error:
            raise Away(
                f"The course service cannot be reached ({error}). Nothing was lost: your files are as they were. "
                "Try again in a minute."
            ) from None


def _path(course: str, assignment: str) -> str:
    return f"api/courses/{quote(course, safe='')}/assignments/{quote(assignment, safe='')}"


def _read(content: bytes) -> dict[str, Any]:
    """Return an answer of the service; where another answers in its place, such as the hub, it is away."""
    try:
        answer: dict[str, Any] = json.loads(content)
    except ValueError:
        raise Away("The course service does not answer. Nothing was lost; try again in a minute.") from None
    return answer


def _refusal(error: HTTPError) -> CourseServiceError:
    """Return the service's own sentence; an answer that is not the service's means that it is away."""
    try:
        told: Mapping[str, Any] = json.loads(error.read())
        message = str(told["message"])
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return Away(f"The course service does not answer (error {error.code}). Nothing was lost; try again.")
    return Away(message, error.code) if error.code >= 500 else CourseServiceError(message, error.code)

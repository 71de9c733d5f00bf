"""The service in this process, before a hub that knows four people by their tokens, and nothing of courses."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml
from jupyterhub.services.auth import HubOAuth
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from curricula.course import Course
from curricula.events import EventStore
from curricula.marks import CellGrade, GradingError, Key, Result
from curricula.service.app import NAME, make_app, settle_auth
from curricula.service.desk import Desk
from curricula.service.results import Grade
from curricula.service.teaching import Teaching
from curricula.submissions import Submission

REPOSITORY = Path(__file__).resolve().parents[2]
PREFIX = f"/services/{NAME}/"
ACCESS = f"access:services!service={NAME}"
# Whoever runs a hub may let people choose names that were never seen before.
SMUGGLER = "<svg onload=top.pwned='name'>"
PEOPLE = ("teacher1", "student1", "student2", "stranger", SMUGGLER)
SOURCE = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    "cells": [
        {
            "cell_type": "code",
            "id": "c1",
            "execution_count": None,
            "outputs": [],
            "metadata": {
                "nbgrader": {"grade_id": "f", "grade": False, "solution": True, "locked": False, "schema_version": 3}
            },
            "source": "### BEGIN SOLUTION\nx = 'the solution'\n### END SOLUTION",
        },
        {
            "cell_type": "code",
            "id": "c2",
            "execution_count": None,
            "outputs": [],
            "metadata": {
                "nbgrader": {
                    "grade_id": "t",
                    "grade": True,
                    "solution": False,
                    "locked": True,
                    "points": 4,
                    "schema_version": 3,
                }
            },
            "source": "assert x\n### BEGIN HIDDEN TESTS\nassert 'solution' in x\n### END HIDDEN TESTS",
        },
    ],
}


def notebook(answer: str) -> bytes:
    """A notebook to hand in."""
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [], "answer": answer}).encode()


class Grading:
    """A grader of the test's: right is 4, anything else 0; it can fail, and it can find that nothing ran."""

    def __init__(self) -> None:
        self.broken = False
        self.graded: list[Submission] = []

    async def __call__(self, course: Course, submission: Submission, *, again: bool = False) -> Result:
        """Return a result, as curricula.grading does."""
        if self.broken:
            raise GradingError("slurmctld does not answer. Nothing is lost: grade again.")
        self.graded.append(submission)
        key = Key(submission=submission.sha256, assignment=course.version(course.assignments[0]), environment="e")
        answer = json.loads(submission.path.read_bytes())["answer"]
        if answer == "endless":
            return Result(key=key, not_run="It took longer than 60 seconds.")
        score = 4 if answer == "right" else 0
        return Result(
            key=key, cells=(CellGrade(name="t", score=score, max_score=4, message="" if score else "<b>No</b>"),)
        )


class Gate:
    """A grader that lets through as many as it is told to, and notes which results were not to be known ones."""

    def __init__(self, grading: Grade) -> None:
        self._grading = grading
        self.open = asyncio.Semaphore(0)
        self.again: list[bool] = []

    async def __call__(self, course: Course, submission: Submission, *, again: bool = False) -> Result:
        """Wait to be let through."""
        await self.open.acquire()
        self.again.append(again)
        return await self._grading(course, submission, again=again)

    def let(self, count: int) -> None:
        """Let some through."""
        for _ in range(count):
            self.open.release()


class Service:
    """A running service: its folder, its grader, and a client for each person."""

    def __init__(self, root: Path, teaching: Teaching, desk: Desk, grading: Grading, url: str) -> None:
        self.root, self.teaching, self.desk, self.grading, self.url = root, teaching, desk, grading, url

    def gated(self) -> Gate:
        """Put a gate before the service's grader."""
        gate = self.teaching.results.grade = Gate(self.teaching.results.grade)
        return gate

    def client(self, user: str, **options: Any) -> httpx.AsyncClient:
        """Return a client that sends this person's token."""
        headers = {"Authorization": f"token {user}-token"} if user else {}
        return httpx.AsyncClient(base_url=self.url + PREFIX, headers=headers, timeout=60, **options)

    async def ask(self, user: str, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request."""
        async with self.client(user) as client:
            return await client.request(method, path, **options)

    async def hand_in(self, user: str, content: Any, assignment: str = "a1", course: str = "c1") -> httpx.Response:
        """Hand in some bytes."""
        path = f"api/courses/{course}/assignments/{assignment}/submissions"
        return await self.ask(user, "POST", path, content=content)

    async def teach(
        self, action: str, assignment: str = "a1", user: str = "teacher1", course: str = "c1"
    ) -> httpx.Response:
        """Press a teacher's button; wait for a grading to end."""
        path = f"api/courses/{course}/assignments/{assignment}"
        answer = await self.ask(user, "POST", f"{path}/{action}")
        while action == "grade" and (await self.ask(user, "GET", f"{path}/grading")).json().get("running"):
            await asyncio.sleep(0.02)
        return answer


def write_course(root: Path, name: str = "c1", **changes: Any) -> None:
    """Put a course in place, with one assignment that is open, one overdue that takes late work, one that does not."""
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    assignments: list[dict[str, Any]] = [
        {"name": "a1", "title": "First", "notebook": "first.ipynb", "max_bytes": 2000},
        {"name": "a2", "title": "Second", "notebook": "second.ipynb", "due": past, "late": "accept"},
        {"name": "a3", "title": "Third", "notebook": "third.ipynb", "due": past, "late": "refuse"},
        {"name": "a4", "title": "Hidden", "notebook": "fourth.ipynb"},
    ]
    folder = root / "courses" / name
    for one in assignments:
        (folder / "source" / one["name"]).mkdir(parents=True)
        (folder / "source" / one["name"] / str(one["notebook"])).write_text(json.dumps(SOURCE))
    course = {
        "name": name,
        "title": "Course one",
        "teachers": ["teacher1"],
        "code": "JOIN-1",
        "assignments": assignments,
    }
    (folder / "course.yaml").write_text(yaml.safe_dump({**course, **changes}))


class _WhoAmI(RequestHandler):
    def get(self) -> None:
        name = self.request.headers.get("Authorization", "").removeprefix("token ").removesuffix("-token")
        if name not in (*PEOPLE, "elsewhere", "robot"):
            self.send_error(403)
            return
        scopes = [] if name == "elsewhere" else [ACCESS]
        self.finish({"name": name, "kind": "service" if name == "robot" else "user", "scopes": scopes, "groups": []})


@asynccontextmanager
async def running(root: Path) -> AsyncIterator[Service]:
    """Start the hub's stand-in and the service."""
    write_course(root)
    servers = []

    def listen(app: Application) -> str:
        sockets, port = bind_unused_port()
        servers.append(HTTPServer(app))
        servers[-1].add_sockets([sockets])
        return f"http://127.0.0.1:{port}"

    HubOAuth.clear_instance()
    hub = listen(Application([("/hub/api/user", _WhoAmI)]))
    auth = settle_auth()
    auth.api_url, auth.api_token, auth.oauth_client_id = f"{hub}/hub/api", "service-token", f"service-{NAME}"
    auth.base_url, auth.hub_prefix = PREFIX, "/hub/"
    store = EventStore(f"sqlite:///{root}/events.sqlite")
    desk, grading = Desk(root, store), Grading()
    look = {"hub_title": "Onramp", "site_title": "Here"}
    teaching = Teaching(desk, grading)
    app = make_app(desk, teaching, prefix=PREFIX, look=look, cookie_secret=b"x" * 32)
    yield Service(root, teaching, desk, grading, listen(app))
    for server in servers:
        server.stop()
        await server.close_all_connections()
    store.close()
    HubOAuth.clear_instance()

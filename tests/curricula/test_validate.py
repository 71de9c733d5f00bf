"""nbgrader's Validate: a real Jupyter Server, asked as nbgrader's buttons ask it."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from curricula.check import RUNNING
from curricula.learner import fetch
from curricula.validate import in_nbgraders_form
from curricula.visible import Checked, Visible
from tests.curricula.service_here import running
from tests.notebooks.jupyter_here import jupyter

SAVED = datetime(2027, 1, 31, 12, tzinfo=UTC)


def found(*tests: Visible) -> Checked:
    return Checked(path=Path("m00.ipynb"), saved_at=SAVED, tests=tests, notes=("<b>",))


def test_what_did_not_pass_is_listed_and_nothing_is_taken_for_html():
    passed = Visible(name="a", outcome="passed", points=1)
    failed = Visible(name="b", outcome="did not pass", points=2.5, said="Error: <i>")
    told = in_nbgraders_form(found(passed, Visible(name="c", outcome="partly passed", points=1), failed))["failed"]
    assert [(one["source"], one["error"].partition("\n")[0]) for one in told] == [
        ("c (1 points)", "Partly passed"),
        ("b (2.5 points)", "Error: &lt;i&gt;"),
    ]
    assert "&lt;b&gt;\n1 of 3 tests passed." in told[1]["error"]
    assert in_nbgraders_form(found(passed)) == {}


@pytest.fixture
async def server(tmp_path, monkeypatch):
    """student1's Jupyter Server, with an assignment that is fetched."""
    home = tmp_path / "home"
    home.mkdir()
    async with running(tmp_path / "root") as service:
        await service.ask("student1", "POST", "api/join", json={"code": "JOIN-1"})
        await service.teach("release")
        course = {
            "ONRAMP_COURSE_URL": f"{service.url}/services/onramp-course/",
            "JUPYTERHUB_API_TOKEN": "student1-token",
            "HOME": str(home),
        }
        for name, value in course.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv(RUNNING, raising=False)
        await asyncio.to_thread(fetch, "a1")
        with jupyter(home, **course) as client:
            yield client


def ask(client: httpx.Client, path: str, **options):
    """Press the toolbar's button, beside the event loop that serves the course."""
    return asyncio.to_thread(client.post, "assignments/validate", params={"path": path}, timeout=60, **options)


async def test_the_buttons_answer_as_the_check_does(server):
    answer = (await ask(server, "courses/c1/a1/first.ipynb")).json()
    (failed,) = answer["value"]["failed"]
    assert (answer["success"], failed["source"]) == (True, "t (4 points)")
    assert "Hidden tests are run only when you hand in" in failed["error"]

    listed = await asyncio.to_thread(
        server.post, "assignments/validate", json={"path": str(Path.home() / "courses/c1/a1/first.ipynb")}, timeout=60
    )
    assert listed.json() == answer


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("log", "is no assignment's notebook"),
        ("../../etc/passwd", "is no assignment's notebook"),
        ("courses/c1/a1/none.ipynb", "No such file"),
        ("courses/c9/a1", "is no assignment's notebook"),
        ("", "is no assignment's notebook"),
    ],
)
async def test_what_cannot_be_validated(server, path, said):
    answer = (await ask(server, path)).json()
    assert (answer["success"], said in answer["value"]) == (False, True), answer


async def test_nobody_else_is_answered(server):
    assert httpx.post(f"{server.base_url}assignments/validate", params={"path": "x"}).status_code in (302, 403)

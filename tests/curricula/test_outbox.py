"""Handing in while the course service is away: nothing is lost, and it arrives when the service is back."""

import asyncio
import hashlib
import http.server
import os
import threading
from pathlib import Path

import pytest

from curricula.client import CourseServiceError
from curricula.learner import courses, fetch, outbox, submit
from curricula.outbox import Outbox
from curricula.submissions import SubmissionError
from tests.curricula.service_here import notebook, running

AWAY = "http://127.0.0.1:9/services/onramp-course/"
KEPT = "Not handed in yet: the course service is away"


class Line:
    """The way from the learner's server to the service, which the test cuts and mends."""

    def __init__(self, url, monkeypatch):
        self._url, self._set = url, monkeypatch.setenv
        self.mend()

    def cut(self, url=AWAY):
        self._set("ONRAMP_COURSE_URL", url)

    def mend(self):
        self._set("ONRAMP_COURSE_URL", f"{self._url}/services/onramp-course/")


@pytest.fixture
async def service(tmp_path, monkeypatch):
    """A course with released assignments and student1 in it, who has fetched the first; this is their server."""
    async with running(tmp_path / "root") as one:
        await one.ask("student1", "POST", "api/join", json={"code": "JOIN-1"})
        for name in ("a1", "a2", "a3"):
            await one.teach("release", name)
        monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "student1-token")
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        (tmp_path / "home").mkdir()
        one.line = Line(one.url, monkeypatch)
        await asyncio.to_thread(fetch, "a1")
        yield one


@pytest.fixture
def mine(tmp_path):
    return tmp_path / "home/courses/c1/a1/first.ipynb"


def hand_in(path, content, *arguments, **named):
    """Save the notebook, and hand it in beside the event loop."""
    path.write_bytes(content)
    return asyncio.to_thread(submit, "a1", *arguments, **named)


async def keep(path, content):
    """Hand it in while the service is away."""
    with pytest.raises(CourseServiceError, match=KEPT) as error:
        await hand_in(path, content)
    return str(error.value)


def received(service):
    return [event.payload["sha256"] for event in service.desk.store.events(kind="received")]


def sha256(content):
    return hashlib.sha256(content).hexdigest()


async def test_what_was_handed_in_meanwhile_arrives_in_its_order_before_anything_newer(service, mine, capsys):
    service.line.cut()
    said = await keep(mine, notebook("first"))
    assert sha256(notebook("first")) in said
    assert "What counts is when it arrives" in said
    await keep(mine, notebook("first"))
    await keep(mine, notebook("second"))
    assert len(outbox().waiting()) == 2
    assert received(service) == []

    service.line.mend()
    await hand_in(mine, notebook("third"))
    assert received(service) == [sha256(notebook(answer)) for answer in ("first", "second", "third")]
    assert outbox().waiting() == []
    assert capsys.readouterr().out.count("The notebook for a1 in your outbox, of ") == 2
    assert sorted(path.name for path in (mine.parent / "receipts").iterdir()) == [
        f"attempt-{number}.json" for number in (1, 2, 3)
    ]


async def test_looking_at_ones_courses_sends_it_too(service, mine, capsys):
    service.line.cut()
    await keep(mine, notebook("right"))
    with pytest.raises(CourseServiceError, match="cannot be reached"):
        await asyncio.to_thread(courses)
    assert len(outbox().waiting()) == 1

    service.line.mend()
    await asyncio.to_thread(courses)
    assert received(service) == [sha256(notebook("right"))]
    said = capsys.readouterr().out
    assert said.index("in your outbox") < said.index("attempt 1: sha256")
    await asyncio.to_thread(courses)
    assert len(received(service)) == 1


class _NotTheService(http.server.BaseHTTPRequestHandler):
    """A proxy, or a hub without the service: it answers, in HTML."""

    code = 503

    def do_GET(self):
        self.send_response(self.code)
        self.end_headers()
        self.wfile.write(b"<html>Service Unavailable</html>")

    def do_POST(self):
        self.do_GET()

    def log_message(self, *_):
        """Say nothing."""


@pytest.mark.parametrize("code", [503, 404, 200])
async def test_an_answer_that_is_not_the_services_is_none(service, mine, monkeypatch, code):
    monkeypatch.setattr(_NotTheService, "code", code)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _NotTheService) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        service.line.cut(f"http://127.0.0.1:{server.server_port}/")
        await keep(mine, notebook("right"))
        await keep(mine, notebook("more"))
        server.shutdown()
        thread.join()
    assert len(outbox().waiting()) == 2


async def test_what_will_never_be_taken_is_set_aside_and_said(service, mine, capsys):
    """The deadline is over, and late work is refused: the notebook is still there, and stops nothing else."""
    outbox().put("c1", "a3", notebook("late"))
    outbox().put("c9", "a1", notebook("no such course"))
    await hand_in(mine, notebook("right"))
    said = capsys.readouterr().out
    assert received(service) == [sha256(notebook("right"))]
    assert "late work is not taken" in said
    assert "There is no course 'c9' here." in said
    assert outbox().waiting() == []
    (kept,) = mine.parents[1].glob("a3/not-taken/*.ipynb")
    assert kept.read_bytes() == notebook("late")


async def test_who_may_not_just_now_keeps_it(service, mine, capsys, monkeypatch):
    """A token that is not valid any more says nothing about the notebook."""
    outbox().put("c1", "a1", notebook("right"))
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "none")
    with pytest.raises(CourseServiceError, match="Sign in first"):
        await hand_in(mine, notebook("right"))
    assert "still waits. Sign in first" in capsys.readouterr().out
    assert len(outbox().waiting()) == 1


async def test_newer_work_that_arrived_is_not_followed_by_older(service, mine, monkeypatch):
    """The older one met an error that the newer one did not."""
    waiting = outbox().put("c1", "a1", notebook("old"))
    monkeypatch.setattr(os, "link", link_but_not(os.link, waiting.sha256))
    await hand_in(mine, notebook("new"))
    assert received(service) == [sha256(notebook("new"))]
    assert outbox().waiting() == []


def link_but_not(link, name):
    """The service's disk refuses one file."""

    def refuse(source, target, **named):
        if Path(target).name == name:
            raise OSError(5, "Input/output error")
        link(source, target, **named)

    return refuse


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ({"assignment": "a2"}, "say course=its name"),
        ({"assignment": "both"}, "say course='c1' or 'c2'"),
        ({"assignment": "empty"}, r"which notebook in .* to keep for it \(none\): say path="),
        ({"assignment": "a1", "path": "nowhere.ipynb"}, "Nor can nowhere.ipynb be kept in your outbox"),
        ({"assignment": "../a1"}, "are lower-case letters, digits"),
        ({"assignment": "a1", "course": "../.."}, "are lower-case letters, digits"),
    ],
)
async def test_what_cannot_be_kept_is_said(service, mine, named, sentence):
    for folder in ("c1/both", "c2/both", "c1/empty"):
        (mine.parents[2] / folder).mkdir(parents=True)
    service.line.cut()
    with pytest.raises(CourseServiceError, match=sentence):
        await asyncio.to_thread(lambda: submit(**named))
    assert outbox().waiting() == []


async def test_what_is_no_notebook_is_not_kept(service, mine):
    service.line.cut()
    with pytest.raises(SubmissionError, match="it is not JSON"):
        await hand_in(mine, b"print('hello')")
    assert outbox().waiting() == []


async def test_what_is_too_large_or_no_file_is_refused_before_it_is_read(service, mine):
    """A terabyte, of which nothing is on the disk."""
    with mine.open("wb") as file:
        file.truncate(1 << 40)
    service.line.cut()
    with pytest.raises(SubmissionError, match=r"larger than this assignment takes: .* at most 20\.0 MB"):
        await asyncio.to_thread(submit, "a1")
    with pytest.raises(SubmissionError, match="/dev/zero is not a file"):
        await asyncio.to_thread(submit, "a1", path="/dev/zero")
    assert outbox().waiting() == []


async def test_course_and_path_may_be_said_and_an_older_copy_is_no_choice(service, mine, tmp_path):
    mine.with_suffix(".before.ipynb").write_bytes(notebook("before"))
    service.line.cut()
    await keep(mine, notebook("mine"))
    (tmp_path / "other.ipynb").write_bytes(notebook("other"))
    with pytest.raises(CourseServiceError, match=KEPT):
        await asyncio.to_thread(submit, "a2", "c1", path=tmp_path / "other.ipynb")
    assert [(one.assignment, one.sha256) for one in outbox().waiting()] == [
        ("a1", sha256(notebook("mine"))),
        ("a2", sha256(notebook("other"))),
    ]


def test_it_is_its_owners_alone_and_files_of_another_name_are_left_alone(tmp_path):
    box = Outbox(tmp_path / "box")
    one = box.put("c1", "a1", b"{}")
    (one.path.parent / "Untitled.ipynb").write_text("{}")
    assert box.waiting() == [one]
    assert one.path.parent.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in one.path.parent.iterdir()} == {"Untitled.ipynb", one.path.name}

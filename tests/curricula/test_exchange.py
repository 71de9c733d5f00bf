"""nbgrader's list, fetch, submit and feedback, as its Lab extension calls them, on the course service."""

import asyncio
import json

import pytest
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange.abc.exchange import ExchangeError
from nbgrader.exchange.exchange_factory import ExchangeFactory
from traitlets.config import Config

from curricula.client import CourseServiceError
from curricula.learner import courses, fetch, submit
from curricula.marks import CellGrade, Key, Result
from curricula.submissions import SubmissionError
from tests.curricula.service_here import REPOSITORY, notebook, running


@pytest.fixture
async def service(tmp_path, monkeypatch):
    """A course with one released assignment and student1 in it, whose server this is."""
    async with running(tmp_path / "root") as one:
        await one.ask("student1", "POST", "api/join", json={"code": "JOIN-1"})
        await one.teach("release")
        monkeypatch.setenv("ONRAMP_COURSE_URL", f"{one.url}/services/onramp-course/")
        monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "student1-token")
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        (tmp_path / "home").mkdir()
        yield one


@pytest.fixture
def mine(tmp_path):
    return tmp_path / "home/courses/c1/a1/first.ipynb"


async def do(what, **config):
    """Have nbgrader do something with the configuration that learners' environments bring."""
    given = json.loads((REPOSITORY / "notebooks/lab/nbgrader_config.json").read_text())
    all_of_it = Config({**given, **config})
    factory = ExchangeFactory(config=all_of_it)
    all_of_it.CourseDirectory.update(course_id="c1", assignment_id="a1")

    def act():
        return getattr(factory, what)(coursedir=CourseDirectory(config=all_of_it), config=all_of_it).start()

    return await asyncio.to_thread(act)


async def test_from_released_to_fetched_to_submitted_to_feedback(service, mine):
    (released,) = await do("List")
    assert (released["course_id"], released["assignment_id"], released["status"]) == ("c1", "a1", "released")

    await do("FetchAssignment")
    assert "assert x" in mine.read_text()
    assert [one["status"] for one in await do("List")] == ["fetched"]
    assert await do("List", ExchangeList={"cached": True}) == []

    mine.write_bytes(notebook("right"))
    await do("Submit")
    (submitted,) = await do("List", ExchangeList={"cached": True})
    (attempt,) = submitted["submissions"]
    assert (submitted["student_id"], attempt["has_exchange_feedback"]) == ("student1", False)

    await service.teach("grade")
    await service.teach("feedback")
    await do("FetchFeedback")
    (submitted,) = await do("List", ExchangeList={"cached": True})
    assert submitted["submissions"][0]["has_local_feedback"] is True
    assert "4 points" in (mine.parent / "feedback/attempt-1/first.html").read_text()


async def test_an_answer_that_nobody_has_marked_is_not_0_and_a_comment_is_read(service, mine):
    async def by_hand(course, submission, *, again=False):
        key = Key(submission=submission.sha256, assignment=course.version(course.assignments[0]), environment="e")
        cells = (CellGrade(name="t", score=0, max_score=4), CellGrade(name="essay", score=None, max_score=6))
        return Result(key=key, cells=cells)

    service.teaching.results.grade = by_hand
    number = (await service.hand_in("student1", notebook("right"))).json()["id"]
    await service.teach("grade")
    told = {"cell": "t", "score": 2, "comment": "Say <why>."}
    await service.ask("teacher1", "POST", f"api/submissions/{number}/points", json=told)
    await service.teach("feedback")
    await do("FetchFeedback")
    page = (mine.parent / "feedback/attempt-1/first.html").read_text()
    assert "Attempt 1: 2 of 10 points, 1 answer not marked yet" in page
    assert "<td>essay</td><td>? of 6</td>" in page
    assert "<td>2 of 4</td><td>Say &lt;why&gt;.</td>" in page


async def test_fetching_again_keeps_my_work(service, mine):
    await asyncio.to_thread(fetch, "a1")
    mine.write_bytes(notebook("mine"))
    await asyncio.to_thread(fetch, "a1")
    assert mine.read_bytes() == notebook("mine")

    await asyncio.to_thread(lambda: fetch("a1", replace=True))
    assert "assert x" in mine.read_text()
    assert mine.with_name("first.before.ipynb").read_bytes() == notebook("mine")


async def test_a_receipt_is_kept_and_a_second_is_the_same(service, mine, capsys):
    await asyncio.to_thread(fetch, "a1")
    mine.write_bytes(notebook("right"))
    first, second = [await asyncio.to_thread(submit, "a1") for _ in range(2)]

    assert (first.id, second.again) == (second.id, True)
    assert f"sha256 {first.sha256}" in capsys.readouterr().out
    kept = json.loads((mine.parent / "receipts/attempt-1.json").read_text())
    assert kept["sha256"] == first.sha256
    await asyncio.to_thread(courses)
    assert "attempt 1: sha256" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "error", "sentence"),
    [
        (None, CourseServiceError, r"There is no file .*onramp\.fetch"),
        (b"not json", SubmissionError, "it is not JSON"),
        (b"x" * 3000, SubmissionError, "larger than this assignment takes"),
    ],
    ids=["no file", "not JSON", "too large"],
)
async def test_what_cannot_be_handed_in(service, mine, content, error, sentence):
    if content is not None:
        mine.parent.mkdir(parents=True)
        mine.write_bytes(content)

    with pytest.raises(error, match=sentence):
        await asyncio.to_thread(submit, "a1")


async def test_an_unknown_assignment_names_those_there_are(service):
    with pytest.raises(CourseServiceError, match="No released assignment is called 'a9': choose one of a1, or join"):
        await asyncio.to_thread(fetch, "a9")


async def test_a_service_that_is_away_loses_nothing(service, mine, monkeypatch):
    await do("FetchAssignment")
    mine.write_bytes(notebook("right"))
    monkeypatch.setenv("ONRAMP_COURSE_URL", "http://127.0.0.1:9/services/onramp-course/")

    with pytest.raises(CourseServiceError, match=r"cannot be reached .*Nothing was lost"):
        await asyncio.to_thread(fetch, "a1")
    with pytest.raises(ExchangeError, match=r"Not handed in yet: .* waits in your outbox"):
        await do("Submit")
    with pytest.raises(ExchangeError, match="cannot be reached"):
        await do("List")


def test_outside_a_server(monkeypatch):
    monkeypatch.delenv("ONRAMP_COURSE_URL", raising=False)

    with pytest.raises(CourseServiceError, match="ONRAMP_COURSE_URL is not set: courses are reached from a notebook"):
        fetch("a1")

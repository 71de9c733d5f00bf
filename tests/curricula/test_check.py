"""`onramp.check`: with a real kernel, against the real course service, in a learner's home."""

import asyncio
import json
import os

import nbformat
import pytest
from nbformat.v4 import new_code_cell

import onramp
from curricula.check import RUNNING, check, check_file
from curricula.client import CourseServiceError
from curricula.learner import fetch
from curricula.submissions import SubmissionError
from tests.curricula.service_here import REPOSITORY, running

ANSWER = {"f": "x = 'mine'"}


@pytest.fixture
async def service(tmp_path, monkeypatch):
    """A course with one released assignment, and student1's server, where it is fetched."""
    async with running(tmp_path / "root") as one:
        await one.ask("student1", "POST", "api/join", json={"code": "JOIN-1"})
        await one.teach("release")
        monkeypatch.setenv("ONRAMP_COURSE_URL", f"{one.url}/services/onramp-course/")
        monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "student1-token")
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.delenv(RUNNING, raising=False)
        monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
        (tmp_path / "home").mkdir()
        await asyncio.to_thread(fetch, "a1")
        yield one


@pytest.fixture
def mine(tmp_path):
    return tmp_path / "home/courses/c1/a1/first.ipynb"


def edit(path, *more, **sources):
    """Give cells of the notebook other sources, by their grade_id, and put more cells at its end."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.source = sources.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
    notebook.cells += [new_code_cell(source) for source in more]
    path.write_text(nbformat.writes(notebook))


async def checked(*arguments, **named):
    """Check beside the event loop that serves the course."""
    return await asyncio.to_thread(check, *arguments, **named)


async def test_a_right_answer_passes_and_nothing_is_handed_in(service, mine, capsys):
    edit(mine, **ANSWER)
    os.utime(mine, (1_800_000_000, 1_800_000_000))
    found = await checked("a1")

    assert [(one.name, one.outcome, one.points) for one in found.tests] == [("t", "passed", 4)]
    assert (found.path, found.saved_at.timestamp()) == (mine, 1_800_000_000)
    assert "Running first.ipynb from top to bottom" in capsys.readouterr().out
    assert service.desk.store.events(kind="received") == ()


async def test_as_it_was_given_out_it_does_not_pass(service, mine):
    found = await checked("a1", "c1")
    assert [one.outcome for one in found.tests] == ["did not pass"]
    assert found.notes == ("Cell 1 failed first, and what needs it fails with it: NotImplementedError",)


async def test_a_test_that_was_changed_is_said_and_the_given_one_is_run(service, mine):
    edit(mine, f="x = 0", t="pass")
    found = await checked("a1")
    assert [one.outcome for one in found.tests] == ["did not pass"]
    assert found.tests[0].said == (
        "AssertionError: assert x. You have changed this cell: your copy is not what counts, the one that was given "
        "out was run."
    )


async def test_in_the_notebook_itself_it_needs_no_name_and_does_not_call_itself(service, mine, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", str(mine))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    edit(
        mine,
        f"import onramp\nshown = onramp.check()\nopen({str(mine.with_name('ran'))!r}, 'w').write(repr(shown))",
        **ANSWER,
    )
    found = await asyncio.to_thread(onramp.check)
    assert found.passed
    assert mine.with_name("ran").read_text() == "None"


@pytest.mark.parametrize(
    ("content", "error", "sentence"),
    [
        (None, CourseServiceError, r'There is no file .*: onramp\.fetch\("a1"\) first'),
        ("not json", SubmissionError, "it is not JSON"),
        (
            json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{}]}),
            SubmissionError,
            "Jupyter can read",
        ),
    ],
)
async def test_what_cannot_be_checked(service, mine, content, error, sentence):
    mine.unlink()
    if content is not None:
        mine.write_text(content)
    with pytest.raises(error, match=sentence):
        await checked("a1")


async def test_names_that_are_none(service, mine, monkeypatch):
    with pytest.raises(CourseServiceError, match="No released assignment is called 'a9': choose one of a1"):
        await checked("a9")
    with pytest.raises(CourseServiceError, match=r'not known which notebook this is.*onramp\.check\("m00"\)'):
        await checked()
    elsewhere = mine.parents[3] / "other.ipynb"
    elsewhere.write_bytes(mine.read_bytes())
    monkeypatch.setenv("JPY_SESSION_NAME", str(elsewhere))
    with pytest.raises(
        CourseServiceError, match=r"is no assignment's notebook: those lie in .*/courses/COURSE/ASSIGNMENT"
    ):
        await checked()


async def test_while_the_service_is_away_it_says_so(service, mine, monkeypatch):
    monkeypatch.setenv("ONRAMP_COURSE_URL", "http://127.0.0.1:9/services/onramp-course/")
    with pytest.raises(CourseServiceError, match="cannot be reached"):
        await check_file(mine)

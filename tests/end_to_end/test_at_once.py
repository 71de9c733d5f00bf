"""Feedback at once, in the browser: a wrong answer, its result without anybody's doing, and the right one after it."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Page, expect

from tests.end_to_end.factory import REPOSITORY, Factory
from tests.end_to_end.person import Person
from tests.end_to_end.picture import picture
from tests.end_to_end.test_course import GRADED, SERVICE, answered, my_courses, post, student1  # noqa: F401 - a fixture

NAME = "practice"
M00 = f"api/courses/{NAME}/assignments/m00"


@pytest.fixture(scope="module")
def practice(factory: Factory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A course that shows its feedback at once, with assignment zero; its released notebook."""
    folder = tmp_path_factory.mktemp("practice") / NAME
    (folder / "source/m00").mkdir(parents=True)
    notebook = REPOSITORY / "curricula/onboarding/source/m00/m00.ipynb"
    (folder / "source/m00/m00.ipynb").write_bytes(notebook.read_bytes())
    zero = {"name": "m00", "title": "Practice zero", "notebook": "m00.ipynb", "feedback": "at-once"}
    course = {"name": NAME, "title": "Practice", "teachers": ["teacher1"], "code": "PRACTICE", "assignments": [zero]}
    (folder / "course.yaml").write_text(yaml.safe_dump(course))
    created = ["./onramp", "course", "create", str(folder), "--state", str(factory.folder)]
    subprocess.run(created, cwd=REPOSITORY, check=True, capture_output=True)
    with Person(factory, "teacher1") as teacher:
        post(factory, teacher, f"{M00}/release").raise_for_status()
        post(factory, teacher, f"api/courses/{NAME}/roster", content=b"id\nstudent1\n").raise_for_status()
    with Person(factory, "student1") as student:
        released = student.api.get(f"{factory.url}{SERVICE}{M00}/notebook").raise_for_status().text
    yield released
    factory.exec("rm", "-r", f"/srv/onramp/course/courses/{NAME}", user="onramp-course")


def hand_in(page: Page, notebook: dict[str, Any], folder: Path) -> None:
    """By the page's own button, which loads it anew with the receipt."""
    file = folder / "m00.ipynb"
    file.write_text(json.dumps(notebook))
    card(page).locator("input[type=file]").set_input_files(file)
    expect(page.locator("#said")).to_contain_text("Received on")


def card(page: Page) -> Any:
    return page.locator("article", has=page.get_by_role("heading", name="Practice zero"))


def test_a_student_reads_what_each_attempt_got_without_loading_the_page_again(
    factory: Factory,
    practice: str,
    student1: Page,  # noqa: F811
    tmp_path: Path,
) -> None:
    my_courses(student1, factory)
    wrong = json.loads(practice)
    hand_in(student1, wrong, tmp_path)
    expect(card(student1).locator(".onramp-state")).to_have_text("0 of 8 points", timeout=GRADED)
    card(student1).get_by_role("link", name="0 of 8 points").click()
    expect(student1.get_by_role("main")).to_contain_text("0 of 8 points")

    my_courses(student1, factory)
    hand_in(student1, answered(practice, "m00"), tmp_path)
    expect(card(student1).locator(".onramp-state")).to_have_text("8 of 8 points", timeout=GRADED)
    expect(card(student1).locator("tbody tr")).to_have_count(2)
    assert student1.locator("[data-awaited]").count() == 0
    picture(student1, "at-once")

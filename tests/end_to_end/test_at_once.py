"""Feedback at once, in the browser: a wrong answer, its result without anybody's doing, and the right one after it.

And what a course leads to: the capstone, the certificate for it, and who checks that one.
"""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, Page, expect

from tests.end_to_end.factory import REPOSITORY, Factory, until
from tests.end_to_end.person import Person
from tests.end_to_end.picture import picture
from tests.end_to_end.test_course import (
    GRADED,
    SERVICE,
    answered,
    my_courses,
    operate,
    post,
    student1,  # noqa: F401 - a fixture
)

NAME = "practice"
COURSE = f"api/courses/{NAME}"
TITLES = {"m00": "Practice zero", "m13": "Practice capstone"}
TRACK = {
    "name": "all",
    "title": "Practice: the whole way",
    "assignments": ["m13"],
    "certificate": {"title": "Well practised", "percent": 60},
}


@pytest.fixture(scope="module")
def practice(factory: Factory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A course that shows its feedback at once, with assignment zero and the capstone; its released notebooks."""
    folder = tmp_path_factory.mktemp("practice") / NAME
    for name in TITLES:
        shutil.copytree(REPOSITORY / f"curricula/onboarding/source/{name}", folder / "source" / name)
    assignments = [
        {"name": name, "title": title, "notebook": f"{name}.ipynb", "feedback": "at-once"}
        for name, title in TITLES.items()
    ]
    course = {"name": NAME, "title": "Practice", "teachers": ["teacher1"], "code": "PRACTICE", "tracks": [TRACK]}
    (folder / "course.yaml").write_text(yaml.safe_dump(course | {"assignments": assignments}))
    assert operate(factory, "create", str(folder)).returncode == 0
    with Person(factory, "teacher1") as teacher:
        for name in TITLES:
            post(factory, teacher, f"{COURSE}/assignments/{name}/release").raise_for_status()
        post(factory, teacher, f"{COURSE}/roster", content=b"id\nstudent1\n").raise_for_status()
    with Person(factory, "student1") as student:
        pages = {name: f"{factory.url}{SERVICE}{COURSE}/assignments/{name}/notebook" for name in TITLES}
        released = {name: student.api.get(page).raise_for_status().text for name, page in pages.items()}
    yield released
    # Its gradebook may be written at this very moment.
    place = f"/srv/onramp/course/courses/{NAME}"
    until("it is gone", lambda: factory.attempt("rm", "-rf", place, user="onramp-course").returncode == 0)


def hand_in(page: Page, name: str, notebook: dict[str, Any], folder: Path) -> None:
    """By the page's own button, which loads it anew with the receipt."""
    file = folder / f"{name}.ipynb"
    file.write_text(json.dumps(notebook))
    card(page, name).locator("input[type=file]").set_input_files(file)
    expect(page.locator("#said")).to_contain_text("Received on")


def card(page: Page, name: str = "m00") -> Any:
    return page.locator("article", has=page.get_by_role("heading", name=TITLES[name]))


def test_a_student_reads_what_each_attempt_got_without_loading_the_page_again(
    factory: Factory,
    practice: dict[str, str],
    student1: Page,  # noqa: F811
    tmp_path: Path,
) -> None:
    my_courses(student1, factory)
    wrong = json.loads(practice["m00"])
    hand_in(student1, "m00", wrong, tmp_path)
    expect(card(student1).locator(".onramp-state")).to_have_text("0 of 8 points", timeout=GRADED)
    card(student1).get_by_role("link", name="0 of 8 points").click()
    expect(student1.get_by_role("main")).to_contain_text("0 of 8 points")

    my_courses(student1, factory)
    hand_in(student1, "m00", answered(practice["m00"], "m00"), tmp_path)
    expect(card(student1).locator(".onramp-state")).to_have_text("8 of 8 points", timeout=GRADED)
    expect(card(student1).locator("tbody tr")).to_have_count(2)
    assert student1.locator("[data-awaited]").count() == 0
    picture(student1, "at-once")


def test_a_certificate_from_the_capstone_to_whoever_checks_it(
    factory: Factory,
    practice: dict[str, str],
    student1: Page,  # noqa: F811
    browser: Browser,
    tmp_path: Path,
) -> None:
    my_courses(student1, factory)
    hand_in(student1, "m13", answered(practice["m13"], "m13"), tmp_path)
    expect(card(student1, "m13").locator(".onramp-state")).to_contain_text("of 46 points", timeout=GRADED)
    # Two answers are for a person to read, and nobody has one before that.
    skills = f"{factory.url}{SERVICE}courses/{NAME}/map?track=all"
    student1.goto(skills)
    expect(student1.locator("[data-lacks='1']")).to_contain_text("2 answers not marked yet")
    for answer, points in (("m13-report", "12"), ("m13-card", "6")):
        said = ("--teacher", "teacher1", "--comment", "As the rubric asks.")
        marked = operate(factory, "mark", NAME, "m13", "student1", answer, points, *said)
        assert marked.returncode == 0, marked.stderr

    student1.goto(skills)
    student1.get_by_role("link", name="My certificate").click()
    expect(student1.locator("[data-genuine=true]")).to_contain_text("Genuine")
    picture(student1, "certificate")
    printed = student1.pdf(path=tmp_path / "certificate.pdf", format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1, "it is one sheet"

    # Somebody without an account, who was given the address.
    window = browser.new_context(viewport={"width": 1280, "height": 900})
    stranger = window.new_page()
    stranger.goto(student1.url)
    expect(stranger.get_by_role("main")).to_contain_text("student1 has passed Practice: the whole way")
    expect(stranger.locator("[data-genuine=true]")).to_be_visible()
    with stranger.expect_download() as download:
        stranger.get_by_role("link", name="Certificate as a file").click()
    file = str(download.value.path())
    checked = operate(factory, "certificate", file)
    assert checked.stdout.startswith("Genuine: student1 has “Well practised”"), checked.stderr

    why = ("--teacher", "teacher1", "--comment", "Somebody else wrote it.")
    withdrawn = operate(factory, "withdraw", NAME, "all", "student1", *why)
    assert withdrawn.returncode == 0, withdrawn.stderr
    stranger.reload()
    expect(stranger.locator("[data-genuine=false]")).to_contain_text("Withdrawn on")
    expect(stranger.get_by_role("main")).not_to_contain_text("Somebody else")
    checked = operate(factory, "certificate", file)
    assert (checked.returncode, "It was withdrawn on" in checked.stderr) == (1, True)
    window.close()

"""A course from release to feedback: a teacher and three students, in the browser and from a server's notebook."""

import csv
import hashlib
import io
import json
import re
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from curricula.course import load_course
from tests.end_to_end.browser import PATIENCE, run_notebook, sign_in, start
from tests.end_to_end.factory import REPOSITORY, Factory, until
from tests.end_to_end.person import Person
from tests.end_to_end.picture import picture
from tests.end_to_end.test_pages import AXE, SCHEMES, WIDTHS

MODULES = [one.name for one in load_course(REPOSITORY / "curricula/onboarding").assignments]
CODE = "START-2026"
SERVICE = "/services/onramp-course/"
COURSE = "/srv/onramp/course/courses/onboarding"
GRADED = 180_000
M00 = "api/courses/onboarding/assignments/m00/submissions"
M00_NOTEBOOK = "api/courses/onboarding/assignments/m00/notebook"
GRADEBOOK = """
import json, sys
from nbgrader.api import Gradebook
with Gradebook(f"sqlite:///{sys.argv[1]}/gradebook.db") as book:
    for one in book.assignment_submissions(sys.argv[2]):
        cells = [grade.auto_score for notebook in one.notebooks for grade in notebook.grades]
        print("row", json.dumps([one.student.id, one.score, one.max_score, one.needs_manual_grade, cells]))
"""
# What the teacher's account alone may read: sources with solutions, marks, submissions, the packed course.
CLOSED = (
    "/srv/onramp/course",
    f"{COURSE}/source/m00/m00.ipynb",
    f"{COURSE}/gradebook.db",
    "/srv/onramp/etc/onboarding.tar",
)
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
# A student's one cell: run something on a GPU, fetch, answer, check, hand in, twice.
IN_A_NOTEBOOK = """import json
import nbformat
import onramp
nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")]), "tiny.ipynb")
run = onramp.promote("tiny.ipynb", profile="gpu-1")
assert run.wait().state == "COMPLETED", run
ANSWERS["m01-job"] = onramp.evidence(run)
path = onramp.fetch("m01")
assert "BEGIN SOLUTION" not in path.read_text()
notebook = json.loads(path.read_text())
for cell in notebook["cells"]:
    cell["source"] = ANSWERS.get(cell["metadata"]["nbgrader"]["grade_id"], cell["source"])
path.write_text(json.dumps(notebook))
checked = onramp.check("m01")
assert checked.passed, checked
receipt = onramp.submit("m01")
assert onramp.submit("m01").again
checked
"""


class Row(NamedTuple):
    """A submission in nbgrader's gradebook, and what the tests gave for each of its cells."""

    score: float
    max_score: float
    needs_manual_grade: bool
    cells: list[float | None]


@pytest.fixture
def student1(browser: Browser, factory: Factory) -> Iterator[Page]:
    """A window in which student1 has signed in."""
    with_page = browser.new_context(viewport={"width": 1280, "height": 900})
    with_page.set_default_timeout(PATIENCE)
    page = with_page.new_page()
    page.goto(factory.open("student1"))
    yield page
    with_page.close()


@pytest.fixture
def teacher1(browser: Browser, factory: Factory) -> Iterator[Page]:
    """A window in which teacher1 has signed in."""
    with_page = browser.new_context(viewport={"width": 1280, "height": 900})
    with_page.set_default_timeout(PATIENCE)
    page = with_page.new_page()
    page.goto(factory.open("teacher1"))
    yield page
    with_page.close()


def source(assignment: str) -> dict[str, Any]:
    """The instructor's notebook, which this test may read and no student."""
    path = REPOSITORY / f"curricula/onboarding/source/{assignment}/{assignment}.ipynb"
    notebook: dict[str, Any] = json.loads(path.read_text())
    return notebook


def answered(released: str, assignment: str) -> dict[str, Any]:
    """The released notebook with the right answers in it."""
    right = answers(assignment)
    notebook: dict[str, Any] = json.loads(released)
    for cell in _solutions(notebook):
        cell["source"] = right[cell["metadata"]["nbgrader"]["grade_id"]]
    return notebook


def answers(assignment: str) -> dict[str, str]:
    """The right answers, by the names of their cells."""
    return {
        cell["metadata"]["nbgrader"]["grade_id"]: "".join(cell["source"]) for cell in _solutions(source(assignment))
    }


def points(assignment: str) -> float:
    """What full marks are."""
    return sum(float(cell["metadata"].get("nbgrader", {}).get("points", 0)) for cell in source(assignment)["cells"])


def _solutions(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("solution")]


def my_courses(page: Page, factory: Factory) -> None:
    page.goto(f"{factory.url}{SERVICE}")
    expect(page.get_by_role("heading", name="My courses")).to_be_visible()


def join(page: Page, factory: Factory) -> None:
    my_courses(page, factory)
    page.get_by_label("Code").fill(CODE)
    page.get_by_role("button", name="Join").click()
    expect(page.locator("#said")).to_have_text("You are in AI Factory onboarding.")


def fetch(page: Page, assignment: str) -> str:
    with page.expect_download() as download:
        page.locator(f"[data-assignment={assignment}]").get_by_role("link", name="Fetch").click()
    return Path(download.value.path()).read_text()


def hand_in(page: Page, assignment: str, file: Path) -> str:
    """Choose a file, and return what the page says."""
    said = page.locator("#said")
    page.evaluate("document.getElementById('said').textContent = ''")
    page.locator(f"[data-assignment={assignment}] input[type=file]").set_input_files(file)
    expect(said).not_to_be_empty()
    return said.inner_text()


def teach(page: Page, factory: Factory, assignment: str, button: str, said: str) -> None:
    page.goto(f"{factory.url}{SERVICE}courses/onboarding/teach")
    page.locator(f"[data-assignment={assignment}]").get_by_role("button", name=re.compile(f"^{button}")).first.click()
    expect(page.locator("#said")).to_contain_text(said, timeout=GRADED)


def post(factory: Factory, person: Person, path: str, **body: Any) -> httpx.Response:
    """Ask the service through the proxy, with a token as a program has it."""
    return httpx.post(f"{factory.url}{SERVICE}{path}", headers=person.api.headers, timeout=120, **body)


def marks(factory: Factory, assignment: str) -> dict[str, Row]:
    """Learner → row of an assignment in nbgrader's gradebook."""
    python = ("/srv/onramp/venv/bin/python", "-W", "ignore", "-c", GRADEBOOK)
    out = factory.exec("env", "HOME=/tmp", *python, COURSE, assignment, user="onramp-course")
    rows = [json.loads(line.removeprefix("row ")) for line in out.splitlines() if line.startswith("row ")]
    return {user: Row(*row) for user, *row in rows}


def operate(factory: Factory, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `./onramp course …`, as whoever operates the factory."""
    command = ("./onramp", "course", *arguments, "--state", str(factory.folder))
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_from_release_to_feedback(
    factory: Factory, browser: Browser, student1: Page, teacher1: Page, tmp_path: Path
) -> None:
    teacher1.goto(f"{factory.url}{SERVICE}courses/onboarding/teach")
    picture(teacher1, "teach")
    join(student1, factory)
    expect(student1.locator("[data-assignment=m01]")).to_have_count(0)
    # A certificate is for whoever has its number, without an account; nobody has this one.
    unknown = httpx.get(f"{factory.url}{SERVICE}certificates/AAAA-BBBB-CCCC-DDDD")
    assert (unknown.status_code, "No certificate of this site has the number" in unknown.text) == (404, True)

    # student1 hands in m00, right; the receipt is of that very file.
    released = fetch(student1, "m00")
    assert "BEGIN SOLUTION" not in released
    assert "HIDDEN" not in released
    right = tmp_path / "m00.ipynb"
    right.write_text(json.dumps(answered(released, "m00")))
    assert "Attempt 1." in hand_in(student1, "m00", right)
    sha256 = hashlib.sha256(right.read_bytes()).hexdigest()
    expect(student1.locator("[data-assignment=m00] code.sha")).to_have_text(sha256)
    picture(student1, "receipt")
    assert "the very file you handed in" in hand_in(student1, "m00", right)

    # student2 hands in what was fetched, student3 what never ends to its last cell.
    with Person(factory, "student2") as student2, Person(factory, "student3") as student3:
        for person, notebook in ((student2, json.loads(released)), (student3, endless(released))):
            assert post(factory, person, "api/join", json={"code": CODE}).status_code == 200
            assert post(factory, person, M00, content=json.dumps(notebook)).status_code == 201

    # teacher1 sees them, grades them, and the marks are in Slurm's accounting, nbgrader's gradebook and the CSV.
    teacher1.goto(f"{factory.url}{SERVICE}")
    teacher1.get_by_role("link", name="Teach AI Factory onboarding").click()
    expect(teacher1.locator("[data-assignment=m00] [data-user]")).to_have_count(3)
    teach(teacher1, factory, "m00", "Grade all", "Graded.")
    expect(teacher1.locator("[data-user=student1]")).to_contain_text("8 of 8 points")
    expect(teacher1.locator("[data-user=student2]")).to_contain_text("0 of 8 points")
    expect(teacher1.locator("[data-user=student3]")).to_contain_text("Not run:")
    picture(teacher1, "graded")
    rows_of_m00 = marks(factory, "m00")
    assert rows_of_m00["student1"] == Row(8, 8, False, [4, 4])
    assert rows_of_m00["student2"] == Row(0, 8, False, [0, 0])
    not_run = rows_of_m00["student3"]
    assert (not_run.needs_manual_grade, not_run.cells) == (True, [None, None])
    # The one that found which tests run where; the one that graded goes on standing by.
    sacct = ("sacct", "-nPXa", "--user", "onramp-grade", "--format=State,Account,Comment")
    until("accounting knows of it", lambda: "COMPLETED|grading|onramp:grade:" in factory.exec(*sacct))
    with teacher1.expect_download() as download:
        teacher1.get_by_role("link", name="Export marks as CSV").click()
    rows = {row["user"]: row for row in csv.DictReader(io.StringIO(Path(download.value.path()).read_text()))}
    assert (rows["student1"]["sha256"], float(rows["student1"]["score"])) == (sha256, 8)
    assert (rows["student3"]["state"], rows["student3"]["score"]) == ("not run", "")

    # Nobody sees a mark before the teacher says so.
    my_courses(student1, factory)
    expect(student1.locator("[data-assignment=m00]")).to_contain_text("Waiting for feedback")
    teach(teacher1, factory, "m00", "Release feedback", "Feedback for 3 attempts")
    my_courses(student1, factory)
    student1.locator("[data-assignment=m00]").get_by_role("link", name="8 of 8 points").click()
    expect(student1.get_by_role("heading", name=re.compile("feedback"))).to_be_visible()
    expect(student1.locator("[data-cell=m00-function-test]")).to_contain_text("Right.")
    picture(student1, "feedback")
    # From a page of an origin of its own, the way back is still that of somebody who has signed in.
    student1.get_by_role("main").get_by_role("link", name="My courses").click()
    expect(student1.get_by_role("heading", name="My courses")).to_be_visible()
    student1.go_back()

    looks_right(student1)
    looks_right(teacher1)
    my_courses(student1, factory)
    looks_right(student1)


def looks_right(page: Page) -> None:
    """By day and by night, wide and narrow: axe-core finds nothing, and nothing runs over the edge.

    In another window, since axe-core is a script, and on a page that only shows none may run.
    """
    assert page.context.browser
    context = page.context.browser.new_context(storage_state=page.context.storage_state(), bypass_csp=True)
    address, page = page.url, context.new_page()
    page.goto(address)
    for scheme, width in product(SCHEMES, WIDTHS):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(AXE.read_text())
        found = page.evaluate(
            "async () => (await axe.run()).violations.map((one) => one.id + ': ' + one.nodes[0].html)"
        )
        assert found == [], (page.url, scheme, width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (page.url, width)
    context.close()


def endless(released: str) -> dict[str, Any]:
    """A notebook whose first answer ends its own process."""
    notebook: dict[str, Any] = json.loads(released)
    _solutions(notebook)[0]["source"] = "import os\nos._exit(0)"
    return notebook


def test_a_student_does_m01_in_a_notebook_on_the_server_to_feedback(
    factory: Factory, student1: Page, teacher1: Page
) -> None:
    """Fetched, answered and handed in by `onramp`; graded by the operator's commands."""
    join(student1, factory)
    teach(teacher1, factory, "m01", "Release", "is released")
    cells: list[dict[str, object]] = [
        {
            "cell_type": "code",
            "id": "c1",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": f"ANSWERS = {answers('m01')!r}\n{IN_A_NOTEBOOK}",
        }
    ]
    text = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": KERNEL, "cells": cells})
    factory.attempt("sh", "-c", "cat > hand-in.ipynb", user="student1", stdin=text)

    student1.goto(f"{factory.url}/hub/spawn/student1")
    start(student1, "CPU notebook")
    saved = run_notebook(student1, factory, "student1", "hand-in.ipynb")
    table = student1.locator(".jp-OutputArea table")
    expect(table).to_contain_text("m01-cost-test")
    picture(student1, "check", height=520, of=table)

    # nbgrader's own list in JupyterLab knows of it, and fetches the other assignment.
    student1.get_by_role("menuitem", name="Nbgrader").click()
    student1.get_by_role("menuitem", name="Assignment List").click()
    listed = student1.locator(".lm-Widget", has_text="Submitted assignments").last
    expect(listed).to_contain_text("Fetch Feedback")
    student1.get_by_role("button", name="Fetch", exact=True).first.click()
    expect(student1.get_by_text("There are no assignments to fetch.")).to_be_visible()
    assert "YOUR CODE HERE" in factory.exec("cat", "/home/student1/courses/onboarding/m00/m00.ipynb", user="student1")

    # Its button Validate says what `onramp.check` says.
    student1.goto(f"{factory.url}/user/student1/lab/tree/courses/onboarding/m00/m00.ipynb?reset")  # alone
    expect(student1.get_by_role("heading", name="Assignment zero")).to_be_visible(timeout=PATIENCE)
    student1.get_by_role("button", name="Validate").click()
    dialog = student1.get_by_role("dialog")
    expect(dialog).to_contain_text("0 of 2 tests passed", timeout=60_000)
    dialog.get_by_role("button", name="Ok").click()

    outputs = saved["cells"][0]["outputs"]
    assert not [one for one in outputs if one["output_type"] == "error"], outputs
    kept = factory.exec("cat", "/home/student1/courses/onboarding/m01/receipts/attempt-1.json", user="student1")
    receipt = json.loads(kept)
    found = factory.exec("sha256sum", "/home/student1/courses/onboarding/m01/m01.ipynb", user="student1").split()[0]
    assert (receipt["user"], receipt["sha256"]) == ("student1", found)
    my_courses(student1, factory)
    expect(student1.locator("[data-assignment=m01] code.sha")).to_have_text(found)
    student1.goto(f"{factory.url}/hub/home")
    student1.get_by_role("button", name="Stop").first.click()
    until("student1's job has ended", lambda: not factory.jobs("student1"))

    # Full points, in the gradebook, in the CSV and in the feedback; all of them are of the file on the receipt.
    for action, said in (("grade", "m01: 1 graded."), ("feedback", "Feedback for 1 attempt of")):
        done = operate(factory, action, "onboarding", "m01")
        assert (done.returncode, said in done.stdout) == (0, True), done.stdout + done.stderr
    full = points("m01")
    row = marks(factory, "m01")["student1"]
    assert (row.score, row.max_score, row.needs_manual_grade) == (full, full, False)
    exported = csv.DictReader(io.StringIO(operate(factory, "export", "onboarding").stdout))
    (line,) = [one for one in exported if (one["assignment"], one["user"]) == ("m01", "student1")]
    assert (line["sha256"], line["state"], float(line["score"])) == (found, "graded", full)
    my_courses(student1, factory)
    student1.locator("[data-assignment=m01]").get_by_role("link", name=f"{full:g} of {full:g} points").click()
    expect(student1.locator("[data-cell]", has_text="Right.")).to_have_count(len(row.cells))


def test_while_slurm_is_away_handing_in_and_grading_go_on(factory: Factory, teacher1: Page) -> None:
    """The job that stands by needs no slurmctld."""
    until("a grading job stands by", lambda: factory.jobs("onramp-grade"))
    supervise(factory, "stop")
    try:
        with Person(factory, "student3") as student3:
            assert post(factory, student3, "api/join", json={"code": CODE}).status_code == 200
            notebook = httpx.get(f"{factory.url}{SERVICE}{M00_NOTEBOOK}", headers=student3.api.headers)
            right = answered(notebook.text, "m00")
            right["metadata"]["of"] = "student3"  # the result of a file that was graded before is known without a job
            assert post(factory, student3, M00, content=json.dumps(right)).status_code in (200, 201)
        teach(teacher1, factory, "m00", "Grade all", "Graded.")
        expect(teacher1.locator("[data-user=student3]")).to_contain_text("8 of 8 points")
    finally:
        supervise(factory, "start")
    until("slurmctld answers", lambda: "UP" in factory.attempt("scontrol", "ping").stdout)


def supervise(factory: Factory, action: str) -> None:
    """Stop or start slurmctld, as whoever operates the cluster."""
    program = f"from hub_config.factory import supervised; supervised.{action}('slurmctld')"
    factory.exec("/srv/onramp/venv/bin/python", "-I", "-c", program)


@pytest.mark.parametrize("path", CLOSED)
def test_a_student_reads_no_source_no_mark_and_no_submission(factory: Factory, path: str) -> None:
    for user in ("student1", "onramp-hub", "onramp-grade"):
        command = ("ls", path) if path.endswith("course") else ("cat", path)
        done = factory.attempt(*command, user=user)
        assert (done.returncode != 0, "Permission denied" in done.stderr) == (True, True), (user, path)


def test_a_gigabyte_through_the_proxy_is_refused_with_a_sentence(factory: Factory) -> None:
    with Person(factory, "student2") as student2:
        post(factory, student2, "api/join", json={"code": CODE})
        answer = post(factory, student2, M00, content=(b"x" * 1_000_000 for _ in range(1000)))

    assert (answer.status_code, "larger than this assignment takes" in answer.json()["message"]) == (413, True)
    assert factory.exec("find", "/srv/onramp/course/submissions", "-size", "+20M") == ""


def test_the_operators_commands_say_what_is_wrong(factory: Factory, tmp_path: Path) -> None:
    for arguments, sentence in (
        (("create", str(tmp_path)), "holds no course: a course.yaml is missing there"),
        (("release", "nope"), "There is no course 'nope' here."),
        (("release", "onboarding", "m99"), f"has no assignment 'm99': choose one of {', '.join(MODULES)}."),
    ):
        done = operate(factory, *arguments)
        assert (done.returncode, sentence in done.stderr) == (1, True), done.stderr


def test_a_page_that_needs_a_sign_in_asks_for_it(factory: Factory, page: Page) -> None:
    page.goto(f"{factory.url}{SERVICE}")
    expect(page.get_by_label("User name")).to_be_visible()
    sign_in(page, factory, "sme1")
    page.goto(f"{factory.url}{SERVICE}")
    expect(page.get_by_text("You are in no course yet.")).to_be_visible()

"""What learners get: nbgrader's own release of an assignment, without solutions and hidden tests."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from curricula.course import Course, load_course
from curricula.release import ReleaseError, generate, generated, hidden_seed, release
from tests.curricula.course_here import REPOSITORY, cell, course_in

NAMES = [one.name for one in load_course(REPOSITORY / "curricula/onboarding").assignments]


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return course_in(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_what_nbgraders_own_command_makes(course: Course, name: str, tmp_path: Path) -> None:
    ours = release(course, course.assignment(name))
    theirs = tmp_path / "nbgrader"
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", name, f"--course-dir={course.folder}"]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    option = f"--CourseDirectory.release_directory={theirs}"
    subprocess.run([*command, option], check=True, capture_output=True, cwd=tmp_path, env=environment)

    (made,) = theirs.rglob(f"{name}.ipynb")
    assert json.loads(ours.read_text()) == json.loads(made.read_text())


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_solutions_and_hidden_tests_is_left(course: Course, name: str) -> None:
    assignment = course.assignment(name)
    source = nbformat.read(course.source(assignment), as_version=4)
    hidden = _between(source, "BEGIN HIDDEN TESTS", "END HIDDEN TESTS") | _between(source, "BEGIN SOL", "END SOL")
    text = release(course, assignment).read_text()

    assert len(hidden) > 5
    assert [line for line in hidden if json.dumps(line)[1:-1] in text] == []
    assert "BEGIN SOLUTION" not in text
    assert "BEGIN HIDDEN TESTS" not in text


def _between(notebook: nbformat.NotebookNode, begin: str, end: str) -> set[str]:
    """The lines that only the source has: those between the markers which are nowhere outside of them."""
    inside, outside = set(), set()
    for one in notebook.cells:
        hidden = False
        for line in one.source.splitlines():
            hidden = (hidden or begin in line) and end not in line
            (inside if hidden else outside).add(line.strip())
    shown = "\n".join(outside)
    return {line for line in inside if len(line) > 8 and line not in shown}


def test_the_tests_that_grade_hold_what_is_hidden_and_no_solution(course: Course) -> None:
    tests = generated(course, course.assignment("m00")).tests

    assert "minutes(48) == 2880" in cell(tests, "m00-function-test").source
    assert "60 * hours" not in json.dumps(tests)


def test_hidden_tests_begin_with_a_number_of_the_sites_own(course: Course) -> None:
    """Whoever reads a public course knows which inputs its author tried, and not those of a site."""
    m00, m01 = course.assignment("m00"), course.assignment("m01")
    seeds = {hidden_seed(secret, course, one) for secret in (b"here", b"elsewhere") for one in (m00, m01)}
    assert len(seeds) == 4
    assert {len(str(seed)) for seed in seeds} == {9}

    made = generated(course, m00, 123_456_789)
    assert "HIDDEN_SEED = 123456789\n" in cell(made.tests, "m00-function-test").source
    assert "HIDDEN_SEED" not in json.dumps(made.release)
    assert "HIDDEN_SEED = 0\n" in cell(generated(course, m00).tests, "m00-function-test").source


def test_a_seed_that_learners_would_see_is_refused(course: Course) -> None:
    source = nbformat.read(course.source(course.assignment("m00")), as_version=4)
    cell(source, "m00-function-test").source = "HIDDEN_SEED = 4\nassert minutes(1) == 60"
    with pytest.raises(ReleaseError, match=r"cell 4 would be released with HIDDEN_SEED in it.*BEGIN HIDDEN TESTS"):
        generate(source, course.assignment("m00"))


def test_a_release_replaces_the_one_before_whole(course: Course) -> None:
    assignment = course.assignment("m00")
    path = release(course, assignment)
    path.write_text("old")

    assert release(course, assignment) == path
    assert json.loads(path.read_text())["nbformat"] == 4
    assert [file.name for file in path.parent.iterdir()] == ["m00.ipynb"]
    assert path.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("find", "put", "says"),
    [
        ("### BEGIN HIDDEN TESTS", "### BEGIN HIDDEN TEST", r"cell 4 would be released with “BEGIN HIDDEN TEST”"),
        ("### END HIDDEN TESTS", "", "No end hidden tests"),
        ("### END SOLUTION", "", "no end solution|No end solution"),
    ],
)
def test_a_source_with_a_mistake_is_not_released(course: Course, find: str, put: str, says: str) -> None:
    """The singular is what nbgrader itself would pass on, hidden tests and all."""
    assignment = course.assignment("m00")
    source = nbformat.read(course.source(assignment), as_version=4)
    for one in source.cells:
        one.source = one.source.replace(find, put)

    with pytest.raises(ReleaseError, match=says):
        generate(source, assignment)


def test_a_source_that_is_missing_or_grades_nothing_is_named(course: Course) -> None:
    assignment = course.assignment("m00")
    source = nbformat.read(course.source(assignment), as_version=4)
    source.cells = source.cells[:1]
    with pytest.raises(ReleaseError, match="m00 has no test cell"):
        generate(source, assignment)

    course.source(assignment).unlink()
    with pytest.raises(ReleaseError, match="cannot be read"):
        generated(course, assignment)

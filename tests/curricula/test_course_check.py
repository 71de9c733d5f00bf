"""Every course here is fit for learners; and what is wrong with one that is not, is said. A folder is a test."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from curricula.course import Assignment, Course, load_course
from curricula.course_check import Row, check_course
from hub_config.cli.course import course as command
from tests.curricula.course_here import REPOSITORY

COURSES = [load_course(path.parent) for path in sorted((REPOSITORY / "curricula").glob("*/course.yaml"))]
MODULES = [(course, assignment) for course in COURSES for assignment in course.assignments]


@pytest.mark.parametrize(
    ("course", "assignment"), MODULES, ids=[f"{course.name}-{one.name}" for course, one in MODULES]
)
def test_a_course_is_fit_for_learners(course: Course, assignment: Assignment) -> None:
    (row,) = check_course(course.model_copy(update={"assignments": (assignment,)}))
    assert row.problems == (), row
    assert row.caught == row.wrong >= 6
    assert row.hidden > 0


@pytest.fixture
def m00(tmp_path: Path) -> Path:
    """The onboarding course with its first assignment alone."""
    folder = tmp_path / "onboarding"
    shutil.copytree(REPOSITORY / "curricula/onboarding", folder)
    about = yaml.safe_load((folder / "course.yaml").read_text())
    about["assignments"] = about["assignments"][:1]
    del about["tracks"]
    (folder / "course.yaml").write_text(yaml.safe_dump(about))
    return folder


def notebook(folder: Path, change: Callable[[str], str]) -> Row:
    """Change every code cell's source and check."""
    path = folder / "source/m00/m00.ipynb"
    content = json.loads(path.read_text())
    for cell in content["cells"]:
        cell["source"] = change("".join(cell["source"]))
    path.write_text(json.dumps(content))
    return checked(folder)


def checked(folder: Path) -> Row:
    (row,) = check_course(load_course(folder))
    return row


def test_tests_that_notice_too_little(m00: Path) -> None:
    row = notebook(m00, lambda text: text.replace("assert minutes(0.5) == 30\n", "").replace("assert nodes == 2\n", ""))
    assert row.problems == ("m00-function: the answer “cuts half hours off” is wrong, and gets full marks.",)
    assert row.caught == row.wrong - 1


def test_tests_that_no_right_answer_passes(m00: Path) -> None:
    row = notebook(m00, lambda text: text.replace("minutes(48) == 2880", "minutes(48) == 2881"))
    assert row.problems == (
        "m00-function-test: the instructor's own answer gets 0 of 4 points. A hidden test did not pass.",
    )


def test_a_right_answer_that_the_tests_do_not_take(m00: Path) -> None:
    row = notebook(
        m00,
        lambda text: text.replace("assert gpus == 4 * nodes", "assert gpus == 4 * nodes\nassert 'total' not in dir()"),
    )
    assert row.problems == ()
    path = m00 / "source/m00/answers.yaml"
    path.write_text(path.read_text().replace("nodes = 4 // 2", "total = nodes = 4 // 2"))
    assert checked(m00).problems == (
        "m00-recover: the answer “the number of nodes is calculated” is right, and does not get full marks.",
    )


def test_answers_that_are_missing_or_about_nothing(m00: Path) -> None:
    path = m00 / "source/m00/answers.yaml"
    answers = yaml.safe_load(path.read_text())
    answers["right"][1]["cell"] = "m00-x"
    answers["wrong"].pop()
    path.write_text(yaml.safe_dump(answers))
    assert checked(m00).problems == (
        "answers.yaml: there is no solution cell m00-x: choose one of m00-function, m00-recover.",
        "m00-recover: answers.yaml has less than 3 wrong answers and 1 other right one to it.",
    )


def test_files_that_are_missing_or_wrong(m00: Path) -> None:
    (m00 / "source/m00/module.yaml").write_text("goals: []\nminuts: 3\n")
    assert "minuts" in checked(m00).problems[0]
    (m00 / "source/m00/module.yaml").unlink()
    assert "module.yaml" in checked(m00).problems[0]


def test_data_without_a_licence_and_text_that_cannot_be_heard(m00: Path) -> None:
    row = notebook(
        m00,
        lambda text: text.replace(
            "gpus = 4 * nodes", "from sklearn.datasets import load_iris\nload_iris()\ngpus = 4 * nodes"
        ).replace("## 0.3 Hand it in", "![](receipt.png)"),
    )
    assert row.problems == (
        "Cell 8 has a picture without a text for those who do not see it: ![what it shows](…).",
        "The notebook loads iris, which module.yaml does not name under data, with its licence.",
    )


def test_a_cell_that_fails_though_no_test_does(m00: Path) -> None:
    row = notebook(m00, lambda text: text.replace("gpus = 4 * nodes", "gpus = 4 * nodes\nprint(gpu)"))
    assert row.problems == ("Cell 6 ends with an error: NameError: name 'gpu' is not defined",)
    assert row.caught == row.wrong


def test_the_command(m00: Path) -> None:
    good = CliRunner().invoke(command, ["check", str(m00)])
    assert (good.exit_code, "11 of 11" in good.output) == (0, True), good.output
    assert "m00: 2 test cells: 1 split (50%), 1 in-sandbox (50%), 0 by hand (0%)\n" in good.output
    assert "  m00-recover-test in-sandbox: it uses globals\n" in good.output
    (m00 / "source/m00/answers.yaml").write_text("right: []\n")
    bad = CliRunner().invoke(command, ["check", str(m00)])
    assert (bad.exit_code, "✗ m00: m00-function: answers.yaml has less than 3 wrong" in bad.output) == (1, True)
    (m00 / "course.yaml").write_text("name: x\n")
    assert CliRunner().invoke(command, ["check", str(m00)]).exit_code != 0

"""The onboarding course: its teacher's answers are right, wrong ones not, and learners can start with what they get."""

import re
from collections.abc import Iterator

import nbformat
import pytest
from nbformat import NotebookNode

from curricula.course import Course, load_course
from curricula.evidence import METADATA, rules
from curricula.grading import Grader
from curricula.release import generated
from spawners.site import load_site
from tests.curricula.course_here import REPOSITORY, Node, cell, course_in, grader_of, solved, submitted

# Module → its points, its exercises, and its answers that are evidence of what was run.
POINTS = {
    "m00": (8, 2, 0),
    "m01": (19, 4, 1),
    "m02": (19, 4, 1),
    "m03": (16, 3, 1),
    "m04": (21, 4, 1),
    "m05": (17, 3, 1),
    "m06": (16, 3, 1),
    "m07": (21, 4, 1),
    "m10": (20, 4, 1),
    "m11": (30, 7, 1),
    "m12": (23, 4, 1),
    "m13": (46, 3, 3),
    "c1": (24, 5, 0),
    "c2": (21, 5, 0),
}
NAMES = list(POINTS)
# Answers that a person reads, by a rubric.
READ = {"m13": {"m13-report", "m13-card"}}
HIDDEN = "A hidden test did not pass."
WORKLOADS = {"clean", "digits", "finetune", "large", "plot", "infer"}
# grade_id of an answer → a wrong one, and what its author is told.
WRONG = {
    "m00-function": (
        "def minutes(hours, rest=0):\n    return 60 * hours",
        "AssertionError: 2 hours and 30 minutes are 150 minutes",
    ),
    "m00-recover": ("gpus = 4", "AssertionError: define nodes in the cell above, before it is used"),
    "m01-cost": ("def cost(gpus, mem, minutes, mem_per_gpu):\n    return gpus * minutes / 60", HIDDEN),
    "m01-trace": ("def gpu_minutes(line):\n    return 6 if line.startswith('17') else 0", HIDDEN),
    "m01-cause": ("def cause(log):\n    return 'memory' if 'oom' in log else 'software'", HIDDEN),
    "m01-where": (f"where = dict.fromkeys({sorted(WORKLOADS)}, 'gpu-4')", HIDDEN),
}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return course_in(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="module")
def grader(course: Course) -> Iterator[Grader]:
    """One for all, as at a site: its jobs have loaded PyTorch once."""
    node = Node()
    yield grader_of(course, load_site("local"), node, course.folder.parent)
    node.close()


def is_exercise(one: NotebookNode) -> bool:
    """Whether a cell is answered in Python, and has a test."""
    return bool(one.metadata.nbgrader.solution and not one.metadata.nbgrader.grade)


def test_it_can_be_read() -> None:
    course = load_course(REPOSITORY / "curricula/onboarding")

    assert [assignment.name for assignment in course.assignments] == NAMES
    assert all(assignment.due for assignment in course.assignments)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", NAMES)
async def test_the_teachers_answers_get_full_marks(grader: Grader, name: str) -> None:
    assignment = grader.course.assignment(name)
    result = await grader.grade(submitted(grader.course, assignment, solved(grader.course, assignment)))

    assert result.not_run is None
    tested = [one for one in result.cells if one.score is not None]
    assert [one.message for one in tested] == [""] * len(tested)
    assert result.score == sum(one.max_score for one in tested)
    assert result.max_score == POINTS[name][0]
    # What is left is evidence, which no author has, and what a person reads.
    left = {one.name for one in result.cells if one.score is None}
    assert left == rules(generated(grader.course, assignment).source).keys() | READ.get(name, set())


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", ["m00", "m01"])
async def test_each_wrong_answer_costs_its_points_and_no_others(grader: Grader, name: str) -> None:
    assignment = grader.course.assignment(name)
    notebook = solved(grader.course, assignment)
    answers = [one.metadata.nbgrader.grade_id for one in notebook.cells if is_exercise(one)]
    assert answers == [known for known in WRONG if known.startswith(name)]
    for number, known in enumerate(answers):
        mistaken = solved(grader.course, assignment)
        cell(mistaken, known).source = WRONG[known][0]
        result = await grader.grade(submitted(grader.course, assignment, mistaken))

        tested = [one for one in result.cells if one.score is not None]
        assert [one.name for one in tested if one.score != one.max_score] == [f"{known}-test"], result
        assert tested[number].message == WRONG[known][1]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_learner_gets_is_python_and_explains_itself(course: Course, name: str) -> None:
    """Placeholders included; each test cell follows its answer, and each visible assert has a sentence."""
    notebook = generated(course, course.assignment(name)).release
    answers, evidence = 0, 0
    for before, one in zip(notebook.cells, notebook.cells[1:], strict=False):
        if one.cell_type == "code":
            compile(one.source, one.id, "exec")
        if one.metadata.nbgrader.grade and one.metadata.nbgrader.solution:
            assert one.source == "YOUR ANSWER HERE"
            evidence += METADATA in one.metadata
        elif one.metadata.nbgrader.grade:
            assert before.metadata.nbgrader.solution
            assert "raise NotImplementedError()" in before.source
            assert all(re.search(r', f?".+"$', line) for line in one.source.splitlines() if "assert " in line)
            answers += 1
    assert (answers, evidence) == POINTS[name][1:]
    assert notebook.cells[0].source.startswith("# ")
    assert not [one.id for one in notebook.cells if one.metadata.nbgrader.locked and one.metadata.get("editable", True)]


@pytest.mark.parametrize("name", NAMES)
def test_the_source_is_valid_and_has_no_outputs(name: str) -> None:
    notebook = nbformat.read(REPOSITORY / f"curricula/onboarding/source/{name}/{name}.ipynb", as_version=4)

    nbformat.validate(notebook)
    assert not [one for one in notebook.cells if one.get("outputs") or one.get("execution_count")]
    assert len({one.metadata.nbgrader.grade_id for one in notebook.cells}) == len(notebook.cells)


def test_what_m05_sends_off_meets_its_limit_and_then_ends_in_time() -> None:
    """Slurm looks at limits twice a minute, and a notebook needs some seconds to begin, on a busy node more."""
    source = nbformat.read(REPOSITORY / "curricula/onboarding/source/m05/m05.ipynb", as_version=4)
    text = cell(source, "m05-limit-text").source
    (number, seconds), (minutes,) = (
        re.findall(r"(\w+) cells of (\d+) seconds", text)[0],
        re.findall(r"time=(\d+)", text),
    )
    each, whole, limit = int(seconds), {"three": 3, "four": 4, "five": 5}[number] * int(seconds), 60 * int(minutes)
    late = begun = 30

    assert whole > limit + late
    kept = (limit - begun) // each * each
    assert begun + whole - kept < limit

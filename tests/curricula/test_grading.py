"""Grading for real, but for Slurm: sandboxed kernels run on this machine, whatever learners hand in."""

import asyncio
import json
import os
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from curricula import standing_job, workers
from curricula.course import Assignment, Course
from curricula.grading import Grader, GradingError, Result
from curricula.handover import Handover
from curricula.marks import restored
from curricula.release import generated
from curricula.report import Limits, Task
from curricula.steps import examination
from spawners.site import Site
from tests.curricula.course_here import REPOSITORY, Node, cell, course_in, grader_of, solved, submitted

RIGHT = "def minutes(hours, rest=0):\n    return 60 * hours + rest\n"


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return course_in(tmp_path)


@pytest.fixture
def m00(course: Course) -> Assignment:
    """With a short time for everything, since some notebooks here never end."""
    return course.assignment("m00")


@pytest.fixture
def node() -> Iterator[Node]:
    one = Node()
    yield one
    one.close()


@pytest.fixture
async def grader(course: Course, site: Site, node: Node, tmp_path: Path) -> AsyncIterator[Grader]:
    """A grader, and nothing left of its jobs."""
    one = grader_of(course, site, node, tmp_path)
    yield one
    await one.workers.close()
    assert list(one.workers.handover.iterdir()) == []
    async with asyncio.timeout(30):
        while node.running:
            await asyncio.sleep(0.05)


async def grade(grader: Grader, content: NotebookNode | bytes) -> Result:
    return await grader.grade(submitted(grader.course, grader.course.assignment("m00"), content))


def asking(grader: Grader, profile: str) -> Grader:
    """The grader of the same course, whose m00 asks for a profile."""
    asks = [one.model_copy(update={"profile": profile}) for one in grader.course.assignments]
    course = grader.course.model_copy(update={"assignments": tuple(asks)})
    return replace(grader, course=course, _planning={}, _generated={})


def answered(course: Course, code: str) -> NotebookNode:
    """Right answers, after this code has run."""
    notebook = solved(course, course.assignment("m00"))
    cell(notebook, "m00-function").source = f"{code}\n{RIGHT}"
    return notebook


async def test_right_answers_get_full_marks(grader: Grader, m00: Assignment, node: Node) -> None:
    result = await grade(grader, solved(grader.course, m00))

    assert (result.score, result.max_score, result.not_run) == (8, 8, None)
    assert result.job_id == "2"
    assert [one.mode for one in result.cells] == ["split", "in-sandbox"]
    assert (len(result.key.submission), len(result.key.environment)) == (64, 64)
    assert result.key.assignment == grader.course.version(m00)
    assert all("#SBATCH --time=60\n" in script for script in node.scripts)
    assert "student1" not in "".join(node.scripts)


async def test_warnings_and_prints_take_nothing_away(grader: Grader) -> None:
    """Stock nbgrader gives 0 points to whatever writes to stderr."""
    code = "import sys, warnings\nwarnings.warn('old')\nprint('x', file=sys.stderr)\nRIGHT = 1"
    notebook = answered(grader.course, code)
    cell(
        notebook, "m00-function"
    ).source += "    \n_minutes = minutes\ndef minutes(*a):\n    warnings.warn('old')\n    return _minutes(*a)\n"

    assert (await grade(grader, notebook)).score == 8


async def test_wrong_answers_get_nothing_for_their_cell_and_hear_why(grader: Grader, m00: Assignment) -> None:
    notebook = solved(grader.course, m00)
    cell(notebook, "m00-function").source = "def minutes(hours, rest=0):\n    return hours + rest"
    result = await grade(grader, notebook)

    assert [(one.score, one.message) for one in result.cells] == [
        (0, "AssertionError: 2 hours and 30 minutes are 150 minutes"),
        (4, ""),
    ]


async def test_an_answer_fitted_to_what_is_visible_fails_what_is_hidden(grader: Grader, m00: Assignment) -> None:
    notebook = solved(grader.course, m00)
    cell(notebook, "m00-function").source = "def minutes(*a):\n    return {(2, 30): 150, (1,): 60}[a]"
    result = await grade(grader, notebook)

    assert (result.cells[0].score, result.cells[0].message) == (0, "A hidden test did not pass.")


async def test_an_answer_fitted_to_what_the_author_tries_fails_at_a_site(grader: Grader, m00: Assignment) -> None:
    """The course's repository may be public."""
    table = "{(2, 30): 150, (1,): 60, (0, 45): 45, (1, 5): 65, (48,): 2880, (0.5,): 30}"
    tried = "[h for h in __import__('random').Random(0).sample(range(3, 500), 3)]"
    notebook = solved(grader.course, m00)
    cell(
        notebook, "m00-function"
    ).source = f"def minutes(*a):\n    return ({table} | {{(h, 7): h * 60 + 7 for h in {tried}}})[a]"
    result = await grade(grader, notebook)

    assert (result.cells[0].score, result.cells[0].message) == (0, "A hidden test did not pass.")


async def test_an_untouched_release_gets_nothing(grader: Grader, m00: Assignment) -> None:
    result = await grade(grader, generated(grader.course, m00).release)

    assert (result.score, result.max_score) == (0, 8)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os; os._exit(0)", "Its Python process ended while cell 3 ran"),
        ("for _ in range(10**6): print('x' * 200)", "It printed more than 10 MB"),
    ],
)
async def test_a_notebook_that_does_not_run_gets_a_reason_and_no_mark(grader: Grader, code: str, reason: str) -> None:
    """Stock nbgrader gives full marks to cells that never ran."""
    result = await grade(grader, answered(grader.course, code))

    assert result.score is None
    assert result.cells == ()
    assert result.not_run is not None
    assert result.not_run.startswith(reason)


_STRIP = """
import ast
class Strip(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.Pass()
get_ipython().ast_transformers.append(Strip())
"""
_SWALLOW = """
async def run_code(*a, **k):
    return False
get_ipython().run_code = run_code
"""


def wrong(grader: Grader, code: str) -> NotebookNode:
    """A notebook with a wrong answer, and code that is to make up for it; stock nbgrader gives full marks."""
    notebook = answered(grader.course, "")
    cell(notebook, "m00-function").source = f"{code}\ndef minutes(*a):\n    return 0"
    return notebook


async def test_asserts_that_were_made_harmless_give_no_mark(grader: Grader) -> None:
    result = await grade(grader, wrong(grader, _STRIP))

    assert result.score is None
    assert str(result.not_run).startswith("Its code changes how Python tests or reports errors")


async def test_what_ipython_would_run_cells_with_runs_no_cell(grader: Grader) -> None:
    result, plain = await grade(grader, wrong(grader, _SWALLOW)), await grade(grader, wrong(grader, ""))

    assert [one.score for one in result.cells] == [one.score for one in plain.cells]
    assert 0 in [one.score for one in plain.cells]


@pytest.mark.parametrize("content", [b"", b"not JSON", b"[]", b"\xff"])
async def test_what_is_no_notebook_starts_no_job(grader: Grader, node: Node, content: bytes) -> None:
    result = await grade(grader, content)

    assert result.score is None
    assert str(result.not_run).startswith("It is not a notebook")
    assert node.scripts == []


# Learners' code that tries to get out: each raises an error where it does not.
_GETS_OUT = {
    "the network": "import socket\nsocket.create_connection(('127.0.0.1', PORT), 5)",
    "a secret of the job": "import os\nassert os.environ.get('A_SECRET')",
    "the environment of the first process": "assert 'A_SECRET' in open('/proc/1/environ').read()",
    "settings of the kernel": "open('/proc/sys/kernel/core_pattern', 'r+')",
    "the repository": "open('REPOSITORY/pyproject.toml')",
    "the course": "open('COURSE/source/m00/m00.ipynb')",
    "other submissions": "import os\nos.listdir('HANDOVER')",
    "homes": "import os\nassert os.listdir('/root') or os.listdir('/home')",
    "accounts": "open('/etc/passwd')",
    "Slurm": "open('/etc/slurm/slurm.conf')",
    "the software": "import numpy, pathlib\npathlib.Path(numpy.__file__).write_text('')",
    "the system": "open('/usr/bin/evil', 'w')",
    "a place outside": "open('/evil', 'w')",
    "other processes": "import os\nassert len([p for p in os.listdir('/proc') if p.isdigit()]) > 4",
    "a namespace inside": "import ctypes\nassert ctypes.CDLL(None).unshare(0x10000000) == 0",
}


@pytest.fixture(scope="module")
def listener() -> Iterator[int]:
    """A port on this machine at which something answers."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


async def test_nothing_can_be_reached_from_inside(grader: Grader, listener: int) -> None:
    """One notebook tries it all."""
    places = {
        "PORT": listener,
        "REPOSITORY": REPOSITORY,
        "COURSE": grader.course.folder,
        "HANDOVER": grader.workers.handover,
    }
    code = ["reached = []"]
    for what, attempt in _GETS_OUT.items():
        for word, place in places.items():
            attempt = attempt.replace(word, str(place))
        tried = "".join(f"    {line}\n" for line in attempt.splitlines())
        code.append(f"try:\n{tried}    reached.append({what!r})\nexcept Exception:\n    pass")
    result = await grade(grader, answered(grader.course, "\n".join([*code, "print('reached:', reached)"])))

    ran = nbformat.read(grader.course.folder / "results" / f"{result.key.digest}.ipynb", as_version=4)
    assert [out.text for out in cell(ran, "m00-function").outputs] == ["reached: []\n"]
    assert result.score == 8


async def test_more_memory_than_the_job_has_is_an_error_of_that_cell(grader: Grader) -> None:
    """Also where Slurm does not enforce it."""
    code = "try:\n    x = bytearray(3 << 30)\nexcept MemoryError:\n    x = None\nassert x is None"

    assert (await grade(grader, answered(grader.course, code))).score == 8


async def test_the_usual_packages_can_be_imported(grader: Grader) -> None:
    assert (await grade(grader, answered(grader.course, "import numpy, sklearn.datasets"))).score == 8


async def test_what_ran_is_kept_for_the_teacher(grader: Grader, m00: Assignment) -> None:
    result = await grade(grader, solved(grader.course, m00))

    path = grader.course.folder / "results" / f"{result.key.digest}.ipynb"
    assert cell(nbformat.read(path, as_version=4), "m00-function-test").execution_count
    assert path.parent.stat().st_mode & 0o077 == 0


async def test_a_result_is_found_once_and_stands(grader: Grader, m00: Assignment, node: Node) -> None:
    notebook = solved(grader.course, m00)
    first, second = await asyncio.gather(grade(grader, notebook), grade(grader, notebook))
    third = await grade(grader, notebook)

    assert first == second == third
    assert len(node.scripts) == 2
    names = sorted(path.name for path in (grader.course.folder / "results").iterdir())
    assert [name for name in names if not name.startswith("plan-")] == [
        f"{third.key.digest}.ipynb",
        f"{third.key.digest}.json",
    ]


async def test_once_more_is_another_result_that_stands(grader: Grader, m00: Assignment, node: Node) -> None:
    submission = submitted(grader.course, m00, solved(grader.course, m00))
    first = await grader.grade(submission)
    await grader.workers.close()
    second = await grader.grade(submission, again=True)

    assert (first.job_id, second.job_id, second.score) == ("2", "3", 8)
    assert await grader.grade(submission) == second
    assert len(node.scripts) == 3


async def test_one_job_grades_one_notebook_after_the_other(
    grader: Grader, m00: Assignment, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job of its own finds out which tests run where: it holds the answers, and no learner's code was there."""
    monkeypatch.setattr(workers, "PATIENCE", 600)  # on a slow machine too it is the one that is waited for
    notebooks = [answered(grader.course, f"x = {number}") for number in range(6)]
    results = await asyncio.gather(*(grade(grader, one) for one in notebooks))

    assert {(result.score, result.job_id) for result in results} == {(8, "2")}
    assert len(node.scripts) == 2


async def test_another_version_of_the_assignment_is_another_result(grader: Grader, m00: Assignment, node: Node) -> None:
    notebook = solved(grader.course, m00)
    first = await grade(grader, notebook)
    source = grader.course.source(m00)
    source.write_text(source.read_text().replace("assert nodes == 2", "assert nodes == 3"))
    second = await grade(grader, notebook)

    assert (first.score, second.score) == (8, 4)
    assert first.key.assignment != second.key.assignment


async def test_an_assignments_profile_is_what_its_jobs_ask_for(grader: Grader, m00: Assignment, node: Node) -> None:
    """And another profile is another result, found by a job that has it."""
    notebook = solved(grader.course, m00)
    first = await grade(grader, notebook)
    profiled = asking(grader, "cpu")
    second = await grade(profiled, notebook)

    assert (first.score, second.score) == (8, 8)
    assert first.key.assignment != second.key.assignment
    assert ["--cpus-per-task=2\n" in script for script in node.scripts] == [False, False, True, True]


@pytest.mark.parametrize("profile", ["gpu-9", "gpu-8"])
async def test_a_profile_that_nothing_can_be_graded_with_is_told_before_any_job(
    grader: Grader, m00: Assignment, node: Node, profile: str
) -> None:
    says = rf"^m00 cannot be graded here: .*'{profile}'.* Choose from: cpu, gpu-1, gpu-4\. It is the `profile` of this"
    with pytest.raises(GradingError, match=says):
        await grade(asking(grader, profile), solved(grader.course, m00))
    assert node.scripts == []


async def test_a_job_without_the_gpus_that_it_asked_for_is_nobodys_mark(
    grader: Grader, m00: Assignment, node: Node
) -> None:
    with pytest.raises(GradingError, match="ended without a report"):
        await grade(asking(grader, "gpu-1"), solved(grader.course, m00))
    (kept,) = (grader.course.folder / "results").glob("*.log")
    assert "This job is to have GPUs, and neither Slurm nor the site has named any" in kept.read_text()


async def test_slurm_refusing_loses_nothing(grader: Grader, m00: Assignment, node: Node) -> None:
    notebook = solved(grader.course, m00)
    node.refuses = "sbatch: error: Unable to contact slurm controller (connect failure)"
    with pytest.raises(GradingError, match=r"Unable to contact slurm controller.*grade again"):
        await grade(grader, notebook)

    node.refuses = ""
    assert (await grade(grader, notebook)).score == 8


@pytest.mark.parametrize(
    ("end", "not_run"),
    [
        ({"state": "TIMEOUT"}, True),
        ({"state": "OUT_OF_MEMORY"}, True),
        ({"state": "FAILED", "exit_code": "0:9"}, True),
        ({"state": "NODE_FAIL"}, False),
        ({"state": "CANCELLED"}, False),
        ({"state": "FAILED", "exit_code": "1:0"}, False),
        ({"state": "COMPLETED", "exit_code": "0:0"}, False),
    ],
    ids=lambda value: str(value.get("state")) + value.get("exit_code", "") if isinstance(value, dict) else "",
)
async def test_a_job_without_a_report(
    grader: Grader, m00: Assignment, node: Node, end: dict[str, Any], not_run: bool
) -> None:
    """Too much used is the notebook's doing; a node that is lost is nobody's, and decides nothing."""
    await grader.plan(m00)
    node.end = end
    notebook = solved(grader.course, m00)
    if not_run:
        result = await grade(grader, notebook)
        assert result.score is None
        assert str(result.not_run).startswith("Its job was ended: ")
    else:
        with pytest.raises(GradingError, match="ended without a report"):
            await grade(grader, notebook)
        assert [path.suffix for path in (grader.course.folder / "results").glob("[!p]*")] == [".log"]
    assert len(node.scripts) == 1 + 2


async def test_the_log_of_a_job_is_kept_until_there_is_a_mark(grader: Grader, m00: Assignment, node: Node) -> None:
    """Of what gave no mark its end is kept, for the course's account alone; of what did, nothing."""
    results = grader.course.folder / "results"
    await grader.plan(m00)
    node.end = {"state": "NODE_FAIL"}
    node.says = f"{'x' * standing_job.LOG_KEPT} slurmstepd: the node is lost"
    with pytest.raises(GradingError, match="ended without a report"):
        await grade(grader, solved(grader.course, m00))
    (kept,) = results.glob("*.log")
    assert kept.read_text().endswith(" slurmstepd: the node is lost\n")
    assert kept.stat().st_size == standing_job.LOG_KEPT

    node.end, node.says = None, "well"
    await grade(grader, solved(grader.course, m00))
    assert list(results.glob("*.log")) == []
    ended = await grade(grader, answered(grader.course, "import os; os._exit(0)"))
    assert (results / f"{ended.key.digest}.log").read_text().startswith("well\n")


async def test_what_a_killed_service_left_is_forgotten(grader: Grader, m00: Assignment) -> None:
    old = grader.workers.handover / ("0" * 32)
    (old / "out").mkdir(parents=True)
    os.utime(old, (0, 0))
    assert (await grade(grader, solved(grader.course, m00))).score == 8


async def test_a_job_that_slurm_forgot_is_given_up(
    grader: Grader, m00: Assignment, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one is tried before."""
    node.end = {"state": "RUNNING"}
    node.forgets = True
    monkeypatch.setattr(workers, "_ABSENT", 2)
    with pytest.raises(GradingError, match="knows nothing of grading job 2 any more"):
        await grade(grader, solved(grader.course, m00))


async def test_what_nobody_waits_for_is_not_gone_on_with(grader: Grader, m00: Assignment, node: Node) -> None:
    await grader.plan(m00)
    endless = [asyncio.create_task(grade(grader, answered(grader.course, f"while True: {n}"))) for n in range(3)]
    while not list(grader.workers.handover.glob("*/in/*.json")):
        await asyncio.sleep(0.05)
    for task in endless:
        task.cancel()
    assert {type(one) for one in await asyncio.gather(*endless, return_exceptions=True)} == {asyncio.CancelledError}
    assert list(grader.workers.handover.glob("*/in/*.json")) == []

    async with asyncio.timeout(30):
        assert (await grade(grader, solved(grader.course, m00))).job_id == "2"


async def test_answers_of_the_course_that_cannot_be_tried_are_nobodys_mark(
    grader: Grader, m00: Assignment, node: Node
) -> None:
    node.end = {"state": "TIMEOUT"}
    with pytest.raises(GradingError, match=r"own answers to m00 could not be tried: Its job was ended: .*`minutes`"):
        await grade(grader, solved(grader.course, m00))

    node.end = None
    assert (await grade(grader, solved(grader.course, m00))).score == 8


async def test_a_file_that_changed_since_it_was_received_is_not_graded(grader: Grader, m00: Assignment) -> None:
    submission = submitted(grader.course, m00, solved(grader.course, m00))
    submission.path.write_bytes(b"{}")
    with pytest.raises(GradingError, match="its sha256 differs"):
        await grader.grade(submission)
    submission.path.unlink()
    with pytest.raises(GradingError, match="cannot be read"):
        await grader.grade(submission)


async def test_a_cell_of_ones_own_that_fails_takes_no_points(grader: Grader, m00: Assignment) -> None:
    notebook = solved(grader.course, m00)
    notebook.cells.append(new_code_cell("1 / 0"))
    notebook.cells.insert(0, new_code_cell("input()"))

    assert (await grade(grader, notebook)).score == 8


async def test_what_a_job_is_told_is_the_notebook_alone(grader: Grader, m00: Assignment) -> None:
    """Solutions are told to a job in which no learner's code runs."""
    plan, version = await grader.plan(m00), generated(grader.course, m00)
    notebook = restored(json.dumps(version.release).encode(), version)
    task = examination(notebook, plan, Limits(), random.Random(1)).task
    folder = Handover(grader.workers.handover)
    folder.give(7, task)
    files = {path.name: path.stat().st_mode & 0o777 for path in folder.path.rglob("*")}
    assert {name: files[name] for name in ("in", "out", "7-task.json")} == {
        "in": 0o750,
        "out": 0o770,
        "7-task.json": 0o640,
    }
    assert folder.path.stat().st_mode & 0o777 == 0o750
    assert "60 * hours" not in (folder.path / "in/7-task.json").read_text()
    assert "60 * hours" in plan.model_dump_json()
    folder.remove()
    with pytest.raises(GradingError, match="cannot be made"):
        Handover(folder.path)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a group of somebody else's")
def test_what_a_job_is_told_belongs_to_the_group_above(tmp_path: Path) -> None:
    """The course's account is not in the group, so it can only pass it on; its umask lets nobody in."""
    os.chown(tmp_path, -1, 4242)
    tmp_path.chmod(0o2710)
    before = os.umask(0o077)
    try:
        folder = Handover(tmp_path)
        folder.give(1, Task(steps=()))
        found = [folder.path, *folder.path.rglob("*")]
        assert {path.stat().st_gid for path in found} == {4242}
    finally:
        os.umask(before)
    assert len(found) == 7

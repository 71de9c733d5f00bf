"""Grading in a real factory: who runs it, what it reaches, and what learners can read of it."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.end_to_end.factory import REPOSITORY, Factory, until
from tests.end_to_end.person import Person
from tests.end_to_end.test_course import SERVICE, answered, post

COURSE = "/srv/onramp/course/courses/onboarding"
PYTHON = "/srv/onramp/venv/bin/python"
LEARNER = "student1"
# Words of a hidden test of each module, and of the file of answers that each has.
TESTS = {
    "m00": "minutes(48) == 2880",
    "m01": "cost(8, 10, 120, 64) == 16",
    "m02": "ridge = peak / bandwidth",
    "m03": "assert list(batches) == list(range(1, 50))",
    "m04": "distance < 0.1 * sum(one.norm()",
    "m05": "whole, first, second = Training(seed=5)",
    "m06": "expected = whole.dropna()",
    "m07": "assert sent <= 2 * (world - 1)",
    "m10": "assert most_jobs(7, 60, 1, 8) == 7",
    "m11": "for ending in (",
    "m12": "whole, cut = chance.integers(1, 20, count)",
    "m13": "again.append((number",
    "c1": "shown = dict(parts, hidden=",
    "c2": "assert changed(one, {}, by_hand) == {}",
}
HIDDEN = {f"{module}/{module}.ipynb": words for module, words in TESTS.items()}
HIDDEN |= {f"{module}/answers.yaml": "Other answers than the instructor's" for module in TESTS}

# Grades as the service does, under its account: a perfect notebook, a wrong one, and one that looks around.
_GRADE = """
import asyncio, hashlib, json, re, sys
from datetime import UTC, datetime
from pathlib import Path
import nbformat
from curricula.course import load_course
from curricula.grading import Grader
from curricula.grading_job import GradingJob
from curricula.release import generated
from curricula.submissions import Submission
from curricula.workers import Workers
from spawners.launcher import SocketLauncher
from spawners.site import load_site
from spawners.slurm import Slurm

course = load_course(Path(sys.argv[1]))
slurm = Slurm(SocketLauncher("/run/onramp/grade.sock"))
m00 = course.assignment("m00")

def notebook(answer=None):
    answers = {cell.id: cell.source for cell in nbformat.read(course.source(m00), as_version=4).cells}
    made = generated(course, m00).release
    for cell in made.cells:
        if cell.metadata.nbgrader.solution:
            cell.source = re.sub(r" *### (BEGIN|END) SOLUTION\\n?", "", answers[cell.id])
        if cell.id == "m00-function" and answer is not None:
            cell.source = answer
    return json.dumps(made).encode()

async def grade(grader, number, content):
    path = course.folder / f"submitted-{number}"
    path.write_bytes(content)
    sha256, now = hashlib.sha256(content).hexdigest(), datetime.now(UTC)
    result = await grader.grade(Submission(
        id=number, course=course.name, assignment="m00", user="student1", sha256=sha256, path=path, received_at=now))
    ran = course.folder / "results" / f"{result.key.digest}.ipynb"
    return result.model_dump(mode="json") | {"score": result.score, "ran": str(ran)}

async def main():
    answers = [None, "def minutes(*a): return 0", sys.argv[2], "import os; os._exit(0)"]
    workers = Workers(slurm, GradingJob(load_site("local")), Path("/srv/onramp/grading"))
    grader = Grader(course, workers)
    tasks = (grade(grader, number, notebook(one)) for number, one in enumerate(answers, 1))
    try:
        print(json.dumps(await asyncio.gather(*tasks)))
    finally:
        await workers.close()

asyncio.run(main())
"""

# What a learner's code finds inside. One line of JSON: what → what came of it.
_LOOK = """
import json, os, socket
found = {}
def look(name, what):
    try:
        found[name] = what()
    except Exception as error:
        found[name] = type(error).__name__
look("root", lambda: sorted(os.listdir("/")))
look("software", lambda: os.listdir("/srv/onramp"))
look("homes", lambda: os.listdir("/home"))
look("course", lambda: os.listdir("/srv/onramp/course"))
look("grading", lambda: os.listdir("/srv/onramp/grading"))
look("accounts", lambda: open("/etc/passwd").read())
look("munge", lambda: os.listdir("/run/munge"))
look("slurm", lambda: os.listdir("/etc/slurm"))
look("hub", lambda: socket.create_connection(("127.0.0.1", PORT), 2) and "reached")
look("environment", lambda: [name for name in os.environ if "SLURM" in name or "TOKEN" in name])
look("processes", lambda: len([name for name in os.listdir("/proc") if name.isdigit()]))
def many():
    children = []
    try:
        for _ in range(400):
            child = os.fork()
            if not child:
                import time
                time.sleep(5)
                os._exit(0)
            children.append(child)
        return "400"
    except OSError as error:
        return type(error).__name__
    finally:
        for child in children:
            os.kill(child, 9)
            os.waitpid(child, 0)
look("many processes", many)
print("LOOKED" + json.dumps(found))
"""


class Graded(NamedTuple):
    """The results of the four notebooks, in their order."""

    right: Mapping[str, Any]
    wrong: Mapping[str, Any]
    looking: Mapping[str, Any]
    ended: Mapping[str, Any]


@pytest.fixture(scope="module")
def graded(factory: Factory) -> Graded:
    """Four notebooks, graded at once."""
    look = _LOOK.replace("PORT", str(factory.port))
    return Graded(*json.loads(factory.exec(PYTHON, "-I", "-c", _GRADE, COURSE, look, user="onramp-course")))


def test_right_is_full_wrong_is_nothing_and_what_did_not_run_has_no_mark(graded: Graded) -> None:
    assert [cell["score"] for cell in graded.right["cells"]] == [4, 4]
    assert [cell["score"] for cell in graded.wrong["cells"]] == [0, 4]
    assert (graded.ended["score"], graded.ended["cells"]) == (None, [])
    assert graded.ended["not_run"].startswith("Its Python process ended while cell 3 ran")


def test_submissions_were_graded_by_jobs_of_the_grading_account(factory: Factory, graded: Graded) -> None:
    """They are gone, and what is left is the job that stands by for the service."""
    jobs = {result["job_id"] for result in graded}
    assert 1 <= len(jobs) <= 4
    for job_id in jobs:
        told = factory.ended(job_id)
        # Of a job that was over before accounting heard of its beginning, sacct knows the user and no uid.
        assert (told["User"], told["Account"]) == ("onramp-grade", "grading")
        assert LEARNER not in json.dumps(told)
    until("only one job stands by", lambda: len(set(factory.jobs("onramp-grade")) - jobs) == 1, seconds=240)
    assert not jobs & set(factory.jobs("onramp-grade"))
    assert len(factory.exec("ls", "-A", "/srv/onramp/grading").split()) == 1


def test_a_jobs_log_is_kept_only_where_there_is_no_mark(factory: Factory, graded: Graded) -> None:
    logs = [result["ran"].removesuffix("ipynb") + "log" for result in graded]
    kept = [path for path in logs if factory.attempt("test", "-s", path, user="onramp-course").returncode == 0]

    assert kept == [logs[3]]
    assert factory.attempt("sh", "-c", "ls /srv/onramp/spool/onramp-grade | grep log").stdout == ""


def test_a_learners_code_finds_itself_alone(factory: Factory, graded: Graded) -> None:
    notebook = json.loads(factory.exec("cat", graded.looking["ran"]))
    texts = ["".join(out.get("text", "")) for cell in notebook["cells"] for out in cell.get("outputs", [])]
    (found,) = [json.loads(text.removeprefix("LOOKED")) for text in texts if text.startswith("LOOKED")]

    assert not {"run", "var", "root"} & set(found.pop("root"))
    assert found.pop("software") == ["venv"]
    assert found.pop("homes") == ["learner"]  # its own, in memory
    assert found.pop("processes") == 1
    assert found.pop("environment") == []
    assert found.pop("many processes") == "BlockingIOError"
    assert found.pop("hub") == "ConnectionRefusedError"  # its network leads to itself alone
    assert found == dict.fromkeys(["course", "grading", "accounts", "munge", "slurm"], "FileNotFoundError")


@pytest.mark.parametrize("user", [LEARNER, "teacher1", "onramp-grade", "onramp-hub"])
def test_solutions_hidden_tests_and_results_are_the_course_accounts_alone(
    factory: Factory, graded: Graded, user: str
) -> None:
    """Also for teachers, who see them through the service, and for the account that runs the tests."""
    for path in (f"{COURSE}/source/m00/m00.ipynb", graded.right["ran"], f"{COURSE}/course.yaml"):
        factory.exec("cat", path, user="onramp-course")
        assert "Permission denied" in factory.attempt("cat", path, user=user).stderr
    for path in ("/srv/onramp/course", "/srv/onramp/grading"):
        assert "Permission denied" in factory.attempt("ls", path, user=user).stderr
    assert "Permission denied" in factory.attempt("cat", "/srv/onramp/etc/onboarding.tar", user=user).stderr


def test_no_file_that_a_learner_can_read_has_a_hidden_test_or_an_answer(factory: Factory, graded: Graded) -> None:
    """Searched everywhere but in the kernel's own folders, the installed software included."""
    words = [option for some in HIDDEN.values() for option in ("-e", some)]
    find = ("grep", "-rlIsF", "--exclude-dir=proc", "--exclude-dir=sys", "--exclude-dir=dev", *words)
    places = ("/srv", "/home", "/tmp", "/var", "/run", "/etc")

    found = set(factory.attempt(*find, *places).stdout.split())
    assert {f"{COURSE}/source/{name}" for name in HIDDEN} <= found
    assert factory.attempt(*find, *places, user=LEARNER).stdout.split() == []


_ASK = """
import asyncio, sys
from spawners.launcher import LauncherError, SocketLauncher
try:
    print(asyncio.run(SocketLauncher(sys.argv[1]).run(sys.argv[2], {"action": "cancel", "job_id": "999999"})))
except LauncherError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("caller", "socket", "user", "says"),
    [
        ("onramp-course", "grade", "onramp-grade", "{}"),
        ("onramp-course", "grade", LEARNER, "nobody else is acted for here"),
        ("onramp-course", "grade", "onramp-hub", "nobody else is acted for here"),
        ("onramp-course", "launcher", "onramp-grade", "cannot be reached"),
        ("onramp-hub", "launcher", LEARNER, "{}"),
        ("onramp-hub", "launcher", "onramp-grade", "nobody else is acted for here"),
        ("onramp-hub", "launcher", "onramp-course", "nobody else is acted for here"),
        ("onramp-hub", "grade", "onramp-grade", "cannot be reached"),
        ("onramp-grade", "grade", "onramp-grade", "cannot be reached"),
        (LEARNER, "grade", "onramp-grade", "cannot be reached"),
    ],
)
def test_who_may_act_as_whom(factory: Factory, caller: str, socket: str, user: str, says: str) -> None:
    answer = factory.exec(PYTHON, "-I", "-c", _ASK, f"/run/onramp/{socket}.sock", user, user=caller)

    assert says in answer


def test_a_grading_goes_on_after_the_service_was_killed(factory: Factory, tmp_path: Path) -> None:
    """That it was asked for is an event: nobody presses the button again."""
    source = tmp_path / "again/source/m00"
    source.mkdir(parents=True)
    shutil.copy(REPOSITORY / "curricula/onboarding/source/m00/m00.ipynb", source)
    (tmp_path / "again/course.yaml").write_text(
        "name: again\ntitle: Started again\nteachers: [teacher1]\ncode: AGAIN-1\n"
        "assignments: [{name: m00, title: Zero, notebook: m00.ipynb}]\n"
    )
    created = ["./onramp", "course", "create", str(tmp_path / "again"), "--state", str(factory.folder)]
    subprocess.run(created, cwd=REPOSITORY, check=True, capture_output=True)
    m00 = "api/courses/again/assignments/m00"
    with Person(factory, "teacher1") as teacher:
        post(factory, teacher, f"{m00}/release").raise_for_status()
        released = httpx.get(f"{factory.url}{SERVICE}{m00}/notebook", headers=teacher.api.headers).text
        notebook = answered(released, "m00")
        notebook["metadata"]["of"] = "again"  # the result of a file that was graded before is known without a job
        post(factory, teacher, f"{m00}/submissions", content=json.dumps(notebook)).raise_for_status()
        before = set(factory.jobs("onramp-grade"))
        post(factory, teacher, f"{m00}/grade").raise_for_status()
        until("a job finds out which tests run where", lambda: set(factory.jobs("onramp-grade")) - before)
        factory.exec("supervisorctl", "-s", "unix:///run/supervisor.sock", "signal", "KILL", "course")

        def states() -> list[str]:
            address = f"{factory.url}{SERVICE}{m00}/submissions"
            answer = httpx.get(address, headers=teacher.api.headers, timeout=60)
            return [one["state"] for one in answer.json()["submissions"]] if answer.status_code == 200 else []

        until("it is graded", lambda: states() == ["graded"])
    exported = factory.exec(
        "env", "HOME=/tmp", PYTHON, "-I", "-m", "curricula.service.admin", "--root", "/srv/onramp/course", "export",
        "again", user="onramp-course",
    )  # fmt: skip
    assert exported.splitlines()[1].endswith("graded,8.0,0.0,8.0,8.0")
    until("jobs of the killed service have ended", lambda: len(factory.jobs("onramp-grade")) == 1, seconds=240)
    factory.exec("rm", "-r", "/srv/onramp/course/courses/again", user="onramp-course")

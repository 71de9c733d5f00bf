"""An ordinary user, who never was root on this machine, has a whole factory of their own."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.factory import REPOSITORY, Factory, until
from tests.end_to_end.host import processes_of
from tests.end_to_end.person import Person
from tests.end_to_end.test_course import CODE, SERVICE, answered, post

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs all the other tests already")

UID = 4242
# What /etc/subuid gives the newcomer, in newcomer.sh.
SUBUIDS = range(200_000, 265_536)
MARK = "ONRAMP_TEST=ordinary-user"
# The wheel is built from the checkout with what is installed: nothing is downloaded.
_ENVIRONMENT = (
    "PATH=/usr/local/bin:/usr/bin:/bin",
    "LANG=C.UTF-8",
    "USER=newcomer",
    "UV_OFFLINE=1",
    "UV_NO_BUILD_ISOLATION=1",
    MARK,
)


@pytest.fixture(scope="module")
def theirs() -> Iterator[Factory]:
    """The newcomer's factory."""
    folder = Path(tempfile.mkdtemp(prefix="onramp-newcomer-"))
    folder.chmod(0o755)
    with _machine(folder) as pid:
        enter = ("nsenter", f"--target={pid}", "--mount", f"--setuid={UID}", f"--setgid={UID}")
        environment = ("env", "-i", f"--chdir={REPOSITORY}", *_ENVIRONMENT, f"HOME={folder}/home")
        one = Factory(folder / "home/factory", prefix=(*enter, *environment))
        try:
            one.up()
            yield one
        finally:
            one.down()
    assert not one.folder.exists()
    assert processes_of(MARK) == {}
    shutil.rmtree(folder)


@contextmanager
def _machine(folder: Path) -> Iterator[int]:
    """Yield the pid of a process in the mount namespace that newcomer.sh makes."""
    script = str(Path(__file__).with_name("newcomer.sh"))
    argv = ["unshare", "--mount", script, str(UID), str(folder)]
    process = subprocess.Popen(argv, cwd=REPOSITORY, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
    finally:
        process.kill()
        process.communicate()


def test_everything_runs(theirs: Factory) -> None:
    """All parts and four nodes; on the host, the process that holds them is the newcomer's."""
    assert theirs.status().returncode == 0
    assert _uid(theirs.pid) == UID


def test_a_server_runs_as_a_learner(theirs: Factory) -> None:
    """Inside it is student1's, outside one of the newcomer's own subordinate ids."""
    with Person(theirs, "student1") as person:
        job_id = person.start(profile="gpu-1")
        assert theirs.job(job_id)["UserId"] == f"student1({theirs.uid('student1')})"
        servers = {pid for pid, line in processes_of("JUPYTERHUB_SERVICE_PREFIX=").items() if "singleuser" in line}
        assert {_uid(pid) for pid in servers} & set(SUBUIDS)
        assert theirs.processes("student1")
    assert theirs.ended(job_id)["State"].startswith("CANCELLED")


def test_a_submission_gets_its_mark_from_a_sandboxed_job(theirs: Factory) -> None:
    """Released, handed in, graded and shown: the walls around a learner's code stand here too."""
    with Person(theirs, "teacher1") as teacher, Person(theirs, "student1") as student:
        m00 = "api/courses/onboarding/assignments/m00"
        assert post(theirs, teacher, f"{m00}/release").status_code == 200
        assert post(theirs, student, "api/join", json={"code": CODE}).status_code == 200
        released = get(theirs, student, f"{m00}/notebook").text
        handed_in = post(theirs, student, f"{m00}/submissions", content=json.dumps(answered(released, "m00")))
        assert handed_in.status_code == 201, handed_in.text
        post(theirs, teacher, f"{m00}/grade").raise_for_status()
        until("it is graded", lambda: not get(theirs, teacher, f"{m00}/grading").json()["running"])
        post(theirs, teacher, f"{m00}/feedback").raise_for_status()
        (course,) = get(theirs, student, "api/courses").json()["courses"]
    (attempt,) = course["assignments"][0]["attempts"]
    assert (attempt["score"], attempt["mark"]["not_run"]) == (8, None)
    sacct = ("sacct", "-nPXa", "--accounts", "grading", "--format=State,Account")
    # One that found where each test runs, and one that graded and goes on standing by.
    both = {"COMPLETED|grading", "RUNNING|grading"}
    until("accounting knows both jobs", lambda: both <= set(theirs.exec(*sacct).split()))


def get(factory: Factory, person: Person, path: str) -> httpx.Response:
    """Ask the course service."""
    return httpx.get(f"{factory.url}{SERVICE}{path}", headers=person.api.headers, timeout=60).raise_for_status()


def test_homes_are_closed(theirs: Factory) -> None:
    """Learners are told apart here too."""
    assert theirs.attempt("ls", "/home/student1", user="student2").returncode != 0
    assert theirs.exec("cat", "/proc/self/uid_map").split()[1] == str(UID)


def _uid(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid

"""What comes in, however it is made: who and when are the server's word, and only whole notebooks are kept."""

import asyncio
import gzip
import io
import json
import os
import tarfile
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from curricula.client import CourseServiceError
from curricula.course import CourseError
from curricula.events import EventStore
from curricula.learner import submit
from curricula.moves.packed import unpack
from curricula.service.desk import MOST_ATTEMPTS, Desk
from curricula.service.placing import create
from tests.curricula.service_here import Service, notebook, running, write_course

SUBMISSIONS = "api/courses/c1/assignments/a1/submissions"


@pytest.fixture
async def service(tmp_path: Path):
    """A course with one released assignment, and student1 in it."""
    async with running(tmp_path / "root") as one:
        await one.ask("student1", "POST", "api/join", json={"code": "JOIN-1"})
        await one.teach("release")
        yield one


def kept(service: Service) -> list[Path]:
    return [path for path in (service.root / "submissions").rglob("*") if path.is_file()]


# Who, and when.


async def test_who_and_when_are_the_servers_word_alone(service: Service) -> None:
    told = {"user": "student2", "received_at": "1999-01-01T00:00:00Z", "attempt": 9, "late": False}
    content = json.dumps(json.loads(notebook("right")) | told | {"metadata": {"nbgrader": told}})
    headers = {"X-Forwarded-User": "student2", "X-Remote-User": "student2", "Date": "Fri, 01 Jan 1999 00:00:00 GMT"}
    begun = datetime.now(UTC)
    for method in ("POST", "PUT", "PATCH"):
        await service.ask("student1", method, SUBMISSIONS, content=content, headers=headers, params=told)

    (event,) = service.desk.store.events(kind="received")
    assert (event.user, event.actor, event.payload["attempt"]) == ("student1", "student1", 1)
    assert timedelta() <= event.at - begun < timedelta(minutes=2)


@pytest.mark.parametrize(("late", "status"), [("accept", 201), ("refuse", 409)])
async def test_what_was_begun_in_time_and_came_in_late_is_late(service: Service, late: str, status: int) -> None:
    """Or whoever keeps a connection open would have as much time as they like."""
    begun, over = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield notebook("right")[:10]
        begun.set()
        await over.wait()
        yield notebook("right")[10:]

    handing_in = asyncio.create_task(service.hand_in("student1", slowly()))
    await begun.wait()
    while not [*(service.root / "submissions").glob("incoming-*")]:  # it was taken as being in time
        await asyncio.sleep(0.01)
    path = service.root / "courses/c1/course.yaml"
    course = yaml.safe_load(path.read_text())
    course["assignments"][0] |= {"due": datetime.now(UTC).isoformat(), "late": late}
    path.write_text(yaml.safe_dump(course))
    over.set()
    answer = await handing_in
    assert (answer.status_code, answer.json().get("late", True)) == (status, True)
    assert len(kept(service)) == (status == 201)


async def test_what_was_received_is_never_changed(service: Service) -> None:
    number = (await service.hand_in("student1", notebook("right"))).json()["id"]
    for method in ("PUT", "PATCH", "DELETE", "POST"):
        answer = await service.ask("student1", method, f"api/submissions/{number}/notebook", content=notebook("wrong"))
        assert answer.status_code in (403, 405)
    assert [path.read_bytes() for path in kept(service)] == [notebook("right")]


# What.


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../first.ipynb", b"0" * 10_000_000)
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:xz") as archive:
        link = tarfile.TarInfo("first.ipynb")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return out.getvalue()


@pytest.mark.parametrize("content", [zipped(), tarred(), gzip.compress(notebook("right"))], ids=["zip", "tar", "gzip"])
async def test_nothing_is_unpacked(service: Service, content: bytes) -> None:
    for headers in ({}, {"Content-Encoding": "gzip"}, {"Content-Type": "application/zip"}):
        async with service.client("student1") as client:
            answer = await client.post(SUBMISSIONS, content=content[:2000], headers=headers)
        assert (answer.status_code, "it is not JSON" in answer.json()["message"]) == (400, True)
    assert kept(service) == []


@pytest.mark.parametrize("name", ["..", "../c1", "%2e%2e%2fc1", "c1%00", "C1", "é" * 300])
async def test_a_course_or_assignment_that_leads_elsewhere(service: Service, name: str) -> None:
    for path in (f"api/courses/{name}/assignments/a1/submissions", f"api/courses/c1/assignments/{name}/submissions"):
        answer = await service.ask("student1", "POST", path, content=notebook("right"))
        assert answer.status_code in (404, 405), answer.text
    assert kept(service) == []


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "dangling", "nowhere"])
async def test_a_path_that_is_no_file_is_not_sent(service: Service, tmp_path: Path, kind: str, monkeypatch) -> None:
    monkeypatch.setenv("ONRAMP_COURSE_URL", f"{service.url}/services/onramp-course/")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "student1-token")
    monkeypatch.setenv("HOME", str(tmp_path))
    path = Path("/dev/zero") if kind == "device" else tmp_path / "x.ipynb"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "dangling":
        path.symlink_to(tmp_path / "nothing")

    with pytest.raises(CourseServiceError, match="There is no file"):
        await asyncio.wait_for(asyncio.to_thread(submit, "a1", course="c1", path=path), 30)
    assert kept(service) == []


# How often.


async def test_there_is_an_end_where_the_course_sets_none(service: Service) -> None:
    course = service.desk.course("c1")
    about = {"course": "c1", "assignment": "a1", "user": "student1", "actor": "student1"}
    for number in range(1, MOST_ATTEMPTS):
        told = {"sha256": f"{number:064}", "late": False, "attempt": number, "version": "v"}
        service.desk.store.append("received", payload=told, **about)
    last, more = await service.hand_in("student1", notebook("right")), await service.hand_in("student1", notebook("x"))

    assert (last.status_code, last.json()["attempt"], more.status_code) == (201, MOST_ATTEMPTS, 409)
    assert "may be handed in 200 times, and was" in more.json()["message"]
    assert (len(kept(service)), len(service.desk.received(course))) == (1, MOST_ATTEMPTS)


# Many courses.


async def test_another_course_is_there_at_once_with_people_and_rules_of_its_own(service: Service) -> None:
    write_course(service.root, "c2", title="Course two", teachers=["student2"], code="JOIN-2")
    assert (await service.ask("student1", "POST", "api/join", json={"code": "JOIN-2"})).status_code == 200
    assert (await service.teach("release", user="student2", course="c2")).status_code == 200
    assert (await service.teach("release", user="teacher1", course="c2")).status_code == 403
    assert (await service.teach("release", user="student2", course="c1")).status_code == 403

    both = [await service.hand_in("student1", notebook("right"), course=course) for course in ("c1", "c2")]
    assert [answer.json()["attempt"] for answer in both] == [1, 1]
    assert len(kept(service)) == 1  # one file, two attempts
    number = both[1].json()["id"]
    seen = {user: (await service.ask(user, "GET", f"api/submissions/{number}/notebook")).status_code
            for user in ("student1", "student2", "teacher1", "stranger")}  # fmt: skip
    assert seen == {"student1": 200, "student2": 200, "teacher1": 404, "stranger": 404}


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> io.BytesIO:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    out.seek(0)
    return out


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    one = tarfile.TarInfo(name)
    one.type, one.linkname, one.mode = kind, link, 0o777
    return one, b"x" if kind == tarfile.REGTYPE else b""


@pytest.mark.parametrize(
    "hostile",
    [
        member("a", tarfile.SYMTYPE, "/etc/passwd"),
        member("a", tarfile.LNKTYPE, "good"),
        member("a", tarfile.FIFOTYPE),
        member("a", tarfile.CHRTYPE),
        member("a", tarfile.BLKTYPE),
        member("../a"),
        member("b/../../a"),
        member("/tmp/a"),
        member("good"),
    ],
    ids=["symlink", "hard link", "pipe", "device", "disk", "above", "above it", "absolute", "twice"],
)
def test_a_packed_course_with_something_else_than_plain_files(tmp_path: Path, hostile) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(CourseError, match=r"holds plain files and folders|cannot be unpacked"):
        unpack(archive(member("good"), hostile), tmp_path / "in")
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "good"]
    assert (tmp_path / "in/good").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"no tar", archive(member("good")).getvalue()[:600]])
def test_a_packed_course_that_is_none(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CourseError, match="cannot be unpacked"):
        unpack(io.BytesIO(content), tmp_path)


def test_a_code_lets_into_one_course_alone(tmp_path: Path) -> None:
    write_course(tmp_path / "root")
    write_course(tmp_path / "new", "c2", title="Course two")
    store = EventStore(f"sqlite:///{tmp_path}/root/events.sqlite")
    packed = tmp_path / "c2.tar"
    with tarfile.open(packed, "w") as tar:
        tar.add(tmp_path / "new/courses/c2", ".")
    with pytest.raises(CourseError, match="the code JOIN-1 is that of Course one already: give Course two another"):
        create(Desk(tmp_path / "root", store), "operator", packed)
    assert [path.name for path in (tmp_path / "root/courses").iterdir()] == ["c1"]
    store.close()

"""Attacks on the way in: who somebody says they are, when, and what they send; against the course service itself."""

import asyncio
import base64
import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from curricula.client import CourseServiceError
from curricula.learner import submit
from curricula.submissions import SubmissionError
from tests.attacks.attack import EXCHANGE
from tests.curricula.service_here import REPOSITORY, Service, notebook, running

RIGHT, WRONG = notebook("right"), notebook("wrong")
SUBMISSIONS = "api/courses/c1/assignments/a1/submissions"
_CASES: set[str] = set()
_F = TypeVar("_F", bound=Callable[..., Any])


def case(words: str) -> Callable[[_F], _F]:
    """Note which case of EXCHANGE a test is of."""
    _CASES.add(words)
    return lambda test: test


@pytest.fixture
async def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    """student1, whose server this is, and student2, who has handed right answers in, in one course."""
    async with running(tmp_path / "root") as one:
        for user in ("student1", "student2"):
            await one.ask(user, "POST", "api/join", json={"code": "JOIN-1"})
        for name in ("a1", "a2"):
            await one.teach("release", name)
        await one.hand_in("student2", RIGHT)
        monkeypatch.setenv("ONRAMP_COURSE_URL", f"{one.url}/services/onramp-course/")
        monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "student1-token")
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        (tmp_path / "home/courses/c1/a1").mkdir(parents=True)
        yield one
        await the_others_are_graded(one)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Where student1 works."""
    return tmp_path / "home/courses/c1/a1/first.ipynb"


async def the_others_are_graded(service: Service) -> None:
    """Whatever was tried, student2 has one attempt, as it was sent, and gets full marks for it."""
    (event,) = service.desk.store.events(kind="received", user="student2")
    assert service.desk.submission(event).path.read_bytes() == RIGHT
    await service.teach("grade")
    (graded,) = service.desk.store.events(kind="graded", user="student2")
    assert "4" in json.dumps(graded.payload)
    rows = (await service.ask("teacher1", "GET", "api/courses/c1/export.csv")).text
    assert [line for line in rows.splitlines() if "student2" in line and ",4" in line]


def kept(service: Service) -> list[bytes]:
    """Everything in the store."""
    return [path.read_bytes() for path in (service.root / "submissions").rglob("*") if path.is_file()]


def test_every_case_has_a_test() -> None:
    assert set(EXCHANGE) == _CASES


# Who and when.


@case("hands in under the name of another")
async def test_a_name_in_the_address_the_body_or_a_header_is_not_believed(service: Service) -> None:
    claims = {"user": "student2", "student_id": "student2", "X-Forwarded-User": "student2", "X-Remote-User": "student2"}
    body = json.dumps({**json.loads(WRONG), "metadata": {"user": "student2", "onramp": {"user": "student2"}}})
    answer = await service.ask("student1", "POST", SUBMISSIONS, content=body, headers=claims, params=claims)
    assert (answer.status_code, answer.json()["user"]) == (201, "student1")
    path = SUBMISSIONS.replace("a1", "a1%2F..%2F..%2Fstudent2%2Ba1%2B2099-01-01")
    assert (await service.ask("student1", "POST", path, content=WRONG)).status_code == 404
    cookies = {"cookies": {"onramp-course": "student2-token"}}
    for token in ("", "token x", "Bearer x", "token student1-token, token student2-token", "Basic x"):
        async with service.client("", **cookies) as client:
            answer = await client.post(SUBMISSIONS, content=WRONG, headers={"Authorization": token} if token else {})
            assert answer.status_code == 403


@case("hands in with a time of its own")
async def test_a_time_is_the_servers(service: Service) -> None:
    early = {"Date": "Thu, 01 Jan 2026 00:00:00 GMT", "timestamp": "2026-01-01 00:00:00 UTC", "X-Time": "0"}
    body = json.dumps({**json.loads(WRONG), "metadata": {"timestamp": "2026-01-01", "received_at": "2026-01-01"}})
    path, begun = SUBMISSIONS.replace("a1", "a2"), datetime.now(UTC)
    answer = await service.ask("student1", "POST", path, content=body, headers=early, params=early)
    assert answer.json()["late"] is True
    assert begun <= datetime.fromisoformat(answer.json()["received_at"]) <= datetime.now(UTC)


@case("changes what was handed in")
async def test_what_was_handed_in_is_what_is_graded(service: Service, mine: Path) -> None:
    mine.write_bytes(WRONG)
    receipt = await asyncio.to_thread(submit, "a1")
    mine.write_bytes(RIGHT)
    for method in ("PUT", "PATCH", "DELETE", "POST"):
        answer = await service.ask("student1", method, f"api/submissions/{receipt.id}/notebook", content=RIGHT)
        assert answer.status_code == 405
    (event,) = service.desk.store.events(kind="received", user="student1")
    stored = service.desk.submission(event).path
    assert stored.read_bytes() == WRONG
    assert [stored.stat().st_mode & 0o777, (service.root / "submissions").stat().st_mode & 0o777] == [0o400, 0o700]


@case("deletes or replaces what a peer has handed in")
async def test_what_a_peer_has_handed_in_is_out_of_reach(service: Service) -> None:
    (event,) = service.desk.store.events(kind="received", user="student2")
    for method in ("GET", "PUT", "PATCH", "DELETE", "POST"):
        for path in (f"api/submissions/{event.id}/notebook", f"api/submissions/{event.id}/points", SUBMISSIONS + "/1"):
            answer = await service.ask("student1", method, path, content=b'{"cell": "t", "score": 0}')
            assert answer.status_code in (403, 404, 405)
            assert RIGHT not in answer.content
    answer = await service.hand_in("student1", RIGHT)  # the same bytes are kept once, and belong to each
    assert (answer.status_code, answer.json()["user"], answer.json()["attempt"]) == (201, "student1", 1)


# What is no file of one's own, on the learner's side.


@case("is a link to what only the teacher may read")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: to be another account")
async def test_a_link_is_followed_by_its_owner_alone(service: Service, open_folder: Path) -> None:
    """Whoever hands in reads the file, with the rights they have; the service never opens a path of theirs."""
    source, link = service.root / "courses/c1/source/a1/first.ipynb", open_folder / "first.ipynb"
    (open_folder / "closed").mkdir(mode=0o700)
    secret = open_folder / "closed/first.ipynb"
    secret.write_bytes(source.read_bytes())
    link.symlink_to(secret)
    code = "import sys; from curricula.learner import submit; submit('a1', path=sys.argv[1])"
    python, here = [sys.executable, "-c", code, str(link)], {**os.environ, "HOME": str(open_folder)}

    def run() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(python, env=here, cwd=REPOSITORY, user=65534, group=65534, capture_output=True, text=True)

    done = await asyncio.to_thread(run)
    assert done.returncode != 0
    assert "PermissionError" in done.stderr or "There is no file" in done.stderr, done.stderr
    assert not any(b"SOLUTION" in content for content in kept(service))


async def test_a_path_as_the_notebook_is_refused(service: Service) -> None:
    for body in (b"/root/first.ipynb", b'{"path": "../source/a1/first.ipynb"}', b'"first.ipynb"'):
        assert (await service.hand_in("student1", body)).status_code == 400
    assert kept(service) == [RIGHT]


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100_000_000)


def _folder(path: Path) -> None:
    path.mkdir()


def _closed(path: Path) -> None:
    path.write_bytes(RIGHT)
    path.chmod(0)


@case("is a pipe, among others")
@case("is a hundred megabytes of nothing, among others")
async def test_what_is_no_notebook_stays_with_its_owner(service: Service, mine: Path) -> None:
    for number, make in enumerate((_pipe, _sparse, _folder)):
        path = mine.with_name(f"{number}.ipynb")
        make(path)
        with pytest.raises((CourseServiceError, SubmissionError), match=r"There is no file|larger than this"):
            await asyncio.to_thread(submit, "a1", path=path)
    assert kept(service) == [RIGHT]


# What lies among others, on the service's side.


@case("has a name that cannot be read, among others")
@case("cannot be read, among others")
async def test_strange_things_in_the_store_stop_nobody(service: Service) -> None:
    """Nobody but the service writes there; and were there anything else, it would be nobody's submission."""
    store = service.root / "submissions"
    for name in ("student2+a1+not a time+", "zz", "\udcff", "-rf"):
        for make in (_pipe, _sparse, _folder, _closed):
            make(store / f"{name}{make.__name__}")
    assert (await service.hand_in("student1", WRONG)).status_code == 201
    listed = (await service.ask("teacher1", "GET", SUBMISSIONS)).json()["submissions"]
    assert sorted(one["user"] for one in listed) == ["student1", "student2"]


async def test_one_submission_that_is_damaged_stops_no_other(service: Service) -> None:
    await service.hand_in("student1", WRONG)
    (event,) = service.desk.store.events(kind="received", user="student1")
    path = service.desk.submission(event).path
    path.unlink()
    path.symlink_to(service.root / "courses/c1/source/a1/first.ipynb")
    listed = (await service.ask("teacher1", "GET", SUBMISSIONS)).json()["submissions"]
    assert len(listed) == 2


# Archives, and what grows.


def _out_of_its_folder() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../../../../../../tmp/onramp-out.ipynb", RIGHT)
        archive.writestr("/tmp/onramp-out.ipynb", RIGHT)
    return file.getvalue()


def _larger_inside() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("first.ipynb", bytes(1_500_000))
    return file.getvalue()


def _tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:xz") as archive:
        link = tarfile.TarInfo("first.ipynb")
        link.type, link.linkname = tarfile.SYMTYPE, "/root"
        archive.addfile(link)
    return file.getvalue()


@case("is an archive that leads out of its folder")
@case("is an archive that is larger inside")
async def test_no_archive_is_opened(service: Service) -> None:
    archives = [_out_of_its_folder(), _larger_inside(), _tar()]
    for sent in (*archives, *map(base64.b64encode, archives), gzip.compress(RIGHT)):
        answer = await service.ask("student1", "POST", SUBMISSIONS, content=sent, headers={"Content-Encoding": "gzip"})
        assert answer.status_code in (400, 413)
    assert kept(service) == [RIGHT]
    assert not Path("/tmp/onramp-out.ipynb").exists()


async def test_what_no_parser_can_hold_is_refused_in_a_sentence(service: Service) -> None:
    deep = b'{"nbformat": 4, "cells": ' + b"[" * 1900
    for bad in (b"[" * 1900, b'{"cells":' * 200, deep, b"1" * 1900, b"\0" * 99, b"\xff\xfe{}"):
        answer = await service.hand_in("student1", bad)
        assert answer.status_code == 400
        assert "hand in" in answer.json()["message"].lower()
    assert kept(service) == [RIGHT]


async def test_a_body_that_never_ends_or_never_comes_stops_nobody(service: Service) -> None:
    """One sender that says nothing holds up nobody; what it sent is gone when it leaves."""
    host, port = service.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /services/onramp-course/{SUBMISSIONS} HTTP/1.1\r\nHost: x\r\nAuthorization: token student1-token\r\n"
    writer.write(f"{head}Content-Length: 1000\r\n\r\n{{".encode())
    await writer.drain()
    assert (await service.hand_in("student1", WRONG)).status_code == 201
    writer.close()
    await writer.wait_closed()
    for _ in range(100):
        if not list((service.root / "submissions").glob("incoming-*")):
            break
        await asyncio.sleep(0.05)
    assert sorted(kept(service)) == sorted([RIGHT, WRONG])


# What others read.


async def test_a_script_in_a_notebook_or_its_marks_runs_nowhere(service: Service) -> None:
    """A notebook is only ever a file to keep; what a test said of it is text."""
    script = "<script>alert(1)</script>"
    body = json.dumps({**json.loads(WRONG), "metadata": {"title": script, "name": script}}).encode()
    number = (await service.hand_in("student1", body)).json()["id"]
    await service.teach("grade")
    await service.teach("feedback")
    answer = await service.ask("teacher1", "GET", f"api/submissions/{number}/notebook")
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for user, page in (("student1", f"submissions/{number}"), ("teacher1", "courses/c1/teach"), ("student1", "")):
        shown = await service.ask(user, "GET", page)
        assert script not in shown.text
        assert "<b>No" not in shown.text
        assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
        assert "unsafe" not in shown.headers["Content-Security-Policy"]

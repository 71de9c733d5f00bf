"""Certificates as learners get them, and as anybody checks them."""

import asyncio
import io
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from curricula.service import admin
from curricula.service.certifying import KEY, checked
from curricula.service.refused import Refused
from tests.curricula.service_here import PREFIX, Service, notebook, running, write_course
from tests.curricula.test_course_pages import look

TRACKS = [
    {
        "name": "long",
        "title": "All <of> it",
        "assignments": ["a1", "a2"],
        "certificate": {"title": "Ready", "percent": 60},
    },
    {"name": "short", "title": "In a hurry", "assignments": ["a1"]},
]
MINE = "courses/c2/certificate?track=long"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """A course whose long track has a certificate; student1 has all its points, student2 those of the first module."""
    async with running(tmp_path) as one:
        write_course(tmp_path, "c2", code="JOIN-2", title="Course two", tracks=TRACKS)
        for user in ("student1", "student2"):
            await one.ask(user, "POST", "api/join", json={"code": "JOIN-2"})
        for name in ("a1", "a2"):
            await one.teach("release", name, course="c2")
            await one.hand_in("student1", notebook("right"), name, course="c2")
        await one.hand_in("student2", notebook("right"), "a1", course="c2")
        for name in ("a1", "a2"):
            await one.teach("grade", name, course="c2")
            await one.teach("feedback", name, course="c2")
        yield one


async def given(service: Service, user: str = "student1") -> str:
    """Return the address of a learner's certificate."""
    answer = await service.ask(user, "GET", MINE)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"].removeprefix(PREFIX)


async def test_who_has_passed_gets_one_and_everybody_can_check_it(service: Service) -> None:
    address = await given(service)
    assert re.fullmatch(r"certificates/[A-Z2-7-]{19}", address)
    page = await service.ask("", "GET", address)  # whoever it is shown to has no account
    assert page.status_code == 200
    assert 'data-genuine="true"' in page.text
    for said in (">student1<", "All &lt;of&gt; it", "Course two", "60 %", "<li>First</li>", "<li>Second</li>"):
        assert said in page.text
    assert "of 8 points" not in page.text
    assert "Signed in as" not in page.text
    assert (await service.ask("stranger", "GET", address)).status_code == 200
    assert "student1 has the certificate" in (await service.ask("teacher1", "GET", "courses/c2/log")).text


async def test_it_is_given_once_and_says_what_held_then(service: Service) -> None:
    first = await given(service)
    await service.hand_in("student1", notebook("wrong"), course="c2")
    await service.teach("grade", course="c2")
    await service.teach("feedback", course="c2")
    assert await given(service) == first
    assert "My certificate</a>" in (await service.ask("student1", "GET", "courses/c2/map?track=long")).text
    assert len(service.desk.store.events(kind="certified")) == 1


async def test_who_lacks_something_reads_what(service: Service) -> None:
    refused = await service.ask("student2", "GET", MINE)
    assert refused.status_code == 409
    assert "Second: nothing is handed in." in refused.text
    assert "First" not in refused.text
    await service.hand_in("student2", notebook("wrong"), "a2", course="c2")
    assert "Second: there is no result yet." in (await service.ask("student2", "GET", MINE)).text
    await service.teach("grade", "a2", course="c2")
    await service.teach("feedback", "a2", course="c2")
    assert "Second: 0 of 4 points; it takes 2.4." in (await service.ask("student2", "GET", MINE)).text
    shown = (await service.ask("student2", "GET", "courses/c2/map?track=long")).text
    assert 'data-lacks="1"' in shown
    assert "My certificate" not in shown
    assert service.desk.store.events(kind="certified") == ()


async def test_an_answer_that_a_person_has_to_mark_is_waited_for(service: Service) -> None:
    """What is taken back by a teacher is a decision; what nobody has marked yet is none."""
    graded = service.desk.store.events(course="c2", kind="graded", user="student1", assignment="a2")[-1]
    cells = [{"name": "essay", "score": None, "max_score": 1, "message": ""}, *graded.payload["cells"]]
    store = service.desk.store
    again = {"course": "c2", "assignment": "a2", "user": "student1", "actor": "teacher1"}
    store.append("graded", submission=graded.submission, payload={**graded.payload, "cells": cells}, **again)
    refused = await service.ask("student1", "GET", MINE)
    assert refused.status_code == 409
    assert "Second: 4 of 5 points, 1 answer not marked yet." in refused.text
    told = {"cell": "essay", "score": 0, "before": None, "comment": ""}
    store.append("overridden", submission=graded.submission, payload=told, **again)
    assert await given(service)


async def test_there_is_none_where_the_course_has_none(service: Service) -> None:
    for track in ("short", "<b>", ""):
        answer = await service.ask("student1", "GET", f"courses/c2/certificate?track={track}")
        assert answer.status_code == 404
        assert "choose one of long." in answer.text
    assert (await service.ask("teacher1", "GET", MINE)).status_code == 403
    assert (await service.ask("stranger", "GET", MINE)).status_code == 403
    assert (await service.ask("student1", "GET", "courses/none/certificate")).status_code == 404
    nothing = await service.ask("", "GET", "certificates/AAAA-BBBB-CCCC-DDDD")
    assert nothing.status_code == 404
    assert "AAAA-BBBB-CCCC-DDDD" in nothing.text


async def test_what_another_key_signed_is_not_genuine(service: Service) -> None:
    address = await given(service)
    (service.root / KEY).unlink()
    assert 'data-genuine="false"' in (await service.ask("", "GET", address)).text


async def test_its_file_is_checked_by_a_command(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = (await service.ask("", "GET", f"{await given(service)}?file")).content

    def check(told: bytes) -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(told)))
        code = admin.main(["--root", str(service.root), "certificate"])
        heard = capsys.readouterr()
        return code, heard.out + heard.err

    code, said = await asyncio.to_thread(check, file)
    assert code == 0
    assert said.startswith("Genuine: student1 has “Ready” for All <of> it of Course two, of ")
    code, said = await asyncio.to_thread(check, file.replace(b"student1", b"student2"))
    assert code == 1
    assert "Not genuine" in said
    for nothing in (b"", b"\xff", b"{}", b'{"certificate": 1, "signature": ""}'):
        code, said = await asyncio.to_thread(check, nothing)
        assert (code, "This is no certificate" in said) == (1, True)


async def test_a_teacher_takes_one_back(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    address = await given(service)

    def back(track: str = "long", learner: str = "student1", teacher: str = "teacher1", why: str = "copied") -> str:
        said = ("withdraw", f"--teacher={teacher}", f"--comment={why}", "c2", track, learner)
        code = admin.main(["--root", str(service.root), *said])
        heard = capsys.readouterr()
        assert code == bool(heard.err)
        return heard.out + heard.err

    assert "has no certificate" in await asyncio.to_thread(back, learner="student2")
    assert "choose one of long." in await asyncio.to_thread(back, track="short")
    assert "does not teach" in await asyncio.to_thread(back, teacher="student2")
    assert "Say as --comment why" in await asyncio.to_thread(back, why=" ")
    assert 'data-genuine="true"' in (await service.ask("", "GET", address)).text
    assert "is withdrawn" in await asyncio.to_thread(back)
    page = (await service.ask("", "GET", await given(service))).text
    assert 'data-genuine="false"' in page
    assert "Withdrawn on" in page
    assert "copied" not in page
    assert "was withdrawn: “copied”" in (await service.ask("teacher1", "GET", "courses/c2/log")).text
    file = (await service.ask("", "GET", f"{address}?file")).content
    with pytest.raises(Refused, match="It was withdrawn on"):
        checked(service.desk, file)


async def test_everybody_can_read_it(service: Service) -> None:
    address, page = await given(service), "courses/c2/map?track=long"
    assert "My certificate</a>" in (await service.ask("student1", "GET", page)).text
    assert await asyncio.to_thread(look, service, "student1", address, page) == {address: [], page: []}

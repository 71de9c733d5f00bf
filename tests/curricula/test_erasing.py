"""A person is erased from courses that go on, while the service runs: what is left, what is gone, and what goes on."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from nbgrader.api import Gradebook

from curricula.erasure import GONE, PSEUDONYM
from curricula.marks import Key
from curricula.service import admin
from curricula.service.deleting import delete_abandoned
from curricula.service.standing import standings
from curricula.service.statistics import questions
from tests.curricula.service_here import Service, notebook, running, write_course
from tests.curricula.test_certifying import TRACKS, given

WHO = "student1"
OWN, SAME = notebook("wrong"), notebook("right")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The course account's folder, with all that may be on record of somebody; each test has a copy of it."""
    root = tmp_path_factory.mktemp("erasing") / "root"
    root.mkdir()
    asyncio.run(build(root))
    return root


async def build(root: Path) -> None:
    """In c2 student1 has handed in one notebook of their own and one that student2 has as well, with all that follows.

    They are in c1, too, with an attempt that nobody has graded.
    """
    async with running(root) as one:
        write_course(root, "c2", code="JOIN-2", title="Course two", tracks=TRACKS, teachers=["teacher1", "helper"])
        for user, code in ((WHO, "JOIN-1"), (WHO, "JOIN-2"), ("student2", "JOIN-2")):
            await one.ask(user, "POST", "api/join", json={"code": code})
        for name, course in (("a1", "c2"), ("a2", "c2"), ("a1", "c1")):
            await one.teach("release", name, course=course)
        await one.hand_in(WHO, OWN, course="c2")
        await one.teach("grade", course="c2")
        for user, name in ((WHO, "a1"), (WHO, "a2"), ("student2", "a1")):
            await one.hand_in(user, SAME, name, course="c2")
        for name in ("a1", "a2"):
            await one.teach("grade", name, course="c2")
            await one.teach("feedback", name, course="c2")
        await one.hand_in(WHO, notebook("late idea"), course="c1")
        await given(one)
        await comment(one, WHO, "Well done, student1")
        await comment(one, "student2", "Better than student1.")
        await one.ask("teacher1", "GET", f"courses/c2/as/{WHO}")
        ran(one)


@pytest.fixture
async def service(built: Path, tmp_path: Path) -> AsyncIterator[Service]:
    """The service on a copy of that folder."""
    root = tmp_path / "root"
    shutil.copytree(built, root, ignore=shutil.ignore_patterns("c1"))
    async with running(root) as one:
        shutil.copytree(built / "courses/c1", root / "courses/c1", dirs_exist_ok=True)
        yield one


async def comment(service: Service, user: str, text: str) -> None:
    event = service.desk.store.events(course="c2", kind="received", assignment="a1", user=user)[-1]
    told = {"cell": "t", "score": 3, "comment": text}
    answer = await service.ask("teacher1", "POST", f"api/submissions/{event.id}/points", json=told)
    assert answer.status_code == 200, answer.text


def ran(service: Service) -> None:
    """Write the files of each result, as the grader does, and the log of one that came to nothing."""
    folder = service.root / "courses/c2/results"
    folder.mkdir(exist_ok=True)
    for event in service.desk.store.events(course="c2", kind="graded"):
        for suffix in ("json", "ipynb", "log"):
            (folder / f"{Key.model_validate(event.payload['key']).digest}.{suffix}").write_text("student's")


async def erase(service: Service, *arguments: str, who: str = WHO) -> bool:
    """As an operator, in another process's place, on the database that the service has open."""
    return await asyncio.to_thread(admin.main, ["--root", str(service.root), "erase", who, *arguments]) == 0


def named(root: Path, name: str = WHO) -> list[str]:
    """Return the files below the course account's folder that hold a name."""
    return [
        str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and name.encode() in path.read_bytes()
    ]


def kinds(service: Service, user: str | None) -> list[str]:
    return [event.kind for event in service.desk.store.events(course="c2", user=user)]


def marks(service: Service) -> object:
    """How the course went, without who; and what others have."""
    course = service.desk.course("c2")
    found = standings(course, service.desk.store.events(course="c2"))
    counted = [
        (len(one.latest), one.waiting, questions(one.latest), sorted(a.score or 0 for a in one.attempts))
        for one in found
    ]
    return counted, [(a.user, a.score, a.number) for one in found for a in one.attempts if a.user == "student2"]


async def test_no_file_names_them_and_points_stay_right(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    before, was = marks(service), kinds(service, WHO)
    assert named(service.root) != []
    assert await erase(service, "--yes")
    assert capsys.readouterr().out == "Erased. Changed: 13 events; deleted: 2 notebooks.\n"
    assert named(service.root) == []
    assert marks(service) == before
    (someone,) = {e.user for e in service.desk.store.events(course="c2") if e.user and PSEUDONYM.fullmatch(e.user)}
    assert kinds(service, someone) == [*was, "left"]
    (told,) = service.desk.store.events(course="c2", kind="erased")
    assert (told.actor, told.user, told.payload) == ("operator", None, {"changed": len(was) + 1})
    assert await erase(service, "--yes") is False
    assert "names 'student1': compare each letter. Nothing was changed." in capsys.readouterr().err


async def test_files_that_another_handed_in_as_well_stay(service: Service) -> None:
    shas = {one.payload["sha256"] for one in service.desk.store.events(user="student2", kind="received")}
    kept = {
        Key.model_validate(one.payload["key"]).digest
        for one in service.desk.store.events(user="student2", kind="graded")
    }
    assert await erase(service, "--yes")
    assert {path.name for path in (service.root / "submissions").rglob("*") if path.is_file()} == shas
    assert {path.stem for path in (service.root / "courses/c2/results").iterdir()} == kept
    (event,) = service.desk.store.events(user="student2", kind="received")
    assert (await service.ask("student2", "GET", f"api/submissions/{event.id}/notebook")).content == SAME


async def test_the_pages_and_the_gradebook_afterwards(service: Service) -> None:
    number = (await given(service)).removeprefix("certificates/")
    assert await erase(service, "--yes")
    for page in ("teach", "log", "marking/a1", "similar/a1"):
        answer = await service.ask("teacher1", "GET", f"courses/c2/{page}")
        assert (answer.status_code, WHO in answer.text) == (200, False), page
    teach = (await service.ask("teacher1", "GET", "courses/c2/teach")).text
    (someone,) = {e.user or "" for e in service.desk.store.events(course="c2", kind="received")} - {"student2"}
    assert teach.count(f'data-user="{someone}"') == 2
    assert f'Grade again<span class="visually-hidden"> First by {someone}' not in teach
    assert "Somebody was erased: " in (await service.ask("teacher1", "GET", "courses/c2/log")).text
    for user in (WHO, "stranger"):  # they are nobody's, and they themselves are a stranger now
        assert (await service.ask(user, "GET", f"certificates/{number}")).status_code == 404
        assert (await service.ask(user, "GET", "api/courses")).json()["courses"] == []
    with Gradebook(f"sqlite:///{service.root}/courses/c2/gradebook.db", "c2") as gradebook:
        assert {one.id for one in gradebook.students} == {someone, "student2"}
        assert gradebook.find_submission("a1", someone).score == 3
    words = [e.payload["comment"] for e in service.desk.store.events(course="c2", kind="overridden")]
    assert words == [GONE, f"Better than {someone}."]


async def test_what_was_erased_is_neither_read_nor_graded_again(service: Service) -> None:
    attempts = service.desk.store.events(user=WHO, kind="received")
    assert await erase(service, "--yes")
    for one in attempts:
        path = f"api/submissions/{one.id}"
        answer = await service.ask("teacher1", "GET", f"{path}/notebook")
        assert (answer.status_code, "was erased from the records" in answer.text) == (410, True)
        assert (await service.ask("teacher1", "POST", f"{path}/regrade")).status_code == 410
        assert (await service.ask("teacher1", "GET", f"submissions/{one.id}")).status_code == 200
    source = service.root / "courses/c2/source/a1/first.ipynb"
    source.write_text(source.read_text().replace("assert x", "assert x, 'no'"))  # then all is ungraded
    graded = len(service.grading.graded)
    await service.teach("grade", course="c2")
    await service.teach("grade", course="c1")
    assert [one.user for one in service.grading.graded[graded:]] == ["student2"]
    assert service.teaching.problem(service.desk.course("c2"), "a1") is None
    service.teaching.resume()
    teach = (await service.ask("teacher1", "GET", "courses/c1/teach")).text
    assert "1 handed in, 0 without a result" in " ".join(teach.split())
    assert "Erased before it was graded" in teach


async def test_who_comes_back_begins_anew(service: Service) -> None:
    assert await erase(service, "--yes")
    assert (await service.ask(WHO, "POST", "api/join", json={"code": "JOIN-2"})).status_code == 200
    receipt = (await service.hand_in(WHO, OWN, course="c2")).json()
    assert (receipt["attempt"], receipt["again"]) == (1, False)
    assert kinds(service, WHO) == ["joined", "received"]


async def test_one_course_alone(service: Service) -> None:
    before = service.desk.store.events(course="c2")
    assert await erase(service, "--course", "c1", "--yes")
    assert service.desk.store.events(course="c2") == before
    assert service.desk.store.events(course="c1", user=WHO) == ()
    assert len([*(service.root / "submissions").glob("??/*")]) == 2


async def test_what_is_graded_meanwhile_leaves_nothing(service: Service) -> None:
    """The grader is at it, and the notebook goes under its hands: no result of theirs comes on record, and no file."""
    gate = service.gated()
    await service.ask("teacher1", "POST", "api/courses/c1/assignments/a1/grade")
    assert await erase(service, "--yes")
    gate.let(1)
    while service.teaching.grading(course := service.desk.course("c1"), "a1"):
        await asyncio.sleep(0.01)
    assert service.teaching.problem(course, "a1") is None
    assert service.desk.store.events(course="c1", kind="graded") == ()
    assert named(service.root) == []


async def test_a_teacher_who_has_left_keeps_no_name_and_their_decisions_stand(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    before = marks(service)
    assert not await erase(service, "--yes", who="helper")
    assert "teaches Course two: take them off `teachers` in its course.yaml" in capsys.readouterr().err
    for name, rest in (("c1", ["student2"]), ("c2", ["helper"])):
        path = service.root / f"courses/{name}/course.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"teachers": rest}))
    assert await erase(service, "--yes", who="teacher1")
    assert named(service.root, "teacher1") == []
    assert marks(service) == before
    assert {bool(PSEUDONYM.fullmatch(one.actor)) for one in service.desk.store.events(kind="overridden")} == {True}
    page = await service.ask("student2", "GET", "courses/c1/log")
    assert page.text.count("The course&#39;s files were changed") == 1  # the pseudonym in it changes no rule again


REFUSED = (
    ("nobody-here", "c2", "Nothing on record in the course c2 names 'nobody-here'"),
    ("student", "", "Nothing on record in any course names 'student'"),
    ("student1", "c9", "There is no course 'c9' here."),
    ("", "", "Nothing on record in any course names ''"),
    ("operator", "", "'operator' is nobody"),
    ("service", "", "'service' is nobody"),
    ("erased-0123456789ab", "", "is what is left of somebody who was erased"),
)


async def test_what_is_asked_and_cannot_be_done(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    before = service.desk.store.events()
    for who, course, sentence in REFUSED:
        assert not await erase(service, "--yes", *(["--course", course] if course else []), who=who)
        said = capsys.readouterr()
        assert (said.out, sentence in said.err, "student2" in said.err) == ("", True, False)
    assert service.desk.store.events() == before


async def test_it_says_before_what_it_will_do_and_does_nothing(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    before = service.desk.store.events()
    assert await erase(service)
    said = capsys.readouterr().out
    assert "  c1: 2 events (1 attempt)\n" in said
    assert "  c2: 11 events (3 attempts, 1 certificate, 1 teacher's mark, 1 about others)\n" in said
    assert "Deleted: 2 notebooks as handed in and as they ran, with their results; 1 more that others handed in" in said
    assert all(word in said for word in ("backups", "JupyterHub", "Slurm", "cannot be undone"))
    assert service.desk.store.events() == before


@pytest.mark.parametrize("dies_at", ["sqlalchemy.sql.dml.Update.where", "pathlib.Path.unlink", "os.replace"])
async def test_one_that_was_killed_is_finished_by_the_next(
    service: Service, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, dies_at: str
) -> None:
    """Before the transaction is whole, before the first file is deleted, before the first gradebook is in place."""

    def dies(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("killed")

    before = service.desk.store.events()
    with monkeypatch.context() as patch:
        patch.setattr(dies_at, dies)
        with pytest.raises(RuntimeError, match="killed"):
            await erase(service, "--yes")
    whole = dies_at.startswith("sqlalchemy")
    assert (service.desk.store.events() == before) is whole
    assert await erase(service)
    said = capsys.readouterr().out
    assert ("An erasing was interrupted" in said, "is to be erased from" in said) == (True, whole)
    assert await erase(service, "--yes")
    assert named(service.root) == []
    assert len([*(service.root / "submissions").glob("??/*")]) == 1
    assert [one.course for one in service.desk.store.events(kind="erased")] == ["c1", "c2"]
    assert not (service.root / "erasing").exists()


async def test_a_course_that_cannot_be_read_loses_its_gradebook(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    (service.root / "courses/c2/course.yaml").write_text("{")
    assert not await erase(service, "--yes")
    assert "c2 cannot be read, so its gradebook is deleted: mend it, then rebuild." in capsys.readouterr().err
    assert named(service.root) == []


def test_only_what_nobody_makes_any_more_is_abandoned(tmp_path: Path) -> None:
    for name in ("gradebook.db", "gradebook.0a1b2c3d", "gradebook.4e5f6a7b"):
        (tmp_path / name).touch()
    import os

    os.utime(tmp_path / "gradebook.0a1b2c3d", (0, 0))
    os.utime(tmp_path / "gradebook.db", (0, 0))
    delete_abandoned(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"gradebook.db", "gradebook.4e5f6a7b"}

"""A course is read once, and a mistake in it is named by file, line and key."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from curricula.course import CourseError, load_course

TRACK = {"name": "short", "title": "In a hurry", "assignments": ["a1"]}
DUE = datetime(2026, 5, 1, 12, tzinfo=UTC)
COURSE = {
    "name": "c1",
    "title": "Course one",
    "teachers": ["teacher1"],
    "code": "JOIN-1",
    "assignments": [{"name": "a1", "title": "First", "notebook": "first.ipynb", "due": DUE.isoformat()}],
}


def write(folder: Path, **changes):
    (folder / "course.yaml").write_text(yaml.safe_dump({**COURSE, **changes}))
    return folder


def test_where_its_notebooks_lie(tmp_path):
    course = load_course(write(tmp_path))
    assignment = course.assignment("a1")

    assert course.source(assignment) == tmp_path / "source/a1/first.ipynb"
    assert course.release(assignment) == tmp_path / "release/a1/first.ipynb"


def test_the_version_is_the_sources_content(tmp_path):
    course = load_course(write(tmp_path))
    assignment = course.assignment("a1")
    with pytest.raises(CourseError, match="cannot be read"):
        course.version(assignment)
    course.source(assignment).parent.mkdir(parents=True)
    course.source(assignment).write_text("one")
    one = course.version(assignment)
    course.source(assignment).write_text("two")

    assert len({one, course.version(assignment)}) == 2


def test_another_profile_is_another_version(tmp_path):
    versions = set()
    for profile in (None, "gpu-1", "gpu-4"):
        course = load_course(write(tmp_path, assignments=[{**COURSE["assignments"][0], "profile": profile}]))
        source = course.source(course.assignment("a1"))
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text("one")
        versions.add(course.version(course.assignment("a1")))

    assert len(versions) == 3
    assert hashlib.sha256(b"one").hexdigest() in versions


def test_an_unknown_assignment_names_those_there_are(tmp_path):
    with pytest.raises(CourseError, match="no assignment 'a9': choose one of a1"):
        load_course(write(tmp_path)).assignment("a9")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"techers": ["x"]}, "course.yaml:.*: techers: is not a known key. Known here: .*teachers"),
        (
            {"assignments": [{**COURSE["assignments"][0], "late": "maybe"}]},
            r"course.yaml:\d+: .*0\.late: say accept, ref",
        ),
        ({"assignments": [{**COURSE["assignments"][0], "late": {"grace": 5}}]}, r"0\.late: give per_day or per_hour"),
        (
            {"assignments": [{**COURSE["assignments"][0], "late": {"per_week": 5}}]},
            r"late\.per_week: is not a known key. Known here: at_most, grace, per_day, per_hour",
        ),
        ({"teachers": []}, "teachers: .*at least 1 item"),
        ({"assignments": COURSE["assignments"] * 2}, "two assignments are called a1"),
        ({"tracks": [TRACK, TRACK]}, "two tracks are called short"),
        ({"tracks": [{**TRACK, "assignments": ["a1", "m99"]}]}, "track short names m99, .*choose among a1"),
        ({"tracks": [{**TRACK, "assignments": ["a1", "a1"]}]}, "track short names an assignment twice"),
        ({"tracks": [{**TRACK, "assignments": []}]}, r"tracks\.0\.assignments: .*at least 1 item"),
        ({"assignments": [{**COURSE["assignments"][0], "due": "2026-05-01T12:00:00"}]}, "due: .*timezone"),
        ({"assignments": [{**COURSE["assignments"][0], "notebook": "../../x.ipynb"}]}, "notebook: .*pattern"),
        ({"assignments": [{**COURSE["assignments"][0], "profile": "GPU 1"}]}, "profile: .*pattern"),
        ({"name": "../x"}, "name: .*pattern"),
    ],
    ids=[
        "unknown key",
        "no rule",
        "half a rule",
        "a rule with another key",
        "no teacher",
        "two of a name",
        "two tracks of a name",
        "a track to nowhere",
        "a track in circles",
        "a track of nothing",
        "deadline without a zone",
        "path",
        "profile",
        "name",
    ],
)
def test_a_mistake_is_named(tmp_path, changes, sentence):
    with pytest.raises(CourseError, match=sentence):
        load_course(write(tmp_path, **changes))


def test_no_course_yaml(tmp_path):
    with pytest.raises(CourseError, match=r"course\.yaml: cannot be read"):
        load_course(tmp_path)


def test_a_course_is_settled(tmp_path):
    with pytest.raises(ValidationError, match="frozen"):
        load_course(write(tmp_path)).title = "other"

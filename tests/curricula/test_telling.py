"""What a terminal shows of a course: tables of what learners wrote, and nothing that steers the terminal."""

import asyncio
from argparse import Namespace
from pathlib import Path

import pytest

from curricula.events import EventStore
from curricula.service.desk import Desk
from curricula.service.reading import READING
from tests.curricula.essays_here import PROGRAM, essays

HOSTILE = "\x1b[2J\x1b]0;owned\x07[bold]It is accumulated."


async def written(root: Path) -> None:
    """Two learners whose essays wait for a person; one of them is marked."""
    async with essays(root, {"student1": (HOSTILE, PROGRAM), "student2": ("No.", PROGRAM)}) as service:
        await service.teach("grade", "a2")
        event = service.desk.store.events(kind="received", user="student2")[-1]
        told = {"cell": "essay", "score": 2, "comment": "Say why."}
        await service.ask("teacher1", "POST", f"api/submissions/{event.id}/points", json=told)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    asyncio.run(written(tmp_path))
    return Desk(tmp_path, EventStore(f"sqlite:///{tmp_path}/events.sqlite"))


def test_what_is_to_be_marked_and_how(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    course = desk.course("c1")

    def said(action: str, **told: str | None) -> str:
        READING[action](desk, course, Namespace(**{"assignment": "a2", "learner": None, **told}))
        return capsys.readouterr().out

    rows = [line.split() for line in said("marking").splitlines()]
    assert rows[0] == ["1", "of", "2", "answers", "are", "not", "marked", "yet."]
    assert rows[2:] == [["essay", "student1", "1"], ["essay", "student2", "1", "2", "of", "6", "Say", "why."]]

    text = said("marking", learner="student1")
    assert "[bold]It is accumulated." in text
    assert not [one for one in text if not one.isprintable() and one != "\n"]
    for part in (
        "essay, student1, attempt 1: not marked yet",
        "# Why does the batch fit?",
        "Since its gradients are accumulated.",
        "used before (1×, 2 points): Say why.",
    ):
        assert part in text, part

    submissions = said("submissions")
    assert "late work is taken and marked late; 2 handed in, 0 without a result." in submissions
    assert "4 of 10 points, 1 answer not marked yet" in submissions
    assert ["essay", "2", "of", "6", "0", "1", "0", "1"] in [one.split() for one in said("statistics").splitlines()]
    assert "essay in Second by student2: from no points to 2 points." in said("log")
    desk.store.close()

"""slurmctld goes away while a submission is graded: the grading waits, and what the job leaves is what counts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from curricula import workers
from curricula.course import Course
from spawners.scheduler import JobState, SchedulerError, Snapshot
from spawners.site import Site
from tests.curricula.course_here import Node, course_in, grader_of, solved, submitted

DOWN = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"


class Away(Node):
    """A node that goes on with its jobs, under a Slurm that has not answered since it took the last one."""

    asked = 0

    async def jobs(self) -> Snapshot:
        self.asked += 1
        return Snapshot({}, at=0, stale=True, error=DOWN)

    async def ended(self, *job_ids: str) -> dict[str, JobState]:
        raise SchedulerError(DOWN)


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return course_in(tmp_path)


@pytest.fixture
def node() -> Iterator[Away]:
    one = Away()
    yield one
    one.close()


async def test_a_job_that_ends_while_slurm_is_away_is_marked(
    course: Course, site: Site, node: Away, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long that is: an answer that shows no job would have been the end of it after two."""
    monkeypatch.setattr(workers, "_ABSENT", 2)
    monkeypatch.setattr(workers, "ASK", 0.02)
    assignment = course.assignment("m00")
    grader = grader_of(course, site, node, tmp_path)
    result = await grader.grade(submitted(course, assignment, solved(course, assignment)))

    assert (result.score, result.not_run) == (8, None)
    assert node.asked > 2 * workers._ABSENT
    await grader.workers.close()
    assert list(grader.workers.handover.iterdir()) == []

"""How a job ended: one sentence for each cause, and what to do about it."""

import pytest

from spawners.ending import ending
from spawners.reasons import explain
from spawners.scheduler import ENDED, JobState


def job(state: str, reason: str | None = None, exit_code: str | None = None) -> JobState:
    """A job in some state."""
    return JobState(
        job_id="42", user="alice", name="n", comment="c", state=state, reason=reason, exit_code=exit_code, node="gpu1"
    )


@pytest.mark.parametrize(
    ("state", "reason", "exit_code", "sentence"),
    [
        ("COMPLETED", None, "0:0", "It ended as it should."),
        ("TIMEOUT", None, "0:0", "Its time was up. Start again, and ask for more time if you need it."),
        (
            "OUT_OF_MEMORY",
            None,
            "0:125",
            "It needed more memory than it had. Start again with more memory, or load less at once.",
        ),
        ("NODE_FAIL", None, None, "Its node failed; this was not your fault. Start again."),
        ("PREEMPTED", None, None, "It made room for a more urgent job. Start again."),
        ("CANCELLED", "by 1001", "0:0", "It was cancelled by the user with uid 1001."),
        ("CANCELLED", None, None, "It was cancelled."),
        ("FAILED", None, "3:0", "Its program ended with exit code 3. The job's log says more."),
        ("FAILED", None, "0:11", "Its program was ended by signal 11. The job's log says more."),
        ("FAILED", "NonZeroExitCode", None, "Its program ended with an error. The job's log says more."),
        ("FAILED", "Mystery", None, "It failed. Slurm gives the reason: Mystery. The job's log says more."),
    ],
)
def test_how_a_job_ended(state: str, reason: str | None, exit_code: str | None, sentence: str) -> None:
    assert explain(job(state, reason, exit_code)) == sentence


def test_memory_where_slurm_does_not_enforce_it_itself() -> None:
    assert "most often for lack of memory" in explain(job("FAILED", "JobLaunchFailure", "0:9"))


@pytest.mark.parametrize("state", sorted(ENDED))
def test_every_end_has_a_sentence(state: str) -> None:
    assert "None" not in explain(job(state))


@pytest.mark.parametrize(
    ("uid", "sentence"),
    [
        (1001, "It was cancelled under its own account, alice, for example with scancel."),
        (1002, "It was cancelled by bob."),
        (1003, "It was cancelled by the user with uid 1003."),
        (0, "It was cancelled by an operator of the site (root)."),
    ],
)
def test_who_cancelled_it(uid: int, sentence: str) -> None:
    names = {0: "root", 1001: "alice", 1002: "bob"}
    assert ending(job("CANCELLED", f"by {uid}"), who=lambda uid: names.get(uid, "")).text == sentence

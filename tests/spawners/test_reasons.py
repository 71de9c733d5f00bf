"""Sentences for waits and ends: plain, true, and honest where there is none."""

import pytest

from spawners.reasons import WAITS, explain
from spawners.scheduler import ENDED, JobState


def job(state: str, reason: str | None = None, exit_code: str | None = None) -> JobState:
    """A job in some state."""
    return JobState(
        job_id="42", user="u", name="n", comment="c", state=state, reason=reason, exit_code=exit_code, node="gpu1"
    )


@pytest.mark.parametrize(
    ("reason", "part"),
    [
        ("Priority", "Other jobs are ahead"),
        ("Resources", "It is next"),
        ("AssocGrpGRESMinutes", "GPU minutes are used up"),
        ("AssocGrpCPUMinutesLimit", "CPU minutes are used up"),
        ("QOSMaxGRESPerUser", "more than its QoS lets one person have"),
        ("QOSMaxJobsPerUserLimit", "as many jobs as its QoS allows"),
        ("ReqNodeNotAvail, UnavailableNodes:gpu1", "maintenance"),
        ("ReqNodeNotAvail, Reserved for maintenance", "maintenance"),
        ("PartitionTimeLimit", "ask for less time"),
        ("Dependency", "another job to end"),
        ("BeginTime", "start later"),
        ("InvalidAccount", "Choose another account"),
        ("JobHeldUser", "scontrol release 42"),
        ("(Resources)", "It is next"),
        (None, "has not looked at the job yet"),
    ],
)
def test_why_a_job_waits(reason: str | None, part: str) -> None:
    assert part in explain(job("PENDING", reason))


def test_an_unknown_reason_is_quoted() -> None:
    assert explain(job("PENDING", "MoonPhase")) == "It waits. Slurm gives the reason: MoonPhase."


def test_a_family_of_reasons_is_quoted_too() -> None:
    assert explain(job("PENDING", "QOSMaxNodePerUserLimit")).endswith("(Slurm says: QOSMaxNodePerUserLimit)")


@pytest.mark.parametrize(
    ("state", "reason", "exit_code", "sentence"),
    [
        ("COMPLETED", None, "0:0", "It ended as it should."),
        ("TIMEOUT", None, "0:0", "Its time was up. Start again, and ask for more time if you need it."),
        ("OUT_OF_MEMORY", None, "0:125", "It needed more memory than it had. Start again with a larger profile."),
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
    "state", ["RUNNING", "COMPLETING", "SUSPENDED", "CONFIGURING", "REQUEUE_HOLD", "STAGE_OUT", "NEW"]
)
def test_what_has_not_ended_is_never_called_over(state: str) -> None:
    assert not job(state).ended
    assert "ended" not in explain(job(state))


@pytest.mark.parametrize("sentence", WAITS.values())
def test_sentences_are_sentences(sentence: str) -> None:
    assert sentence[0].isupper()
    assert sentence.endswith(".")

"""Sentences for waits: plain, true, and honest where there is none."""

import ctypes
from pathlib import Path

import pytest

from spawners.reasons import WAITS, explain
from spawners.scheduler import JobState

CODES = [
    line for line in Path(__file__).with_name("reason_codes.txt").read_text().splitlines() if not line.startswith("#")
]
LIBRARY = Path(__file__).parents[2] / ".tools/debian/usr/lib/x86_64-linux-gnu/slurm-wlm/libslurmfull.so"


def job(state: str, reason: str | None = None) -> JobState:
    """A job in some state."""
    return JobState(job_id="42", user="u", name="n", comment="c", state=state, reason=reason, node="gpu1")


@pytest.mark.parametrize(
    ("reason", "part"),
    [
        ("Priority", "Other jobs are ahead"),
        ("Resources", "enough of the partition is free"),
        ("AssocGrpGRESMinutes", "The account's GPU minutes are used up"),
        ("AssocGrpCPUMinutesLimit", "The account's CPU minutes are used up"),
        ("QOSMaxGRESPerUser", "Your jobs hold as many GPUs as its QoS lets one person have"),
        ("QOSMaxJobsPerUserLimit", "You run as many jobs as its QoS allows"),
        ("ReqNodeNotAvail, UnavailableNodes:gpu1", "maintenance"),
        ("ReqNodeNotAvail, Reserved for maintenance", "maintenance"),
        ("PartitionTimeLimit", "ask for less time"),
        ("Dependency", "another job to end"),
        ("BeginTime", "start later"),
        ("InvalidAccount", "Choose another account"),
        ("JobHeldUser", "scontrol release 42"),
        ("(Resources)", "enough of the partition is free"),
        (None, "has not looked at the job yet"),
    ],
)
def test_why_a_job_waits(reason: str | None, part: str) -> None:
    assert part in explain(job("PENDING", reason))


@pytest.mark.parametrize("reason", ["MoonPhase", "QOSMaxMoonlightPerUser", "GrpGRESPerNode", "AssocMinJobs", "Max"])
def test_an_unknown_reason_is_quoted(reason: str) -> None:
    assert explain(job("PENDING", reason)) == f"It waits. Slurm gives the reason: {reason}."


def test_every_reason_that_slurm_gives_has_a_sentence_of_its_own() -> None:
    said = {code: explain(job("PENDING", code)).partition(" (Slurm says")[0] for code in CODES}

    assert [code for code, sentence in said.items() if "gives the reason" in sentence or "{" in sentence] == []
    assert [sentence for sentence in said.values() if not (sentence[0].isupper() and sentence.endswith("."))] == []
    assert [code for code, sentence in said.items() if list(said.values()).count(sentence) > 1] == []


def test_the_slurm_that_is_installed_gives_no_other_reason() -> None:
    name = ctypes.CDLL(str(LIBRARY)).slurm_job_reason_string
    name.restype = ctypes.c_char_p
    # What it has no name for comes back as its number.
    known = {reason for number in range(1000) if not (reason := name(number).decode()).isdecimal()}

    assert len(known) > 190
    assert known <= set(CODES)


def test_a_family_of_reasons_is_quoted_too() -> None:
    assert explain(job("PENDING", "QOSMaxNodePerUserLimit")).endswith("(Slurm says: QOSMaxNodePerUserLimit)")


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

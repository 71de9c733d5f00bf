"""What a learner's own runs have to show, and what does not show it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nbformat.v4 import new_markdown_cell, new_notebook

from curricula.course import CourseError
from curricula.evidence import METADATA, Rule, Wanted, judged, rules
from curricula.marks import CellGrade
from spawners.run_evidence import word
from spawners.run_seal import Statement, public_key, seal
from spawners.scheduler import JobState

KEY, OTHER_KEY = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = "It has to be another one than what is asked for before it, and to end later."
GPU = Rule(runs=(Wanted(gpus=1, minutes=5),))


def ran(number: int = 7, *, state: str = "COMPLETED", gpus: int = 1, minutes: float = 2, nodes: int = 1) -> JobState:
    tres = f"billing=2,cpu=2,{f'gres/gpu:h100={gpus},gres/gpu={gpus},' if gpus else ''}mem=4000M,node={nodes}"
    begun = AT + timedelta(hours=number)
    end = begun + timedelta(minutes=minutes)
    common = {"user": "u1", "name": "onramp-run", "comment": "onramp:run:a", "tres": tres}
    return JobState(job_id=str(number), state=state, start=begun, end=end, **common)


def evidence(*jobs: JobState, owner: str = "student1", key: Ed25519PrivateKey = KEY) -> str:
    return "\n".join(word(Statement(accounting=job, seal=seal(job, AT, key, owner))) for job in jobs)


def mark(text: str, rule: Rule = GPU) -> tuple[float | None, str]:
    given = (
        CellGrade(name="other", score=1, max_score=2, mode="split"),
        CellGrade(name="job", score=None, max_score=3, message="By hand."),
    )
    other, one = judged(given, {"job": text, "other": text}, {"job": rule}, "student1", public_key(KEY))
    assert other == given[0]
    assert (one.max_score, one.mode) == (3, "evidence")
    return one.score, one.message


def test_a_run_that_shows_it_has_all_points() -> None:
    assert mark(f"My first job:\n\n{evidence(ran())}") == (3, "")
    assert mark(evidence(ran(state="FAILED"), ran(8))) == (3, "")
    assert mark(evidence(ran(gpus=4, minutes=5))) == (3, "")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "There is no evidence here: put in what onramp.evidence(run) gives, the whole of it."),
        (evidence(ran())[:-30], "There is no evidence here"),
        (evidence(ran(state="TIMEOUT")), "Job 7 ended TIMEOUT on 1 GPU after 2.0 minutes."),
        (evidence(ran(gpus=0)), "Job 7 ended COMPLETED on 0 GPUs after 2.0 minutes."),
        (evidence(ran(minutes=5.1)), "Job 7 ended COMPLETED on 1 GPU after 5.1 minutes."),
        (evidence(ran(), owner="student2"), "1 statement here cannot be believed: "),
        (evidence(ran(), key=OTHER_KEY), "1 statement here cannot be believed: "),
        (evidence(ran(), ran(8), owner="student2"), "2 statements here cannot be believed: "),
    ],
    ids=["none", "half of one", "ended otherwise", "no GPU", "too long", "somebody else's", "not signed", "two"],
)
def test_what_does_not_show_it(text: str, why: str) -> None:
    score, message = mark(text)
    assert score == 0
    assert message.startswith("It has to show a run of yours on at least 1 GPU that ended COMPLETED within 5 minutes. ")
    assert why in message


def test_what_was_changed_is_not_believed() -> None:
    failed = ran(state="FAILED")
    forged = Statement(accounting=ran(), seal=seal(failed, AT, KEY, "student1"))
    assert mark(word(forged))[0] == 0


def test_several_runs_are_different_ones_in_their_order() -> None:
    resumed = Rule(runs=(Wanted(state="TIMEOUT"), Wanted(state="COMPLETED")))
    assert mark(evidence(ran(1, state="TIMEOUT"), ran(2)), resumed)[0] == 3
    assert mark(evidence(ran(2), ran(1, state="TIMEOUT")), resumed)[0] == 3
    score, message = mark(evidence(ran(1), ran(2, state="TIMEOUT")), resumed)
    assert (score, message.split(".")[0]) == (0, "It has to show a run of yours that ended COMPLETED")
    assert LATER in message
    # Sent off at the same time, the one on more may end first, and would have done for either.
    more = Rule(runs=(Wanted(gpus=1), Wanted(gpus=2)))
    assert mark(evidence(ran(1), ran(2, gpus=2)), more)[0] == 3
    score, message = mark(evidence(ran(1, gpus=2), ran(2)), more)
    assert (score, LATER in message) == (0, True)
    assert LATER not in mark(evidence(ran(1)), more)[1]
    twice = Rule(runs=(Wanted(), Wanted()))
    assert mark(evidence(ran(1), ran(1)), twice)[0] == 0
    assert mark(evidence(ran(1), ran(2)), twice)[0] == 3
    # The same job, signed again later, is the same.
    again = Statement(accounting=ran(1), seal=seal(ran(1), AT + timedelta(1), KEY, "student1"))
    assert mark(f"{evidence(ran(1))} {word(again)}", twice)[0] == 0


def test_a_sweep_is_shown_by_the_jobs_of_its_array() -> None:
    sweep = Rule(runs=(Wanted(array=True), Wanted(array=True)))
    first, second = (ran().model_copy(update={"job_id": f"12_{number}"}) for number in range(2))
    assert mark(evidence(first, second), sweep)[0] == 3
    assert mark(evidence(first, first), sweep)[0] == 0
    score, message = mark(evidence(first, ran(13)), sweep)
    assert (score, message.split(".")[0]) == (0, "It has to show a job of a sweep of yours that ended COMPLETED")


def test_nodes_are_counted_and_what_is_not_known_shows_nothing() -> None:
    two = Rule(runs=(Wanted(nodes=2),))
    assert mark(evidence(ran(nodes=2)), two)[0] == 3
    assert mark(evidence(ran()), two)[0] == 0
    unknown = ran().model_copy(update={"tres": None, "start": None, "end": None})
    assert mark(evidence(unknown))[0] == 0
    assert mark(evidence(unknown), Rule(runs=(Wanted(),)))[0] == 0


def cell(told: Any, **about: Any) -> Any:
    known = {"grade_id": "job", "grade": True, "solution": True, "points": 3, **about}
    return new_markdown_cell("Here.", metadata={"nbgrader": known, METADATA: told})


def test_rules_stand_with_the_cell_they_are_of() -> None:
    found = rules(new_notebook(cells=[cell({"runs": [{"gpus": 1, "minutes": 5}]}), new_markdown_cell("text")]))
    assert found == {"job": GPU}


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (cell({"runs": []}), "job: onramp_evidence: runs: .*at least 1 item"),
        (cell([]), "job: onramp_evidence: onramp_evidence: "),
        (cell({"runs": [{"gpu": 1}]}), r"job: onramp_evidence: runs\.0\.gpu: Extra inputs"),
        (cell({"runs": [{"state": "well"}]}), r"runs\.0\.state: "),
        (cell({"runs": [{"minutes": 0}]}), r"runs\.0\.minutes: "),
        (cell({"runs": [{}]}, solution=False), "job: onramp_evidence belongs to an answer with points"),
    ],
    ids=["no run", "no rule", "unknown key", "no state", "no time", "no answer"],
)
def test_a_rule_that_is_none_is_named(bad: Any, why: str) -> None:
    with pytest.raises(CourseError, match=why):
        rules(new_notebook(cells=[bad]))

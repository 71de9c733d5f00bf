"""A Slurm that does not answer is told from one that refuses, and what may have been taken from what was not."""

import pytest

from spawners.outage import AWAY, away, perhaps_taken, refusal_of

DOWN = "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)"
LATE = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"


@pytest.mark.parametrize(
    ("words", "taken"),
    [
        (DOWN, False),
        ("sbatch: error: Munge encode failed: Failed to access the socket", False),
        ("The launcher at /run/onramp/launcher.sock cannot be reached: [Errno 111]. Is it running?", False),
        (LATE, True),
        ("sbatch could not be run: Command '['/usr/bin/sbatch', '--parsable']' timed out after 60 seconds", True),
        ("The launcher did not answer within 90 seconds.", True),
        ("slurm_load_jobs error: Zero Bytes were transmitted or received", True),
    ],
)
def test_it_is_away(words: str, taken: bool) -> None:
    assert (away(words), perhaps_taken(words)) == (True, taken)
    assert refusal_of(words) == (AWAY, 503)


@pytest.mark.parametrize(
    "words",
    [
        "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified",
        "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy",
        "sbatch: error: Batch job submission failed: Requested time limit is invalid (missing or exceeds some limit)",
    ],
)
def test_a_refusal_keeps_its_words(words: str) -> None:
    assert (away(words), refusal_of(words)) == (False, (words, 400))

"""What is said while Slurm does not answer: no word about the request, which may be made again. Pure."""

# What sbatch, squeue, their libraries and the launcher print where slurmctld is not reached at all.
_NOT_REACHED = (
    "ontact slurm controller",
    "standby mode",
    "Munge encode failed",
    "Protocol authentication error",
    "Connection refused",
    "cannot be reached",
)
# And where it was reached, or may have been, and what it made of the request is not known.
_NO_ANSWER = ("Socket timed out", "Zero Bytes were transmitted or received", "did not answer", "timed out after")
AWAY = "Slurm does not answer just now, so nothing was started. Try again in a few minutes; nothing is lost."


def away(words: str) -> bool:
    """Whether these are words of a Slurm that does not answer."""
    return perhaps_taken(words) or any(some in words for some in _NOT_REACHED)


def perhaps_taken(words: str) -> bool:
    """Whether Slurm may have taken a job although sbatch ended with these words."""
    return any(some in words for some in _NO_ANSWER)


def refusal_of(words: str) -> tuple[str, int]:
    """What a person is told whose job was not taken, with HTTP's status: Slurm's own words, or that it is away."""
    return (AWAY, 503) if away(words) else (words, 400)

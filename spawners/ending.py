"""How a job ended, as a person is told: what happened, what to do about it, and what the job printed last. Pure."""

import re
from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel

from spawners.scheduler import JobState

Cause = Literal[
    "done",
    "memory",
    "time",
    "node",
    "preempted",
    "requeued",
    "removed",
    "cancelled",
    "stopped",
    "idle",
    "environment",
    "settings",
    "disk",
    "address",
    "unreachable",
    "failed",
    "refused",
    "hub",
    "unknown",
]


class Ending(BaseModel, frozen=True, extra="forbid"):
    """One end: `sentence` says what happened, `advice` what to do, `printed` holds the job's last lines, plain text."""

    cause: Cause
    sentence: str
    advice: str = ""
    printed: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What happened and what to do."""
        return f"{self.sentence} {self.advice}".rstrip()


_NOT_YOU = "this was not your fault"
MEMORY = Ending(
    cause="memory",
    sentence="It needed more memory than it had.",
    advice="Start again with more memory, or load less at once.",
)
_BY_STATE = {
    "COMPLETED": Ending(cause="done", sentence="It ended as it should."),
    "TIMEOUT": Ending(
        cause="time", sentence="Its time was up.", advice="Start again, and ask for more time if you need it."
    ),
    "OUT_OF_MEMORY": MEMORY,
    "NODE_FAIL": Ending(cause="node", sentence=f"Its node failed; {_NOT_YOU}.", advice="Start again."),
    "BOOT_FAIL": Ending(cause="node", sentence=f"Its node did not start; {_NOT_YOU}.", advice="Start again."),
    "PREEMPTED": Ending(cause="preempted", sentence="It made room for a more urgent job.", advice="Start again."),
    "DEADLINE": Ending(cause="removed", sentence="It could not have ended before its deadline, so it was removed."),
    "REVOKED": Ending(cause="removed", sentence="It was moved to another cluster."),
}
REQUEUED = Ending(
    cause="requeued",
    sentence="Slurm took the job off its node and put it back into the queue; what ran is lost.",
    advice="Start again.",
)
UNKNOWN = Ending(
    cause="unknown",
    sentence="Slurm no longer knows the job.",
    advice="Start again; if that happens twice, tell the operators.",
)
NO_JOB = Ending(cause="hub", sentence="It was ended before Slurm had its job.")
UNTOLD = Ending(cause="unknown", sentence="Slurm ended its job.")
REPLACED = Ending(cause="hub", sentence="A newer start took its place.")
NOT_TAKEN = Ending(cause="hub", sentence="It did not take the place of the start that was queued.")
FORGOTTEN = Ending(cause="hub", sentence="JupyterHub does not know this server any more.")
NOT_SUBMITTED = Ending(cause="hub", sentence="The hub was stopped before Slurm had your job.", advice="Start again.")
MISTAKE = Ending(
    cause="hub",
    sentence="Something went wrong in the hub itself, and its log says what.",
    advice="Start again; if that happens twice, tell the operators.",
)
# It reported its port, but does not answer there; or it never reported one.
UNREACHABLE = Ending(
    cause="unreachable",
    sentence="JupyterLab ran on its node, but the hub cannot reach it there.",
    advice="You cannot mend this: tell the operators that the hub needs a way to the ports of that node.",
)


def not_answering(node: str, seconds: int) -> Ending:
    """The end of a start whose job runs, but whose server never reported."""
    return Ending(
        cause="unreachable",
        sentence=f"The job ran on {node}, but JupyterLab did not answer within {seconds} seconds.",
        advice="Try a safe start, which leaves your own settings aside.",
    )


def stopped(by: str) -> Ending:
    """The end of a server that was stopped from the hub; `by` may be empty where that is not known."""
    return Ending(cause="stopped", sentence=f"It was stopped from the hub{f' by {by}' if by else ''}.")


def ending(job: JobState, *, who: Callable[[int], str] = lambda _: "") -> Ending:
    """Say how a job ended that is over; `who` names a uid ("" where it is not known)."""
    if job.state == "CANCELLED":
        return _cancelled(job, who)
    if job.state == "FAILED":
        return _failed(job)
    other = Ending(cause="unknown", sentence=f"It ended; Slurm calls it {job.state}.")
    return _BY_STATE.get(job.state, other)


def _cancelled(job: JobState, who: Callable[[int], str]) -> Ending:
    """By whom it was cancelled: accounting says "by" and a uid."""
    found = re.fullmatch(r"by (\d+)", job.reason or "", re.ASCII)
    if not found:
        return Ending(cause="cancelled", sentence="It was cancelled.")
    uid = int(found.group(1))
    name = who(uid) or f"the user with uid {uid}"
    if name == job.user:
        sentence = f"It was cancelled under its own account, {name}, for example with scancel."
        return Ending(cause="cancelled", sentence=sentence)
    if uid == 0:
        name = "an operator of the site (root)"
    return Ending(cause="cancelled", sentence=f"It was cancelled by {name}.")


def _failed(job: JobState) -> Ending:
    """FAILED, with what the exit code tells."""
    code, _, signal = (job.exit_code or "").partition(":")
    more = "The job's log says more."
    if job.reason == "JobLaunchFailure" and signal == "9":
        sentence = "Slurm ended it while it ran, most often for lack of memory."
        return Ending(cause="memory", sentence=sentence, advice=more)
    if signal and signal != "0":
        return Ending(cause="failed", sentence=f"Its program was ended by signal {signal}.", advice=more)
    if code and code != "0":
        return Ending(cause="failed", sentence=f"Its program ended with exit code {code}.", advice=more)
    if job.reason == "NonZeroExitCode":
        return Ending(cause="failed", sentence="Its program ended with an error.", advice=more)
    return Ending(cause="failed", sentence=f"It failed. Slurm gives the reason: {job.reason or 'none'}.", advice=more)

"""What Slurm's commands print, as data. Pure: the commands themselves are run by spawners.slurm alone.

Names and comments of jobs are chosen by their owners and may hold any character, so squeue and sacct are
asked to separate fields by a token that is drawn anew for every call: nobody can forge another person's row.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from spawners.scheduler import JobState, SchedulerError, Usage

# Slurm's times as seconds since 1970, whatever the time zone of this process.
TIME_FORMAT = "%s"
SQUEUE_FIELDS = ("%i", "%u", "%T", "%r", "%a", "%P", "%B", "%S", "%e", "%L", "%j", "%k")
SACCT_FIELDS = (
    "jobidraw",
    "user",
    "state",
    "reason",
    "account",
    "partition",
    "nodelist",
    "start",
    "end",
    "exitcode",
    "jobname",
    "comment",
)
NOTHING = frozenset({"", "None", "N/A", "n/a", "NONE", "Unknown", "(null)", "NOT_SET", "UNLIMITED", "INVALID", "0"})
MINUTES = re.compile(r"(?:^|,)gres/gpu=(\d+)(?:,|$)")


def squeue_format(token: str) -> str:
    """The value of squeue's `--format` for rows whose fields all end in `token`."""
    return "".join(field + token for field in SQUEUE_FIELDS)


def read_squeue(text: str, token: str) -> dict[str, JobState]:
    """All jobs that squeue printed, by id; raises SchedulerError when the text is cut or malformed."""
    jobs = {}
    for row in _rows(text, token, len(SQUEUE_FIELDS)):
        job_id, user, state, reason, account, partition, node, start, end, left, name, comment = row
        jobs[job_id] = JobState(
            job_id=job_id,
            user=user,
            name=name,
            comment=_known(comment) or "",
            state=state,
            reason=_known(reason),
            account=_known(account),
            partition=_known(partition),
            node=_known(node),
            start=read_time(start),
            end=read_time(end),
            time_left=_seconds(left),
        )
    return jobs


def read_sacct(text: str, token: str) -> dict[str, JobState]:
    """The jobs (not their steps) that `sacct --allocations` printed; raises SchedulerError when malformed."""
    jobs = {}
    for row in _rows(text, token, len(SACCT_FIELDS)):
        job_id, user, state, reason, account, partition, node, start, end, code, name, comment = row
        jobs[job_id] = JobState(
            job_id=job_id,
            user=user,
            name=name,
            comment=_known(comment) or "",
            # "CANCELLED by 1001": the state is the first word, who did it belongs to the reason.
            state=state.partition(" ")[0],
            reason=state.partition(" ")[2] or _known(reason),
            account=_known(account),
            partition=_known(partition),
            node=_first_node(node),
            start=read_time(start),
            end=read_time(end),
            exit_code=_known(code),
        )
    return jobs


def read_start(text: str) -> datetime | None:
    """The expected start in what `sbatch --test-only` says: "sbatch: Job 7 to start at 1763640000 …"."""
    found = re.search(r" to start at (\S+)", text)
    return read_time(found.group(1)) if found else None


def read_accounts(text: str) -> tuple[str, ...]:
    """The accounts in rows of `account|default account`, the default one first."""
    rows = [line.split("|") for line in text.splitlines() if line.count("|") == 1]
    default = next((row[1] for row in rows if row[1]), None)
    names = dict.fromkeys(row[0] for row in rows if row[0])
    return tuple(sorted(names, key=lambda name: name != default))


def read_usage(text: str, account: str) -> Usage:
    """The GPU minutes of `account` in rows of `account|user|GrpTRESMins|GrpTRESRaw` as sshare prints them."""
    for line in text.splitlines():
        fields = line.split("|")
        if len(fields) == 4 and fields[0].strip() == account and not fields[1]:
            return Usage(gpu_minutes_limit=_gpus(fields[2]), gpu_minutes_used=_gpus(fields[3]) or 0)
    raise SchedulerError(f"Slurm shows no usage of the account '{account}'.")


def read_time(text: str) -> datetime | None:
    """A time as Slurm prints it: seconds since 1970, or ISO in local time where it ignores our format."""
    try:
        if re.fullmatch(r"[1-9][0-9]{8,11}", text):
            return datetime.fromtimestamp(int(text), UTC)
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None


def _rows(text: str, token: str, width: int) -> Iterator[Sequence[str]]:
    """Rows of `width` fields that each end in `token`, one row a line."""
    fields = text.split(token)
    if fields.pop().strip() or len(fields) % width:
        raise SchedulerError("Slurm's answer is cut short.")
    for first in range(0, len(fields), width):
        yield [fields[first].removeprefix("\n").strip(), *fields[first + 1 : first + width]]


def _known(text: str) -> str | None:
    """A field, or None for one of the words by which Slurm says that there is nothing."""
    return None if text in NOTHING else text


def _first_node(nodes: str) -> str | None:
    """The first host of a list such as `gpu[1-2],cpu1`."""
    found = re.match(r"([A-Za-z0-9_.-]+)(?:\[(\w+))?", nodes)
    if not found or nodes in NOTHING or nodes == "None assigned":
        return None
    return found.group(1) + (found.group(2) or "")


def _seconds(text: str) -> int | None:
    """`[days-]hours:minutes:seconds` (parts from the left may miss) in seconds."""
    found = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", text)
    if not found:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return int(timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds())


def _gpus(tres: str) -> int | None:
    """The `gres/gpu` part of a list such as `cpu=5,gres/gpu=6000`."""
    found = MINUTES.search(tres)
    return int(found.group(1)) if found else None

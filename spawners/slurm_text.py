"""What Slurm's commands print, as data. Pure: the commands themselves are run by spawners.slurm alone.

Names and comments of jobs are chosen by their owners and may hold any character, so squeue and sacct are
asked to separate fields by a token that is drawn anew for every call: nobody can forge another person's row.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType

from spawners.scheduler import JobState, PastJob, Reservation, Rights, SchedulerError, Spent, Usage

Row = tuple[str, ...]
# Slurm's times as seconds since 1970, whatever the time zone of this process.
TIME_FORMAT = "%s"
SQUEUE_FIELDS = ("%i", "%u", "%T", "%r", "%a", "%P", "%B", "%Q", "%V", "%S", "%e", "%j", "%k")
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
    "submit",
    "alloctres",
    "jobname",
    "comment",
)
NOTHING = frozenset({"", "None", "N/A", "n/a", "NONE", "Unknown", "(null)", "NOT_SET", "UNLIMITED", "INVALID", "0"})
# What Slurm says where no waiting helps; whatever else it says may be true for a while only.
_NEVER = re.compile(
    r"Invalid account or account/partition combination specified|User's group not permitted to use this partition"
    r"|Invalid qos specification|Invalid partition name specified|Access/permission denied"
)
DAILY_FIELDS = ("start", "end", "alloctres")
SPENT_FIELDS = ("totalcpu", "maxrss")
PAST_FIELDS = ("partition", "start", "end", "timelimitraw")


def squeue_format(token: str) -> str:
    """The value of squeue's `--format` for rows whose fields all end in `token`."""
    return "".join(field + token for field in SQUEUE_FIELDS)


def read_squeue(text: str, token: str, before: Mapping[Row, JobState] = MappingProxyType({})) -> dict[Row, JobState]:
    """All jobs that squeue printed, by what it printed of them; raises SchedulerError when that is cut or malformed.

    What it printed `before` is not read again: of a thousand jobs, few change between two polls.
    """
    return {row: before.get(row) or _queued(row) for row in _rows(text, token, len(SQUEUE_FIELDS))}


def array_of(job_id: str) -> str:
    """The id that a job was submitted under: 12 for 12_3 and 12_[4-7] of an array, its own for any other."""
    return job_id.partition("_")[0]


def _queued(row: Row) -> JobState:
    """One job as squeue prints it."""
    job_id, user, state, reason, account, partition, node, priority, submitted, start, end, name, comment = row
    return JobState(
        job_id=job_id,
        user=user,
        name=name,
        comment=_known(comment) or "",
        state=state,
        reason=_known(reason),
        account=_known(account),
        partition=_known(partition),
        node=_known(node),
        priority=int(priority) if priority.isdecimal() else None,
        submitted=read_time(submitted),
        start=read_time(start),
        end=read_time(end),
    )


def read_sacct(text: str, token: str) -> dict[str, JobState]:
    """The jobs (not their steps) that `sacct --allocations` printed; raises SchedulerError when malformed."""
    return {job.job_id: job for job in _accounted(text, token)}


def read_starts(text: str, token: str) -> dict[str, tuple[JobState, ...]]:
    """The starts of each job that `sacct --allocations --duplicates` printed; raises SchedulerError when malformed.

    Slurm counts jobs from 1 again after some millions: what bears another user or name is another job.
    """
    found: dict[str, tuple[JobState, ...]] = {}
    for job in _accounted(text, token):
        before = found.get(job.job_id, ())
        if before and (before[-1].user, before[-1].name) != (job.user, job.name):
            before = ()
        found[job.job_id] = (*before, job.model_copy(update={"restarts": len(before) or None}))
    return found


def _accounted(text: str, token: str) -> Iterator[JobState]:
    """Each row as a job."""
    for row in _rows(text, token, len(SACCT_FIELDS)):
        job_id, user, state, reason, account, partition, node, start, end, code, submitted, tres, name, comment = row
        yield JobState(
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
            submitted=read_time(submitted),
            start=read_time(start),
            end=read_time(end),
            tres=_known(tres),
            exit_code=_known(code),
        )


def shows_all(text: str) -> bool:
    """Whether `scontrol show config` says that nobody's jobs are hidden from anybody."""
    found = re.search(r"^PrivateData\s*=\s*(\S+)", text, re.MULTILINE)
    return found is not None and "jobs" not in found.group(1).split(",")


def read_start(text: str) -> datetime | None:
    """The expected start in what `sbatch --test-only` says: "sbatch: Job 7 to start at 1763640000 …"."""
    found = re.search(r" to start at (\S+)", text)
    return read_time(found.group(1)) if found else None


def read_refusal(text: str) -> str:
    """Slurm's own words in what `sbatch --test-only` says where this person will never be let in; "" otherwise."""
    found = re.search(_NEVER, text)
    return found.group() if found else ""


def read_accounts(text: str) -> tuple[str, ...]:
    """The accounts in rows of `account|default account`, the default one first."""
    rows = [line.split("|") for line in text.splitlines() if line.count("|") == 1]
    default = next((row[1] for row in rows if row[1]), None)
    names = dict.fromkeys(row[0] for row in rows if row[0])
    return tuple(sorted(names, key=lambda name: name != default))


def read_rights(text: str) -> Rights:
    """What a user may name, from rows of `account|partition|qos,qos`: a row without a partition is for all of them."""
    rows = [line.split("|") for line in text.splitlines() if line.count("|") == 2]
    partitions = {row[1] for row in rows}
    return Rights(
        accounts=frozenset(row[0] for row in rows),
        partitions=frozenset() if "" in partitions else frozenset(partitions),
        qos=tuple(dict.fromkeys(name for row in rows for name in row[2].split(",") if name)),
    )


def read_reservations(text: str) -> tuple[Reservation, ...]:
    """The reservations in the lines of `scontrol --oneliner show reservation`."""
    lines = [dict(re.findall(r"(\w+)=(\S*)", line)) for line in text.splitlines()]
    return tuple(
        Reservation(
            name=line["ReservationName"],
            partition=_known(line.get("PartitionName", "")),
            start=read_time(line.get("StartTime", "")),
            end=read_time(line.get("EndTime", "")),
            users=_names(line.get("Users", "")),
            accounts=_names(line.get("Accounts", "")),
        )
        for line in lines
        if "ReservationName" in line
    )


def _names(text: str) -> frozenset[str]:
    """The names in a list; those that a minus keeps out are none of it."""
    return frozenset(name for name in (_known(text) or "").split(",") if name and not name.startswith("-"))


def read_usage(text: str, account: str) -> Usage:
    """The minutes of `account` in rows of `account|user|GrpTRESMins|GrpTRESRaw` as sshare prints them."""
    for line in text.splitlines():
        fields = line.split("|")
        if len(fields) == 4 and fields[0].strip() == account and not fields[1]:
            return Usage(limits=tres_counts(fields[2]), used=tres_counts(fields[3]))
    raise SchedulerError(f"Slurm shows no usage of the account '{account}'.")


def read_daily_use(text: str, token: str) -> dict[date, dict[str, float]]:
    """Minutes by day and by what is counted, from rows of DAILY_FIELDS that sacct has cut at both ends (--truncate)."""
    days: dict[date, dict[str, float]] = {}
    for start_text, end_text, tres in _rows(text, token, len(DAILY_FIELDS)):
        start, end = read_time(start_text), read_time(end_text)
        for day, minutes in _days(start, end) if start and end else ():
            used = days.setdefault(day, {})
            for name, count in tres_counts(tres).items():
                used[name] = used.get(name, 0.0) + count * minutes
    return days


def read_past(text: str, token: str) -> Iterator[PastJob]:
    """The jobs that began and ended, from rows of PAST_FIELDS; those without a time limit are left out."""
    for partition, start_text, end_text, limit in _rows(text, token, len(PAST_FIELDS)):
        start, end = read_time(start_text), read_time(end_text)
        if start and end and start <= end and limit.isdecimal() and limit.isascii():
            yield PastJob(partition=partition, ran=(end - start).total_seconds(), limit=int(limit) * 60)


def read_spent(text: str, token: str) -> Spent:
    """What a job used, from rows of SPENT_FIELDS: the job's own holds all CPU time, its steps' hold memory."""
    rows = [*_rows(text, token, len(SPENT_FIELDS))]
    times = [seconds for cpu, _ in rows if (seconds := read_span(cpu)) is not None]
    memory = [found for _, rss in rows if (found := _bytes(rss)) is not None]
    return Spent(cpu_seconds=max(times, default=0.0) or None, memory_bytes=max(memory, default=0) or None)


def read_span(text: str) -> float | None:
    """A length of time as Slurm prints it, in seconds: `1-02:03:04`, `03:04.500`."""
    found = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)", text)
    if found is None:
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _bytes(text: str) -> int | None:
    """An amount of memory as Slurm prints it: `1234K`, `1.50G`, `0`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)", text)
    return found and int(float(found[1]) * 1024 ** " KMGT".index(found[2] or " "))


def _days(start: datetime, end: datetime) -> Iterator[tuple[date, float]]:
    """The minutes between two times, by the days they lie in, in this process's own time zone."""
    begin, end = start.astimezone(), end.astimezone()
    while begin < end:
        midnight = datetime.combine(begin.date() + timedelta(days=1), time()).astimezone()
        stop = min(midnight, end)
        yield begin.date(), (stop - begin).total_seconds() / 60
        begin = stop


def read_time(text: str) -> datetime | None:
    """A time as Slurm prints it: seconds since 1970, or ISO in local time where it ignores our format."""
    try:
        if re.fullmatch(r"[1-9][0-9]{8,11}", text):
            return datetime.fromtimestamp(int(text), UTC)
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None


def _rows(text: str, token: str, width: int) -> Iterator[Row]:
    """Rows of `width` fields that each end in `token`, one row a line."""
    fields = text.split(token)
    if fields.pop().strip() or len(fields) % width:
        raise SchedulerError("Slurm's answer is cut short.")
    for first in range(0, len(fields), width):
        yield (fields[first].removeprefix("\n").strip(), *fields[first + 1 : first + width])


def _known(text: str) -> str | None:
    """A field, or None for one of the words by which Slurm says that there is nothing."""
    return None if text in NOTHING else text


def _first_node(nodes: str) -> str | None:
    """The first host of a list such as `gpu[1-2],cpu1`."""
    found = re.match(r"([A-Za-z0-9_.-]+)(?:\[(\w+))?", nodes)
    if not found or nodes in NOTHING or nodes == "None assigned":
        return None
    return found.group(1) + (found.group(2) or "")


def tres_counts(text: str) -> dict[str, int]:
    """A list such as `cpu=5,mem=4G,gres/gpu=6000` as numbers; memory, which has units, is left out."""
    found = (part.partition("=") for part in text.split(","))
    return {name: int(value) for name, _, value in found if value.isdecimal() and value.isascii()}

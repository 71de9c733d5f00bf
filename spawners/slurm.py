"""Slurm: the Scheduler whose backend is Slurm's commands; the only module that asks Slurm anything."""

import asyncio
import contextlib
import os
import secrets as random
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from spawners import process
from spawners import slurm_text as text
from spawners.kept import Kept
from spawners.launcher import Launcher, LauncherError, SelfLauncher
from spawners.poll import Poll
from spawners.reasons import explain
from spawners.scheduler import (
    COMMENT,
    JobState,
    NotPermitted,
    PastJob,
    Polls,
    Reservation,
    Rights,
    SchedulerError,
    Secrets,
    Snapshot,
    Spent,
    Usage,
)
from spawners.script import Script

AT_ONCE = 8
TIMEOUT = 30.0
FRESH_WAITING = 1.0
FRESH_RUNNING = 15.0
# A poll that took long is not repeated before five times as long has passed: a slow slurmctld needs rest.
REST = 5.0
LONGEST = 30.0
# How many of the jobs that should be there accounting is asked about, when squeue shows none of them.
WITNESSES = 50
# Seconds for which it is good to know whether Slurm hides jobs.
HIDES = 600.0
# Seconds for which it is good to know what an account used on each day.
DAILY = 600.0
# And what somebody may name in a request.
MINUTE = 60.0
T = TypeVar("T")


class Slurm:
    """One client per process, shared by all spawners, kernels and runs in it."""

    def __init__(self, launcher: Launcher | None = None, *, bin: str = "/usr/bin") -> None:  # noqa: A002
        """`launcher` acts as other users; None: this process is the user. `bin` holds Slurm's commands."""
        self._launcher: Launcher = launcher or SelfLauncher(bin)
        self._hides: Kept[bool] = Kept(HIDES)
        self._whose = () if launcher else ("--me",)
        self._bin = bin
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._poll = Poll(self._ask, self._fresh, rest=FRESH_WAITING)
        self.polls = Polls(0, 0, 0.0, Snapshot({}, at=0.0, stale=True, error="Slurm has not been asked yet."))
        self._took = 0.0
        self._daily: Kept[Mapping[date, Mapping[str, float]]] = Kept(DAILY)
        self._rights: Kept[Rights] = Kept(MINUTE)
        self._reservations: Kept[tuple[Reservation, ...]] = Kept(MINUTE)
        self._rows: dict[text.Row, JobState] = {}
        self._live: set[str] = set()
        self._letters: dict[str, tuple[str, str]] = {}
        self._cancelling: set[asyncio.Task[None]] = set()

    async def submit(self, user: str, script: Script, secrets: Secrets | None = None) -> str:
        """Submit as `user` and return the job id; raises SchedulerError with sbatch's own words.

        When the caller is cancelled meanwhile, the job is cancelled too as soon as its id is known.
        """
        _check_scheduler(script)
        request: dict[str, object] = {"action": "submit", "script": script.text}
        if secrets is not None:
            request |= {"secrets": secrets.values, "runtime": secrets.runtime, "nonce": secrets.nonce}
        task = asyncio.create_task(self._launch(user, request))
        try:
            job_id = str((await asyncio.shield(task))["job_id"])
        except asyncio.CancelledError:
            task.add_done_callback(lambda done: self._abandon(user, done, secrets))
            raise
        self._live.add(job_id)
        self._remember(job_id, secrets)
        self._poll.expire()
        return job_id

    async def cancel(self, user: str, job_id: str) -> None:
        """End a job of `user` and remove secrets it has not read; a job that is already over is no error."""
        request: dict[str, object] = {"action": "cancel", "job_id": job_id}
        if job_id in self._letters:
            request["runtime"], request["nonce"] = self._letters.pop(job_id)
        await self._launch(user, request)
        self._poll.expire()

    async def let_requeue(self, job_id: str, *, allowed: bool) -> None:
        """Say whether a job of this process's user may be put back into its queue; raises SchedulerError."""
        await self._command("scontrol", "update", f"jobid={job_id}", f"Requeue={int(allowed)}")

    async def test(self, user: str, script: Script) -> datetime | None:
        """When the job would start if it were submitted now; None when Slurm cannot say.

        Raises NotPermitted where Slurm would never take such a job of this user.
        """
        _check_scheduler(script)
        answer = await self._launch(user, {"action": "test", "script": script.text})
        said = str(answer.get("says", ""))
        if refused := text.read_refusal(said):
            raise NotPermitted(refused)
        return text.read_start(said)

    async def log_end(self, user: str, runtime: str, nonce: str) -> str:
        """The end of what a job of `user` printed; raises SchedulerError where there is nothing to be read."""
        answer = await self._launch(user, {"action": "log", "runtime": runtime, "nonce": nonce})
        return str(answer.get("text", ""))

    async def jobs(self) -> Snapshot:
        """All jobs of everybody, from one shared squeue; a failed one gives the last good snapshot, stale."""
        return await self._poll.get()

    def expect(self, job_id: str) -> None:
        """Say that a job should be there, whoever submitted it, and that there is news of it: the next look asks anew.

        A poll that shows none of the jobs that should be there proves nothing.
        """
        self._live.add(job_id)
        self._poll.expire()

    async def ended(self, *job_ids: str) -> Mapping[str, JobState]:
        """How jobs ended, from one sacct; without those that accounting does not know to be over."""
        return {job_id: job for job_id, job in (await self.accounted(*job_ids)).items() if job.ended}

    async def accounted(self, *job_ids: str) -> Mapping[str, JobState]:
        """Jobs as accounting has them, from one sacct; without those that it does not know."""
        out, token = await self._sacct(text.SACCT_FIELDS, f"--jobs={','.join(job_ids)}")
        return text.read_sacct(out, token)

    async def starts(self, *job_ids: str) -> Mapping[str, tuple[JobState, ...]]:
        """Each start of jobs as accounting has them, from one sacct, the first one first."""
        out, token = await self._sacct(text.SACCT_FIELDS, "--duplicates", f"--jobs={','.join(job_ids)}")
        return text.read_starts(out, token)

    async def spent(self, job_id: str) -> Spent:
        """What a job used, from one sacct that tells of its steps too; raises SchedulerError."""
        out, token = await self._sacct(text.SPENT_FIELDS, f"--jobs={job_id}", steps=True)
        return text.read_spent(out, token)

    async def past(self, partitions: Collection[str], hours: int) -> tuple[PastJob, ...]:
        """How long the jobs of these partitions ran lately, the last first; raises SchedulerError.

        Where Slurm hides other people's jobs, it is those of this process's own user.
        """
        which = (f"--partition={','.join(partitions)}", f"--starttime=now-{hours}hours")
        out, token = await self._sacct(text.PAST_FIELDS, "--allusers", *which)
        # In a thread, since there may be very many of them.
        return (await asyncio.to_thread(lambda: tuple(text.read_past(out, token))))[::-1]

    def explain(self, job: JobState) -> str:
        """One plain sentence: why the job waits, or how it ended and what to do."""
        return explain(job)

    async def accounts(self, user: str) -> tuple[str, ...]:
        """The accounts `user` may charge, the default one first; raises SchedulerError."""
        out = await self._command(
            "sacctmgr", "-nP", "show", "user", f"name={user}", "withassoc", "format=account,defaultaccount"
        )
        return text.read_accounts(out)

    async def rights(self, user: str) -> Rights:
        """What `user` may name, asked at most once a minute; raises SchedulerError."""
        which = ("show", "associations", f"user={user}", "format=account,partition,qos")
        return await self._rights.get(user, lambda: self._read(text.read_rights, "sacctmgr", "-nP", *which))

    async def reservations(self) -> tuple[Reservation, ...]:
        """All reservations, asked for at most once a minute; raises SchedulerError."""
        which = ("--oneliner", "show", "reservation")
        return await self._reservations.get((), lambda: self._read(text.read_reservations, "scontrol", *which))

    async def usage(self, account: str) -> Usage:
        """The minutes that `account` has and has used; raises SchedulerError."""
        out = await self._command("sshare", "-nP", "-A", account, "-o", "account,user,GrpTRESMins,GrpTRESRaw")
        return text.read_usage(out, account)

    async def daily_use(self, account: str, days: int) -> Mapping[date, Mapping[str, float]]:
        """The minutes that `account` used on each of the last days; raises SchedulerError.

        Where Slurm hides other people's jobs, it is what this process's own user used. What was used yesterday does
        not change, so accounting, which is slow at this, is asked every ten minutes at most.
        """
        return await self._daily.get((account, days), lambda: self._ask_daily_use(account, days))

    async def _ask_daily_use(self, account: str, days: int) -> Mapping[date, Mapping[str, float]]:
        which = ("--truncate", f"--accounts={account}", f"--starttime=now-{days}days")
        out, token = await self._sacct(text.DAILY_FIELDS, "--allusers", *which)
        return text.read_daily_use(out, token)

    def _fresh(self, snapshot: Snapshot) -> float:
        """How long a snapshot is good: short while something of ours waits, and long when Slurm is slow."""
        waits = any(job.waiting and job.comment.startswith(COMMENT) for job in snapshot.values())
        return max(FRESH_WAITING if waits else FRESH_RUNNING, min(REST * self._took, LONGEST))

    async def _ask(self) -> Snapshot:
        """One squeue for all; failure keeps the last good snapshot and says why it is stale."""
        now = asyncio.get_running_loop().time()
        try:
            jobs = await self._queue()
            last = Snapshot(jobs, at=now, whole=await self._shows_all(jobs))
        except SchedulerError as e:
            last = Snapshot(self.polls.last, at=self.polls.last.at, stale=True, error=str(e))
        self._took = asyncio.get_running_loop().time() - now
        asked, failed, seconds, _ = self.polls
        self.polls = Polls(asked + 1, failed + last.stale, seconds + self._took, last)
        return last

    async def _shows_all(self, jobs: Mapping[str, JobState]) -> bool:
        """Whether squeue shows the jobs of everybody; False where that is not known, or nobody waits to know it."""
        if self._whose or not any(job.waiting for job in jobs.values()):
            return False
        return not await self._hides.get((), self._ask_hides)

    async def _ask_hides(self) -> bool:
        try:
            return not text.shows_all(await self._command("scontrol", "show", "config"))
        except SchedulerError:
            return True

    async def _queue(self) -> dict[str, JobState]:
        """What squeue shows, ended jobs included for as long as Slurm remembers them (MinJobAge).

        Where Slurm hides other people's jobs it shows nothing and calls that success. So an answer without a
        single job that was alive just now is no answer, unless accounting says that they are all over. Where it hides
        some (for example those of accounts that the hub does not coordinate), accounting says what became of ours.
        """
        expected = set(self._live)
        token = f"\x1f{random.token_hex(8)}\x1f"
        out = await self._command(
            "squeue", "--noheader", "--states=all", *self._whose, f"--format={text.squeue_format(token)}"
        )
        self._rows = text.read_squeue(out, token, self._rows)
        jobs = {job.job_id: job for job in self._rows.values()}
        shown = {text.array_of(job_id) for job_id in jobs}
        if expected and not expected & shown:
            asked = sorted(expected)[:WITNESSES]
            if set(asked) - set(await self.ended(*asked)):
                raise SchedulerError("squeue shows none of the jobs that should be there. Does it hide them?")
        jobs |= await self._unshown(sorted(expected - shown))
        # What was submitted while squeue ran is not expected before the next poll.
        alive = {text.array_of(job_id) for job_id, job in jobs.items() if not job.ended}
        self._live = alive | (self._live - expected)
        for job_id in set(self._letters) - set(jobs) - self._live:
            del self._letters[job_id]
        return jobs

    async def _unshown(self, job_ids: Sequence[str]) -> dict[str, JobState]:
        """Those of our jobs that should be there and were not shown: as accounting has them, else as they were."""
        last = {job_id: job for job_id, job in self.polls.last.items() if job.comment.startswith(COMMENT)}
        ours = [job_id for job_id in job_ids if job_id in last or job_id not in self.polls.last]
        if not ours:
            return {}
        try:
            found = await self.accounted(*ours)
        except SchedulerError:
            return {job_id: last[job_id] for job_id in ours if job_id in last}
        return {job_id: _later(last.get(job_id), job) for job_id, job in found.items()}

    async def _launch(self, user: str, request: Mapping[str, object]) -> dict[str, Any]:
        """Have the launcher act as `user`; its refusals become SchedulerErrors."""
        async with self._slots:
            try:
                return await self._launcher.run(user, request)
            except LauncherError as e:
                raise SchedulerError(str(e)) from e

    def _remember(self, job_id: str, secrets: Secrets | None) -> None:
        """Note a job that was just submitted, and where its unread secrets lie."""
        self._live.add(job_id)
        if secrets is not None:
            self._letters[job_id] = (secrets.runtime, secrets.nonce)

    def _abandon(self, user: str, done: "asyncio.Task[dict[str, Any]]", secrets: Secrets | None) -> None:
        """Cancel a job whose caller did not wait for its id."""
        if done.cancelled() or done.exception() is not None:
            return
        job_id = str(done.result()["job_id"])
        self._remember(job_id, secrets)
        task = asyncio.ensure_future(self._cancel_quietly(user, job_id))
        self._cancelling.add(task)
        task.add_done_callback(self._cancelling.discard)

    async def _cancel_quietly(self, user: str, job_id: str) -> None:
        """Cancel a job when nobody is left to be told that it failed."""
        with contextlib.suppress(SchedulerError):
            await self.cancel(user, job_id)

    async def _read(self, read: Callable[[str], T], name: str, *args: str) -> T:
        return read(await self._command(name, *args))

    async def _sacct(self, fields: Sequence[str], *which: str, steps: bool = False) -> tuple[str, str]:
        """These fields of jobs in accounting, where wanted of their `steps` too, and the token that ends each."""
        token = f"\x1f{random.token_hex(8)}\x1f"
        form = ("--noheader", "--parsable", f"--delimiter={token}", f"--format={','.join(fields)}")
        return await self._command("sacct", *(() if steps else ("--allocations",)), *form, *which), token

    async def _command(self, name: str, *args: str) -> str:
        """Run one of Slurm's query commands and return what it printed; SchedulerError, never a hang."""
        env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "SLURM_TIME_FORMAT": text.TIME_FORMAT}
        env |= {key: os.environ[key] for key in ("SLURM_CONF",) if key in os.environ}
        async with self._slots:
            try:
                done = await process.run(f"{self._bin}/{name}", *args, seconds=TIMEOUT, env=env)
            except TimeoutError:
                raise SchedulerError(f"{name} did not answer within {TIMEOUT:.0f} seconds.") from None
            except OSError as e:
                raise SchedulerError(f"{name} could not be started: {e}") from e
        if done.returncode:
            raise SchedulerError(done.err.strip() or f"{name} ended with {done.returncode} and said nothing.")
        return done.out


def _later(last: JobState | None, accounted: JobState) -> JobState:
    """What accounting says of a job; it may hear of a begin late, and need not keep comments."""
    if last is None:
        return accounted
    if last.running and accounted.waiting:
        return last
    return accounted.model_copy(update={"comment": accounted.comment or last.comment})


def _check_scheduler(script: Script) -> None:
    """Refuse a script that Slurm does not understand."""
    if script.scheduler != "slurm":
        raise SchedulerError(
            "This site runs PBS Pro. Onramp writes scripts for it, but cannot submit them yet: what is missing is a "
            "scheduler in spawners/ that calls qsub, qstat and qdel. Choose a site that runs Slurm."
        )

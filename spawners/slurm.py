"""Slurm: the Scheduler whose backend is Slurm's commands; the only module that asks Slurm anything."""

import asyncio
import contextlib
import os
import secrets as random
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from spawners import process
from spawners import slurm_text as text
from spawners.launcher import Launcher, LauncherError, SelfLauncher
from spawners.poll import Poll
from spawners.reasons import explain
from spawners.render import Script
from spawners.scheduler import JobState, SchedulerError, Secrets, Snapshot, Usage

AT_ONCE = 8
TIMEOUT = 30.0
FRESH_WAITING = 1.0
FRESH_RUNNING = 5.0
# A poll that took long is not repeated before five times as long has passed: a slow slurmctld needs rest.
REST = 5.0
LONGEST = 30.0
# How many of the jobs that should be there accounting is asked about, when squeue shows none of them.
WITNESSES = 50


class Slurm:
    """One client per process, shared by all spawners, kernels and runs in it."""

    def __init__(self, launcher: Launcher | None = None, *, bin: str = "/usr/bin") -> None:  # noqa: A002
        """`launcher` acts as other users; None: this process is the user. `bin` holds Slurm's commands."""
        self._launcher: Launcher = launcher or SelfLauncher(bin)
        self._whose = () if launcher else ("--me",)
        self._bin = bin
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._poll = Poll(self._ask, self._fresh)
        self._last = Snapshot({}, at=0.0, stale=True, error="Slurm has not been asked yet.")
        self._took = 0.0
        self._live: set[str] = set()
        self._letters: dict[str, tuple[str, str]] = {}
        self._cancelling: set[asyncio.Task[None]] = set()

    async def submit(self, user: str, script: Script, secrets: Secrets | None = None) -> str:
        """Submit as `user` and return the job id; raises SchedulerError with sbatch's own words.

        When the caller is cancelled meanwhile, the job is cancelled too as soon as its id is known.
        """
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

    async def test(self, user: str, script: Script) -> datetime | None:
        """When the job would start if it were submitted now; None when Slurm cannot say."""
        answer = await self._launch(user, {"action": "test", "script": script.text})
        return text.read_start(str(answer.get("says", "")))

    async def jobs(self) -> Snapshot:
        """All jobs of everybody, from one shared squeue; a failed one gives the last good snapshot, stale."""
        return await self._poll.get()

    async def ended(self, job_id: str) -> JobState | None:
        """How a job ended, from accounting; None when accounting does not know that it is over."""
        return (await self._accounting([job_id])).get(job_id)

    def explain(self, job: JobState) -> str:
        """One plain sentence: why the job waits, or how it ended and what to do."""
        return explain(job)

    async def accounts(self, user: str) -> tuple[str, ...]:
        """The accounts `user` may charge, the default one first; raises SchedulerError."""
        out = await self._command(
            "sacctmgr", "-nP", "show", "user", f"name={user}", "withassoc", "format=account,defaultaccount"
        )
        return text.read_accounts(out)

    async def usage(self, account: str) -> Usage:
        """GPU minutes that `account` has and has used; raises SchedulerError."""
        out = await self._command("sshare", "-nP", "-A", account, "-o", "account,user,GrpTRESMins,GrpTRESRaw")
        return text.read_usage(out, account)

    def _fresh(self, snapshot: Snapshot) -> float:
        """How long a snapshot is good: short while something of ours waits, and long when Slurm is slow."""
        waits = any(job.waiting and job.comment.startswith("onramp:") for job in snapshot.values())
        return max(FRESH_WAITING if waits else FRESH_RUNNING, min(REST * self._took, LONGEST))

    async def _ask(self) -> Snapshot:
        """One squeue for all; failure keeps the last good snapshot and says why it is stale."""
        now = asyncio.get_running_loop().time()
        try:
            self._last = Snapshot(await self._queue(), at=now)
        except SchedulerError as e:
            self._last = Snapshot(self._last, at=self._last.at, stale=True, error=str(e))
        self._took = asyncio.get_running_loop().time() - now
        return self._last

    async def _queue(self) -> dict[str, JobState]:
        """What squeue shows, ended jobs included for as long as Slurm remembers them (MinJobAge).

        Where Slurm hides other people's jobs it shows nothing and calls that success. So an answer without a
        single job that was alive just now is no answer, unless accounting says that they are all over.
        """
        expected = set(self._live)
        token = f"\x1f{random.token_hex(8)}\x1f"
        out = await self._command(
            "squeue", "--noheader", "--states=all", *self._whose, f"--format={text.squeue_format(token)}"
        )
        jobs = text.read_squeue(out, token)
        if expected and not expected & set(jobs):
            asked = sorted(expected)[:WITNESSES]
            if set(asked) - set(await self._accounting(asked)):
                raise SchedulerError("squeue shows none of the jobs that should be there. Does it hide them?")
        # What was submitted while squeue ran is not expected before the next poll.
        self._live = {job_id for job_id, job in jobs.items() if not job.ended} | (self._live - expected)
        for job_id in [job_id for job_id in self._letters if job_id in jobs and not jobs[job_id].waiting]:
            del self._letters[job_id]
        return jobs

    async def _accounting(self, job_ids: list[str]) -> dict[str, JobState]:
        """Those of `job_ids` that accounting says are over."""
        token = f"\x1f{random.token_hex(8)}\x1f"
        out = await self._command(
            "sacct",
            "--allocations",
            "--noheader",
            "--parsable",
            f"--delimiter={token}",
            f"--format={','.join(text.SACCT_FIELDS)}",
            f"--jobs={','.join(job_ids)}",
        )
        return {job_id: job for job_id, job in text.read_sacct(out, token).items() if job.ended}

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

"""A server asks for the seal on a run of its owner's: the hub asks accounting by itself, and signs what that says."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from jupyterhub.apihandlers import APIHandler, default_handlers
from tornado import web

from spawners.accounts import AccountError
from spawners.run_record import RUN_COMMENT
from spawners.run_seal import SealError, private_key, public_key, seal
from spawners.scheduler import JobState, SchedulerError
from spawners.server_token import whose


class SealHandler(APIHandler):  # type: ignore[misc]
    """GET /hub/api/onramp/runs/JOB with a server's own token: {"accounting", "seal"} of a run that is over.

    `?start=SECONDS` asks for that start of a job which Slurm has put back into its queue since; else it is the last.
    403 with any other token, 404 for what is no run of its owner's, 409 while it is not over, 503 where Slurm, or the
    key, cannot be asked. Nothing that the caller sends is signed.
    """

    _accept_cookie_auth = False

    async def get(self, job_id: str) -> None:
        """Answer; `onramp_run_key` among the hub's settings is the file of the key."""
        spawner = whose(self)
        if spawner is None:
            raise web.HTTPError(
                403, "Only a server may ask for the accounting of its owner's runs, with its own token."
            )
        try:
            owner = spawner.account().name
            starts = (await spawner.door().scheduler.starts(job_id)).get(job_id, ())
            key = await asyncio.to_thread(private_key, self.settings["onramp_run_key"])
        except AccountError as error:
            raise web.HTTPError(404, str(error)) from error
        except (SchedulerError, SealError, OSError) as error:
            self.log.error("The accounting of job %s cannot be signed: %s", job_id, error)
            raise web.HTTPError(503, f"The accounting of job {job_id} cannot be signed just now.") from error
        job = _wanted(starts, self.get_query_argument("start", ""))
        if job is not None and job.user == owner and not job.ended and job is starts[-1]:
            # Whether it is a run is not known yet: accounting learns a job's comment when that ends.
            raise web.HTTPError(409, f"Job {job_id} is {job.state}; its accounting is signed once it is over.")
        if job is None or not _is_run_of(owner, job):
            raise web.HTTPError(404, f"Accounting knows no run of {owner} whose job is {job_id}.")
        signed = seal(job, datetime.now(UTC), key, spawner.user.name)
        self.finish({"accounting": job.model_dump(mode="json"), "seal": signed.model_dump(mode="json")})

    def _record_activity(self, obj: object, timestamp: datetime | None = None) -> bool:
        """Nobody is active because a run is looked at."""
        return False


class KeyHandler(APIHandler):  # type: ignore[misc]
    """GET /hub/api/onramp/run-key, for everybody: {"key"}, the public half (hex) of what runs are signed with."""

    async def get(self) -> None:
        """Answer, or 503 where the key cannot be used."""
        try:
            key = await asyncio.to_thread(private_key, self.settings["onramp_run_key"])
        except (SealError, OSError) as error:
            self.log.error("The key that signs runs cannot be used: %s", error)
            raise web.HTTPError(503, "The key that signs runs cannot be used just now.") from error
        self.finish({"key": public_key(key)})


def _wanted(starts: Sequence[JobState], begun: str) -> JobState | None:
    """The last start, or the one that began then, in seconds since 1970."""
    fitting = (one for one in reversed(starts) if not begun or (one.start and str(int(one.start.timestamp())) == begun))
    return next(fitting, None)


def _is_run_of(owner: str, job: JobState) -> bool:
    return job.user == owner and job.comment.startswith(RUN_COMMENT)


def register() -> None:
    """Add the question to the hub's API."""
    kept = [entry for entry in default_handlers if entry[1] not in (SealHandler, KeyHandler)]
    ours = [(r"/api/onramp/runs/([0-9]{1,12})", SealHandler), (r"/api/onramp/run-key", KeyHandler)]
    default_handlers[:] = [*kept, *ours]


register()

"""One worker's job as Dask sees it."""

import contextlib
from typing import Any

from distributed.core import Status
from distributed.security import Security

from spawners.cluster_jobqueue import SLURMJob
from spawners.cluster_keys import CREDENTIALS
from spawners.cluster_plan import ClusterPlan, Pool
from spawners.scheduler import Scheduler, SchedulerError
from spawners.script import Script


class ClusterJob(SLURMJob):
    """One worker's job: submitted and cancelled through spawners.scheduler, with a script of spawners.render."""

    def __init__(
        self,
        scheduler: str | None = None,
        name: str | None = None,
        *,
        plan: ClusterPlan,
        pool: Pool,
        door: Scheduler,
        security: Security | None = None,
        **options: Any,
    ) -> None:
        """`scheduler` is the address that the worker connects to; `security` holds paths, not keys."""
        super().__init__(scheduler=scheduler, name=name, security=security, **options)
        self._plan, self._door, self.pool = plan, door, pool
        self._credentials = {option: str(getattr(security, attribute)) for option, attribute in CREDENTIALS.items()}

    def job_script(self) -> str:
        """Return the script as Slurm gets it."""
        return self._script().text

    async def start(self) -> None:
        """Submit the job; SchedulerError where Slurm refuses, and then there is no job."""
        try:
            await super().start()
        except BaseException:
            self.status = Status.failed
            raise

    async def _submit_job(self, script_filename: str) -> str:
        return await self._door.submit(self._plan.user, self._script())

    def _script(self) -> Script:
        return self._plan.script(self.pool, str(self.scheduler), str(self.name), self._credentials)

    async def close(self) -> None:
        """Cancel the job. Where Slurm does not answer, the guard does it as soon as it can."""
        self.status = Status.closed
        if self.job_id:
            with contextlib.suppress(SchedulerError):
                await self._door.cancel(self._plan.user, self.job_id)
